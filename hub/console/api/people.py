"""`/api/v1/people`: who is told, by which kinds of channel, and whether it reaches them. Nobody's address."""

from collections.abc import Mapping
from datetime import timedelta, tzinfo
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from devices.frame import Millis
from hub.config.shapes import ChannelKind, Person, Role
from hub.config.town import Town
from hub.console.access import ConsoleRole, act_of
from hub.console.api.frame import Call, Id, Problem, endpoint
from hub.console.views.habituation import midnight
from hub.days import wall
from hub.ledger.views import messages as view
from hub.ledger.views.messages import Tally
from hub.model import Act
from hub.people.enrolment import state_of
from hub.people.roll import NOTHING, Said
from hub.state import SITE, State
from hub.telling import budget, held
from hub.telling.audience import ON_CALL
from hub.telling.roster import is_on_duty
from hub.watch.roll_call import RollCall

EVENING_HOUR = 18
TEST_AGAIN: Millis = 60_000
"""The same person is not sent another test message before that."""
MOST_INVITED = 100

Heard = Literal["heard", "missing", "not_asked"]


class Listed(Struct, frozen=True, kw_only=True):
    """One person. Times in epoch ms UTC.

    `zones`: ids, with `zone_names` and `zone_names_en`; none: told of every place. `channels`: kinds, in the
    order in which they are used. `source`: `config`, or `enrolled` on the page at `enrolled_at`. `on_duty`:
    now; null for who has no days of duty. `heard`: the last test message; `heard_at`: when the person last
    said so of one. `quiet_hours`: own ones, as `21:00-06:00`. `quiet_until`: has asked for quiet but for
    danger until then; null: has not. `waiting`: how much is held for a digest. `told_today`, `told_tonight`:
    messages delivered since midnight, and since the last 18:00. `sent_at`, `failed_at`: when the newest was
    delivered and when the newest was given up, among the last messages of all.
    """

    id: str
    name: str
    lang: str
    roles: tuple[Role, ...]
    zones: tuple[str, ...]
    zone_names: tuple[str, ...]
    zone_names_en: tuple[str, ...]
    channels: tuple[ChannelKind, ...]
    source: Literal["config", "enrolled"]
    enrolled_at: Millis | None
    on_duty: bool | None
    heard: Heard
    heard_at: Millis | None
    quiet_hours: str
    quiet_until: Millis | None
    waiting: int
    told_today: int
    told_tonight: int
    sent_at: Millis | None
    failed_at: Millis | None


class Budget(Struct, frozen=True):
    """What a kind of channel may still carry in its day or month, for all people together. `saves`: no more
    than the reserve for disasters is left."""

    kind: str
    limit: int
    used: int
    left: int
    reserve: int
    per: Literal["day", "month"]
    saves: bool


class Invited(Struct, frozen=True):
    """An invitation by which somebody can still enrol. `name`: of the one person it is for, else empty."""

    name: str
    roles: tuple[str, ...]
    zones: tuple[str, ...]
    until_at: Millis
    uses: int
    used: int


class PeopleQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """`search`: part of a name or id, or a role or zone as it is called in the config."""

    search: Annotated[str, Meta(max_length=100)] = ""
    first: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    limit: Annotated[int, Meta(ge=1, le=200)] = 50


class People(Struct, frozen=True):
    """`people` in the order of the config, from number `first` of the `count` that fit."""

    people: list[Listed]
    count: int
    budgets: list[Budget]
    invitations: list[Invited]
    now: Millis


class PersonQuery(Struct, frozen=True, forbid_unknown_fields=True):
    id: Id


class Tested(Struct, frozen=True):
    """`messages`: how many were handed to the outbox; they stand in `/messages` with what came of them."""

    messages: int


@endpoint("GET", "/people")
async def people(call: Call, asked: PeopleQuery) -> People:
    """Who is told, by what, and whether it reaches them.

    Channels by their kind alone. The budgets of the channels are for all people together.
    """
    day, night = begins_of(call.now, call.town.zone_info)
    tallies = await call.ledger.view(view.tallies, day, night)
    return people_of(call.town, call.state, tallies, asked, call.now)


@endpoint("POST", "/people/{id}/test", needs=ConsoleRole.OPERATOR)
async def test(call: Call, asked: PersonQuery) -> Tested:
    """The test message to one person, on every channel, now."""
    return Tested(await send_test(call, asked.id))


