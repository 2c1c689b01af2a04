"""What a message can say: the values that `hub.wording` spells out, from the event and its alert. Pure."""

from collections.abc import Collection
from typing import Any

from devices.frame import Millis
from hub import daylight, wording
from hub.alerts import Scene
from hub.alerts.task_events import is_urgent
from hub.clock import is_sane
from hub.config.shapes import LEVELS, Gauge
from hub.config.town import Town
from hub.console.users import SIGNED
from hub.links import Purpose
from hub.model import Alert, Command, Event, EventKind
from hub.telling.audience import Audience, resolve

MINUTE: Millis = 60_000
DAY: Millis = 86_400_000
TASKS = frozenset(kind for kind in EventKind if kind.startswith("task_"))
BY_HAND = frozenset(
    {
        EventKind.CONFIRMED,
        EventKind.CANCELLED,
        EventKind.CLOSED,
        EventKind.DEBRIS_CONFIRMED,
        EventKind.DEBRIS_CANCEL,
    }
)


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
    if device.trap or event.kind in TASKS:
        about |= _task(scene, alert, event)
    if event.kind is EventKind.PATROL_MISSING:
        about |= _patrol(scene, event)
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
    if event.incident.startswith("hub/"):
        about |= _hub(scene, event)
    if event.kind is EventKind.MESSAGES_MISSED:
        about |= _missed(scene, event)
    if event.kind in BY_HAND:
        about |= {"cause": event.detail, "who": name_of(town, event.who)}
    if event.kind is EventKind.REPEATED:
        since = wording.format_time(event.at - event.window, scene.now, town.zone_info)
        about |= {"time": since, "elapsed": event.window / MINUTE, "window": None}
    return about


def name_of(town: Town, who: str) -> str:
    """Of a person of the town; any other who did something is named as given, a user of the console not."""
    return town.people[who].name if who in town.people else "" if who.startswith(SIGNED) else who


def _task(scene: Scene, alert: Alert, event: Event) -> dict[str, Any]:
    """Who goes, when, and how it ended. `dawn` is set where the town waits for it."""
    town, now, task = scene.town, scene.now, alert.task
    policy = town.policy.trap

    def clock(at: Millis | None) -> str | None:
        return wording.format_time(at, now, town.zone_info) if at and is_sane(at) else None

    trap, species = scene.device.trap, event.species or alert.species
    about: dict[str, Any] = {
        "species": species,
        "dawn": clock(_dawn(scene, alert)),
        "who": name_of(town, event.who),
        **_contact(town, species),
    }
    if trap:
        about |= {"trap_no": trap.no, "trap_type": trap.type}
    if event.kind not in TASKS:
        return about
    going = (task.who, *task.others) if task and task.who else ()
    ended = event.kind is EventKind.TASK_DONE
    overdue = event.kind is EventKind.TASK_OVERDUE
    waited = overdue or event.kind is EventKind.TASK_QUIET
    return about | {
        "going": [name_of(town, who) for who in going],
        "eta": clock(task.eta) if task else None,
        "sprung_time": clock(event.at - event.window) if overdue else None,
        "minutes": event.window / MINUTE if waited else None,
        "leader": name_of(town, policy.leader) if policy.leader else None,
        "leader_tel": policy.leader_tel,
        "result": event.detail if ended else None,
        "trap_state": (event.level or "later") if ended else None,
        "count": event.count or None,
        "cause": None,
        "level": None,
    }


def _dawn(scene: Scene, alert: Alert) -> Millis | None:
    town, now = scene.town, scene.now
    sun = daylight.Sun(town.site.lat, town.site.lon)
    if town.policy.trap.night == "go" or is_urgent(alert) or daylight.is_day(sun, now):
        return None
    return daylight.next_sunrise(sun, now)


def _contact(town: Town, species: str) -> dict[str, Any]:
    """What the contact book says of an animal that must not be in a trap."""
    entry = town.contacts.get(species)
    if entry is None:
        return {}
    return {
        "what_to_do": entry.do,
        "what_to_do_en": entry.do_en,
        "whom_to_call": entry.call,
        "whom_to_call_en": entry.call_en,
    }


def _patrol(scene: Scene, event: Event) -> dict[str, Any]:
    town, links = scene.town, scene.links
    traps = [town.devices[id] for id in event.devices if id in town.devices]
    return {
        "traps": [device.name for device in traps],
        "traps_en": [device.name_en for device in traps],
        "count": len(traps) or None,
        "patrol_url": links.of(Purpose.PATROL, event.who, event.at + DAY) if links else None,
        "lat": None,
        "lon": None,
    }


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
        "missed": [f"{device.name} {count}件" for device, count in named],
        "missed_en": [f"{device.name_en} ({count})" for device, count in named],
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
