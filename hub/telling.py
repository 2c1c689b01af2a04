"""From what must be told to the notifications: people, words and channels, as rows for the outbox. Pure."""

from collections.abc import Collection, Iterable
from hashlib import blake2b
from typing import Any

from msgspec.structs import replace

from devices.frame import Millis
from hub import wording
from hub.alerts import Scene, Telling
from hub.audience import Audience, resolve
from hub.clock import is_sane
from hub.config.shapes import LEVELS, Gauge, Person
from hub.model import Alert, Command, Event, EventKind, Mode, Notification, Status

MINUTE: Millis = 60_000


def tell(
    scene: Scene,
    alert: Alert,
    event: Event,
    tellings: Iterable[Telling],
    commands: Collection[Command] = (),
    *,
    live: bool = True,
) -> tuple[Alert, list[Notification]]:
    """The notifications of `tellings`, and the alert which remembers who was told what.

    `commands` are the deterrents that were set off by the same event: the message says so. Where `live` is
    false (a replay) the notifications are decided and written down, and none is sent.
    """
    notifications: list[Notification] = []
    for telling in tellings:
        people = _recipients(scene, alert, telling, clock_set=is_sane(scene.now) or not live)
        if not people:
            continue
        about = fields(scene, alert, event, commands)
        if live and not (is_sane(scene.now) and is_sane(event.at)):
            about = about | {"time": wording.NOT_KNOWN, "last_seen": None}
        for person in people:
            notifications += _for_person(scene, alert, event, telling, person=person, about=about, live=live)
        told = alert.told | {p.id: int(telling.severity) for p in people}
        alert = replace(alert, told=told, last_told_at=scene.now, held=0)
    return alert, notifications


def _recipients(scene: Scene, alert: Alert, telling: Telling, *, clock_set: bool) -> tuple[Person, ...]:
    if telling.to_told:
        told = (scene.town.people.get(person) for person in alert.told)
        people: tuple[Person, ...] = tuple(person for person in told if person)
    else:
        people = resolve(scene.town, telling.audience, alert.zones, scene.now, clock_set=clock_set)
    if telling.new_only:
        people = tuple(p for p in people if alert.told.get(p.id, -1) < telling.severity)
    if telling.above_only:
        people = tuple(p for p in people if alert.told[p.id] > telling.severity)
    return people


def _for_person(
    scene: Scene,
    alert: Alert,
    event: Event,
    telling: Telling,
    *,
    person: Person,
    about: dict[str, Any],
    live: bool,
) -> Iterable[Notification]:
    official = scene.device.gauge.official if scene.device.gauge else True
    yield from on_every_channel(
        person,
        telling,
        about,
        scene.now,
        alert_id=alert.id,
        event_id=event.id,
        event_received_at=event.received_at,
        mode=alert.mode,
        official=official,
        live=live,
    )


def on_every_channel(
    person: Person,
    telling: Telling,
    about: dict[str, Any],
    now: Millis,
    *,
    alert_id: str,
    event_id: str,
    event_received_at: Millis,
    mode: Mode = Mode.ACTUAL,
    official: bool = True,
    live: bool = True,
) -> Iterable[Notification]:
    """One thing told to one person, as each of the person's channels can carry it."""
    severity = telling.severity if telling.priority is None else telling.priority
    for index, channel in enumerate(person.channels):
        title, body = wording.render(
            telling.template, person.lang, channel.kind, about, mode, official=official
        )
        yield Notification(
            id=notification_id(alert_id, event_id, telling.template, person.id, index),
            alert_id=alert_id,
            recipient=person.id,
            channel=index,
            channel_kind=channel.kind,
            reason=telling.reason,
            template=telling.template,
            severity=severity,
            title=title,
            body=body,
            created_at=now,
            event_received_at=event_received_at,
            expires_at=now + telling.keep_for,
            status=Status.PENDING if live else Status.NOT_SENT,
            next_at=now,
            finished_at=None if live else now,
        )


