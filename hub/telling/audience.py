"""Who is told: from zone, role and duty to people."""

from collections.abc import Collection

from msgspec import Struct
from msgspec.structs import replace

from devices.frame import Millis
from hub.config.shapes import Person, Role, ZoneKind
from hub.config.town import Town
from hub.telling.roster import is_on_duty

ON_CALL = frozenset({Role.HUNTER, Role.PATROL})


class Audience(Struct, frozen=True):
    """Whom a message is meant for. A person is meant who is named, has one of `everywhere`, or has one of
    `here` and one of the zones concerned (or none of his own: told of every place)."""

    here: frozenset[Role] = frozenset()
    everywhere: frozenset[Role] = frozenset()
    anyone_here: bool = False
    """Whoever has a zone concerned, whatever the role."""
    people: tuple[str, ...] = ()


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
    ready = {
        (p.id, role) for p in meant for role in on_call & frozenset(p.roles) if is_on_duty(town, p, role, now)
    }
    ids, manned = {id for id, _ in ready}, {role for _, role in ready}
    others = replace(audience, here=audience.here - ON_CALL, everywhere=audience.everywhere - ON_CALL)
    return tuple(
        p
        for p in meant
        if p.id in ids
        or p.id in audience.people
        or not on_call & frozenset(p.roles) <= manned
        or _is_meant(p, others, zones)
    )


def why(person: Person, audience: Audience, zones: Collection[str]) -> str:
    """By what the person is meant: `farmer of paddy-ueda`, `official`, `has flood-onogawa`, `by name`."""
    roles = frozenset(person.roles)
    own = ", ".join(zone for zone in person.zones if zone in zones)
    if person.id in audience.people:
        return "by name"
    if here := _first(roles & audience.here) if own or not person.zones else "":
        return f"{here} of {own or 'every place'}"
    if everywhere := _first(roles & audience.everywhere):
        return everywhere
    return f"has {own}" if own else ""


def _first(roles: Collection[Role]) -> str:
    return next((str(role) for role in Role if role in roles), "")


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
