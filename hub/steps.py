"""What the hub noted moves with its clock: after somebody has set it, all is as long ago as it was before.

A Raspberry Pi boots in 1970, or when it was shut down, and a time server sets it later; a wrong one may set
it an hour ahead and back. Waiting messages, visits, silences and sirens run on as if nothing had been: their
times are moved by as much as the clock was, in the one transaction after which the hub's time is the new one.
What happened and is over keeps the time at which it was noted.

All times in the rooms are the hub's: a device's own has been read by the hub's clock (`hub.quality.skew`).
"""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from devices.frame import Millis
from hub.clock import Step
from hub.console.sessions import ConsoleSession
from hub.console.users import Account
from hub.detect.babbling import MINUTE, Budget
from hub.detect.flapping import Flap
from hub.detect.health import DeviceHealth
from hub.detect.hub import Worry
from hub.detect.missed import Away, Missed
from hub.detect.patrol import Round
from hub.detect.returned import DrivenOff
from hub.detect.river import Below, RiverState
from hub.detect.slope import Rainfall, StreamState, Trigger
from hub.detect.trap import TrapState
from hub.detect.wildlife import Incident, Sign
from hub.deterrent import DeterrentState
from hub.drill import Drill
from hub.model import Act, Alert, Command, Event, Message, Notification, Outcome, Task
from hub.people.enrolment import Invitation
from hub.people.roll import Enrolled, Said
from hub.pipeline import Pipeline
from hub.quality import DeviceQuality
from hub.quality.level import Belief, Run
from hub.quality.skew import UNKNOWN, DeviceClock, after_step
from hub.state import Saved
from hub.telling.held import Item
from hub.telling.silences import Period
from hub.telling.storm import Storm
from hub.watch.roll_call import RollCall

MOMENTS: dict[type[Struct], tuple[str, ...]] = {
    DeviceHealth: (
        "known_since",
        "last_seen",
        "last_at",
        "silent_at",
        "back_at",
        "offline_since",
        "heard_at",
    ),
    Flap: ("times", "since", "told_at"),
    DeviceQuality: ("at",),
    Belief: ("good_at", "former_at", "doubt_since", "doubt_at"),
    Run: ("since",),
    DeviceClock: ("since", "last"),
    RiverState: ("at", "good_at", "recent"),
    Below: ("since",),
    StreamState: ("opened_at", "last_at"),
    Trigger: ("at",),
    Rainfall: ("wet_at", "read_at"),
    TrapState: ("since", "last_word", "armed_since", "seen_at", "proved_at"),
    Round: ("told_at",),
    Incident: ("opened_at", "last_at", "heard_at", "tally_at"),
    Sign: ("at", "received_at"),
    DeterrentState: ("last_on", "until", "finished_at"),
    Worry: ("since",),
    Away: ("since", "until"),
    Missed: ("until",),
    RollCall: ("sent_at", "heard"),
    Storm: ("recent", "since", "due_at"),
    Period: ("since",),
    Drill: ("since",),
    Event: ("at", "received_at"),
    DrivenOff: ("last_at",),
    Item: ("at",),
    Invitation: ("until",),
    Enrolled: ("at",),
    Said: ("quiet_until", "heard_at", "left_at"),
    Account: ("since",),
    ConsoleSession: ("since", "seen"),
    Saved: ("at",),
    Alert: ("opened_at", "updated_at", "last_told_at", "acknowledged", "worse_at"),
    Task: ("since", "eta", "waiting_since"),
    Notification: ("created_at", "event_received_at", "expires_at", "next_at", "finished_at"),
    Command: ("created_at", "until", "finished_at"),
    Act: ("at",),
}
"""The fields that hold a time of the hub, or several. A test holds that none is forgotten."""
MINUTES: dict[type[Struct], tuple[str, ...]] = {Budget: ("minute",), Rainfall: ("minutes",)}
"""Those that hold it in minutes."""

T = TypeVar("T")


def follow(pipeline: Pipeline, step: Step) -> Outcome:
    """All that the pipeline remembers, moved by `step`: what the next commit must hold."""
    state = pipeline.state
    _clocks(pipeline, step)
    for room, states in state.rooms.items():
        for key, before in states.items():
            if (after := moved(before, step)) is not before:
                state.put(room, key, after)
    outcome = Outcome()
    for alert in list(state.alerts.values()):
        if (after := moved(alert, step)) is not alert:
            state.put_alert(after)
            outcome.alerts.append(after)
    pipeline.hearing_since = step.moved(pipeline.hearing_since)
    pipeline.health_looked = 0
    state.flush(step.until + step.by)
    outcome.states = state.take_changed()
    return outcome


def moved(value: T, step: Step) -> T:
    """A Struct with all times moved that this process has noted; the same object where there is none."""
    found = _shifted(value, step)
    return value if found == value else found


def moved_notification(notification: Notification, step: Step) -> Notification:
    """One that was decided before the process began has its own time, and only its next attempt is ours."""
    if not step.covers(notification.created_at):
        return replace(notification, next_at=step.moved(notification.next_at))
    return replace(moved(notification, step), expires_at=notification.expires_at + step.by)


def moved_command(command: Command, step: Step) -> Command:
    return moved(command, step) if step.covers(command.created_at) else command


def restamped(messages: list[Message], step: Step, now: Millis) -> list[Message]:
    """What was received before the clock was set and is handled after it, by the clock as it is now."""

    def is_older(at: Millis) -> bool:
        return at <= step.until if step.by > 0 else at > now

    return [
        replace(m, received_at=m.received_at + step.by) if is_older(m.received_at) else m for m in messages
    ]


def _clocks(pipeline: Pipeline, step: Step) -> None:
    """Devices which agreed with the clock as it was go on by their own."""
    state, clocks = pipeline.state, pipeline.state.rooms["clock"]
    for device in pipeline.punctual | clocks.keys():
        before = clocks.get(device, UNKNOWN)
        after = after_step(before, step.by, agreed=device in pipeline.punctual)
        if after is None:
            state.drop("clock", device)
        elif after != before:
            state.put("clock", device, after)


def _shifted(value: Any, step: Step) -> Any:
    if isinstance(value, Struct):
        kind = type(value)
        moments, minutes = MOMENTS.get(kind, ()), MINUTES.get(kind, ())
        return replace(value, **dict(_fields(value, moments, minutes, step)))
    if isinstance(value, tuple):
        return tuple(_shifted(item, step) for item in value)
    if isinstance(value, dict):
        return {key: _shifted(item, step) for key, item in value.items()}
    return value


def _fields(
    value: Struct, moments: Iterable[str], minutes: Iterable[str], step: Step
) -> Iterable[tuple[str, Any]]:
    for name in value.__struct_fields__:
        field = getattr(value, name)
        if name in moments:
            yield name, _each(field, step.moved)
        elif name in minutes:
            yield name, _each(field, lambda minute: _moved_minute(minute, step))
        elif isinstance(field, Struct | tuple | dict):
            yield name, _shifted(field, step)


def _moved_minute(minute: int, step: Step) -> int:
    return minute + round(step.by / MINUTE) if step.covers(minute * MINUTE) else minute


def _each(field: Any, move: Callable[[int], int]) -> Any:
    """The whole numbers of a field are its times: alone, in a row, beside a value, or by name."""
    if isinstance(field, tuple):
        return tuple(_each(item, move) for item in field)
    if isinstance(field, dict):
        return {key: _each(item, move) for key, item in field.items()}
    return move(field) if isinstance(field, int) and not isinstance(field, bool) else field
