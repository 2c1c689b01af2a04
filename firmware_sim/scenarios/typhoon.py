"""A typhoon passes: three bands of rain, and the rivers through their levels and back within nine hours."""

import math

from devices.frame import Millis
from firmware_sim.scenarios.plot import Plot, Stage, jst
from firmware_sim.world import HOUR, MINUTE, FloodWave, Rain
from hub.config.shapes import Device, Gauge, Kind

TITLE_JA = "台風"
TITLE_EN = "Typhoon"
STARTS_AT = jst("2026-09-12 20:00")
LASTS = 8 * HOUR + 15 * MINUTE
RISES_AFTER = 60 * MINUTE
RISE = 3 * HOUR
FALL = 6 * HOUR
OVER_THE_BANK_M = 0.12
CREST_M_S = 2.0
"""How fast a flood crest runs down a mountain river."""


def plot(stage: Stage, at: Millis) -> Plot:
    """The main gauge passes every level it has; the gauges above it stop short of theirs and are earlier."""
    main = stage.pick(Kind.RIVER, "gauge-biwabashi")
    rains = (
        Rain(at, 2 * HOUR, 12.0),
        Rain(at + 75 * MINUTE, 4 * HOUR, 36.0),
        Rain(at + 5 * HOUR, 90 * MINUTE, 9.0),
    )
    if main is None or main.gauge is None:
        return Plot(rains=rains)
    waves = [
        wave for device in stage.all(Kind.RIVER) if (wave := _wave(stage, device, main, at + RISES_AFTER))
    ]
    return Plot(rains=rains, waves=tuple(waves), expect=("river",) * len(waves))


def _wave(stage: Stage, device: Device, main: Device, at: Millis) -> FloodWave | None:
    gauge = device.gauge
    if gauge is None or main.gauge is None or not gauge.levels_m:
        return None
    if device.id == main.id:
        return FloodWave(device.id, at, max(gauge.levels_m.values()) + OVER_THE_BANK_M, RISE, FALL)
    if gauge.river == main.gauge.river:
        ahead = round(math.dist(stage.at(device), stage.at(main)) / CREST_M_S * 1_000)
        return FloodWave(device.id, at - ahead, _short_of_the_top(gauge), RISE, FALL)
    return FloodWave(device.id, at + 45 * MINUTE, _short_of_the_top(gauge), 90 * MINUTE, 3 * HOUR)


def _short_of_the_top(gauge: Gauge) -> float:
    """Halfway between the two highest levels of a gauge."""
    *_, lower, top = [min(gauge.levels_m.values()) - 0.3, *sorted(gauge.levels_m.values())]
    return (lower + top) / 2
