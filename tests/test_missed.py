"""What the broker has lost while the hub was away: counted by the devices' own numbers, and told once."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hub.config.policy import HealthPolicy
from hub.detect.missed import said
from hub.model import Event, EventKind
from tests.timeline import SPRUNG, Timeline, nothing_else_was_told  # noqa: F401
from tests.towns import HOUR, MINUTE, SECOND, camera, person, square, town, trap

DEVICES = ("cam", "cam-2", "trap")


def valley(**health: object) -> Timeline:
    t = Timeline(
        town(
            devices=[camera("cam"), camera("cam-2", north=30), trap("trap", owner="hunter")],
            zones=[square("paddy", "paddy")],
            people=[person("hunter", "hunter"), person("chief", "operator")],
            health=HealthPolicy(**health),
        )
    )
    t.returns().hears(*DEVICES).passes(10 * MINUTE).hears(*DEVICES).passes(MINUTE)
    return t.silence()


def body(t: Timeline) -> str:
    (notification,) = t.told("messages_missed opened: chief")
    return notification.body


def test_what_a_forgotten_session_has_cost_is_told_once_with_its_hours_and_devices() -> None:
    t = valley()
    t.passes(30 * MINUTE).loses("cam", 12).loses("trap", 1).returns(forgotten=True)
    t.passes(MINUTE).hears(*DEVICES).silence()
    text = body(t.passes(MINUTE))
    assert "21:10から21:41まで" in text
    assert "13件（2台）：cam 12件、trap 1件" in text
    assert "まだ連絡のない" not in text
    t.passes(HOUR).silence()
    assert t.open("missed") == []


def test_who_has_not_spoken_by_then_is_counted_apart() -> None:
    t = valley()
    t.passes(30 * MINUTE).loses("cam", 2).returns(forgotten=True)
    t.passes(MINUTE).hears("cam").passes(8 * MINUTE).silence()
    text = body(t.passes(MINUTE))
    assert "2件（1台）：cam 2" in text
    assert "まだ連絡のない機器が2台あります" in text


def test_a_forgotten_session_that_nobody_spoke_into_is_written_down_and_told_to_nobody() -> None:
    t = valley()
    t.passes(30 * MINUTE).returns(forgotten=True).hears(*DEVICES).passes(15 * MINUTE).silence()
    (event,) = [event for event in t.events if event.kind is EventKind.MESSAGES_MISSED]
    assert (event.count, event.value) == (0, 0.0)


def test_a_short_absence_with_the_session_kept_is_nobodys_news() -> None:
    t = valley()
    t.passes(MINUTE).returns().hears(*DEVICES).passes(15 * MINUTE).silence()
    assert [event.kind for event in t.events] == []


def test_a_queue_that_was_full_shows_in_the_gaps_though_the_session_was_kept() -> None:
    t = valley()
    t.passes(30 * MINUTE).loses("cam", 5).loses("cam-2", 2).returns()
    t.hears(*DEVICES)
    assert "5件（1台）：cam 5" in body(t.passes(2 * MINUTE)), "two in a row are lost on the air at any time"


def test_what_a_radio_loses_before_and_after_is_not_put_down_to_the_broker() -> None:
    t = valley()
    t.loses("cam", 7).hears("cam").passes(10 * MINUTE).returns(forgotten=True)
    t.passes(SECOND).hears(*DEVICES).loses("cam-2", 9).passes(SECOND).hears("cam-2")
    t.passes(15 * MINUTE).silence()
    assert t.pipeline.lost() == 16, "the count of all that is missing has them"


def test_what_a_device_has_kept_and_sends_late_is_not_missing() -> None:
    t = valley()
    kept = t.now + 5 * MINUTE
    t.passes(30 * MINUTE).loses("cam", 3).returns(forgotten=True)
    t.hears(*DEVICES)
    newest, t.seq["cam"] = t.seq["cam"], t.seq["cam"] - 3
    t.says("cam", at=kept)
    t.seq["cam"] = newest
    assert "2件（1台）：cam 2" in body(t.passes(2 * MINUTE))


def test_an_absence_that_follows_another_is_told_with_it() -> None:
    t = valley()
    t.passes(20 * MINUTE).loses("cam", 2).returns(forgotten=True).hears("cam")
    t.passes(2 * MINUTE).loses("cam", 4).passes(MINUTE).returns().hears(*DEVICES)
    assert "6件（1台）：cam 6" in body(t.passes(2 * MINUTE))


def test_an_alarm_after_the_return_does_not_wait_for_the_count() -> None:
    t = valley()
    t.passes(30 * MINUTE).loses("trap", 3).returns(forgotten=True).says("trap", SPRUNG)
    t.told("trap_sprung opened: hunter")
    t.hears(*DEVICES).passes(2 * MINUTE).told("messages_missed opened: chief")


def test_a_town_without_operators_tells_its_office() -> None:
    t = Timeline(town(devices=[camera("cam")], people=[person("mayor", "official")]))
    t.hears("cam").passes(10 * MINUTE).loses("cam", 1).returns(forgotten=True).hears("cam")
    t.passes(2 * MINUTE).told("messages_missed opened: mayor")


def test_a_town_that_waits_longer_is_told_later() -> None:
    t = valley(missed_after="2h")
    t.passes(30 * MINUTE).loses("cam", 2).returns(forgotten=True).hears("cam").passes(110 * MINUTE)
    t.unread = []
    t.passes(15 * MINUTE)
    assert any(n.template == "messages_missed" for n in t.unread)
    t.unread = []


def test_a_hub_that_never_heard_anything_has_missed_nothing() -> None:
    t = Timeline(town(devices=[camera("cam")], people=[person("chief", "operator")]))
    t.returns(forgotten=True).hears("cam").passes(15 * MINUTE).silence()


def late(t: Timeline, device: str, n: int) -> None:
    """A number before the newest, from the device's own memory, and not in the same moment as another."""
    newest = t.passes(SECOND).seq[device]
    t.seq[device] = max(newest - 1 - n, 0)
    t.says(device, at=t.now - n * MINUTE)
    t.seq[device] = newest


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["hears", "hears", "loses", "late", "returns", "forgotten", "passes"]),
            st.sampled_from(DEVICES),
            st.integers(1, 4),
        ),
        max_size=25,
    ),
    st.sets(st.integers(0, 24)),
)
@example(
    [("hears", "cam", 1)] * 5
    + [("loses", "cam", 1), ("returns", "cam", 1), ("late", "cam", 1)]
    + [("hears", "cam", 1)] * 2
    + [("forgotten", "cam", 1)],
    {0, 10},
)
def test_a_crash_at_any_point_changes_no_count(
    happenings: list[tuple[str, str, int]], crashes: set[int]
) -> None:
    def play(*, crashing: bool) -> tuple[dict[str, int], list[tuple[int, str]]]:
        t = valley()
        for number, (what, device, n) in enumerate(happenings):
            if what == "hears":
                t.hears(device)
            elif what == "loses":
                t.loses(device, n)
            elif what == "passes":
                t.passes(n * 40 * SECOND)
            elif what == "late":
                late(t, device, n)
            else:
                t.returns(forgotten=what == "forgotten")
            if crashing and number in crashes:
                t.restart()
        t.hears(*DEVICES).passes(MINUTE).hears(*DEVICES).passes(12 * MINUTE)
        t.unread = []
        lost = {id: state.lost for id, state in t.pipeline.state.rooms["health"].items()}
        return lost, [(e.count, e.detail) for e in t.events if e.kind is EventKind.MESSAGES_MISSED]

    assert play(crashing=True) == play(crashing=False)


