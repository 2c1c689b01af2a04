"""`/api/v1/deterrents`: every siren and flash, what it does now, and whether animals still run from it."""

import asyncio
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import tzinfo
from typing import Annotated, Literal

from msgspec import Meta, Struct

from devices.frame import Millis
from hub.config.shapes import Device
from hub.config.town import Town
from hub.console import acting
from hub.console.access import ConsoleRole
from hub.console.api.frame import Call, Id, endpoint
from hub.console.views.habituation import (
    Activation,
    Failure,
    Ground,
    Habituation,
    Outcome,
    Past,
    habituation,
    midnight,
    pasts,
    since,
)
from hub.console.views.open_alerts import what
from hub.deterrent import DeterrentState, is_quiet, is_sounding, may_sound, night_of
from hub.geofence import Geofence
from hub.ledger.views import deterrents as view
from hub.model import Alert
from hub.wording.values import words

State = Literal["sounding", "maintenance", "spent", "resting", "ready"]
Sound = Literal["yes", "quiet_hours", "dwelling", "mute"]
FAILURES = 5
"""The newest that are listed."""
MONTH, WEEK = 30, 7
"""Days."""


class Cause(Struct, frozen=True, kw_only=True):
    """One activation, at `at` (epoch ms UTC) for `lasted` ms at most. `action`: deter or warn.

    `alert`: the id of the one it was for, with `what` and `place`; empty where it is no longer kept.
    `reason`: the event, the species and the metres between animal and siren. `outcome`: quiet (nothing came
    back), back (it was there again within the window), stayed (the same visit set it off again), open (the
    window is not over), failed, drill, warning.
    """

    at: Millis
    alert: str
    what: str
    what_en: str
    place: str
    place_en: str
    action: str
    pattern: str
    reason: str
    sound: bool
    light: bool
    lasted: Millis
    outcome: Outcome


class Failed(Struct, frozen=True):
    """A command that was not done: refused by the device, come too late, or never answered."""

    at: Millis
    alert: str
    why: Failure


class Deterrent(Struct, frozen=True, kw_only=True):
    """One siren or flash. Times in epoch ms UTC, positions in degrees.

    `kind`: siren (sound and light), horn, flash. `use`: deter (against animals), warn (people below a
    stream). `state`: sounding until `sounding_until`, maintenance, spent (no activation left this night),
    resting until `resting_until`, or ready; of those for people alone never spent or resting.
    `sound`: whether an animal would be driven off with sound now; else why with light alone: quiet_hours,
    dwelling (one is near), or mute (it has none). `activated_today`, `_week`, `_month`: since midnight, in 7
    and in 30 days with today, without drills. `tonight` of `per_night`: activations against animals since
    noon. `back_month`, `stayed_month`: how often in 30 days the animal was back within the window, or stayed.
    `failed_month`: how often it was told to act and did not, as far as is known; `failures` are the newest of
    these. `habituation` is null where it is not against animals.
    """

    id: str
    name: str
    name_en: str
    kind: Literal["siren", "horn", "flash"]
    use: tuple[Literal["deter", "warn"], ...]
    place: str
    place_en: str
    lat: float
    lon: float
    state: State
    sounding_until: Millis | None
    resting_until: Millis | None
    sound: Sound
    activated_today: int
    activated_week: int
    activated_month: int
    tonight: int
    per_night: int
    last: Cause | None
    back_month: int
    stayed_month: int
    failed_month: int
    failures: tuple[Failed, ...]
    habituation: Habituation | None


class DeterrentsQuery(Struct, frozen=True, forbid_unknown_fields=True):
    first: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    limit: Annotated[int, Meta(ge=1, le=200)] = 100


class Deterrents(Struct, frozen=True):
    """`deterrents`: those that sound first, then as in the config, from number `first` of `count`.
    `quiet_from`, `quiet_to`: quiet hours near dwellings, site time; `quiet`: it is quiet now."""

    deterrents: list[Deterrent]
    count: int
    quiet_from: str
    quiet_to: str
    quiet: bool
    now: Millis


class Seen(Struct, frozen=True):
    """What the ledger says: by siren, and the alerts they were set off for by their ids."""

    pasts: dict[str, Past]
    alerts: dict[str, Alert]


class StopQuery(Struct, frozen=True, forbid_unknown_fields=True):
    id: Id


class Stopped(Struct, frozen=True):
    """`commands`: to how many devices the command to stop goes."""

    commands: int


@endpoint("GET", "/deterrents")
async def deterrents(call: Call, asked: DeterrentsQuery) -> Deterrents:
    """Every siren and flash: what it does now, what it did, and whether animals still run from it."""
    return await listed(call, asked)


@endpoint("POST", "/deterrents/{id}/stop", needs=ConsoleRole.OPERATOR)
async def stop(call: Call, asked: StopQuery) -> Stopped:
    """Switches off one siren or flash, or with `all` every one. Always possible."""
    return Stopped(await acting.stop_siren(call, asked.id))


async def listed(call: Call, asked: DeterrentsQuery) -> Deterrents:
    """The past is read and judged in a thread: a season of it takes longer than the loop has."""
    town, geofence, now = call.town, call.hub.pipeline.geofence, call.now
    begin, ground = since(now, town.zone_info), ground_of(town, geofence, now)
    seen = await call.ledger.view(look, begin, ground, town.zone_info)
    states = call.state.rooms["deterrent"]
    return await asyncio.to_thread(deterrents_of, town, geofence, states, seen, asked=asked, now=now)


def look(connection: sqlite3.Connection, begin: Millis, ground: Ground, zone: tzinfo) -> Seen:
    record = view.read(connection, begin)
    return Seen(pasts(record.commands, record.alerts, record.returns, ground, zone), record.alerts)


