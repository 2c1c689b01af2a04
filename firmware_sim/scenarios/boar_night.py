"""A boar comes at dusk past two cameras towards the rice; two more come where no siren is near."""

from devices.frame import Millis
from firmware_sim.scenarios.plot import Plot, Stage, beyond, jst
from firmware_sim.tracks import Track, walk
from firmware_sim.world import MINUTE
from hub.config.shapes import Kind, ZoneKind

TITLE_JA = "イノシシの夜"
TITLE_EN = "Boar night"
STARTS_AT = jst("2026-09-12 17:58")
LASTS = 75 * MINUTE
SECOND_AFTER = 40 * MINUTE


def plot(stage: Stage, at: Millis) -> Plot:
    tracks = [
        track for track in (_towards_the_rice(stage, at), _at_the_orchard(stage, at + SECOND_AFTER)) if track
    ]
    return Plot(tracks=tuple(tracks), expect=("animal",) * len(tracks))


def _towards_the_rice(stage: Stage, at: Millis) -> Track | None:
    """One boar, at the first camera two minutes after `at`; undisturbed it eats for a quarter of an hour."""
    first = stage.pick(Kind.ANIMAL, "cam-ueda-1")
    second = stage.pick(Kind.ANIMAL, "cam-ueda-2")
    if first is None or second is None:
        return None
    rice = stage.middle(ZoneKind.PADDY, stage.at(second))
    forest = beyond(rice, stage.at(first), 125.0)
    (x1, y1), (x2, y2) = stage.at(first), stage.at(second)
    return walk(
        "boar-1",
        "boar",
        1,
        at,
        [
            (forest, 1.0, 0),
            ((x1, y1 - 3.0), 1.0, 10_000),
            ((x2, y2 - 4.0), 0.8, 20_000),
            (rice, 0.7, 15 * MINUTE),
            ((x2, y2 - 4.0), 1.2, 0),
            (forest, 1.2, 0),
        ],
    )


def _at_the_orchard(stage: Stage, at: Millis) -> Track | None:
    """A sow with young under the persimmon trees, before a motion sensor that no siren is near to."""
    sensor = stage.pick(Kind.ANIMAL, "pir-kitahara-2")
    if sensor is None:
        return None
    x, y = stage.at(sensor)
    forest = beyond(stage.middle(ZoneKind.PADDY, (x, y)), (x, y), 160.0)
    return walk(
        "boar-2",
        "boar",
        3,
        at,
        [
            (forest, 1.0, 0),
            ((x - 6.0, y), 0.8, 3 * MINUTE),
            ((x + 5.0, y + 3.0), 0.2, 4 * MINUTE),
            (forest, 1.1, 0),
        ],
    )
