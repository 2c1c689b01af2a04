"""`/api/v1/devices`: every device and what is known of it; work on a device."""

import asyncio
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from devices.frame import Millis
from hub.acts.quiet import FURTHEST
from hub.config import shapes
from hub.config.shapes import Kind
from hub.config.town import Town
from hub.console.access import ConsoleRole, act_of
from hub.console.api.frame import Call, Id, Instant, Problem, endpoint
from hub.console.api.quarantine import RawMessage, put_aside, raw
from hub.console.views.carried import NOTHING
from hub.console.views.survey import Found, survey_of
from hub.detect import babbling
from hub.detect.battery import percent
from hub.detect.health import DeviceHealth
from hub.detect.river import RiverState
from hub.detect.silent_devices import DOUBT, heartbeat
from hub.deterrent import is_sounding
from hub.ledger.views import devices as views
from hub.model import Flag, Freshness
from hub.pipeline import LEVEL
from hub.state import State
from hub.telling.silences import Period

MINUTE: Millis = 60_000
DAY: Millis = 86_400_000
MESSAGES = 10
"""Of one device that are shown raw."""
PUT_ASIDE = 20
LONGEST_REASON = 200
A_TURN = 100
"""Devices that are looked at before others have theirs: some 2 ms."""

DeviceState = Literal["silent", "fault", "battery", "late", "unheard", "maintenance", "ok"]
"""Worst first. `late`: its word is overdue, and not yet for so long that it is told as silent. `unheard`: not
heard since the hub knows it. `fault`: it babbles, is unsteady, its clock is wrong or its level doubtful."""
FAULTS = ("babble", "clock", "flapping", "unverified")
"""Rooms of the incidents that are a fault of the device."""

UNKNOWN = DeviceHealth()
CALM = RiverState()


class Device(Struct, frozen=True, kw_only=True):
    """One device as it is now.

    `seen_at`: its last sign of life; `expected_by`: when the next is due, null where none is. `battery_pct` 0
    to 100, `battery_v` in V, `battery_days` until it is low (365: a year or more), null where that cannot be
    said. `rssi_dbm` and `snr_db` are those of the newest message, at the gateway that heard it best.
    `messages_per_hour` counts what was kept in the last hour. `maintenance_until`: null where nobody is at
    work, or where the config says so without an end. `active_until`: a siren or flash that sounds now.
    `children`: ids of the devices that hang on it.
    """

    id: str
    name: str
    name_en: str
    kind: Kind
    profile: str
    gateway: str | None
    lat: float
    lon: float
    state: DeviceState
    seen_at: Millis | None = None
    expected_by: Millis | None = None
    battery_pct: float | None = None
    battery_v: float | None = None
    battery_days: int | None = None
    rssi_dbm: float | None = None
    snr_db: float | None = None
    firmware: str = ""
    messages_per_hour: float = 0.0
    maintenance_until: Millis | None = None
    active_until: Millis | None = None
    children: tuple[str, ...] = ()


class Devices(Struct, frozen=True):
    """All devices in the order of the config; `now` by the hub's clock, epoch ms."""

    devices: list[Device]
    now: Millis


class Measurement(Struct, frozen=True):
    """One reading: `value` in the unit of the quantity's name, null where the device had none.

    `flag` is QARTOD's: 1 pass, 2 not evaluated, 3 suspect, 4 fail, 9 missing. `tests` it did not pass.
    """

    quantity: str
    at: Millis
    value: float | None
    flag: Flag
    freshness: Freshness
    tests: tuple[str, ...]


class OpenAlert(Struct, frozen=True):
    """`severity` 0 to 4; `mode`: actual, exercise or test."""

    id: str
    kind: str
    severity: int
    mode: str
    opened_at: Millis


class Work(Struct, frozen=True):
    """Maintenance that goes on or is planned, epoch ms. `who`: as the act says it."""

    from_at: Millis
    until_at: Millis
    who: str
    reason: str


class DeviceDetail(Struct, frozen=True, kw_only=True):
    """Everything that is known of one device.

    `heartbeat_ms`: how often a sign of life is due, null where none is. `lost`: messages that never came, by
    its numbering. `clock_behind_ms`: how far its clock is behind, null where it is right or has none.
    `measured`: its readings of the last day before it was last heard, the newest first, one quantity after
    another; `readings`: the newest of each quantity. `main`: the quantity it is there for.
    """

    device: Device
    profile_name: str
    place: str
    place_en: str
    address: str
    zones: tuple[str, ...]
    heartbeat_ms: Millis | None
    silent_since: Millis | None
    lost: int
    clock_behind_ms: Millis | None
    work: Work | None
    alerts: list[OpenAlert]
    main: str
    readings: list[Measurement]
    measured: list[Measurement]
    messages: list[RawMessage]
    quarantine: list[RawMessage]
    now: Millis


