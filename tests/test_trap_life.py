"""The life of a sprung trap on a timeline: who goes, who joins, what is in it, and how it ends."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.config.policy import StormPolicy
from hub.config.shapes import Channel
from hub.model import AlertState, EventKind, Severity, Stage
from hub.notify.backlog import overtaken
from hub.wording import render
from hub.wording.render import SMS_CHARS
from tests.hills import hills, sprung, the
from tests.timeline import (
    ARMED,
    SPRUNG,
    Timeline,
    nothing_else_was_told,  # noqa: F401
)
from tests.towns import DAY, HOUR, MINUTE, SECOND, trap

# --- taken, on site, done -----------------------------------------------------------------------------


def test_taken_on_site_captured_and_set_again_is_three_messages_to_those_who_were_told():
    t, id = sprung()
    assert (the(t).task.stage, the(t).task.waiting_since) == (Stage.WAITING, t.now)
    t.passes(5 * MINUTE).does("take", id, who="on", eta="20")
    (taken, *_) = t.told("trap_acked taken: owner on patrol")
    assert "犬飼さんが12番へ向かっています（10:05、到着の予定10:25）" in taken.body
    assert (the(t).task.stage, the(t).task.who, the(t).task.eta) == (Stage.TAKEN, "on", t.now + 20 * MINUTE)
    t.passes(25 * MINUTE).does("arrive", id, who="on").silence()
    assert the(t).task.stage is Stage.ON_SITE
    t.passes(HOUR).does(
        "done", id, who="on", result="captured", species="boar", count="1", sex="male", trap="armed"
    )
    (done, *_) = t.told("trap_done done: owner on patrol office")
    assert "結果：捕獲（イノシシ 1頭）" in done.body
    assert "わなの状態：仕掛け直しました" in done.body
    assert "報告 犬飼さん" in done.body
    assert (the(t).state, the(t).task.result, the(t).closed_at) == (AlertState.RESOLVED, "captured", t.now)
    t.passes(3 * HOUR).silence()
    t.says("trap-1", ARMED).passes(HOUR).says("trap-1", SPRUNG)
    t.told("trap_sprung opened: owner on patrol")


def test_a_trap_left_for_later_stays_open_without_reminders_until_it_is_set_and_nobody_is_told_of_that():
    t, id = sprung()
    t.does("take", id, who="on").does("done", id, who="on", result="empty", trap="later")
    (_, _, _, done, *_) = t.told(
        "trap_acked taken: owner on patrol", "trap_done done: owner on patrol office"
    )
    assert "結果：空はじき\n" in done.body
    assert "まだ仕掛けていません" in done.body
    t.passes(4 * HOUR).silence()
    assert (the(t).state, the(t).task.stage) == (AlertState.OPEN, Stage.DONE)
    t.restart().does("trap_reset", "trap-1", who="on").silence()
    assert the(t).state is AlertState.RESOLVED


@pytest.mark.parametrize(("said", "state"), [("armed", "armed"), ("disarmed", "disarmed")])
def test_done_sets_the_trap_as_it_was_left(said: str, state: str):
    t, id = sprung()
    t.does("done", id, who="owner", result="escaped", trap=said)
    (done, *_) = t.told("trap_done done: owner on patrol office")
    assert "逃げられた" in done.body
    assert t.pipeline.state.rooms["trap"]["trap-1"].state == state
    t.passes(HOUR).says("trap-1", SPRUNG)
    t.told(*["trap_sprung opened: owner on patrol"] * (state == "armed"))


def test_a_trap_out_of_use_is_neither_told_of_nor_chased():
    t, id = sprung()
    t.does("done", id, who="owner", result="empty", trap="disarmed")
    t.told("trap_done done: owner on patrol office")
    t.passes(MINUTE).says("trap-1", SPRUNG).passes(2 * DAY).says("trap-1", SPRUNG).silence()
    assert t.open("trap") == []


def test_a_second_word_that_it_is_done_changes_nothing_and_sets_the_trap_that_was_left():
    t, id = sprung()
    t.does("done", id, who="on", result="captured", species="deer", trap="later")
    t.told("trap_done done: owner on patrol office")
    t.does("done", id, who="on", result="captured", species="deer", trap="later").silence()
    t.does("take", id, who="patrol").does("leave", id, who="on").does("arrive", id, who="off").silence()
    t.does("done", id, who="on", result="captured", species="deer", trap="armed").silence()
    assert t.open() == []
    assert [e.kind for e in t.events].count(EventKind.TASK_DONE) == 1


@pytest.mark.parametrize("result", ["", "caught", "CAPTURED"])
def test_a_result_that_is_none_does_nothing(result: str):
    t, id = sprung()
    t.does("done", id, who="on", result=result, trap="armed").silence()
    assert the(t).task.stage is Stage.WAITING


def test_after_an_outage_a_trap_that_is_dealt_with_is_told_as_that_and_not_as_sprung():
    t, id = sprung()
    t.does("take", id, who="on").does("done", id, who="on", result="empty", trap="armed")
    waiting = [n for n in t.notifications if n.recipient == "patrol"]
    left = {n.id for n in waiting} - {row.id for row, _ in overtaken(waiting)}
    assert [n.template for n in waiting if n.id in left] == ["trap_done"]
    t.unread = []


def test_an_act_on_an_alert_that_is_not_there_does_nothing():
    t, _ = sprung()
    for kind in ("take", "join", "arrive", "leave", "done"):
        t.does(kind, "trap-ffffffffff", who="on", result="empty", trap="armed").silence()


# --- two go ---------------------------------------------------------------------------------------------


def test_of_two_who_press_at_the_same_moment_the_first_has_it_and_the_second_joins():
    t, id = sprung()
    t.ledger.add_act(t.now, who="on", source="web", kind="take", target=id, form={"eta": "20"})
    t.does("take", id, who="patrol", eta="30")
    told = t.told("trap_acked taken: owner on patrol", "trap_joined taken: on patrol")
    assert "行く人 犬飼、patrol" in told[-1].body
    assert (the(t).task.who, the(t).task.others) == ("on", ("patrol",))
    assert the(t).task.eta == t.now + 20 * MINUTE


def test_a_second_tap_says_nothing_and_a_new_time_is_told_to_those_who_go():
    t, id = sprung()
    t.does("take", id, who="on", eta="20")
    t.told("trap_acked taken: owner on patrol")
    t.passes(10_000).does("take", id, who="on", eta="20").does("join", id, who="on").silence()
    t.passes(5 * MINUTE).does("take", id, who="on", eta="60")
    t.told("trap_acked updated: on")
    assert the(t).task.eta == t.now + HOUR


def test_who_goes_and_was_not_told_hears_of_the_rest():
    """A neighbour's phone, or one by telephone to the office."""
    t, id = sprung()
    t.does("take", id, who="farmer")
    t.told("trap_acked taken: owner on patrol farmer")
    t.does("done", id, who="farmer", result="empty", trap="armed")
    t.told("trap_done done: owner on patrol farmer office")


