"""Debris flow (土石流): all sensors of one stream judge together, with the rain.

A cut wire is a debris flow, confirmed or not: a missed one costs lives. Vibration or tilt alone makes
officials look; two sensors within `confirm_within` are a debris flow. A wire node that falls silent is no cut
wire, and no business of this room. The rain's defaults of 20 mm/h and 80 mm are those of Aomori's automatic
mail; the reset of 連続雨量 after 24 h without rain is Oita's.
"""

from msgspec import Struct
from msgspec.structs import replace

from devices.frame import Millis, Signal
from hub.config.policy import SlopePolicy
from hub.config.shapes import Device
from hub.model import Act, Event, EventKind, Flag, Freshness, Reading

MINUTE: Millis = 60_000
HOUR: Millis = 3_600_000
DRY_SPELL: Millis = 24 * HOUR
AGAIN_AFTER: Millis = HOUR
"""A wire cut so long after the last trigger of an alert that nobody has closed is another flow."""
AHEAD_ALLOWED: Millis = 300_000
VIBRATION_OVER: Millis = 600_000
"""Vibration that pauses for less is one vibration."""
RAIN_MM = "rain_mm"
"""Rain since the gauge's last report, mm."""


class Trigger(Struct, frozen=True):
    """A sensor that has tripped: when, or for vibration when last. To stay cut is no second sign."""

    device: str
    type: str
    at: Millis


class Rainfall(Struct, frozen=True):
    """One rain gauge. `minutes` holds (minute since the epoch, mm) of the last hour, oldest first."""

    minutes: tuple[tuple[int, float], ...] = ()
    total_mm: float = 0.0
    """連続雨量: since the last 24 h without rain."""
    wet_at: Millis = 0
    read_at: Millis = 0


class StreamState(Struct, frozen=True):
    """One stream. `tripped` holds wires that are cut, poles that lean and recent vibration.

    While `open`, `device` is the sensor that began it at `opened_at`, `agreeing` all that have tripped since,
    and `last_at` when the newest of them did.
    """

    tripped: tuple[Trigger, ...] = ()
    rain: dict[str, Rainfall] = {}
    stream: str = ""
    open: bool = False
    confirmed: bool = False
    opened_at: Millis = 0
    last_at: Millis = 0
    device: str = ""
    lat: float | None = None
    lon: float | None = None
    agreeing: tuple[str, ...] = ()


def step(
    policy: SlopePolicy,
    state: StreamState,
    device: Device,
    signal: Signal,
    *,
    at: Millis,
    freshness: Freshness,
    received_at: Millis,
) -> tuple[StreamState, list[Event]]:
    """One signal of a sensor of the stream: `wire`, `vibration`, `tilt`, or the `contact` of a wire's loop.

    Only what is LIVE or DELAYED counts; a device under maintenance says nothing.
    """
    type, tripped = _trip(signal)
    if not type or device.slope is None or device.maintenance or freshness > Freshness.DELAYED:
        return state, []
    if state.last_at > received_at + AHEAD_ALLOWED:
        state = replace(state, opened_at=0, last_at=0)  # noted by a clock that was ahead
    before = next((t for t in state.tripped if t.device == device.id and t.type == type), None)
    others = tuple(t for t in state.tripped if t is not before)
    if not tripped:
        # A pause is no end of a vibration; its time is.
        mended = before is not None and type != "vibration"
        return (replace(state, tripped=others) if mended else state), []
    shook = type == "vibration" and before is not None
    fresh = before is None or (shook and not -AHEAD_ALLOWED <= at - before.at < VIBRATION_OVER)
    if not fresh and type != "vibration":
        return state, []
    trigger = Trigger(device.id, type, at if before is None or fresh else max(at, before.at))
    state = replace(state, tripped=(*others, trigger))
    agreeing = tuple(t.device for t in others if _agrees(policy, t, device.id, at))
    scene = _Scene(policy, device, device.slope.stream, at, freshness, received_at)
    if state.open:
        return _while_open(state, scene, type, agreeing, fresh=fresh)
    if type == "wire" or agreeing:
        return _debris_flow(state, scene, agreeing)
    return state, ([_look(state, scene, type)] if fresh else [])