async def send_test(call: Call, id: str) -> int:
    """How many messages it makes. Problem 404: nobody is called so; 409: the last one was a moment ago."""
    async with call.pages.acting:
        if id not in call.town.people:
            raise Problem(404, "person")
        lately = call.ledger.acts_of(["test_send"], call.now - TEST_AGAIN, call.now + 1)
        if any(act.target == id for act in lately):
            raise Problem(409, "soon", "the last one was less than a minute ago")
        act: Act = act_of(call.request, "test_send", id)
        outcome = await call.hub.do(act)
    return len(outcome.notifications)


def begins_of(now: Millis, zone: tzinfo) -> tuple[Millis, Millis]:
    """When the day and the night began: midnight, and the last 18:00."""
    local = wall(now, zone)
    evening = local.replace(hour=EVENING_HOUR, minute=0, second=0, microsecond=0, fold=0)
    if evening > local:
        evening -= timedelta(days=1)
    return midnight(now, zone), round(evening.timestamp() * 1000)


def people_of(
    town: Town, state: State, tallies: Mapping[str, Tally], asked: PeopleQuery, now: Millis
) -> People:
    search = asked.search.casefold().strip()
    found = [person for person in town.people.values() if _fits(town, person, search)]
    shown = found[asked.first : asked.first + asked.limit]
    return People(
        people=[listed(town, state, person, tallies.get(person.id, Tally()), now) for person in shown],
        count=len(found),
        budgets=[
            msgspec.convert(one._asdict(), Budget) for one in budget.left(town, state.rooms["budget"], now)
        ],
        invitations=[
            Invited(one.name, one.roles, one.zones, one.until, one.uses, one.used)
            for one in state.rooms["invitation"].values()
            if state_of(one, now) == "open"
        ][:MOST_INVITED],
        now=now,
    )


def listed(town: Town, state: State, person: Person, tally: Tally, now: Millis) -> Listed:
    """One person as users see it."""
    rooms = state.rooms
    said: Said = rooms["said"].get(person.id, NOTHING)
    call: RollCall = rooms["roll_call"].get(SITE) or RollCall()
    kept: held.Held = rooms["held"].get(person.id, held.NOTHING)
    enrolled = rooms["person"].get(person.id)
    zones = [town.zones[zone] for zone in person.zones if zone in town.zones]
    heard_at = max(said.heard_at, call.heard.get(person.id, 0)) or None
    return Listed(
        id=person.id,
        name=person.name,
        lang=person.lang,
        roles=person.roles,
        zones=person.zones,
        zone_names=tuple(zone.name for zone in zones),
        zone_names_en=tuple(zone.name_en for zone in zones),
        channels=tuple(channel.kind for channel in person.channels),
        source="enrolled" if enrolled else "config",
        enrolled_at=enrolled.at if enrolled else None,
        on_duty=on_duty(town, person, now),
        heard="heard" if person.id in call.heard else "missing" if person.id in call.asked else "not_asked",
        heard_at=heard_at,
        quiet_hours=person.quiet,
        quiet_until=said.quiet_until if said.quiet_until > now else None,
        waiting=len(kept.items) + kept.more,
        told_today=tally.today,
        told_tonight=tally.tonight,
        sent_at=tally.sent_at,
        failed_at=tally.failed_at,
    )


def on_duty(town: Town, person: Person, now: Millis) -> bool | None:
    """None: none of the person's roles goes by days."""
    roles = ON_CALL & frozenset(person.roles)
    return any(is_on_duty(town, person, role, now) for role in roles) if roles else None


def named(town: Town, part: str) -> list[str]:
    """Ids of those in whose name or id this stands."""
    part = part.casefold()
    return [one.id for one in town.people.values() if part in one.name.casefold() or part in one.id]


def _fits(town: Town, person: Person, search: str) -> bool:
    if not search:
        return True
    zones = [town.zones[zone] for zone in person.zones if zone in town.zones]
    names = [zone.name for zone in zones] + [zone.name_en for zone in zones]
    words = [person.id, person.name, *person.roles, *person.zones, *names]
    return any(search in word.casefold() for word in words)


ENDPOINTS = (people, test)
