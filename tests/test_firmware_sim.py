"""The simulated valley and fleet: one seed is one night."""

import ast
import math
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.frame import Millis
from firmware_sim.faults import (
    Duplicates,
    Loss,
    Reordering,
)
from firmware_sim.report import Transmission
from firmware_sim.scenarios import SCENARIOS, scenario
from firmware_sim.tracks import Burst, Waypoint, noticed_at, walk
from firmware_sim.tracks import Track as Way
from firmware_sim.world import HOUR, MINUTE, FloodWave, Rain, World
from hub.config.town import Town
from tests.fleets import MAIN, PLANE, ROOT, START, calm, example_town, fleet_of, run, said


@pytest.fixture(scope="module")
def town() -> Town:
    return example_town()


SECONDS = st.integers(0, 16 * 3_600)


def stormy(seed: int = 1) -> World:
    return World(
        PLANE,
        seed,
        calm_m={MAIN: 0.15},
        rains=[Rain(START, 4 * HOUR, 36.0), Rain(START + 2 * HOUR, HOUR, 20.0)],
        waves=[FloodWave(MAIN, START + HOUR, 3.3, 3 * HOUR, 6 * HOUR)],
    )


# --- the valley ---


@given(SECONDS)
def test_water_air_and_rain_never_jump(second: int) -> None:
    world, t = stormy(), START + second * 1_000
    assert abs(world.level_m(MAIN, t + 1_000) - world.level_m(MAIN, t)) < 0.005
    assert abs(world.air_c((0, 0), t + 1_000) - world.air_c((0, 0), t)) < 0.02
    assert abs(world.rain_mm_h((0, 0), t + 1_000) - world.rain_mm_h((0, 0), t)) < 0.1


@given(SECONDS, st.integers(60, 3_600))
def test_the_rain_total_is_the_rain_that_fell(second: int, span: int) -> None:
    world, t = stormy(), START + second * 1_000
    total = world.rain_total_mm((300, 0), t + span * 1_000) - world.rain_total_mm((300, 0), t)
    rates = [world.rain_mm_h((300, 0), t + round(span * 1_000 * (i + 0.5) / 200)) for i in range(200)]
    assert total == pytest.approx(sum(rates) / 200 * span / 3_600, abs=0.01)


@given(SECONDS)
def test_the_same_seed_gives_the_same_valley_whatever_was_asked_before(second: int) -> None:
    t = START + second * 1_000
    asked, fresh = stormy(), stormy()
    asked.level_m(MAIN, t + HOUR)
    assert asked.level_m(MAIN, t) == fresh.level_m(MAIN, t)
    assert asked.air_c((0, 0), t) == fresh.air_c((0, 0), t)


def test_another_seed_gives_another_valley() -> None:
    levels = {stormy(seed).level_m(MAIN, START + 5 * MINUTE) for seed in range(5)}
    assert len(levels) == 5


def test_a_flood_rises_to_its_peak_and_returns_to_calm() -> None:
    world = stormy()
    levels = [world.level_m(MAIN, t) for t in range(START, START + 12 * HOUR, MINUTE)]
    assert max(levels) == pytest.approx(3.3, abs=0.03)
    assert levels[0] == pytest.approx(0.15, abs=0.03)
    assert levels[-1] == pytest.approx(0.15, abs=0.03)


POINTS = st.tuples(st.integers(-300, 300), st.integers(-300, 300))


@given(st.lists(POINTS, min_size=2, max_size=6, unique=True), POINTS, st.integers(0, 600), st.integers(1, 60))
def test_an_animal_notices_a_burst_at_the_first_instant_it_is_near(
    points: list[tuple[int, int]], siren: tuple[int, int], since: int, lasts: int
) -> None:
    track = walk("boar", "boar", 1, START, [(point, 1.0, 5_000) for point in points])
    burst = Burst(*siren, START + since * 1_000, START + (since + lasts) * 1_000, 80.0)
    noticed = noticed_at(track, burst)
    near = [
        t
        for t in range(burst.since, burst.until + 1, 250)
        if (here := track.position_at(t)) and math.dist(here, siren) <= 80.0
    ]
    if noticed is None:
        assert not near
    else:
        here = track.position_at(noticed)
        assert here is not None
        assert math.dist(here, siren) <= 80.01
        assert not near or near[0] - 250 <= noticed <= near[0]


def test_an_animal_moves_without_jumps_also_when_it_is_scared() -> None:
    track = walk(
        "b", "boar", 1, START, [((200.0, 0.0), 1.0, 0), ((0.0, 0.0), 1.0, 60_000), ((0.0, 90.0), 1.0, 0)]
    )
    world = World(PLANE, 1, calm_m={}, tracks=[track])
    world.deter((0.0, 0.0), START + 150_000, START + 170_000)
    (scared,) = world.tracks
    assert scared.turned_at == START + 150_000
    places = [scared.position_at(t) for t in range(START, scared.ends_at + 1, 1_000)]
    steps = [math.dist(a, b) for a, b in pairwise(places) if a and b]
    assert max(steps) < 4.1
    assert places[-1] == pytest.approx((200.0, 0.0), abs=5.0)


