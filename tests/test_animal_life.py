"""The life of an animal's visit: driven off and back, taken, labelled, taken back, told again, closed."""

import pytest

from hub.config.policy import RepeatPolicy, WildlifePolicy
from hub.model import AlertState, EventKind, Mode, Stage
from tests.stepped import Stepped
from tests.timeline import Timeline, animal, motion, nothing_else_was_told
from tests.towns import DAY, HOUR, MINUTE, SECOND, camera, person, pir, siren, square, town

__all__ = ["nothing_else_was_told"]

NOON = "2026-11-21 12:00"
SEEN = "animal_detected opened: sato hunter"
BACK = "animal_returned opened: sato hunter"
GONE = "animal_closed cleared: sato hunter"
BEAR = "animal_bear opened: sato hunter office mori"


def paddies(**more):
    """A paddy with a camera and a siren, its farmer, a hunter, the office and who lives there."""
    return town(
        devices=[camera("cam"), pir("far", north=900), camera("next", east=150), siren("siren", north=30)],
        zones=[square("paddy", "paddy")],
        people=[
            person("sato", "farmer", zones=("paddy",)),
            person("hunter", "hunter"),
            person("office", "official"),
            person("mori", "resident", zones=("paddy",)),
        ],
        **more,
    )


def driven_off(t):
    """A boar was seen, the siren sounded, and nothing has been seen for ten minutes."""
    t.says("cam", animal("boar"))
    (first, _) = t.told(SEEN)
    assert "追い払っています" in first.body
    assert t.ordered() == [("siren", "deter")]
    (alert,) = t.open("animal")
    assert alert.deterred
    t.passes(11 * MINUTE).told(GONE)
    return t


# --- back after it was driven off ---------------------------------------------------------------------


def test_an_animal_that_comes_back_within_half_an_hour_says_that_the_deterrent_did_not_work():
    t = driven_off(Timeline(paddies(), NOON))
    t.at("12:20").says("cam", animal("boar"))
    (back, _) = t.told(BACK)
    assert "20分前に追い払いましたが、音や光では防げていません" in back.body
    assert back.title == "【イノシシ 再来】camの所"
    (alert,) = t.open("animal")
    assert (alert.severity, alert.task.stage) == (1, Stage.WAITING)
    t.passes(11 * MINUTE).told(GONE)


def test_the_siren_is_tried_once_more_when_it_comes_back_and_the_message_says_so():
    t = driven_off(Timeline(paddies(), NOON))
    t.at("12:15").says("cam", animal("boar"))
    (back, _) = t.told(BACK)
    assert "追い払っています" in back.body
    assert t.ordered() == [("siren", "deter")]
    t.passes(15 * MINUTE).told(GONE)
    t.at("12:35").says("cam", animal("boar"))
    t.told(BACK)


def test_an_animal_that_comes_back_later_is_a_new_visit():
    t = driven_off(Timeline(paddies(), NOON))
    t.at("12:31").says("cam", animal("boar")).told(SEEN)


def test_an_animal_that_nothing_drove_off_and_comes_back_is_a_new_visit():
    ground = paddies()
    del ground.devices["siren"]
    t = Timeline(ground, NOON)
    t.says("cam", animal("boar")).told(SEEN)
    t.passes(11 * MINUTE).told(GONE)
    t.passes(MINUTE).says("cam", animal("boar")).told(SEEN)


def test_an_animal_far_away_is_no_return():
    t = driven_off(Timeline(paddies(), NOON))
    t.passes(MINUTE).says("far", motion()).passes(30 * SECOND).says("far", motion())
    t.told("animal_detected opened: hunter")


def test_a_boar_is_no_bear_that_is_back():
    t = Timeline(paddies(), NOON)
    t.says("cam", animal("bear")).told(BEAR)
    t.passes(11 * MINUTE).told("animal_closed cleared: sato hunter office mori")
    t.says("cam", animal("boar")).told(SEEN)


def test_of_a_bear_that_is_back_everybody_is_told_in_the_words_for_a_bear():
    t = Timeline(paddies(), NOON)
    t.says("cam", animal("bear")).told(BEAR)
    t.passes(11 * MINUTE).told("animal_closed cleared: sato hunter office mori")
    t.at("12:13").says("cam", animal("bear"))
    (text, *_) = t.told(BEAR)
    assert "13分前に追い払いましたが、戻ってきました" in text.body
    assert t.events[-1].kind is EventKind.RETURNED


@pytest.mark.parametrize("minutes", [11, 12, 29])
def test_a_restart_between_does_not_forget_that_it_was_driven_off(minutes):
    t = driven_off(Timeline(paddies(), NOON)).restart()
    t.at(f"12:{minutes}").restart().says("cam", animal("boar")).told(BACK)


def test_the_town_says_how_soon_a_return_is_one():
    t = driven_off(Timeline(paddies(wildlife=WildlifePolicy(returned_within="15m")), NOON))
    t.at("12:16").says("cam", animal("boar")).told(SEEN)


def test_a_return_is_one_also_where_the_clock_was_set_meanwhile():
    t = Stepped(paddies(), NOON)
    t.says("cam", animal("boar")).told(SEEN)
    t.passes(11 * MINUTE).told(GONE)
    t.set_clock(3 * HOUR).passes(5 * MINUTE).says("cam", animal("boar"))
    t.told(BACK)


# --- somebody goes ------------------------------------------------------------------------------------


