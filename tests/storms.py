"""Storms for tests: many at once, and what was told as it is, held, or summed up."""

from typing import Any

from hub.config.policy import StormPolicy
from hub.config.shapes import Channel
from hub.model import Notification, Status
from tests.timeline import (
    SPRUNG,
    Timeline,
    nothing_else_was_told,  # noqa: F401
)
from tests.towns import MINUTE, camera, gauge, person, square, town, trap

WITHIN, FIRST = StormPolicy().within, StormPolicy().first


BOTH = tuple(Channel(kind=kind, url="json://127.0.0.1/") for kind in ("mail", "sms"))


LEVELS_M = {"standby": 2.0, "caution": 3.0, "evac_judge": 3.5, "danger": 4.0, "overflow": 5.0}


def summaries(told: list[Notification]) -> list[Notification]:
    return [n for n in told if n.template == "storm_summary"]


def as_they_are(told: list[Notification]) -> list[Notification]:
    return [n for n in told if n.status is Status.PENDING and n.template != "storm_summary"]


def held(told: list[Notification]) -> list[Notification]:
    return [n for n in told if n.status is Status.HELD]


def read(t: Timeline) -> list[Notification]:
    """What was decided since the last look."""
    found, t.unread = t.unread, []
    return found


def trap_town(number: int, owner: str = "hunter"):
    traps = [trap(f"t{n}", north=3.0 * n, owner=owner, heartbeat="24h") for n in range(number)]
    people = [person(owner, "hunter"), person("office", "official")]
    return town(devices=[*traps, camera("cam")], people=people)


def spring(t: Timeline, number: int, first: int = 0, over: int = MINUTE) -> None:
    for n in range(number):
        t.says(f"t{first + n}", SPRUNG)
        t.passes(over // number)


def gauges_town(number: int, *people: Any, levels_m: dict[str, float] | None = None):
    gauges = [gauge(f"g{n}", levels_m or LEVELS_M) for n in range(number)]
    flood = square("flood", "flood", rivers=tuple(d.id for d in gauges))
    return town(devices=gauges, zones=[flood], people=list(people))
