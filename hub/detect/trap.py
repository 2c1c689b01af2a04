"""Traps: sprung opens, and only a person closes: no sensor knows that the animal is out and the trap set.

The duty of the daily round stays with the people: a trap that nobody can visit is taken out of use (休止),
and then springs without an alert.
"""

from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from devices.frame import Millis, Signal
from hub.clock import is_sane
from hub.config.policy import TrapPolicy
from hub.config.shapes import Device
from hub.detect import flapping
from hub.detect.flapping import FLAPPING, Bounce, Flap
from hub.model import Act, Event, EventKind, Freshness

REARMED_AFTER: Millis = 600_000
"""Armed for so long before it sprang again, a trap was set by a person and not rattled by an animal."""
AHEAD_ALLOWED: Millis = 300_000
PROOF_EVERY: Millis = 600_000
"""How often a sensor's word that the trap is set is written down anew."""


class TrapState(Struct, frozen=True):
    """One trap. `since` is when the state began, `last_word` when its sensor was last heard.

    `armed_since` is set while the sensor of a sprung trap says that it is armed: somebody has been there,
    and has not told the hub.
    """

    state: Literal["armed", "sprung", "disarmed"] = "armed"
    since: Millis = 0
    last_word: Millis = 0
    silent_told: bool = False
    armed_since: Millis | None = None
    flap: Flap = flapping.NONE
    """How often it has sprung again without a person's word."""
    seen_at: Millis = 0
    """When a person last saw it."""
    proved_at: Millis = 0
    """When it was last known to be set: by a person, or by its sensor's word."""


def step(
    policy: TrapPolicy,
    state: TrapState,
    device: Device,
    signal: Signal,
    *,
    at: Millis,
    freshness: Freshness,
    received_at: Millis,
) -> tuple[TrapState, list[Event]]:
    """One `trap` signal, or one `contact` signal of a device that is a trap.

    A late report still opens within `late_after` if it is newer than what a person last did: the animal is
    still inside. What the broker retained or the device stored opens nothing.
    """
    word = _word(device, signal)
    if not word or device.maintenance or freshness in (Freshness.RETAINED, Freshness.STORED):
        return state, []
    if state.since > received_at + AHEAD_ALLOWED:
        state = replace(state, since=0, armed_since=None)  # written by a clock that was ahead
    if freshness <= Freshness.DELAYED:
        state = heard(state, received_at if freshness == Freshness.LIVE else at)
    if word == "armed":
        if state.state == "sprung" and state.armed_since is None and at > state.since:
            state = replace(state, armed_since=at)
        if state.state == "armed" and freshness <= Freshness.DELAYED and at - state.proved_at >= PROOF_EVERY:
            state = replace(state, proved_at=at)
        return state, []
    if at <= state.since or received_at - at > policy.late_after or state.state == "disarmed":
        return state, []
    if state.state == "sprung":
        after, events = _still_sprung(state, device, at, freshness, received_at)
        return after, [replace(event, species=signal.species) for event in events]
    state = _sprung(state, at, received_at)
    event = _event(EventKind.TRAP_SPRUNG, device, at, received_at, freshness=freshness)
    return state, [replace(event, species=signal.species)]


def _sprung(state: TrapState, at: Millis, received_at: Millis) -> TrapState:
    return replace(
        state, state="sprung", since=at, last_word=received_at, silent_told=False, armed_since=None
    )


def heard(state: TrapState, at: Millis) -> TrapState:
    """A sign of life of its sensor. The same object where nobody waits for one."""
    if state.state != "sprung" or at <= state.last_word:
        return state
    return replace(state, last_word=at)


