"""The door of a box trap falls."""

from devices.frame import Millis
from firmware_sim.scenarios.plot import Plot, Stage, jst
from firmware_sim.world import MINUTE
from hub.config.shapes import Kind

TITLE_JA = "箱わなの作動"
TITLE_EN = "Sprung trap"
STARTS_AT = jst("2026-09-12 18:20")
LASTS = 45 * MINUTE


def plot(stage: Stage, at: Millis) -> Plot:
    trap = stage.pick(Kind.TRAP, "trap-01")
    return Plot(sprung={trap.id: at + 2 * MINUTE}, expect=("trap",)) if trap else Plot()