def rain(
    policy: SlopePolicy, state: StreamState, device: Device, reading: Reading
) -> tuple[StreamState, list[Event]]:
    """One `rain_mm` reading of a gauge near the stream, `device` being the gauge.

    Heavy rain confirms a flow that is open and not confirmed, if it is reported within an hour of it.
    """
    if reading.quantity != RAIN_MM or reading.value is None or reading.value < 0:
        return state, []
    if reading.flag > Flag.NOT_EVALUATED or reading.freshness == Freshness.RETAINED or device.maintenance:
        return state, []
    gauge = state.rain.get(device.id, Rainfall())
    state = replace(state, rain=state.rain | {device.id: _fallen(gauge, reading.at, reading.value)})
    live = reading.freshness <= Freshness.DELAYED
    if not (live and state.open and not state.confirmed and reading.at - state.opened_at <= HOUR):
        return state, []
    if not is_wet(policy, state, reading.at):
        return state, []
    state = replace(state, confirmed=True, agreeing=(*state.agreeing, device.id))
    scene = _Scene(policy, device, state.stream, reading.at, reading.freshness, reading.received_at)
    return state, [_confirmed(state, scene, "rain")]


def act(state: StreamState, act: Act, now: Millis) -> tuple[StreamState, list[Event]]:
    """`debris_cancel` says that there is no flow; `act.detail` is the cause. `close` ends it without a word.
    `confirm`: somebody has looked, and there is one.

    A wire that stays cut does not open again; mended, it does when it is cut anew.
    """
    if act.kind not in ("debris_cancel", "close", "confirm") or not state.open:
        return state, []
    if act.kind == "confirm":
        event = _by_hand(EventKind.DEBRIS_CONFIRMED, state, act, now)
        return replace(state, confirmed=True), [replace(event, detail="person")]
    closed = StreamState(tripped=state.tripped, rain=state.rain, stream=state.stream)
    if act.kind == "close":
        return closed, []
    return closed, [_by_hand(EventKind.DEBRIS_CANCEL, state, act, now)]


def _by_hand(kind: EventKind, state: StreamState, act: Act, now: Millis) -> Event:
    return Event(
        id=f"{state.stream}/{kind}/{act.at}",
        kind=kind,
        incident=f"slope/{state.stream}",
        device=state.device,
        at=act.at,
        received_at=now,
        lat=state.lat,
        lon=state.lon,
        devices=state.agreeing,
        detail=act.detail,
        who=act.who,
    )


def rain_mm_h(state: StreamState, at: Millis) -> float:
    """Rain of the 60 min before `at` at the gauge that has most."""
    since = at // MINUTE - 60
    return max(
        (sum(mm for minute, mm in r.minutes if since < minute) for r in state.rain.values()), default=0.0
    )


def rain_total_mm(state: StreamState, at: Millis) -> float:
    """連続雨量 at the gauge that has most."""
    return max((r.total_mm for r in state.rain.values() if at - r.wet_at < DRY_SPELL), default=0.0)


def is_wet(policy: SlopePolicy, state: StreamState, at: Millis) -> bool:
    """Rain enough for a debris flow to be believed."""
    return rain_mm_h(state, at) >= policy.rain_mm_h or rain_total_mm(state, at) >= policy.rain_total_mm


class _Scene(Struct, frozen=True):
    policy: SlopePolicy
    device: Device
    stream: str
    at: Millis
    freshness: Freshness
    received_at: Millis


def _trip(signal: Signal) -> tuple[str, bool]:
    """(type, tripped). The loop of a wire is closed: open is cut."""
    if signal.type == "wire":
        return "wire", signal.state != "ok"
    if signal.type == "contact":
        return "wire", signal.state != "closed"
    if signal.type in ("vibration", "tilt"):
        return signal.type, signal.state != "off"
    return "", False