def deterrents_of(
    town: Town,
    geofence: Geofence,
    states: Mapping[str, DeterrentState],
    seen: Seen,
    *,
    asked: DeterrentsQuery,
    now: Millis,
) -> Deterrents:
    policy = town.policy.deterrent
    never = Past((), habituation((), town.policy.wildlife.returned_within, now, town.zone_info))
    sirens = sorted(
        (device for device in town.devices.values() if device.siren is not None),
        key=lambda device: not is_sounding(states.get(device.id), now),
    )
    shown = sirens[asked.first : asked.first + asked.limit]
    return Deterrents(
        deterrents=[
            deterrent(
                town,
                geofence,
                device,
                known=states.get(device.id),
                past=seen.pasts.get(device.id, never),
                alerts=seen.alerts,
                now=now,
            )
            for device in shown
        ],
        count=len(sirens),
        quiet_from=f"{policy.quiet_from:%H:%M}",
        quiet_to=f"{policy.quiet_to:%H:%M}",
        quiet=is_quiet(policy, now, town.zone_info),
        now=now,
    )


def ground_of(town: Town, geofence: Geofence, now: Millis) -> Ground:
    """A return may be from a siren that reaches the place where the animal was driven off, or where it had
    walked to since."""
    reach = town.policy.deterrent.range_m + 2 * town.policy.wildlife.join_within_m

    def near(siren: str, place: tuple[float, float]) -> bool:
        device = town.devices.get(siren)
        return device is not None and geofence.distance_m(place, (device.lat, device.lon)) <= reach

    window, late = town.policy.wildlife.returned_within, town.policy.deterrent.live_within
    return Ground(window=window, late=late, near=near, now=now)


def deterrent(
    town: Town,
    geofence: Geofence,
    device: Device,
    *,
    known: DeterrentState | None,
    past: Past,
    alerts: Mapping[str, Alert],
    now: Millis,
) -> Deterrent:
    """One of them."""
    found = past.activations
    policy, zone, profile = town.policy.deterrent, town.zone_info, town.profile(device)
    state = known or DeterrentState()
    use = device.siren.use if device.siren else ()
    tonight = state.tonight if state.night == night_of(now, zone) else 0
    real = [one for one in found if one.outcome != "drill"]
    month = [one for one in real if one.command.created_at >= midnight(now, zone, MONTH - 1)]
    failed = [one for one in month if one.failure]
    rests = state.last_on is not None and "deter" in use and 0 <= now - state.last_on < policy.cooldown
    return Deterrent(
        id=device.id,
        name=device.name,
        name_en=device.name_en,
        kind="siren" if profile.sound and profile.light else "horn" if profile.sound else "flash",
        use=use,
        place=device.place,
        place_en=device.place_en,
        lat=device.lat,
        lon=device.lon,
        state=_state(town, device, state, now, tonight=tonight, rests=rests),
        sounding_until=state.until if is_sounding(known, now) else None,
        resting_until=(state.last_on or 0) + policy.cooldown if rests else None,
        sound=_sound(town, geofence, device, now),
        activated_today=_since(real, midnight(now, zone)),
        activated_week=_since(real, midnight(now, zone, WEEK - 1)),
        activated_month=len(month),
        tonight=tonight,
        per_night=policy.per_night,
        last=_cause(town, found[-1], alerts) if found else None,
        back_month=sum(one.outcome == "back" for one in month),
        stayed_month=sum(one.outcome == "stayed" for one in month),
        failed_month=len(failed),
        failures=tuple(
            Failed(one.command.created_at, one.command.alert_id, one.failure)
            for one in failed[: -FAILURES - 1 : -1]
            if one.failure
        ),
        habituation=past.habituation if "deter" in use else None,
    )


def _since(found: Sequence[Activation], at: Millis) -> int:
    return sum(one.command.created_at >= at for one in found)


def _state(
    town: Town, device: Device, state: DeterrentState, now: Millis, *, tonight: int, rests: bool
) -> State:
    if is_sounding(state, now):
        return "sounding"
    if device.maintenance:
        return "maintenance"
    if device.siren is not None and "deter" in device.siren.use:
        if tonight >= town.policy.deterrent.per_night:
            return "spent"
        if rests:
            return "resting"
    return "ready"


def _sound(town: Town, geofence: Geofence, device: Device, now: Millis) -> Sound:
    if not town.profile(device).sound:
        return "mute"
    quiet = is_quiet(town.policy.deterrent, now, town.zone_info)
    if may_sound(town, geofence, device, quiet=quiet):
        return "yes"
    return "quiet_hours" if may_sound(town, geofence, device, quiet=False) else "dwelling"


def _cause(town: Town, one: Activation, alerts: Mapping[str, Alert]) -> Cause:
    command, alert = one.command, alerts.get(one.command.alert_id)
    device = town.devices.get(alert.device) if alert else None
    return Cause(
        at=command.created_at,
        alert=command.alert_id if alert else "",
        what=_named(alert, device, "ja") if alert else "",
        what_en=_named(alert, device, "en") if alert else "",
        place=alert.place if alert else "",
        place_en=alert.place_en if alert else "",
        action=command.action,
        pattern=command.pattern,
        reason=command.reason,
        sound=command.sound,
        light=command.light,
        lasted=max(command.until - command.created_at, 0),
        outcome=one.outcome,
    )


def _named(alert: Alert, device: Device | None, lang: str) -> str:
    """The animal by its name: it is there no more."""
    species = words()["species"]
    if alert.kind in ("animal", "bear"):
        return species.get(alert.species, species["unknown"])[lang == "en"]
    return what(alert, device, lang)


ENDPOINTS = (deterrents, stop)
