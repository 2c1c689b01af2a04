"""A cloudburst, and a debris flow which cuts the wires of a stream one after the other."""

import math

from devices.frame import Millis
from firmware_sim.scenarios.plot import Plot, Stage, beyond, jst
from firmware_sim.world import MINUTE, DebrisFlow, Rain
from hub.config.shapes import Device, Kind

TITLE_JA = "土石流"
TITLE_EN = "Debris flow"
STARTS_AT = jst("2026-09-12 22:50")
LASTS = 120 * MINUTE
BREAKS_AFTER = 50 * MINUTE
ABOVE_M = 200.0
"""Where the flow begins, above the first wire."""
RUNOUT_M = 250.0
"""How far it goes below the last wire."""


def plot(stage: Stage, at: Millis) -> Plot:
    cloudburst = Rain(at, 90 * MINUTE, 30.0)
    wires = _wires(stage)
    if not wires or wires[0].slope is None:
        return Plot(rains=(cloudburst,))
    upper, lower = stage.at(wires[0]), stage.at(wires[-1])
    below = lower if lower != upper else (upper[0] - 1.0, upper[1])
    origin = beyond(below, upper, ABOVE_M)
    flow = DebrisFlow(
        wires[0].slope.stream,
        origin,
        at + BREAKS_AFTER,
        runout_m=math.dist(origin, lower) + RUNOUT_M,
    )
    return Plot(rains=(cloudburst,), flows=(flow,), expect=("debris",))


def _wires(stage: Stage) -> list[Device]:
    """The slope sensors of one stream from the top down; those named wire where there are any."""
    slopes = [device for device in stage.all(Kind.SLOPE) if device.slope]
    wires = [device for device in slopes if "wire" in device.profile] or slopes
    first = next((d for d in wires if d.id == "wire-kamisawa-1"), wires[0] if wires else None)
    return [d for d in wires if first and d.slope and first.slope and d.slope.stream == first.slope.stream]
