"""Who is told: from zone, role and duty to people."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta, tzinfo

from msgspec import Struct
from msgspec.structs import replace

from devices.frame import Millis
from hub.config.shapes import Person, Role, ZoneKind
from hub.config.town import Town

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DUTY_CHANGES_AT = timedelta(hours=6)
ON_CALL = frozenset({Role.HUNTER, Role.PATROL})


class Audience(Struct, frozen=True):
    """Whom a message is meant for. A person is meant who is named, has one of `everywhere`, or has one of
    `here` and one of the zones concerned (or none of his own: told of every place)."""

    here: frozenset[Role] = frozenset()
    everywhere: frozenset[Role] = frozenset()
    anyone_here: bool = False
    """Whoever has a zone concerned, whatever the role."""
    people: tuple[str, ...] = ()


def on_duty(person: Person, now: Millis, zone: tzinfo) -> bool:
    """Duty runs from 06:00 to 06:00: the night belongs to the evening before."""
    local = datetime.fromtimestamp(now / 1000, UTC).astimezone(zone) - DUTY_CHANGES_AT
    return WEEKDAYS[local.weekday()] in person.duty


def resolve(
    town: Town, audience: Audience, zones: Collection[str], now: Millis, *, clock_set: bool = True
) -> tuple[Person, ...]:
    """The people meant, each once, in the order of the config.

    Hunters and patrol count only on duty; where nobody of a role is on duty, all of that role do: a gap in
    the roster must not leave a trap unvisited. Who is meant for another reason too is told off duty. Not
    `clock_set`: nobody knows whose day it is, and all are told.
    """
    meant = [p for p in town.people.values() if p.id in audience.people or _is_meant(p, audience, zones)]
    on_call = ON_CALL & (audience.here | audience.everywhere)
    if not on_call or not clock_set:
        return tuple(meant)
    ready = {p.id for p in meant if on_duty(p, now, town.zone_info)}
    manned = {role for role in on_call if any(role in p.roles and p.id in ready for p in meant)}
    others = replace(audience, here=audience.here - ON_CALL, everywhere=audience.everywhere - ON_CALL)
    return tuple(
        p
        for p in meant
        if p.id in ready
        or p.id in audience.people
        or not on_call & frozenset(p.roles) <= manned
        or _is_meant(p, others, zones)
    )


def _is_meant(person: Person, audience: Audience, zones: Collection[str]) -> bool:
    roles = frozenset(person.roles)
    if roles & audience.everywhere:
        return True
    concerned = any(zone in zones for zone in person.zones)
    if audience.anyone_here and concerned:
        return True
    return bool(roles & audience.here) and (concerned or not person.zones)


def zones_of_gauge(town: Town, gauge: str) -> tuple[str, ...]:
    """Flood zones for which this gauge speaks."""
    return tuple(z.id for z in town.zones.values() if z.kind == ZoneKind.FLOOD and gauge in z.rivers)


def zones_of_stream(town: Town, stream: str) -> tuple[str, ...]:
    """Zones below the torrent."""
    return tuple(z.id for z in town.zones.values() if z.kind == ZoneKind.STREAM and stream in z.rivers)
