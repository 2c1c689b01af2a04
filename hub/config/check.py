"""What `naruko check` found: for an official to see that the town in the files is the town outside."""

from collections import Counter
from collections.abc import Iterable, Iterator

import numpy as np
import shapely
from shapely.geometry import Point
from shapely.geometry.base import BaseGeometry

from devices.frame import Millis
from hub.config.shapes import LEVELS, Device, Gauge, Kind, Role, ZoneKind
from hub.config.town import Town
from hub.geofence import LocalPlane
from hub.telling import roster
from hub.wording import not_reviewed

SQUARE_METRES_A_HECTARE = 10_000.0


def report(town: Town, now: Millis | None = None) -> str:
    """Several lines of English, without any address, secret or trap position. With `now` also whether the
    roster is about to end."""
    sections = [
        f"{town.site.name_en} ({town.site.id}): nothing is wrong.",
        "",
        *_devices(town),
        *_people(town),
        *_zones(town),
        *_gauges(town),
        *_sirens(town),
        *_telling(town),
        *_warnings(town),
        *_alone(town),
        *((said,) if now is not None and (said := roster.ends(town, now)) else ()),
    ]
    return "\n".join(sections).rstrip() + "\n"


def area_ha(town: Town, zone: str) -> float:
    """Area of a zone in hectares, in the plane that touches the earth at the site."""
    return float(_flat(town, town.geometry[zone]).area) / SQUARE_METRES_A_HECTARE


def near_dwellings(town: Town) -> dict[str, float]:
    """Siren id -> metres to the nearest dwelling zone, of those within the policy's `dwelling_m`."""
    dwellings = [
        _flat(town, town.geometry[zone.id]) for zone in town.zones.values() if zone.kind == ZoneKind.DWELLING
    ]
    found = {}
    for device in _of_kind(town, Kind.SIREN):
        place = _flat(town, Point(device.lon, device.lat))
        nearest = min((place.distance(one) for one in dwellings), default=float("inf"))
        if nearest <= town.policy.deterrent.dwelling_m:
            found[device.id] = float(nearest)
    return found


def _devices(town: Town) -> Iterator[str]:
    kinds = Counter(str(town.kind(device)) for device in town.devices.values())
    yield f"{len(town.devices)} devices: {_listed(kinds)}"
    models = Counter(device.profile for device in town.devices.values())
    yield f"   models: {_listed(models)}"
    for gateway in _of_kind(town, Kind.GATEWAY):
        yield f"   {gateway.id}: {len(town.children.get(gateway.id, ()))} devices hang on it"
    if resting := [device.id for device in town.devices.values() if device.maintenance]:
        yield f"   in maintenance: {', '.join(resting)}"


def _people(town: Town) -> Iterator[str]:
    yield f"{len(town.people)} people"
    for role in Role:
        people = town.by_role[role]
        if people:
            yield f"   {role}: {', '.join(person.id for person in people)}"
    yield f"   languages: {_listed(Counter(person.lang for person in town.people.values()))}"
    for lang in sorted({person.lang for person in town.people.values()}):
        if said := not_reviewed(lang):
            yield f"   {lang}: {said}"
    kinds = Counter[str](channel.kind for person in town.people.values() for channel in person.channels)
    yield f"   channels: {_listed(kinds)}"


def _zones(town: Town) -> Iterator[str]:
    yield f"{len(town.zones)} zones"
    for kind in ZoneKind:
        zones = [zone.id for zone in town.zones.values() if zone.kind == kind]
        if zones:
            listed = ", ".join(f"{zone} ({area_ha(town, zone):.1f} ha)" for zone in zones)
            yield f"   {kind}: {listed}"


def _gauges(town: Town) -> Iterator[str]:
    gauges = [(device, device.gauge) for device in town.devices.values() if device.gauge]
    if gauges:
        yield "river levels"
    for device, gauge in gauges:
        yield f"   {device.id} ({gauge.river_en}, {gauge.station_en}): {_levels(gauge)}"


def _levels(gauge: Gauge) -> str:
    levels = ", ".join(f"{key} {gauge.levels_m[key]:.2f} m" for key in LEVELS if key in gauge.levels_m)
    return (levels or "no levels") + ("" if gauge.official else " (the town's own)")


def _sirens(town: Town) -> Iterator[str]:
    sirens = list(_of_kind(town, Kind.SIREN))
    near = near_dwellings(town)
    if sirens:
        yield "sirens and flashes"
    for device in sirens:
        profile = town.profile(device)
        uses = device.siren.use if device.siren else ("deter",)
        parts = [word for word, has in (("sound", profile.sound), ("light", profile.light)) if has]
        text = f"   {device.id}: {' and '.join(parts)}, to {' and '.join(uses) or 'nothing'}"
        if device.id in near and profile.sound and "deter" in uses:
            opted_in = device.siren is not None and device.siren.sound_near_dwelling
            why = "sound outside quiet hours, as the town opted in" if opted_in else "light only"
            text += f"; {near[device.id]:.0f} m from a dwelling: {why}"
        yield text


def _telling(town: Town) -> Iterator[str]:
    policy = town.policy
    if policy.tell:
        yield f"rules of the town: {', '.join(rule.name for rule in policy.tell)}"
    own = [person.id for person in town.people.values() if person.quiet]
    if policy.quiet.hours or own:
        others = f"; hours of their own: {', '.join(own)}" if own else ""
        yield f"quiet hours: {policy.quiet.hours or 'none'}, below {policy.quiet.below}{others}"
    for kind, limits in policy.budgets.items():
        yield f"budget of {kind}: {limits.limit} a {limits.per}, {limits.reserve:.0%} of it in reserve"
    if town.roster:
        weeks = f"{town.roster[0].first} to {town.roster[-1].last}"
        yield f"roster: {len(town.roster)} turn{'s' if len(town.roster) > 1 else ''}, {weeks}"


def _alone(town: Town) -> Iterator[str]:
    """Everybody may have to be told of danger: a bear, a flood, a debris flow, a hub that hears nothing."""
    kinds = {person.id: {channel.kind for channel in person.channels} for person in town.people.values()}
    alone = {id: next(iter(found)) for id, found in kinds.items() if len(found) == 1}
    if alone:
        yield f"one kind of channel only ({len(alone)}): danger reaches them by nothing else"
        for id, kind in alone.items():
            yield f"   {id}: {kind}"


def _warnings(town: Town) -> Iterator[str]:
    if town.warnings:
        yield f"{len(town.warnings)} warning{'s' if len(town.warnings) > 1 else ''}"
        for warning in town.warnings:
            yield f"   {warning}"


def _of_kind(town: Town, kind: Kind) -> Iterable[Device]:
    return (device for device in town.devices.values() if town.kind(device) == kind)


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items()) or "none"


def _flat(town: Town, geometry: BaseGeometry) -> BaseGeometry:
    """In metres east and north of the site's centre."""
    plane = LocalPlane(town.site.lat, town.site.lon)
    return shapely.transform(
        geometry, lambda lonlat: np.array([plane.xy(lat, lon) for lon, lat in lonlat.tolist()])
    )