# --- the view -----------------------------------------------------------------------------------------


def device_of(
    town: Town, state: State, found: Found, device: shapes.Device, *, faulty: Collection[str], now: Millis
) -> Device:
    """What the hub knows of it just now. `faulty`: ids of the devices with a fault of their own."""
    rooms, profile = state.rooms, town.profile(device)
    heard: DeviceHealth = rooms["health"].get(device.id, UNKNOWN)
    beat = beat_of(town, state, device)
    seen, volts = heard.last_seen or None, heard.battery
    battery = profile.battery if volts is not None else None
    carried = found.carried.get(device.id, NOTHING)
    work, siren = rooms["maintenance"].get(device.id), rooms["deterrent"].get(device.id)
    return Device(
        id=device.id,
        name=device.name,
        name_en=device.name_en,
        kind=profile.kind,
        profile=device.profile,
        gateway=device.gateway,
        lat=device.lat,
        lon=device.lon,
        state=state_of(device, heard, beat, now, is_faulty=device.id in faulty),
        seen_at=seen,
        expected_by=seen + beat if seen and beat else None,
        battery_pct=percent(battery, volts) if battery and volts is not None else None,
        battery_v=volts if battery and battery.quantity.endswith("_v") else None,
        battery_days=0 if heard.low else found.days.get(device.id),
        rssi_dbm=carried.rssi_dbm,
        snr_db=carried.snr_db,
        firmware=carried.firmware,
        messages_per_hour=round(found.rates.get(device.id, 0.0), 1),
        maintenance_until=work.since + work.lasts if work and work.holds(now) else None,
        active_until=siren.until if siren and is_sounding(siren, now) else None,
        children=town.children.get(device.id, ()),
    )


def beat_of(town: Town, state: State, device: shapes.Device) -> Millis:
    """How often a sign of life is due just now; 0 where none is."""
    river: RiverState = state.rooms["river"].get(device.id, CALM)
    return heartbeat(device, town.profile(device), flood=river.above_caution)


def state_of(
    device: shapes.Device, heard: DeviceHealth, beat: Millis, now: Millis, *, is_faulty: bool
) -> DeviceState:
    """The worst that is so; what is wrong with a device at which somebody is at work is not asked."""
    babbles = heard.budget.babbling and not babbling.calm(heard.budget, now)
    is_late = heard.offline_since or (beat and now - heard.last_seen >= DOUBT * beat)
    states: tuple[tuple[DeviceState, object], ...] = (
        ("maintenance", device.maintenance),
        ("silent", heard.silent_at),
        ("fault", babbles or is_faulty),
        ("battery", heard.low),
        ("unheard", not heard.last_seen),
        ("late", is_late),
    )
    return next((state for state, holds in states if holds), "ok")


def faulty(state: State) -> frozenset[str]:
    """Devices of which an open alert says that they have a fault of their own."""
    return frozenset(
        alert.device for incident, alert in state.alerts.items() if incident.partition("/")[0] in FAULTS
    )


async def all_devices(call: Call) -> list[Device]:
    """In the order of the config. Others have their turn between them."""
    found = await survey_of(call.request).look(call.ledger, call.town, call.state.rooms["health"], call.now)
    listed: list[Device] = []
    town = list(call.town.devices.values())
    for start in range(0, len(town), A_TURN):
        bad, now, turn = faulty(call.state), call.now, town[start : start + A_TURN]
        listed += [device_of(call.town, call.state, found, one, faulty=bad, now=now) for one in turn]
        await asyncio.sleep(0)
    return listed


def main_quantity(device: shapes.Device, profile: shapes.Profile) -> str:
    """What it is there for; its battery where it measures nothing else, empty where it has not even that."""
    if device.gauge:
        return LEVEL
    own = profile.battery.quantity if profile.battery else ""
    others = [name for name in profile.quantities if name != own and not name.startswith("battery_")]
    return others[0] if others else own


