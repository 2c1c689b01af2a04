"""A timeline on which the hub looks at itself too: `watched(t, 3 * MINUTE, connected=False)`."""

from typing import Any

from hub.config.settings import Site
from hub.detect.hub import Vitals
from hub.rounds import look_inward
from hub.watch.digest import Day
from tests.timeline import Timeline
from tests.towns import SECOND

LOOK = 10 * SECOND


def seen(**vitals: Any) -> Vitals:
    """A hub that is well, but for what is named."""
    return Vitals(**({"elapsed": LOOK, "unheard_for": 0} | vitals))


def look(t: Timeline, day: Day | None = None, **vitals: Any) -> Timeline:
    """One look, now."""
    t.store(look_inward(t.pipeline, seen(**vitals), t.now, day))
    return t


def watched(t: Timeline, millis: int, **vitals: Any) -> Timeline:
    """Time passes, with a look every ten seconds that always sees the same. No device falls silent."""
    for _ in range(millis // LOOK):
        t.pipeline.hearing_since = t.now
        look(t.passes(LOOK), **vitals)
    return t


def in_zone(town: Any, timezone: str) -> Site:
    """The site of a town elsewhere: for `dataclasses.replace(town, hub=...)`."""
    return town.site.model_copy(update={"timezone": timezone})
