"""The monthly test message: to everybody on every channel, and who has not said that it came. Pure."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta, tzinfo
from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from devices.frame import Millis
from hub.alerts import Telling
from hub.config.policy import HubPolicy
from hub.config.shapes import Person
from hub.config.town import Town
from hub.days import wall
from hub.links import Links, Purpose
from hub.model import Alert, Mode, Notification, Reason, Severity
from hub.telling.compose import on_every_channel

WINDOW = timedelta(hours=3)
"""After `test_at`: later in the day it waits for the next, so that nobody is woken by a test."""
KEEP_FOR: Millis = 6 * 3_600_000
GOING_ON = frozenset({"bear", "river", "river_unverified", "unwatched", "debris", "slope_check"})
"""While one of these alerts is open nobody is troubled with a test."""


class RollCall(Struct, frozen=True, omit_defaults=True):
    """The last test message. `month` is the one for which it is done (`2026-12`), by the site's calendar."""

    month: str = ""
    sent_at: Millis = 0
    """0: none was sent yet."""
    asked: tuple[str, ...] = ()
    """Person ids."""
    heard: dict[str, Millis] = {}
    """Person id -> when the person said so."""
    reported: bool = False
    """The morning's report has named who is missing."""

    @property
    def missing(self) -> tuple[str, ...]:
        return tuple(person for person in self.asked if person not in self.heard)


def begin(policy: HubPolicy, state: RollCall | None, now: Millis, zone: tzinfo) -> RollCall | None:
    """The state where there is none yet, or one from the future: a test whose day is over is not made up for.
    None: the state is right as it is."""
    local = wall(now, zone)
    month = f"{local:%Y-%m}"
    if state is not None and state.month <= month:
        return None
    is_over = local.replace(tzinfo=None) >= datetime.combine(_first_day(policy, local), policy.test_at)
    before = (local.date().replace(day=1) - timedelta(days=1)).strftime("%Y-%m")
    return replace(state or RollCall(), month=month if is_over else before)


def is_due(
    policy: HubPolicy, state: RollCall | None, open_alerts: Iterable[Alert], now: Millis, zone: tzinfo
) -> bool:
    """From its day on, within hours after its time, once a month, and never while something goes on."""
    local = wall(now, zone)
    if not policy.test_day or state is None or state.month >= f"{local:%Y-%m}":
        return False
    naive = local.replace(tzinfo=None)
    at = datetime.combine(local.date(), policy.test_at)
    if local.date() < _first_day(policy, local) or not at <= naive < at + WINDOW:
        return False
    return not any(alert.kind in GOING_ON or alert.severity >= Severity.DANGER for alert in open_alerts)


def call(
    town: Town, now: Millis, *, live: bool = True, links: Links | None = None
) -> tuple[RollCall, list[Notification]]:
    """The test message to everybody. Marked 【テスト】 before anything else, in title and text.

    It is answered by a link; by telephone where there are no `links`, and by those who have but a text
    message, and perhaps no phone that opens a page.
    """
    people = tuple(town.people.values())
    told = [n for person in people for n in ask(town, person, now, live=live, links=links)]
    month = f"{wall(now, town.zone_info):%Y-%m}"
    return RollCall(month, now, tuple(person.id for person in people)), told


def ask(
    town: Town, person: Person, now: Millis, *, live: bool = True, links: Links | None = None
) -> list[Notification]:
    """The test message to one person, on every channel."""
    site = town.site
    telling = Telling("test", Reason.REPORTED, Severity.NOTICE, keep_for=KEEP_FOR)
    about = {"hub": site.name, "hub_en": site.name_en, "contact": site.contact}
    about |= {} if links else {"reply_to": site.contact}
    return list(
        on_every_channel(
            person,
            telling,
            about,
            now,
            alert_id=f"test-{now}",
            event_id=str(now),
            event_received_at=now,
            mode=Mode.TEST,
            live=live,
            link=partial(links.of_notification, Purpose.HEARD) if links else None,
        )
    )


def answered(state: RollCall, person: str, at: Millis) -> RollCall:
    """That person has said so. The first time counts; who was not asked is no answer."""
    if person not in state.missing:
        return state
    return replace(state, heard=state.heard | {person: at})


def overdue(policy: HubPolicy, state: RollCall | None, now: Millis) -> tuple[str, ...]:
    """Who is missing and has not yet been named to the operators."""
    if state is None or not state.sent_at or state.reported or now - state.sent_at < policy.test_answer:
        return ()
    return state.missing


def _first_day(policy: HubPolicy, local: datetime) -> date:
    return local.date().replace(day=max(policy.test_day, 1))
