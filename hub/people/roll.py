"""The roll: the people of the config and those who have enrolled, without those who have left. Pure."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

import msgspec
from msgspec import Struct
from pydantic import SecretStr

from devices.frame import Millis
from hub.config.secret import with_address
from hub.config.shapes import Channel, Person, Role
from hub.config.town import Town
from hub.people.enrolment import Address

T = TypeVar("T")

ROLES = frozenset(Role)


class Enrolled(Struct, frozen=True):
    """Somebody who has enrolled on the page. Of zones and roles counts what the config still has."""

    name: str
    roles: tuple[str, ...]
    zones: tuple[str, ...]
    lang: str
    addresses: tuple[Address, ...]
    at: Millis
    invitation: str = ""


class Said(Struct, frozen=True, omit_defaults=True):
    """What a person has told the hub of the way to be told; of the config's people as of the others."""

    lang: str = ""
    """Empty: as in the config, or as enrolled."""
    quiet_until: Millis = 0
    """Until then only what endangers people is told."""
    heard_at: Millis = 0
    """When a test message was last answered with "it rang"."""
    browsers: tuple[str, ...] = ()
    """Subscriptions of browsers that want to be told, the newest last."""
    left_at: Millis = 0
    """Somebody of the config who is told nothing any more, until the line is taken out of the file."""


NOTHING = Said()


def roll(town: Town, enrolled: Mapping[str, Enrolled], said: Mapping[str, Said]) -> Town:
    """The town of the config with the people as they are now.

    An id that the config has taken since is the config's. A zone that is no more is dropped with a warning:
    who has none left is told of every place, as too much is better than a flood that nobody speaks of.
    """
    if not enrolled and not said:
        return town
    people = {id: person for id, person in town.people.items() if not said.get(id, NOTHING).left_at}
    warnings: list[str] = []
    for id, one in enrolled.items():
        if id not in town.people:
            people[id] = _person(town, id, one)
            warnings += _oddities(town, id, one)
    for id, wishes in said.items():
        if id in people:
            people[id] = people[id].model_copy(update=_wished(town, people[id], wishes))
    return replace(town, people=people, warnings=(*town.warnings, *warnings))


def _wished(town: Town, person: Person, wishes: Said) -> dict[str, Any]:
    """What is other than in the config. Browsers come after the channels that are there."""
    browsers = wishes.browsers if town.hub.web_push else ()
    added = tuple(Channel.model_construct(kind="push", url=SecretStr(one)) for one in browsers)
    wished: dict[str, Any] = {"channels": (*person.channels, *added)} if added else {}
    return wished | ({"lang": wishes.lang} if wishes.lang else {})


def _person(town: Town, id: str, one: Enrolled) -> Person:
    """As it was enrolled: nothing in it can keep the hub from starting."""
    templates = town.hub.channels
    channels: list[dict[str, Any]] = [
        {"kind": a.kind, "url": with_address(templates.get(a.kind), a.kind, a.address)}  # type: ignore[call-overload]
        for a in one.addresses
    ]
    fields: dict[str, Any] = {
        "id": id,
        "name": one.name,
        "lang": one.lang,
        "roles": tuple(Role(role) for role in one.roles if role in ROLES),
        "zones": tuple(zone for zone in one.zones if zone in town.zones),
        "channels": tuple(Channel.model_construct(**channel) for channel in channels),
    }
    return Person.model_construct(**fields)


def _oddities(town: Town, id: str, one: Enrolled) -> list[str]:
    lost = [zone for zone in one.zones if zone not in town.zones]
    mute = [a.kind for a in one.addresses if a.kind not in town.hub.channels]
    told = ": told of every place now" if lost and len(lost) == len(one.zones) else ""
    found = [f"enrolled {id}: there is no zone {', '.join(lost)} any more{told}"] if lost else []
    if mute:
        found.append(f"enrolled {id}: hub.yaml has no URL for {', '.join(mute)} under channels any more")
    return found


# --- leaving ----------------------------------------------------------------------------------------


def without(value: T, person: str) -> T:
    """`value` with no trace of the id of one who had enrolled, which nothing else is called by: gone as a
    key, out of a list, and empty where it stands alone. The same object where there was none.

    An item of a list that names the person among other things goes as a whole.
    """
    found = _without(value, person)
    return value if found == value else found


def _without(value: Any, person: str) -> Any:
    if isinstance(value, str):
        return "" if value == person else value
    if isinstance(value, Struct):
        fields = {name: getattr(value, name) for name in value.__struct_fields__}
        return msgspec.structs.replace(value, **{n: _without(field, person) for n, field in fields.items()})
    if isinstance(value, dict):
        return {key: _without(item, person) for key, item in value.items() if key != person}
    if isinstance(value, tuple):
        return tuple(_without(item, person) for item in value if not _names(item, person))
    return value


def _names(item: Any, person: str) -> bool:
    return item == person or (isinstance(item, tuple) and person in item)
