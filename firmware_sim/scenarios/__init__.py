"""Scenarios by name: what the valley does, and which alerts must come of it."""

from typing import Protocol

from devices.frame import Millis
from firmware_sim.scenarios import (
    bear_dawn,
    boar_night,
    debris_flow,
    gateway_outage,
    sprung_trap,
    story,
    typhoon,
)
from firmware_sim.scenarios.plot import Plot, Scenario, Stage
from firmware_sim.world import World
from hub.config.town import Town

__all__ = ["SCENARIOS", "Scenario", "scenario"]


class Chapter(Protocol):
    """What each module of this package is."""

    TITLE_JA: str
    TITLE_EN: str
    STARTS_AT: Millis
    LASTS: Millis

    def plot(self, stage: Stage, at: Millis) -> Plot: ...


SCENARIOS: dict[str, Chapter] = {
    "boar_night": boar_night,
    "sprung_trap": sprung_trap,
    "gateway_outage": gateway_outage,
    "typhoon": typhoon,
    "debris_flow": debris_flow,
    "bear_dawn": bear_dawn,
    "story": story,
}


def scenario(name: str, town: Town, seed: int, starts_at: Millis | None = None) -> Scenario:
    """A scenario in a town, at its own date unless told another. KeyError: there is none of that name.

    Sirens change its world: make a new one for each run.
    """
    chapter = SCENARIOS[name]
    stage = Stage(town)
    at = chapter.STARTS_AT if starts_at is None else starts_at
    plot = chapter.plot(stage, at)
    world = World(
        stage.plane,
        seed,
        calm_m=stage.calm_m(),
        rains=plot.rains,
        waves=plot.waves,
        tracks=plot.tracks,
        flows=plot.flows,
        sprung=plot.sprung,
    )
    return Scenario(
        name, chapter.TITLE_JA, chapter.TITLE_EN, at, chapter.LASTS, world, plot.faults, plot.expect
    )
