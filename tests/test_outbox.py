"""In which order, when again, when no more."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from hub.model import Notification, Reason, Severity, Status
from hub.notify.outbox import Answer, next_of, order_of, overtakes, settle, unanswered
from tests.towns import HOUR, MINUTE, SECOND

SENT = Answer(Status.SENT)
NOT_SENT = Answer(Status.PENDING, "Connection refused")
SILENCE = Answer(Status.TIMEOUT, "Read timed out")
NOON = 1_795_000_000_000


def notification(
    id: str = "n1",
    severity: Severity = Severity.CAUTION,
    created_at: int = NOON,
    *,
    alert: str = "a1",
    reason: Reason = Reason.OPENED,
    recipient: str = "tanaka",
) -> Notification:
    return Notification(
        id=id,
        alert_id=alert,
        recipient=recipient,
        channel=0,
        channel_kind="mail",
        reason=reason,
        template="animal_detected",
        severity=severity,
        title="【イノシシ】上田",
        body="21:07 上田",
        created_at=created_at,
        event_received_at=created_at,
        expires_at=created_at + HOUR,
        next_at=created_at,
    )


def test_what_was_sent_is_finished() -> None:
    done = settle(notification(), SENT, NOON + 40)
    assert (done.status, done.attempts, done.finished_at, done.error) == (Status.SENT, 1, NOON + 40, "")


def test_what_failed_is_tried_again_later_each_time_and_at_least_every_twelve_minutes() -> None:
    current = replace(notification(), expires_at=NOON + 24 * HOUR)
    now, pauses = NOON, []
    for _ in range(10):
        current = settle(current, NOT_SENT, now)
        assert current.status is Status.PENDING
        assert current.finished_at is None
        pauses.append(current.next_at - now)
        now = current.next_at
    assert 4 * SECOND <= pauses[0] <= 6 * SECOND
    assert pauses[:6] == sorted(pauses[:6])
    assert max(pauses) <= 12 * MINUTE
    assert current.error == "Connection refused"


def test_two_messages_of_one_moment_are_not_repeated_in_one_moment() -> None:
    again = {settle(notification(f"n{i}"), NOT_SENT, NOON).next_at for i in range(20)}
    assert len(again) > 15


def test_a_message_whose_news_is_over_is_given_up_with_its_last_reason() -> None:
    late = settle(notification(), NOT_SENT, NOON + HOUR - 1)
    assert (late.status, late.error) == (Status.EXPIRED, "Connection refused")
    assert late.finished_at == NOON + HOUR - 1


def test_a_message_without_an_answer_is_repeated_twice_and_then_left_as_perhaps_arrived() -> None:
    current, attempts = notification(), 0
    while current.finished_at is None:
        current = settle(current, SILENCE, current.next_at)
        attempts += 1
        assert current.status is Status.TIMEOUT
    assert attempts == 3
    assert current.error.startswith("no answer (3)")


def test_a_message_of_danger_without_an_answer_is_repeated_more_often() -> None:
    current, attempts = notification(severity=Severity.DANGER), 0
    while current.finished_at is None:
        current, attempts = settle(current, SILENCE, current.next_at), attempts + 1
    assert attempts == 5


def test_that_it_may_have_arrived_is_not_forgotten_over_a_later_failure() -> None:
    silent = settle(notification(), SILENCE, NOON)
    failed = settle(silent, NOT_SENT, silent.next_at)
    assert unanswered(failed) == 1
    assert failed.status is Status.TIMEOUT
    assert "Connection refused" in failed.error
    over = settle(failed, NOT_SENT, NOON + HOUR)
    assert over.status is Status.TIMEOUT


def test_an_unusable_channel_is_not_tried_again() -> None:
    answer = Answer(Status.FAILED, "its URL names nobody to send to")
    done = settle(notification(), answer, NOON)
    assert (done.status, done.finished_at) == (Status.FAILED, NOON)


@given(st.lists(st.sampled_from([SENT, NOT_SENT, SILENCE]), max_size=40), st.sampled_from(list(Severity)))
def test_every_message_comes_to_an_end_and_each_attempt_is_counted(
    answers: list[Answer], severity: Severity
) -> None:
    current = notification(severity=severity)
    for number, answer in enumerate(answers, start=1):
        now = current.next_at
        current = settle(current, answer, now)
        assert current.attempts == number
        assert current.id == "n1"
        if current.finished_at is not None:
            break
        assert now < current.next_at < current.expires_at
    else:
        assert SENT not in answers
        assert len(answers) < 20


def test_the_most_urgent_alert_comes_first() -> None:
    notice = notification("n1", Severity.NOTICE, alert="battery")
    life = notification("n2", Severity.LIFE, NOON + 5, alert="debris")
    assert next_of([notice, life]).id == "n2"


def test_the_levels_of_one_river_are_told_in_their_order_even_when_decided_in_one_moment() -> None:
    waiting = [
        notification("clear", Severity.NOTICE, reason=Reason.CLEARED),
        notification("lv4", Severity.DANGER),
        notification("lv2", Severity.CAUTION),
        notification("lv3", Severity.WARNING),
        notification("boar", Severity.WARNING, NOON - 1, alert="boar"),
    ]
    told = []
    while waiting:
        first = next_of(waiting)
        told.append(first.id)
        waiting.remove(first)
    assert [id for id in told if id != "boar"] == ["lv2", "lv3", "lv4", "clear"]
    assert told.index("boar") < told.index("clear")


def test_an_alarm_is_overtaken_by_its_all_clear_and_by_its_next_level() -> None:
    alarm = notification("lv3", Severity.WARNING)
    clear = notification("clear", Severity.NOTICE, NOON + MINUTE, reason=Reason.CLEARED)
    higher = notification("lv4", Severity.DANGER, NOON + MINUTE)
    assert overtakes(clear, alarm)
    assert overtakes(higher, alarm)


def test_an_alarm_is_not_overtaken_by_less_or_by_what_came_before() -> None:
    alarm = notification("bear", Severity.DANGER)
    assert not overtakes(alarm, alarm)
    assert not overtakes(notification("update", Severity.CAUTION, NOON + MINUTE), alarm)
    assert not overtakes(notification("earlier", Severity.LIFE, NOON - 1), alarm)


def test_of_one_moment_the_higher_level_and_the_end_overtake_and_two_texts_of_one_level_do_not() -> None:
    """Officials who live below a torrent get the call to run and the word for the office, both LIFE."""
    alarm = notification("run", Severity.LIFE)
    assert overtakes(notification("lv4", Severity.DANGER), notification("lv3", Severity.WARNING))
    assert overtakes(notification("clear", Severity.NOTICE, reason=Reason.CLEARED), alarm)
    assert not overtakes(alarm, notification("clear", Severity.NOTICE, reason=Reason.CLEARED))
    assert not overtakes(notification("office", Severity.LIFE), alarm)


@given(
    st.lists(
        st.tuples(st.sampled_from(list(Severity)), st.sampled_from(list(Reason)), st.integers(0, 3)),
        min_size=1,
        max_size=8,
    )
)
def test_no_two_messages_overtake_each_other_and_the_last_end_is_never_overtaken_by_an_alarm_of_before(
    said: list[tuple[Severity, Reason, int]],
) -> None:
    all_of_it = [
        notification(f"n{i}", severity, NOON + at, reason=reason)
        for i, (severity, reason, at) in enumerate(said)
    ]
    for one in all_of_it:
        for other in all_of_it:
            assert not (overtakes(one, other) and overtakes(other, one))
            if overtakes(one, other):
                assert order_of(one) > order_of(other)
    last = max(all_of_it, key=order_of)
    assert not any(overtakes(other, last) for other in all_of_it)


def test_while_the_whole_service_is_out_an_unanswered_attempt_does_not_use_up_the_repeats() -> None:
    current = replace(notification(), expires_at=NOON + 24 * HOUR)
    for _ in range(10):
        current = settle(current, SILENCE, current.next_at, service_out=True)
        assert current.finished_at is None
    assert unanswered(current) == 10
    assert settle(current, SILENCE, current.next_at).finished_at is not None