def test_what_waited_while_signs_of_life_were_saved_is_not_missing_after_a_crash() -> None:
    """It came before the save and was handled after it."""
    t = valley()
    while t.pipeline.state.saved_at != t.now:
        t.hears("cam").passes(10 * SECOND)
    came, t.now = t.now, t.now - 5 * SECOND
    t.hears("cam")
    t.now = came
    t.restart().hears("cam")
    assert t.pipeline.lost() == 0


def test_a_late_message_that_closed_a_gap_closes_no_second_one_after_a_crash() -> None:
    t = valley()
    while t.pipeline.state.saved_at != t.now:
        t.hears("cam").passes(10 * SECOND)
    saved = t.now
    t.passes(110 * SECOND).loses("cam", 3).hears("cam")
    late(t, "cam", 3)
    t.passes(9 * SECOND)
    assert t.pipeline.state.saved_at == saved + 2 * MINUTE == t.now
    assert t.pipeline.lost() == 2
    assert t.restart().pipeline.lost() == 2


# --- words --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("devices", "detail", "unheard", "text"),
    [
        (("cam-3", "cam-1"), "12 4", 0.0, "16 messages of 2 devices are missing: cam-3 12, cam-1 4"),
        (("a",), "1", 2.0, "1 messages of 1 devices are missing: a 1; 2 devices have not spoken yet"),
        ((), "", 3.0, "no message is missing; 3 devices have not spoken yet"),
        (
            tuple("abcdefghij"),
            "1 1 1 1 1 1 1 1 1 1",
            0.0,
            "10 messages of 10 devices are missing: a 1, b 1, c 1, d 1, e 1, f 1, g 1, h 1, and 2 more",
        ),
    ],
)
def test_the_log_says_how_many_of_whom(
    devices: tuple[str, ...], detail: str, unheard: float, text: str
) -> None:
    count = sum(map(int, detail.split()))
    kind = EventKind.MESSAGES_MISSED
    event = Event("", kind, "", "", 0, 0, count=count, value=unheard, devices=devices, detail=detail)
    assert said(event) == text