def _agrees(policy: SlopePolicy, trigger: Trigger, device: str, at: Millis) -> bool:
    return trigger.device != device and abs(at - trigger.at) <= policy.confirm_within


def _debris_flow(
    state: StreamState, scene: _Scene, agreeing: tuple[str, ...]
) -> tuple[StreamState, list[Event]]:
    wet = is_wet(scene.policy, state, scene.at)
    devices = tuple(dict.fromkeys([*agreeing, scene.device.id]))
    state = replace(
        state,
        stream=scene.stream,
        open=True,
        confirmed=len(devices) > 1 or wet,
        opened_at=scene.at,
        last_at=scene.at,
        device=scene.device.id,
        lat=scene.device.lat,
        lon=scene.device.lon,
        agreeing=devices,
    )
    why = "sensor" if len(devices) > 1 else "rain" if wet else ""
    return state, [_event(EventKind.DEBRIS_FLOW, state, scene, why)]


def _while_open(
    state: StreamState, scene: _Scene, type: str, agreeing: tuple[str, ...], *, fresh: bool
) -> tuple[StreamState, list[Event]]:
    """Another sensor confirms. A wire cut long after the last trigger is another flow."""
    if type == "wire" and scene.at - state.last_at > AGAIN_AFTER:
        return _debris_flow(state, scene, agreeing)
    other = scene.device.id not in state.agreeing
    news = other and not state.confirmed
    state = replace(
        state,
        confirmed=state.confirmed or other,
        last_at=max(state.last_at, scene.at) if fresh else state.last_at,
        agreeing=(*state.agreeing, scene.device.id) if other else state.agreeing,
    )
    return state, ([_confirmed(state, scene, "sensor")] if news else [])


def _confirmed(state: StreamState, scene: _Scene, why: str) -> Event:
    """About the sensor that began it; `devices` ends with what agreed now."""
    event = _event(EventKind.DEBRIS_CONFIRMED, state, scene, why)
    return replace(event, device=state.device, lat=state.lat, lon=state.lon)


def _look(state: StreamState, scene: _Scene, type: str) -> Event:
    """Vibration or tilt alone: an alert of its own, which a debris flow after it does not have to enlarge."""
    event = _event(EventKind.SLOPE_MOVED, state, scene, type)
    incident = f"slope/{scene.stream}/check"
    return replace(event, incident=incident, confirmed=False, devices=(scene.device.id,))


def _event(kind: EventKind, state: StreamState, scene: _Scene, detail: str) -> Event:
    """`detail` is what agrees (sensor, rain) or what moved; `value` the rain in mm/h."""
    return Event(
        id=f"{scene.device.id}/{kind}/{scene.at}",
        kind=kind,
        incident=f"slope/{scene.stream}",
        device=scene.device.id,
        at=scene.at,
        received_at=scene.received_at,
        freshness=scene.freshness,
        lat=scene.device.lat,
        lon=scene.device.lon,
        value=round(rain_mm_h(state, scene.at), 1),
        confirmed=state.confirmed,
        devices=state.agreeing,
        detail=detail,
    )


def _fallen(gauge: Rainfall, at: Millis, mm: float) -> Rainfall:
    """The gauge after one report, also one that comes out of order. The same report again changes nothing."""
    if at == gauge.read_at:
        return gauge
    minute, newest = at // MINUTE, max(at, gauge.read_at) // MINUTE
    minutes = dict(gauge.minutes)
    if mm > 0:
        minutes[minute] = minutes.get(minute, 0.0) + mm
    kept = tuple(sorted((m, fallen) for m, fallen in minutes.items() if m > newest - 60))
    total, wet_at = gauge.total_mm, gauge.wet_at
    if mm > 0 and at - wet_at >= DRY_SPELL:
        total, wet_at = mm, at
    elif mm > 0 and wet_at - at < DRY_SPELL:
        total, wet_at = total + mm, max(at, wet_at)
    return Rainfall(kept, total, wet_at, max(at, gauge.read_at))
