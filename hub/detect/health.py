"""What is heard of the devices themselves: babbling, low of battery, losing messages, back from a silence."""

from msgspec import Struct
from msgspec.structs import replace

from devices.frame import Millis
from hub.config.policy import HealthPolicy
from hub.config.shapes import Device, Kind, Profile
from hub.detect import battery, flapping
from hub.detect.babbling import Budget, StrangerLimits, spend
from hub.detect.flapping import STEADY, Flaps
from hub.model import Event, EventKind, Freshness, Uplink
from hub.quality.skew import DeviceClock

__all__ = [
    "DeviceHealth",
    "StrangerLimits",
    "anchor",
    "back_event",
    "clock_event",
    "event_of",
    "heard",
    "is_newer",
]

LIVE, DELAYED, RETAINED = Freshness.LIVE, Freshness.DELAYED, Freshness.RETAINED
"""As names of this module: looking a member up costs 0.1 µs, and `heard` is on the path of every message."""

SEQ_JUMP = 65_535
"""A larger step is another count, not a loss: a 16-bit counter cannot have missed so many."""


class DeviceHealth(Struct, frozen=True, omit_defaults=True):
    """One device. Times are the hub's, but for `last_at`, the newest that the device stated.

    `last_seen` is 0 where it was never heard. `silent_at` is when its silence was told, 0 while it is not
    silent. `lost` counts gaps in its sequence numbers since the hub knows it.
    """

    known_since: Millis = 0
    last_seen: Millis = 0
    last_at: Millis = 0
    silent_at: Millis = 0
    back_at: Millis = 0
    offline_since: Millis = 0
    budget: Budget = Budget()
    battery: float | None = None
    low: bool = False
    seq: int | None = None
    lost: int = 0
    flaps: Flaps = STEADY
    heard_at: Millis = 0
    """When the newest message came, of any age: up to which this state follows from the messages."""


def heard(
    policy: HealthPolicy,
    device: Device,
    profile: Profile,
    state: DeviceHealth,
    uplink: Uplink,
    *,
    at: Millis,
    freshness: Freshness,
    received_at: Millis,
) -> tuple[DeviceHealth, list[Event], bool]:
    """One message of a device. False: it is over its budget, and is counted but not kept.

    Only LIVE is a sign of life now; DELAYED is one for its own time. What is older, stored or retained never
    ends a silence.
    """
    if freshness is RETAINED:
        return _declared(state, profile, uplink, received_at), [], True
    is_news = freshness is LIVE or freshness is DELAYED
    live = freshness is LIVE
    budget, keep = spend(policy, state.budget, is_news=live, received_at=received_at)
    if budget is state.budget:
        return state, [], False
    events: list[Event] = []
    flaps = state.flaps
    if budget.babbling is not state.budget.babbling:
        flaps, events = _babble(policy, device, flaps, received_at, begins=budget.babbling)
    if not keep:
        return replace(state, budget=budget, flaps=flaps), events, False

    last_seen, silent_at, back_at = state.last_seen, state.silent_at, state.back_at
    offline_since = state.offline_since
    if uplink.signals and _is_offline(uplink):
        if profile.kind is Kind.GATEWAY and is_news and not offline_since:
            offline_since = received_at
    elif is_news:
        alive_at = received_at if live else at
        if silent_at and (live or alive_at >= silent_at):
            events.append(back_event(device, profile, state, received_at))
            silent_at, back_at = 0, received_at
            flaps = flapping.paused(flaps, received_at - anchor(state))
        last_seen = max(last_seen, alive_at)
        offline_since = 0 if live else offline_since
    seq, lost = (state.seq, state.lost) if uplink.seq is None else _counted(state, uplink.seq, at)
    volts, low = state.battery, state.low
    if profile.battery is not None and is_news:
        volts, low, told = _charge(device, profile, state, uplink, at=at, received_at=received_at)
        if low and told:
            flaps, told = flapping.again(policy, device, flaps, "battery", told[0])
        events += told
    after = DeviceHealth(
        state.known_since or received_at,
        last_seen,
        max(state.last_at, at),
        silent_at,
        back_at,
        offline_since,
        budget,
        volts,
        low,
        seq,
        lost,
        flaps,
        received_at,
    )
    return after, events, True