def notification_id(*parts: object) -> str:
    """Stable: decided again after a crash, it is the same notification."""
    return blake2b("\n".join(map(str, parts)).encode(), digest_size=8).hexdigest()


# --- what a message can say -------------------------------------------------------------------------


def fields(scene: Scene, alert: Alert, event: Event, commands: Collection[Command]) -> dict[str, Any]:
    """The values that `hub.wording` spells out; what is not known is left out there with its line."""
    device, town = scene.device, scene.town
    last_seen = event.at - event.window if event.window else None
    path = [town.devices[d] for d in alert.devices if d in town.devices]
    about: dict[str, Any] = {
        "time": wording.format_time(event.at, scene.now, town.zone_info),
        "place": alert.place,
        "place_en": alert.place_en,
        "lat": alert.lat,
        "lon": alert.lon,
        "species": alert.species,
        "count": alert.count if alert.count > 1 else None,
        "path": [d.place for d in path] if len(path) > 1 else None,
        "path_en": [d.place_en for d in path] if len(path) > 1 else None,
        "deterrent": _deterrent(commands),
        "contact": town.site.contact,
        "info_url": town.site.info_url,
        "sensor_name": device.name,
        "sensor_name_en": device.name_en,
        "level": event.value,
        "trend": event.trend,
        "change": event.change,
        "minutes": _minutes(scene, event),
        "window": event.window / MINUTE or None,
        "cause": event.detail,
    }
    if event.kind in (EventKind.DEVICE_SILENT, EventKind.GATEWAY_SILENT, EventKind.TRAP_SILENT) and last_seen:
        about["last_seen"] = wording.format_time(last_seen, scene.now, town.zone_info)
    if device.trap:
        about |= {"trap_no": device.trap.no, "trap_type": device.trap.type}
    if device.gauge:
        about |= _river(device.gauge, event)
    if event.incident.startswith("slope/"):
        about |= _slope(scene, alert, event)
    if event.kind in (EventKind.DEVICE_FLAPPING, EventKind.DEVICE_STEADY):
        about |= _flapping(event)
    if event.kind is EventKind.GATEWAY_SILENT:
        children = [town.devices[d] for d in event.devices if d in town.devices and d != device.id]
        about["children"] = [d.name for d in children]
        about["children_en"] = [d.name_en for d in children]
    if event.kind is EventKind.BATTERY_LOW:
        battery = town.profile(device).battery
        volts = event.value if battery and battery.quantity.endswith("_v") else None
        about |= {"volts": volts, "percent": event.change, "level": None, "change": None}
    if event.kind is EventKind.TRAP_RESET:
        about["who"] = event.detail
    if event.incident.startswith("hub/"):
        about |= _hub(scene, event)
    if event.kind is EventKind.MESSAGES_MISSED:
        about |= _missed(scene, event)
    return about


FIGURES = {
    "disk": "{:.0f} MB",
    "disk_full": "{:.0f} MB",
    "ledger": "{:.0f} MB",
    "memory": "{:.0f} %",
    "hot": "{:.0f} °C",
}
"""How what was measured of the hub is written, by what is wrong."""


def _hub(scene: Scene, event: Event) -> dict[str, Any]:
    """What is wrong with the hub itself; `devices` are the gauges that stand high and are not watched."""
    _, what, *channel = event.incident.split("/")
    codes = ("trouble", "trouble_means", "trouble_do", "trouble_area")
    unwatched = [scene.town.devices[d] for d in event.devices if d in scene.town.devices]
    since = event.at - event.window
    return {
        **dict.fromkeys(codes, what),
        "channel": channel[0] if channel else None,
        "figure": FIGURES[what].format(event.value) if what in FIGURES and event.value is not None else None,
        "level": None,
        "last_seen": wording.format_time(since, scene.now, scene.town.zone_info) if is_sane(since) else None,
        "hub": scene.town.site.name,
        "hub_en": scene.town.site.name_en,
        "children": [d.name for d in unwatched],
        "children_en": [d.name_en for d in unwatched],
    }