async def detail_of(call: Call, id: str) -> DeviceDetail | None:
    """None: the town has no such device."""
    town, state, now, device = call.town, call.state, call.now, call.town.devices.get(id)
    if device is None:
        return None
    profile = town.profile(device)
    found = await survey_of(call.request).look(call.ledger, town, state.rooms["health"], now)
    heard: DeviceHealth = state.rooms["health"].get(id, UNKNOWN)
    until = max(now, heard.last_seen) if now - heard.last_seen < DAY else heard.last_seen
    measured = await call.ledger.view(views.readings_of, id, until - DAY, until + MINUTE)
    messages = await call.ledger.view(views.messages_of, id, heard.heard_at or now, MESSAGES)
    aside = await put_aside(call, device=id, before=None, limit=PUT_ASIDE)
    clock = state.rooms["clock"].get(id)
    main = main_quantity(device, profile)
    return DeviceDetail(
        device=device_of(town, state, found, device, faulty=faulty(state), now=now),
        profile_name=profile.name,
        place=device.place,
        place_en=device.place_en,
        address=device.address,
        zones=tuple(call.hub.pipeline.geofence.zones_at(device.lat, device.lon)),
        heartbeat_ms=beat_of(town, state, device) or None,
        silent_since=heard.silent_at or None,
        lost=heard.lost,
        clock_behind_ms=clock.behind if clock and clock.behind else None,
        work=_work(state.rooms["maintenance"].get(id)),
        alerts=[
            OpenAlert(a.id, a.kind, int(a.severity), a.mode.value, a.opened_at)
            for a in sorted(state.alerts.values(), key=lambda a: (-a.severity, a.opened_at))
            if id == a.device or id in a.devices
        ],
        main=main,
        readings=_newest(measured),
        measured=[_measurement(one) for one in measured if one.quantity == main],
        messages=raw(messages, id),
        quarantine=aside,
        now=now,
    )


def _newest(measured: Collection[views.Measured]) -> list[Measurement]:
    newest: dict[str, views.Measured] = {}
    for one in measured:
        newest.setdefault(one.quantity, one)
    return [_measurement(one) for _, one in sorted(newest.items())]


def _measurement(one: views.Measured) -> Measurement:
    return Measurement(one.quantity, one.at, one.value, one.flag, one.freshness, one.tests)


def _work(period: Period | None) -> Work | None:
    if period is None:
        return None
    return Work(period.since, period.since + period.lasts, period.who, period.reason)


# --- the endpoints ------------------------------------------------------------------------------------


class Nothing(Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing is asked."""


class OneDevice(Struct, frozen=True, forbid_unknown_fields=True):
    """Its id."""

    id: Id


class WorkQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Work on the device `id` until `until_at`, epoch ms; from `from_at` on, else from now."""

    id: Id
    until_at: Instant
    from_at: Instant | None = None
    reason: Annotated[str, Meta(max_length=LONGEST_REASON)] = ""


@endpoint("GET", "/devices")
async def devices(call: Call, asked: Nothing) -> Devices:  # noqa: ARG001
    """All devices with their state, battery, signal and traffic."""
    return Devices(await all_devices(call), call.now)


@endpoint("GET", "/devices/{id}")
async def device(call: Call, asked: OneDevice) -> DeviceDetail:
    """One device and everything that is known of it."""
    return await _known(call, asked.id)


@endpoint("POST", "/devices/{id}/maintenance", needs=ConsoleRole.OPERATOR)
async def maintenance(call: Call, asked: WorkQuery) -> DeviceDetail:
    """Somebody is at work on a device: until the end it tells nothing, and nobody is told that it is silent.

    422: the end is not after the beginning, not in the future, or further than the town's policy allows.
    """
    await begin_work(call, asked)
    return await _known(call, asked.id)


@endpoint("POST", "/devices/{id}/maintenance_end", needs=ConsoleRole.OPERATOR)
async def maintenance_end(call: Call, asked: OneDevice) -> DeviceDetail:
    """The work on a device is over, or is not done after all."""
    await end_work(call, asked.id)
    return await _known(call, asked.id)


async def _known(call: Call, id: str) -> DeviceDetail:
    found = await detail_of(call, id)
    if found is None:
        raise Problem(404, "device")
    return found


async def begin_work(call: Call, asked: WorkQuery) -> None:
    """Problem: no such device, or no such time."""
    if asked.id not in call.town.devices:
        raise Problem(404, "device")
    begins = max(asked.from_at or 0, call.now)
    minutes = -((begins - asked.until_at) // MINUTE)
    longest = call.town.policy.silence.longest_maintenance
    if asked.until_at <= begins or asked.until_at - begins > longest or begins - call.now > FURTHEST:
        raise Problem(422, "time", f"after its beginning, and at most {longest // MINUTE} minutes after it")
    start = datetime.fromtimestamp(begins / 1000, UTC).isoformat()
    form = {"minutes": str(minutes), "reason": asked.reason.strip()}
    form |= {"start": start} if begins > call.now else {}
    await call.hub.do(act_of(call.request, "maintenance", asked.id, **form))


async def end_work(call: Call, id: str) -> None:
    """Problem: no such device."""
    if id not in call.town.devices:
        raise Problem(404, "device")
    await call.hub.do(act_of(call.request, "maintenance_end", id))


ENDPOINTS = (devices, device, maintenance, maintenance_end)