def test_one_of_two_leaves_and_the_other_has_it():
    t, id = sprung()
    t.does("take", id, who="on").does("join", id, who="patrol")
    t.told("trap_acked taken: owner on patrol", "trap_joined taken: on patrol")
    t.does("leave", id, who="on")
    (fewer,) = t.told("trap_fewer updated: patrol")
    assert "ひとりで近づかないで" in fewer.body
    assert (the(t).task.who, the(t).task.others, the(t).task.stage) == ("patrol", (), Stage.TAKEN)


def test_the_last_who_leaves_is_told_to_all_and_the_reminders_count_anew():
    t, id = sprung()
    t.passes(10 * MINUTE).does("take", id, who="on")
    t.told("trap_acked taken: owner on patrol")
    t.passes(20 * MINUTE).does("leave", id, who="on")
    (left, *_) = t.told("trap_left overdue: owner on patrol")
    assert "行く人がいなくなりました" in left.body
    t.does("leave", id, who="on").does("leave", id, who="nobody").silence()
    t.passes(14 * MINUTE).silence()
    t.passes(MINUTE).told("trap_unacked overdue: owner on patrol")


def test_who_arrives_unannounced_has_taken_it():
    t, id = sprung()
    t.does("arrive", id, who="owner")
    t.told("trap_acked taken: owner on patrol")
    assert (the(t).task.stage, the(t).task.who) == (Stage.ON_SITE, "owner")
    t.does("arrive", id, who="on")
    t.told("trap_joined taken: owner on")
    t.passes(HOUR).silence()