def _babble(
    policy: HealthPolicy, device: Device, flaps: Flaps, at: Millis, *, begins: bool
) -> tuple[Flaps, list[Event]]:
    if not begins:
        return flaps, [event_of(EventKind.BABBLING_OVER, device, at, at)]
    return flapping.again(policy, device, flaps, "babble", event_of(EventKind.BABBLING, device, at, at))


def is_newer(state: DeviceHealth, uplink: Uplink, at: Millis, received_at: Millis) -> bool:
    """Whether a message was heard after this state of its device, for who reads the messages again."""
    if received_at != state.heard_at or uplink.seq is None or state.seq is None:
        return received_at > (state.heard_at or state.last_seen)
    return (at, uplink.seq) > (state.last_at, state.seq)


def clock_event(kind: EventKind, device: Device, clock: DeviceClock, now: Millis) -> Event:
    """CLOCK_WRONG or CLOCK_RIGHT: `window` is by how much, `detail` behind or ahead."""
    event = event_of(kind, device, now, now)
    return replace(event, window=abs(clock.behind), detail="behind" if clock.behind > 0 else "ahead")


def anchor(state: DeviceHealth) -> Millis:
    """Since when its silence counts: its last word, or when the hub first knew it."""
    return state.last_seen or state.known_since


def _is_offline(uplink: Uplink) -> bool:
    """The broker's last will speaks for a device that is gone: no sign of life."""
    return any(signal.type == "status" and signal.state == "offline" for signal in uplink.signals)


def _declared(state: DeviceHealth, profile: Profile, uplink: Uplink, received_at: Millis) -> DeviceHealth:
    """What the broker retained is a state: it may say that a gateway is gone, never that it is there."""
    if profile.kind is Kind.GATEWAY and not state.offline_since and _is_offline(uplink):
        return replace(state, offline_since=received_at)
    return state


def _counted(state: DeviceHealth, seq: int, at: Millis) -> tuple[int, int]:
    """(newest sequence number, messages lost so far).

    A number from before that comes now fills a gap; a number that begins anew is a restart, and no loss.
    """
    if state.seq is None or seq == state.seq:
        return seq, state.lost
    if seq > state.seq:
        gap = seq - state.seq - 1
        return seq, state.lost + (gap if gap < SEQ_JUMP else 0)
    if at < state.last_at:
        return state.seq, max(state.lost - 1, 0)
    return seq, state.lost


def _charge(
    device: Device, profile: Profile, state: DeviceHealth, uplink: Uplink, *, at: Millis, received_at: Millis
) -> tuple[float | None, bool, list[Event]]:
    """(newest value, low or not, what is told: `value` as measured, `change` the percent left)."""
    value = battery.measured(profile, uplink.measures)
    if profile.battery is None or value is None:
        return state.battery, state.low, []
    low = battery.is_low(profile.battery, value, before=state.low)
    if low is state.low:
        return value, low, []
    event = event_of(EventKind.BATTERY_LOW if low else EventKind.BATTERY_OK, device, at, received_at)
    return value, low, [replace(event, value=value, change=battery.percent(profile.battery, value))]


def back_event(device: Device, profile: Profile, state: DeviceHealth, now: Millis) -> Event:
    kind = EventKind.GATEWAY_BACK if profile.kind is Kind.GATEWAY else EventKind.DEVICE_BACK
    return replace(event_of(kind, device, now, now), window=max(now - anchor(state), 0))


INCIDENTS = {
    EventKind.DEVICE_SILENT: "silent",
    EventKind.DEVICE_BACK: "silent",
    EventKind.GATEWAY_SILENT: "gateway",
    EventKind.GATEWAY_BACK: "gateway",
    EventKind.BATTERY_LOW: "battery",
    EventKind.BATTERY_OK: "battery",
    EventKind.BABBLING: "babble",
    EventKind.BABBLING_OVER: "babble",
    EventKind.CLOCK_WRONG: "clock",
    EventKind.CLOCK_RIGHT: "clock",
}


def event_of(
    kind: EventKind,
    device: Device,
    at: Millis,
    received_at: Millis,
    *,
    level: str = "",
    devices: tuple[str, ...] = (),
) -> Event:
    return Event(
        id=f"{device.id}/{kind}/{at}",
        kind=kind,
        incident=f"{INCIDENTS[kind]}/{device.id}",
        device=device.id,
        at=at,
        received_at=received_at,
        lat=device.lat,
        lon=device.lon,
        level=level,
        devices=devices,
    )