def _missed(scene: Scene, event: Event) -> dict[str, Any]:
    """How many messages of how many devices never came, of whom how many, and who has not spoken yet."""
    devices, counts = scene.town.devices, zip(event.devices, event.detail.split(), strict=True)
    named = [(devices[device], count) for device, count in counts if device in devices]
    return {
        "count": event.count or None,
        "devices": len(event.devices) or None,
        "missed": [f"{device.name} {count}" for device, count in named],
        "missed_en": [f"{device.name_en} {count}" for device, count in named],
        "unheard_count": event.value,
        "last_seen": wording.format_time(event.at - event.window, scene.now, scene.town.zone_info),
        "cause": None,
        "level": None,
    }


def _deterrent(commands: Collection[Command]) -> str:
    sound = any(command.sound for command in commands)
    light = any(command.light for command in commands)
    return ("sound" if light else "sound_only") if sound else ("light" if light else "")


def _flapping(event: Event) -> dict[str, Any]:
    """What goes and comes, how often in how long, what may be behind it; `minutes` between its words."""
    what, _, hint = event.detail.partition("/")
    return {
        "flaps": what,
        "hint": hint,
        "count": event.count or None,
        "hours": max(event.window // (60 * MINUTE), 1),
        "minutes": event.value,
        "cause": None,
    }


def _minutes(scene: Scene, event: Event) -> float | None:
    """How long it has been so: without a word, unseen, below the level."""
    policy = scene.town.policy
    window = event.window
    if event.kind is EventKind.ANIMAL_GONE:
        window = policy.wildlife.quiet_for
    elif event.kind is EventKind.LEVEL_CLEAR:
        window = policy.river.clear_after if event.confirmed else 0
    return window / MINUTE or None


def _river(gauge: Gauge, event: Event) -> dict[str, Any]:
    """The level which a message speaks of: reached, in force, or the lowest of those that were left."""
    levels = [key for key in LEVELS if key in gauge.levels_m]
    key = event.level
    if event.kind in (EventKind.LEVEL_DOWN, EventKind.LEVEL_CLEAR):
        left = levels[levels.index(key) + 1 :] if key in levels else levels
        key = left[0] if left else event.detail
    about: dict[str, Any] = {
        "river": gauge.river,
        "river_en": gauge.river_en,
        "station": gauge.station,
        "station_en": gauge.station_en,
        "threshold": key or None,
        "cause": None,
    }
    if key in gauge.names:
        about |= {"threshold_name": gauge.names[key].ja, "threshold_name_en": gauge.names[key].en}
    higher = levels[levels.index(key) + 1 :] if key in levels else []
    if higher and event.value is not None:
        about |= {"next_threshold": higher[0], "to_next": gauge.levels_m[higher[0]] - event.value}
        if higher[0] in gauge.names:
            about |= {"next_name": gauge.names[higher[0]].ja, "next_name_en": gauge.names[higher[0]].en}
    return about


def _slope(scene: Scene, alert: Alert, event: Event) -> dict[str, Any]:
    """`sensors` are those that agree with the one that began it."""
    town = scene.town
    stream = event.incident.removeprefix("slope/").removesuffix("/check")
    slopes = (device.slope for device in town.devices.values())
    others = [device for device in event.devices if device != event.device]
    sensors = [town.devices[device] for device in others if device in town.devices]
    quiet = town.policy.slope.dry_wire_officials_only and not event.confirmed
    residents = () if quiet else resolve(town, Audience(anyone_here=True), alert.zones, scene.now)
    return {
        "stream": stream,
        "stream_en": next((s.stream_en for s in slopes if s and s.stream == stream), stream),
        "sensors": [d.name for d in sensors],
        "sensors_en": [d.name_en for d in sensors],
        "sign": event.detail,
        "residents": "told" if residents else "not_told",
    }