def test_a_name_by_telephone_is_the_person_of_that_name_and_any_other_is_named_as_given():
    t, id = sprung()
    t.does("take", id, who="山根猛")
    t.told("trap_acked taken: owner on patrol")
    assert the(t).task.who == "owner"
    t.does("join", id, who="隣の次郎")
    (joined,) = t.told("trap_joined taken: owner")
    assert "行く人 山根 猛、隣の次郎" in joined.body


# --- what is in it ----------------------------------------------------------------------------------------


def test_a_serow_is_told_to_who_found_it_and_the_office_with_the_leaf_of_the_contact_book():
    t, id = sprung()
    t.does("take", id, who="on").told("trap_acked taken: owner on patrol")
    t.does("done", id, who="on", result="wrong", species="serow", trap="later")
    told = t.told("trap_wrong escalated: on office", "trap_done updated: owner on patrol office")
    (wrong, *_) = [n for n in told if n.template == "trap_wrong"]
    assert "カモシカがかかっています" in wrong.body
    assert "傷つけないでください" in wrong.body
    assert "連絡先 教育委員会 0263-00-0001" in wrong.body


def test_a_bear_that_is_found_is_told_to_all_at_once_and_once_and_waits_for_no_day():
    t, id = sprung("2026-11-21 20:00")
    t.does("take", id, who="on").told("trap_acked taken: owner on patrol")
    t.does("arrive", id, who="on", species="bear")
    (wrong, *_) = t.told("trap_wrong escalated: owner on patrol office")
    assert "だれも近づかないで" in wrong.body
    assert "110" in wrong.body
    assert (the(t).species, the(t).severity) == ("bear", Severity.DANGER)
    t.does("leave", id, who="on", species="bear").told("trap_left overdue: owner on patrol office")
    t.passes(15 * MINUTE).told("trap_unacked overdue: owner on patrol")


def test_a_bear_that_was_meant_to_be_caught_is_no_wrong_capture_and_one_that_escapes_rings_loud():
    t, id = sprung()
    t.does("done", id, who="on", result="captured", species="bear", trap="armed")
    t.told("trap_done done: owner on patrol office")
    t.passes(HOUR).says("trap-1", SPRUNG).told("trap_sprung opened: owner on patrol")
    t.does("done", t.open()[0].id, who="on", result="escaped", species="bear", trap="disarmed")
    told = t.told("trap_done done: owner on patrol office")
    assert "結果：逃げられた（ツキノワグマ 1頭）" in told[0].body
    assert {n.severity for n in told} == {Severity.DANGER}


def test_an_animal_that_the_contact_book_does_not_know_is_told_without_it():
    t, id = sprung()
    t.does("done", id, who="on", result="wrong", species="tanuki", trap="armed")
    told = t.told("trap_wrong escalated: on office", "trap_done updated: owner on patrol office")
    assert "連絡先" not in told[0].body
    assert "タヌキがかかっています" in told[0].body


def test_a_boar_that_was_wanted_is_no_wrong_capture():
    t, id = sprung()
    t.does("arrive", id, who="on", species="boar").told("trap_acked taken: owner on patrol")
    t.does("done", id, who="on", result="captured", trap="armed", count="1").told(
        "trap_done done: owner on patrol office"
    )


# --- storms, LINE, a clock that is not set ---------------------------------------------------------------


def test_in_a_storm_of_traps_the_tasks_are_counted_with_the_rest():
    few = StormPolicy(first=2, first_in_danger=2)
    t = Timeline(
        hills(devices=[trap(f"t-{n}", owner="owner", heartbeat="24h") for n in range(3)], storm=few),
        "2026-11-21 10:00",
    )
    for device in ("trap-1", "t-0", "t-1", "t-2"):
        t.says(device, SPRUNG)
    t.told(*["trap_sprung opened: owner on patrol"] * 2)
    first = next(a for a in t.open() if a.device == "trap-1")
    t.does("take", first.id, who="on").silence()
    assert the_task(t, first.id).who == "on"
    t.passes(2 * MINUTE).told("storm_summary summary: owner on patrol")
    t.unread = []
    t.passes(2 * HOUR)
    assert all(n.severity < Severity.DANGER for n in t.unread)
    t.unread = []


def the_task(t: Timeline, id: str):
    return t.alerts[id].task


