"""The example town, its scenarios and what its fleet sends: shared by the tests of firmware_sim."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from devices.frame import Millis
from firmware_sim.faults import Fault
from firmware_sim.fleet import Fleet
from firmware_sim.report import Transmission
from firmware_sim.scenarios import scenario
from firmware_sim.scenarios.plot import Scenario, jst
from firmware_sim.world import HOUR, Plane, World
from hub.config.load import load
from hub.config.town import Town
from hub.decode import Decoder
from hub.model import Message

ROOT = Path(__file__).resolve().parents[1]
START = jst("2026-09-12 17:58")
PLANE = Plane(36.055, 137.985)
MAIN = "gauge-biwabashi"


def fleet_of(town: Town, played: Scenario, seed: int = 1, faults: tuple[Fault, ...] | None = None) -> Fleet:
    faults = played.faults if faults is None else faults
    return Fleet(town, played.world, seed, faults, starts_at=played.starts_at)


def run(fleet: Fleet, until: Millis) -> list[Transmission]:
    """All that reaches the broker up to `until`, event by event."""
    sent: list[Transmission] = []
    while (due := fleet.next_due()) <= until:
        sent += fleet.step(due)
    return sent


def said(sent: Transmission) -> dict[str, Any]:
    return json.loads(sent.payload)


def calm(town: Town) -> Scenario:
    """Three hours in which nothing happens."""
    world = World(PLANE, 1, calm_m=scenario("boar_night", town, 1).world.calm_m)
    return Scenario("calm", "", "", START, 3 * HOUR, world, (), ())


@cache
def example_town() -> Town:
    """The town of config/."""
    return load(ROOT / "config", {})


def decoded(town: Town, sent: list[Transmission]) -> list[tuple[Transmission, Any]]:
    decoder = Decoder(town)
    return [(s, decoder.decode(Message(s.topic, s.payload, s.at, s.retain))) for s in sent]
