"""Every byte that a simulated device sends says what the valley did."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from devices.frame import Millis
from firmware_sim.report import Transmission
from firmware_sim.scenarios import scenario
from firmware_sim.scenarios.plot import Scenario
from firmware_sim.world import HOUR, MINUTE
from hub.config.shapes import Kind
from hub.config.town import Town
from tests.fleets import MAIN, PLANE, decoded, example_town, fleet_of, run


@pytest.fixture(scope="module")
def town() -> Town:
    return example_town()


@pytest.fixture(scope="module")
def night(town: Town) -> tuple[Scenario, list[tuple[Transmission, Any]]]:
    """The whole story, nobody acting on it and nothing late, decoded by the hub."""
    played = scenario("story", town, 1)
    return played, decoded(town, run(fleet_of(town, played, faults=()), played.ends_at))


def test_every_message_is_of_the_device_that_sent_it(night: Any) -> None:
    _, messages = night
    assert all(uplink.device == sent.device for sent, uplink in messages)


def test_every_value_is_one_that_its_profile_knows_and_holds_plausible(town: Town, night: Any) -> None:
    _, messages = night
    for sent, uplink in messages:
        known = town.profile(town.devices[sent.device]).quantities
        for measure in uplink.measures:
            assert measure.quantity in known, sent
            assert known[measure.quantity].min <= measure.value <= known[measure.quantity].max, sent


def test_every_gauge_tells_the_level_of_the_valley(town: Town, night: Any) -> None:
    played, messages = night
    told = set()
    for sent, uplink in messages:
        gauge = town.devices[sent.device].gauge
        measured = {m.quantity: m.value for m in uplink.measures}
        if gauge is None or "distance_m" not in measured:
            continue
        distance = measured["distance_m"]
        if gauge.assumed_air_c is not None:
            distance *= (331.3 + 0.606 * measured["air_c"]) / (331.3 + 0.606 * gauge.assumed_air_c)
        assert gauge.sensor_height_m - distance == pytest.approx(
            played.world.level_m(sent.device, sent.at), abs=0.002
        )
        told.add(sent.device)
    assert told == {d.id for d in town.devices.values() if town.kind(d) == Kind.RIVER}


def test_air_and_slopes_are_told_within_the_resolution_of_the_sensor(town: Town, night: Any) -> None:
    played, messages = night
    compared = {"air_c": 0, "humidity_pct": 0, "board_c": 0, "angle_x_deg": 0}
    for sent, uplink in messages:
        device = town.devices[sent.device]
        place = PLANE.xy(device.lat, device.lon)
        stream = device.slope.stream if device.slope else ""
        true: dict[str, tuple[float, float]] = {
            "air_c": (played.world.air_c(place, sent.at), 0.051),
            "humidity_pct": (played.world.humidity_pct(place, sent.at), 0.26),
            "angle_x_deg": (played.world.tilt_deg(stream, place, sent.at), 0.0051),
        }
        if town.kind(device) != Kind.GATEWAY:
            true["board_c"] = (played.world.air_c(place, sent.at), 0.51)
        for measure in uplink.measures:
            if measure.quantity in true:
                value, resolution = true[measure.quantity]
                assert measure.value == pytest.approx(value, abs=resolution), sent
                compared[measure.quantity] += 1
    assert min(compared.values()) > 0, compared


def test_rain_gauges_tell_all_the_rain_and_no_more(town: Town, night: Any) -> None:
    played, messages = night
    for device in town.devices.values():
        if town.kind(device) != Kind.RAIN:
            continue
        mine = [
            (sent, {m.quantity: m.value for m in up.measures})
            for sent, up in messages
            if sent.device == device.id
        ]
        fallen = sum(measured["rain_mm"] for _, measured in mine)
        place = PLANE.xy(device.lat, device.lon)
        assert fallen == pytest.approx(played.world.rain_total_mm(place, mine[-1][0].at), abs=0.51)
        assert fallen > 80
        growth = mine[-1][1]["rain_total_mm"] - mine[0][1]["rain_total_mm"]
        assert growth == pytest.approx(fallen - mine[0][1]["rain_mm"], abs=0.01)


def test_cameras_name_the_animals_that_are_there(town: Town, night: Any) -> None:
    played, messages = night
    seen = set()
    for sent, uplink in messages:
        device = town.devices[sent.device]
        for signal in uplink.signals:
            if signal.type == "animal":
                there = played.world.seen_from(PLANE.xy(device.lat, device.lon), 15.0, sent.at)
                assert (signal.species, signal.count) == (there[0].species, there[0].count)
                assert 0.5 < signal.confidence < 1.0
                seen.add(signal.species)
    assert seen == {"boar", "deer", "bear"}


def test_motion_is_mostly_an_animal_and_now_and_then_nothing(town: Town, night: Any) -> None:
    played, messages = night
    true, stray = 0, 0
    for sent, uplink in messages:
        place = PLANE.xy(town.devices[sent.device].lat, town.devices[sent.device].lon)
        if any(s.type == "motion" and s.state == "on" for s in uplink.signals):
            near = played.world.seen_from(place, 15.0, sent.at)
            true, stray = true + bool(near), stray + (not near)
    assert true >= 5
    assert stray <= 10


def test_only_what_was_sprung_or_cut_says_so(town: Town, night: Any) -> None:
    played, messages = night
    told: dict[str, set[str]] = {}
    first: dict[tuple[str, str], Millis] = {}
    for sent, uplink in messages:
        for signal in uplink.signals:
            told.setdefault(f"{signal.type}/{signal.state}", set()).add(sent.device)
            first.setdefault((sent.device, signal.state), sent.at)
    assert told["trap/sprung"] == set(played.world.sprung)
    assert told["trap/armed"] == {d.id for d in town.devices.values() if d.trap}
    assert told["wire/cut"] == {"wire-kamisawa-1", "wire-kamisawa-2"}
    assert told["vibration/on"] == {"vib-kamisawa-1"}
    assert told["tilt/on"] == {"tilt-kamisawa-1", "tilt-kamisawa-2"}
    assert first["trap-01", "sprung"] == played.world.sprung["trap-01"]
    upper, lower = first["wire-kamisawa-1", "cut"], first["wire-kamisawa-2", "cut"]
    assert 20_000 < lower - upper < 60_000
    assert abs(first["vib-kamisawa-1", "on"] - upper) < 60_000


@pytest.mark.parametrize("sprung_when", ["open", "closed"])
@pytest.mark.parametrize("id", ["trap-07", "trap-08"])
def test_a_door_contact_says_sprung_however_its_magnet_is_mounted(
    town: Town, id: str, sprung_when: str
) -> None:
    device = town.devices[id]
    assert device.trap is not None
    turned = device.model_copy(update={"trap": device.trap.model_copy(update={"sprung_when": sprung_when})})
    small = replace(town, devices={id: turned})
    played = scenario("sprung_trap", small, 1)
    states = [
        signal.state
        for _, uplink in decoded(small, run(fleet_of(small, played), played.ends_at))
        for signal in uplink.signals
        if signal.type == "trap"
    ]
    assert "sprung" in states
    assert set(states) <= {"armed", "sprung"}


def test_the_things_stack_carries_the_same_frames(town: Town) -> None:
    mqtt = town.hub.mqtt.model_copy(update={"topics": ("v3/+/devices/+/up",)})
    stacked = replace(town, hub=town.hub.model_copy(update={"mqtt": mqtt}))
    found = []
    for variant in (town, stacked):
        played = scenario("boar_night", variant, 1)
        messages = decoded(variant, run(fleet_of(variant, played), played.ends_at))
        found.append([(s.at, u.device, u.measures, u.signals) for s, u in messages])
    assert found[0] == found[1]
    assert any(sent.topic.startswith("v3/") for sent, _ in messages)


# --- the river ---


def test_the_typhoon_takes_the_main_gauge_through_every_level_and_back(town: Town) -> None:
    played = scenario("typhoon", town, 1)
    gauge = town.devices[MAIN].gauge
    assert gauge is not None
    fleet = fleet_of(town, played)
    levels = [played.world.level_m(s.device, s.at) for s in run(fleet, played.ends_at) if s.device == MAIN]
    passed = []
    for level in levels:
        above = [name for name, height in gauge.levels_m.items() if level >= height]
        passed += [name for name in above if name not in passed]
    assert passed == ["standby", "caution", "evac_judge", "danger", "overflow"]
    below = [played.world.level_m(MAIN, t) for t in range(played.ends_at - HOUR, played.ends_at, MINUTE)]
    assert max(below) < gauge.levels_m["standby"] - 0.1


def test_the_upper_gauge_rises_before_the_lower_one(town: Town) -> None:
    played = scenario("typhoon", town, 1)

    def half_risen_at(id: str) -> Millis:
        times = range(played.starts_at, played.ends_at, MINUTE)
        levels = {t: played.world.level_m(id, t) for t in times}
        half = (min(levels.values()) + max(levels.values())) / 2
        return next(t for t in times if levels[t] >= half)

    assert 10 * MINUTE < half_risen_at(MAIN) - half_risen_at("gauge-onogawa-kami") < 30 * MINUTE


def test_a_gauge_reports_more_often_the_higher_the_water(town: Town) -> None:
    played = scenario("typhoon", town, 1)
    times = [s.at for s in run(fleet_of(town, played), played.ends_at) if s.device == MAIN]
    gaps = [(a, b - a) for a, b in pairwise(times)]
    calm = [gap for at, gap in gaps[1:] if at < played.starts_at + 45 * MINUTE]
    flood = [gap for at, gap in gaps if played.world.level_m(MAIN, at) > 1.7]
    assert min(calm) > 9 * MINUTE
    assert max(flood) <= 2 * MINUTE