def test_a_siren_that_is_hushed_scares_nobody_afterwards() -> None:
    track = walk("b", "boar", 1, START, [((200.0, 0.0), 1.0, 0), ((0.0, 0.0), 1.0, 0)])
    world = World(PLANE, 1, calm_m={}, tracks=[track])
    world.deter((0.0, 0.0), START + 100_000, START + 160_000)
    assert world.tracks[0].turned_at == START + 120_000
    world.hush((0.0, 0.0), START + 110_000)
    assert world.tracks[0].turned_at is None


def test_a_waypoint_list_of_one_point_is_an_animal_that_stands() -> None:
    still = Way("b", "boar", 1, (Waypoint(START, 1.0, 2.0), Waypoint(START + 1_000, 1.0, 2.0)))
    assert still.position_at(START) == (1.0, 2.0)
    assert still.position_at(START + 1_001) is None


# --- the fleet ---


def test_the_simulator_shares_no_code_with_the_decoders() -> None:
    for source in (ROOT / "firmware_sim").rglob("*.py"):
        for node in ast.walk(ast.parse(source.read_text("utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                assert not name.startswith(("devices.decoders", "hub.decode")), (
                    f"{source.name} imports {name}"
                )


def test_the_same_seed_gives_the_same_bytes(town: Town) -> None:
    noise = (Loss(0.02), Duplicates(0.05), Reordering(0.05))
    streams = []
    for _ in range(2):
        played = scenario("story", town, 7)
        streams.append(run(fleet_of(town, played, 7, (*played.faults, *noise)), played.ends_at))
    assert streams[0] == streams[1]
    other = scenario("story", town, 8)
    assert streams[0] != run(fleet_of(town, other, 8), other.ends_at)


def test_big_steps_and_small_steps_give_the_same_messages(town: Town) -> None:
    first, second = scenario("story", town, 1), scenario("story", town, 1)
    fine = run(fleet_of(town, first), first.ends_at)
    coarse: list[Transmission] = []
    fleet = fleet_of(town, second)
    for now in range(second.starts_at, second.ends_at + 1, MINUTE):
        coarse += fleet.step(now)
    assert coarse == fine
    assert [sent.at for sent in coarse] == sorted(sent.at for sent in coarse)


def test_every_device_keeps_its_heartbeat(town: Town) -> None:
    played = calm(town)
    heard: dict[str, list[Millis]] = {}
    for sent in run(fleet_of(town, played), played.ends_at):
        heard.setdefault(sent.device, []).append(sent.at)
    assert set(heard) == set(town.devices)
    for id, times in heard.items():
        device = town.devices[id]
        heartbeat = device.heartbeat or town.profile(device).heartbeat
        gaps = [b - a for a, b in zip(times, [*times[1:], played.ends_at], strict=True)]
        assert times[0] - played.starts_at <= MINUTE, id
        assert max(gaps) <= heartbeat, id


def test_a_story_of_a_night_has_as_many_messages_as_such_a_town(town: Town) -> None:
    played = scenario("story", town, 1)
    sent = run(fleet_of(town, played), played.ends_at)
    assert 1_000 < len(sent) < 6_000
    assert played.lasts <= 16 * HOUR
    camera = next(s for s in sent if b'"animal"' in s.payload)
    assert camera.at - played.starts_at <= 2 * MINUTE


def test_an_unknown_profile_sends_a_native_heartbeat(town: Town) -> None:
    profile = town.profiles["naruko-wire"].model_copy(update={"model": "our-own"})
    device = town.devices["wire-kamisawa-1"].model_copy(update={"id": "new-1", "profile": "our-own"})
    small = replace(town, profiles={"our-own": profile}, devices={"new-1": device})
    sent = run(fleet_of(small, calm(town)), START + HOUR)
    assert {s.topic for s in sent} == {f"naruko/{town.site.id}/new-1/up"}
    assert "battery_v" in said(sent[0])["m"]


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_plays_in_a_town_that_lacks_what_it_names(town: Town, name: str) -> None:
    kinds = {town.kind(device): device for device in town.devices.values()}
    few = {device.id: device.model_copy(update={"gateway": None}) for device in kinds.values()}
    for devices in ({}, few):
        for zones in ({}, town.zones):
            small = replace(town, devices=devices, zones=zones)
            played = scenario(name, small, 1)
            run(fleet_of(small, played), played.starts_at + HOUR)