def test_no_name_and_no_telephone_number_goes_through_line():
    made = hills()
    line = Channel(kind="line", url="line://TOKEN/U1?image=no")
    made.people["on"] = made.people["on"].model_copy(update={"channels": (line,)})
    t = Timeline(made, "2026-11-21 10:00")
    t.says("trap-1", SPRUNG).at("10:15")
    t.does("take", t.open()[0].id, who="owner").does("join", t.open()[0].id, who="on")
    told = [n for n in t.unread if n.channel_kind == "line"]
    assert {n.template for n in told} >= {"trap_acked", "trap_unacked", "trap_joined"}
    for n in told:
        assert not any(word in n.body for word in ("山根", "犬飼", "田中", "090"))
        assert "12" in n.body
    t.unread = []


def test_nobody_is_chased_by_a_clock_that_is_not_set():
    t = Timeline(hills(), "1970-01-02 12:00")
    t.says("trap-1", SPRUNG)
    t.unread = []
    t.passes(3 * HOUR).silence()
    t.does("take", t.open()[0].id, who="on")
    (taken, *_) = t.unread
    assert "時刻未確定" in taken.body
    assert "到着の予定" not in taken.body
    t.unread = []


# --- whatever happens -------------------------------------------------------------------------------------

PEOPLE = ("on", "patrol", "owner", "次郎")
THINGS = st.one_of(
    st.tuples(
        st.sampled_from(["take", "join", "arrive", "leave", "done", "trap_reset", "sprung", "armed"]),
        st.sampled_from(PEOPLE),
        st.sampled_from(["", "boar", "bear", "serow"]),
    ),
    st.tuples(st.just("passes"), st.integers(1, 400), st.booleans()),
)


def happen(t: Timeline, what: str, who: str | int, more: str | bool) -> None:
    open_ids = [alert.id for alert in t.passes(SECOND).open("trap")]
    if what == "passes":
        t.passes(int(who) * MINUTE)
    elif what in ("sprung", "armed"):
        t.says("trap-1", SPRUNG if what == "sprung" else ARMED)
    elif what == "trap_reset":
        t.does(what, "trap-1", who=str(who))
    elif open_ids:
        left_as = "armed" if more == "boar" else "later"
        form = {"eta": "30", "result": "captured", "species": str(more), "trap": left_as}
        t.does(what, open_ids[0], who=str(who), **form)


def is_whole(t: Timeline) -> None:
    for alert in t.open("trap"):
        assert alert.task
        goes = [person for person in (alert.task.who, *alert.task.others) if person]
        assert len(goes) == len(set(goes))
        assert bool(goes) or alert.task.stage in (Stage.WAITING, Stage.DONE)
        assert not goes or alert.task.stage is not Stage.WAITING
        assert (alert.task.eta is not None) == (alert.task.stage in (Stage.TAKEN, Stage.ON_SITE))
    assert t.pipeline.state.rooms["trap"]["trap-1"].state == ("sprung" if t.open("trap") else "armed")


@settings(max_examples=50, deadline=None)
@given(st.lists(THINGS, max_size=14))
def test_whatever_people_do_the_task_is_whole_each_word_is_said_once_and_a_crash_changes_nothing(things):
    t, crashing = (Timeline(hills(), "2026-11-21 07:00", tick=5 * MINUTE) for _ in range(2))
    for thing in [("sprung", "", ""), *things]:
        happen(t, *thing)
        happen(crashing.restart(), *thing)
        is_whole(t)
    ids = [n.id for n in t.notifications]
    assert len(ids) == len(set(ids))
    assert [n.id for n in crashing.notifications] == ids
    assert crashing.restart().pipeline.state.alerts == t.pipeline.state.alerts
    overdue = [event.id for event in t.events if event.kind is EventKind.TASK_OVERDUE]
    assert len(overdue) == len(set(overdue))
    t.unread = crashing.unread = []


def test_a_text_message_says_where_and_keeps_its_warning_with_or_without_room_for_the_link():
    url = "https://naruko.town.example.jp/a/" + "x" * 27
    fields = {"time": "10:00", "place": "東山 一本杉の奥", "trap_no": "1", "minutes": 15, "ack_url": url}
    _, body = render("trap_unacked", "ja", "sms", fields)
    assert body == "【至急】1番 東山 一本杉の奥 15分未対応。"
    _, body = render("trap_unacked", "ja", "sms", fields | {"ack_url": "https://n.jp/a/" + "x" * 27})
    assert body.endswith("x" * 27)
    assert len(body) <= SMS_CHARS
    _, body = render("trap_sprung", "ja", "sms", fields)
    assert body == "【わな作動】1番 東山 一本杉の奥 10:00。ひとりで近づかないで。"