def test_who_goes_is_told_to_all_who_were_told_and_the_visit_ends_when_it_is_quiet():
    t = Timeline(paddies(), NOON)
    t.says("cam", animal("boar")).told(SEEN)
    (alert,) = t.open("animal")
    t.passes(MINUTE).does("take", alert.id, who="hunter", eta="10")
    (sato, _) = t.told("animal_taken taken: sato hunter")
    assert "hunterさんが向かっています（到着の予定12:11）" in sato.body
    assert t.open("animal")[0].task.who == "hunter"
    t.passes(10 * MINUTE).told(GONE)
    assert t.open() == []


def test_nobody_is_reminded_of_a_boar_that_nobody_took():
    t = Timeline(paddies(), NOON)
    for _ in range(16):
        t.says("cam", animal("boar")).passes(5 * MINUTE)
    t.told(SEEN, "animal_update updated: sato hunter", "animal_update updated: sato hunter")


# --- what it was --------------------------------------------------------------------------------------


@pytest.mark.parametrize("label", ["true", "false", "unknown"])
def test_a_visit_is_labelled_by_one_tap_and_nobody_is_told(label):
    t = Timeline(paddies(), NOON)
    t.says("cam", animal("boar")).told(SEEN)
    (alert,) = t.open("animal")
    t.does("label", alert.id, who="sato", label=label).restart().silence()
    assert t.open("animal")[0].label == label
    assert [e.who for e in t.events if e.kind is EventKind.LABELLED] == ["sato"]


def test_a_label_that_is_none_changes_nothing():
    t = Timeline(paddies(), NOON)
    t.says("cam", animal("boar")).told(SEEN)
    (alert,) = t.open("animal")
    t.does("label", alert.id, label="perhaps").does("label", alert.id).does("label", "no-alert", label="true")
    assert t.open("animal")[0].label == ""


def test_a_visit_that_was_none_is_taken_back_with_its_cause():
    t = Timeline(paddies(), NOON)
    t.says("cam", animal("boar")).told(SEEN)
    (alert,) = t.open("animal")
    t.passes(MINUTE).does("cancel", alert.id, who="sato", detail="風で揺れた枝")
    (text, _) = t.told("animal_false cancelled: sato hunter")
    assert "（原因：風で揺れた枝）" in text.body
    (closed,) = t.alerts.values()
    assert (closed.state, closed.cause, closed.label) == (AlertState.CANCELLED, "風で揺れた枝", "false")
    t.passes(MINUTE).says("cam", animal("boar")).told(SEEN)


# --- a bear is told again -----------------------------------------------------------------------------


def watched(**more):
    return paddies(repeat=RepeatPolicy(), wildlife=WildlifePolicy(cooldown="3h", quiet_for="2h"), **more)


def test_a_bear_that_nobody_acknowledges_is_told_again_to_hunters_and_office_at_growing_intervals():
    t = Timeline(watched(), NOON)
    t.says("cam", animal("bear")).told(BEAR)
    t.at("12:10")
    (first, _) = t.told("animal_bear repeated: hunter office")
    assert first.title == "【続報1】【クマ 危険】camの所"
    assert first.body.splitlines()[0] == "続報 1回目・10分経過"
    assert first.body.splitlines()[1].startswith("12:00 ")
    assert "戻ってきました" not in first.body
    t.at("12:29").silence()
    t.at("12:30").told("animal_bear repeated: hunter office")
    t.at("13:10")
    (third, _) = t.told("animal_bear repeated: hunter office")
    assert third.body.startswith("続報 3回目・70分経過\n")
    t.at("14:01").told("animal_closed cleared: sato hunter office mori")


@pytest.mark.parametrize("kind", ["acknowledge", "take"])
def test_a_bear_that_somebody_has_seen_to_is_not_told_again(kind):
    t = Timeline(watched(), NOON)
    t.says("cam", animal("bear")).told(BEAR)
    (alert,) = t.open("bear")
    t.passes(5 * MINUTE).does(kind, alert.id, who="hunter").restart()
    if kind == "take":
        t.told("animal_taken taken: sato hunter office mori")
    t.passes(50 * MINUTE).silence()


def test_a_bear_whose_hunter_gave_up_is_told_again():
    t = Timeline(watched(), NOON)
    t.says("cam", animal("bear")).told(BEAR)
    (alert,) = t.open("bear")
    t.passes(5 * MINUTE).does("take", alert.id, who="hunter")
    t.told("animal_taken taken: sato hunter office mori")
    t.passes(20 * MINUTE).does("leave", alert.id, who="hunter")
    t.told("animal_left overdue: sato hunter office mori")
    t.passes(10 * MINUTE).told("animal_bear repeated: hunter office")


def test_an_exercise_with_a_bear_says_so_first_also_when_it_is_told_again():
    t = Timeline(watched(), NOON, mode=Mode.EXERCISE)
    t.says("cam", animal("bear")).told(BEAR)
    t.passes(10 * MINUTE)
    (text, _) = t.told("animal_bear repeated: hunter office")
    assert text.title == "【訓練】【続報1】【クマ 危険】camの所"
    assert text.body.startswith("【訓練】続報 1回目・10分経過\n")


def test_a_visit_of_yesterday_is_not_what_comes_back():
    t = driven_off(Timeline(paddies(), NOON))
    t.passes(DAY).says("cam", animal("boar")).told(SEEN)