def tick(
    policy: TrapPolicy, state: TrapState, device: Device, now: Millis, heartbeat: Millis = 0
) -> tuple[TrapState, list[Event]]:
    """Says once of a sprung trap that its sensor has fallen silent. `window`: for how long.

    A sensor that speaks every 6 h is not silent after 3: one and a half of its heartbeats are waited for.
    """
    if flapping.is_steady(state.flap, 0, now):
        return replace(state, flap=flapping.NONE), [flapping.steady_event(device, "trap", now)]
    if state.state == "sprung" and not _can_be(state.last_word, now):
        return replace(state, last_word=now), []  # noted by a wrong clock: waited for from now on
    quiet = now - state.last_word
    if state.state != "sprung" or state.silent_told or quiet < max(policy.silent_after, heartbeat * 3 // 2):
        return state, []
    event = _event(EventKind.TRAP_SILENT, device, now, now, window=quiet)
    return replace(state, silent_told=True), [event]


def act(state: TrapState, device: Device, act: Act, now: Millis) -> tuple[TrapState, list[Event]]:
    """What a person did: `trap_reset` sets it again, `trap_disarm` takes it out of use.
    Nothing comes of what was done before it sprang.

    The event says who in `detail`, and in `level` how the trap is now.
    """
    after: Literal["armed", "disarmed"]
    if act.kind == "trap_reset":
        after = "armed"
    elif act.kind == "trap_disarm":
        after = "disarmed"
    else:
        return state, []
    older = state.state == "sprung" and act.at < state.since <= now
    if older:
        return state, []
    before, state = state.state, seen(state, act.at)
    if before == after:
        return state, []
    proved_at = act.at if after == "armed" else state.proved_at
    state = replace(
        state, state=after, since=act.at, silent_told=False, armed_since=None, proved_at=proved_at
    )
    event = _event(EventKind.TRAP_RESET, device, act.at, now, level=after, detail=act.who)
    return state, [replace(event, who=act.who)]


def seen(state: TrapState, at: Millis) -> TrapState:
    """A person has been there: the daily round. Of one that is set it is a proof."""
    proved_at = max(state.proved_at, at) if state.state == "armed" else state.proved_at
    return replace(state, seen_at=max(state.seen_at, at), proved_at=proved_at)


def _can_be(at: Millis, now: Millis) -> bool:
    return at <= now + AHEAD_ALLOWED and (is_sane(at) or not is_sane(now))


def _word(device: Device, signal: Signal) -> str:
    """`sprung`, `armed` or, where the signal is not about the trap, nothing."""
    if signal.type == "trap":
        return signal.state or "sprung"
    if signal.type == "contact" and device.trap is not None:
        return "sprung" if (signal.state or "open") == device.trap.sprung_when else "armed"
    return ""


def _still_sprung(
    state: TrapState, device: Device, at: Millis, freshness: Freshness, received_at: Millis
) -> tuple[TrapState, list[Event]]:
    """A heartbeat that repeats the state is no new catch; a trap set again in between has a new one.

    What springs again for the third time in a day, and nobody has said a word, is a switch that flaps.
    """
    armed_since = state.armed_since
    if armed_since is None or at <= armed_since:
        return state, []
    if at - armed_since < REARMED_AFTER:
        return replace(state, armed_since=None), []
    flap, bounce, events = flapping.flap_of(device, state.flap, "trap", received_at)
    state = replace(_sprung(state, at, received_at), flap=flap)
    detail = "again" if bounce is Bounce.PLAIN else FLAPPING
    sprung = _event(EventKind.TRAP_SPRUNG, device, at, received_at, freshness=freshness, detail=detail)
    return state, [*events, sprung]


def _event(
    kind: EventKind,
    device: Device,
    at: Millis,
    received_at: Millis,
    *,
    freshness: Freshness = Freshness.LIVE,
    window: Millis = 0,
    level: str = "",
    detail: str = "",
) -> Event:
    return Event(
        id=f"{device.id}/{kind}/{at}",
        kind=kind,
        incident=f"trap/{device.id}",
        device=device.id,
        at=at,
        received_at=received_at,
        freshness=freshness,
        lat=device.lat,
        lon=device.lon,
        level=level,
        window=window,
        devices=(device.id,),
        detail=detail,
    )
