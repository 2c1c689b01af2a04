"""A bear crosses the edge of the paddies before sunrise."""

from devices.frame import Millis
from firmware_sim.scenarios.plot import Plot, Stage, beyond, jst
from firmware_sim.tracks import walk
from firmware_sim.world import MINUTE
from hub.config.shapes import Kind, ZoneKind

TITLE_JA = "夜明けのクマ"
TITLE_EN = "Bear at dawn"
STARTS_AT = jst("2026-09-13 05:05")
LASTS = 30 * MINUTE


def plot(stage: Stage, at: Millis) -> Plot:
    first = stage.pick(Kind.ANIMAL, "cam-kitahara-1")
    second = stage.pick(Kind.ANIMAL, "cam-kitahara-2")
    if first is None or second is None:
        return Plot()
    middle = stage.middle(ZoneKind.PADDY, stage.at(first))
    (x1, y1), (x2, y2) = stage.at(first), stage.at(second)
    bear = walk(
        "bear-1",
        "bear",
        1,
        at,
        [
            (beyond(middle, (x1, y1), 150.0), 1.2, 0),
            ((x1 + 2.0, y1), 1.2, 5_000),
            ((x2, y2 + 5.0), 1.0, 5_000),
            (beyond(middle, (x2, y2), 200.0), 1.4, 0),
        ],
    )
    return Plot(tracks=(bear,), expect=("bear",))
