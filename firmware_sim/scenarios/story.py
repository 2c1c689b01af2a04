"""All of it in one night, from a boar at dusk to a bear at dawn: 12 hours."""

from devices.frame import Millis
from firmware_sim.scenarios import bear_dawn, boar_night, debris_flow, gateway_outage, sprung_trap, typhoon
from firmware_sim.scenarios.plot import Plot, Stage
from firmware_sim.world import HOUR

TITLE_JA = "鳴子町の一夜"
TITLE_EN = "A night in Naruko Town"
STARTS_AT = boar_night.STARTS_AT
LASTS = 12 * HOUR

CHAPTERS = (boar_night, sprung_trap, gateway_outage, typhoon, debris_flow, bear_dawn)


def plot(stage: Stage, at: Millis) -> Plot:
    """Each chapter at its own hour, counted from the first."""
    whole = Plot()
    for chapter in CHAPTERS:
        whole += chapter.plot(stage, at + chapter.STARTS_AT - STARTS_AT)
    return whole


def openings(at: Millis) -> tuple[tuple[Millis, str, str], ...]:
    """(instant, Japanese title, English title) of each chapter."""
    return tuple((at + c.STARTS_AT - STARTS_AT, c.TITLE_JA, c.TITLE_EN) for c in CHAPTERS)
