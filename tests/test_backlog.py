"""What is sent of what has waited: the newest state, a list of small news, no all clear of nothing."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from hub.model import Notification, Reason, Severity, Status
from hub.notify.backlog import DIGEST_ABOVE, Heard, Letter, digest_of, next_letter, overtaken
from tests.test_outbox import NOON, notification
from tests.towns import MINUTE


def at(minute: int, id: str, severity: Severity = Severity.CAUTION, **more: object) -> Notification:
    named = {"alert_id": more.pop("alert", "a1")} | more
    return replace(notification(id, severity, NOON + minute * MINUTE), **named)


def small(count: int, **more: object) -> list[Notification]:
    """So many boars at so many places, a minute apart."""
    return [
        at(
            n,
            f"n{n}",
            alert=f"boar-{n}",
            title=f"【イノシシ】{n}番の田",
            body=f"21:0{n} {n}番の田で見つけました。",
            **more,
        )
        for n in range(count)
    ]


def letter(waiting: list[Notification], late: bool = True, missed: int = 0, lang: str = "ja") -> Letter:
    return next_letter(
        waiting,
        {n.id for n in waiting} if late else set(),
        lambda _: missed,
        lang=lang,
        contact="役場 0263-00-0000",
        time=lambda millis: f"12:{(millis - NOON) // MINUTE:02d}",
    )


# --- the newest state -----------------------------------------------------------------------------


def test_of_a_river_that_rose_three_levels_the_highest_is_left() -> None:
    lv2, lv3, lv4 = at(0, "lv2"), at(9, "lv3", Severity.WARNING), at(20, "lv4", Severity.DANGER)
    assert overtaken([lv4, lv2, lv3]) == [(lv2, lv4), (lv3, lv4)]


def test_an_all_clear_is_all_that_is_left_of_its_alert() -> None:
    alarm = at(0, "alarm", Severity.LIFE)
    cancel = at(9, "cancel", Severity.WARNING, reason=Reason.CANCELLED)
    other = at(3, "other", Severity.LIFE, alert="a2")
    assert overtaken([alarm, cancel, other]) == [(alarm, cancel)]


def test_an_alarm_is_kept_beside_a_milder_word_of_its_alert() -> None:
    assert overtaken([at(0, "bear", Severity.DANGER), at(9, "doubt", Severity.CAUTION)]) == []


ANY = st.lists(
    st.builds(
        lambda number, alert, severity, minute, reason: at(
            minute, f"n{number}", severity, alert=f"a{alert}", reason=reason
        ),
        st.integers(0, 10**6),
        st.integers(0, 3),
        st.sampled_from(list(Severity)),
        st.integers(0, 5),
        st.sampled_from([Reason.OPENED, Reason.ESCALATED, Reason.UPDATED, Reason.FALLING, Reason.CLEARED]),
    ),
    max_size=14,
    unique_by=lambda n: n.id,
)


@given(ANY)
def test_what_overtakes_is_left_itself_and_no_alarm_is_left_behind_its_all_clear(
    waiting: list[Notification],
) -> None:
    pairs = overtaken(waiting)
    gone = {row.id for row, _ in pairs}
    left = [n for n in waiting if n.id not in gone]
    assert len(gone) == len(pairs)
    assert all(by.id not in gone and by.alert_id == row.alert_id for row, by in pairs)
    assert {n.alert_id for n in left} == {n.alert_id for n in waiting}
    for clear in (n for n in left if n.reason is Reason.CLEARED):
        assert not [n for n in left if n.alert_id == clear.alert_id and n.created_at < clear.created_at]
    for alert in {n.alert_id for n in waiting}:
        of_it = [n for n in waiting if n.alert_id == alert]
        if not any(n.reason in (Reason.CLEARED, Reason.FALLING) for n in of_it):
            gravest = max(n.severity for n in of_it)
            assert gravest == max(n.severity for n in left if n.alert_id == alert), "no danger is left out"


# --- a list of small news -------------------------------------------------------------------------


def test_more_small_news_than_three_become_one_message_that_names_each() -> None:
    told = letter(small(5))
    assert [told.row.id, *(n.id for n in told.covers)] == ["n0", "n1", "n2", "n3", "n4"]
    assert told.as_sent.id == "n0"
    assert told.as_sent.title == "【遅れ まとめ】お知らせ5件"
    assert told.as_sent.body.splitlines()[1:3] == [
        "・12:00 【イノシシ】0番の田",
        "・12:01 【イノシシ】1番の田",
    ]


def test_three_are_told_one_by_one_and_so_is_what_is_not_late() -> None:
    assert letter(small(DIGEST_ABOVE)).covers == ()
    assert letter(small(9), late=False).covers == ()


def test_a_trap_a_level_and_what_endangers_life_are_never_part_of_a_list() -> None:
    grave = [
        at(n, f"grave-{n}", severity, alert=f"grave-{n}")
        for n, severity in enumerate([Severity.WARNING, Severity.DANGER, Severity.LIFE] * 3)
    ]
    waiting = small(6) + grave
    order = []
    while waiting:
        told = letter(waiting)
        order.append((told.row.severity, len(told.covers)))
        waiting = [n for n in waiting if n not in (told.row, *told.covers)]
    assert order == [
        *[(severity, 0) for severity in (Severity.LIFE, Severity.DANGER, Severity.WARNING) for _ in range(3)],
        (Severity.CAUTION, 6 - 1),
    ]


def test_a_list_that_may_have_arrived_is_repeated_under_its_id() -> None:
    waiting = small(5)
    waiting[3] = replace(waiting[3], status=Status.TIMEOUT, error="no answer (1): Read timed out")
    assert letter([*waiting, at(9, "later", alert="boar-9")]).row.id == "n3"


def test_an_exercise_is_not_in_one_list_with_what_is_actual() -> None:
    exercise = [replace(n, title=f"【訓練】{n.title}", body=f"【訓練】{n.body}") for n in small(5)]
    listed = digest_of([*exercise, *small(2, recipient="x")])
    assert {n.body[:4] for n in listed} == {"【訓練】"}
    told = letter(exercise)
    assert told.as_sent.title.startswith("【訓練】【遅れ まとめ】")
    assert told.as_sent.body.startswith("【訓練】")
    assert "・12:00 【イノシシ】0番の田" in told.as_sent.body


@given(ANY)
def test_everything_that_waits_is_told_once_the_most_urgent_first(waiting: list[Notification]) -> None:
    stale = {row.id for row, _ in overtaken(waiting)}
    left = waiting = [n for n in waiting if n.id not in stale]
    told: Counter[str] = Counter()
    while left:
        one = letter(left)
        assert one.as_sent.id == one.row.id
        assert one.covers or one.row.severity == max(n.severity for n in left)
        told.update([one.row.id, *(n.id for n in one.covers)])
        left = [n for n in left if n.id not in told]
    assert told == Counter(n.id for n in waiting)


# --- what is late ---------------------------------------------------------------------------------


def test_what_is_late_says_of_when_it_is_and_what_is_not_is_left_as_it_was() -> None:
    lone = at(7, "n7", title="【クマ 危険】神社", body="12:07 神社でクマらしい動物を見つけました。")
    assert letter([lone]).as_sent.body.splitlines() == [
        "12:07のお知らせが遅れて届きました。",
        "12:07 神社でクマらしい動物を見つけました。",
    ]
    assert letter([lone], late=False).as_sent == lone


def test_who_missed_something_of_it_gets_a_follow_up_that_says_how_many() -> None:
    told = letter([at(7, "n7", title="【水位 危険】小野川", body="小野川は危険水位です。")], missed=2).as_sent
    assert told.title == "【続報】【水位 危険】小野川"
    assert told.body.startswith("12:07の続報が遅れて届きました。前の2件はここに届いていません。\n")


# --- the all clear of nothing ---------------------------------------------------------------------


def clear(**more: object) -> Notification:
    return at(9, "clear", Severity.NOTICE, reason=Reason.CLEARED, **more)


EXPIRED = {"status": Status.EXPIRED, "finished_at": NOON}
SENT = {"status": Status.SENT, "finished_at": NOON}


def test_an_alarm_that_reached_nobody_needs_no_all_clear() -> None:
    assert not Heard([at(0, "alarm", **EXPIRED), clear()]).needs(clear())


def test_an_all_clear_goes_to_every_channel_of_who_heard_the_alarm_on_one() -> None:
    by_ntfy = at(0, "alarm-ntfy", channel=1, **SENT)
    assert Heard([at(0, "alarm", **EXPIRED), by_ntfy]).needs(clear())
    for_another = replace(by_ntfy, recipient="suzuki")
    assert not Heard([at(0, "alarm", **EXPIRED), for_another]).needs(clear())


def test_what_may_have_arrived_and_what_was_told_in_a_list_needs_its_all_clear() -> None:
    waits = at(0, "alarm", status=Status.TIMEOUT, error="no answer (1): Read timed out")
    assert Heard([waits]).needs(clear())
    assert Heard([at(0, "alarm", status=Status.MERGED, finished_at=NOON)]).needs(clear())


def test_the_all_clear_of_a_danger_is_told_to_everybody() -> None:
    """A siren or a neighbour may have told of it."""
    assert Heard([at(0, "alarm", Severity.DANGER, **EXPIRED)]).needs(clear())


def test_an_all_clear_whose_alarm_is_no_longer_in_the_ledger_is_told() -> None:
    assert Heard([clear()]).needs(clear())


def test_how_many_did_not_reach_an_address_is_counted_since_the_last_that_did() -> None:
    told = at(0, "first", **SENT)
    missed = [at(1, "second", **EXPIRED), at(2, "third", **EXPIRED)]
    now = at(3, "fourth")
    assert Heard([told, *missed, now]).missed(now) == 2
    assert Heard([*missed, at(2, "told", **SENT), now]).missed(now) == 0
    assert Heard([at(1, "other", channel=1, **EXPIRED)]).missed(now) == 0
