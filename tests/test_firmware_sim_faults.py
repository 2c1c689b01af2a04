"""What goes wrong in the field goes wrong in the simulation, and nothing else."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_sim.device import NEVER
from firmware_sim.faults import (
    DeadBattery,
    Duplicates,
    Fault,
    GatewayOutage,
    Loss,
    Reordering,
    Restart,
    StuckValue,
    WrongClock,
)
from firmware_sim.fleet import Fleet
from firmware_sim.scenarios import scenario
from firmware_sim.world import HOUR, MINUTE
from hub.config.town import Town
from tests.fleets import MAIN, START, calm, decoded, example_town, fleet_of, run, said


@pytest.fixture(scope="module")
def town() -> Town:
    return example_town()


def test_a_gateway_outage_delivers_late_what_was_said_meanwhile(town: Town) -> None:
    played, undisturbed = scenario("gateway_outage", town, 1), scenario("gateway_outage", town, 1)
    (outage,) = played.faults
    assert isinstance(outage, GatewayOutage)
    real = run(fleet_of(town, played), played.ends_at)
    ideal = run(fleet_of(town, undisturbed, faults=()), undisturbed.ends_at)
    behind = {id for id, d in town.devices.items() if d.gateway == outage.gateway}

    assert not [s for s in real if s.device in behind and outage.since <= s.at < outage.until]
    assert sorted(s.payload for s in real if s.device in behind) == sorted(
        s.payload for s in ideal if s.device in behind
    ), "nothing lost, and every `at` as it was"
    assert [s for s in real if s.device not in behind | {outage.gateway}] == [
        s for s in ideal if s.device not in behind | {outage.gateway}
    ]
    late = [s for s in real if b'"deer"' in s.payload]
    assert late
    for sent in late:
        at = round(datetime.fromisoformat(said(sent)["at"]).timestamp() * 1_000)
        assert sent.at - at > 15 * MINUTE
    per_device = [s for s in real if s.device == "cam-kitahara-3"]
    assert [said(s)["seq"] for s in per_device] == list(range(len(per_device)))


def test_the_broker_tells_the_last_will_of_a_gateway_and_its_return(town: Town) -> None:
    played = scenario("gateway_outage", town, 1)
    (outage,) = played.faults
    assert isinstance(outage, GatewayOutage)
    status = [
        (s.at, said(s)["state"], s.retain)
        for s in run(fleet_of(town, played), played.ends_at)
        if s.topic.endswith(f"{outage.gateway}/status")
    ]
    assert status[1:] == [(outage.since + 90_000, "offline", True), (outage.until, "online", True)]


def test_the_broker_does_not_notice_an_outage_shorter_than_the_keepalive(town: Town) -> None:
    outage = GatewayOutage("gw-kitahara", START + HOUR, START + HOUR + MINUTE)
    sent = run(fleet_of(town, calm(town), faults=(outage,)), START + 2 * HOUR)
    assert [said(s)["state"] for s in sent if s.topic.endswith("gw-kitahara/status")] == ["online"]


def test_a_gateway_without_spool_loses_what_it_hears(town: Town) -> None:
    played = calm(town)
    outage = GatewayOutage("gw-kominkan", START, played.ends_at, spool=False)
    sent = run(fleet_of(town, played, faults=(outage,)), played.ends_at + HOUR)
    during = {s.device for s in sent if s.at < played.ends_at}
    assert not during & {id for id, d in town.devices.items() if d.gateway == "gw-kominkan"}


def test_loss_and_duplicates_strike_about_the_share_they_are_told(town: Town) -> None:
    played = calm(town)
    whole = run(fleet_of(town, calm(town)), played.ends_at)
    fewer = run(fleet_of(town, calm(town), faults=(Loss(0.2),)), played.ends_at)
    more = run(fleet_of(town, calm(town), faults=(Duplicates(0.2),)), played.ends_at)
    assert 0.7 < len(fewer) / len(whole) < 0.9
    assert 1.1 < len(more) / len(whole) < 1.3
    assert {(s.topic, s.payload) for s in more} == {(s.topic, s.payload) for s in whole}


def test_reordering_changes_the_order_and_nothing_else(town: Town) -> None:
    played = calm(town)
    plain = run(fleet_of(town, calm(town)), played.ends_at)
    mixed = run(fleet_of(town, calm(town), faults=(Reordering(0.5, HOUR),)), played.ends_at + HOUR)
    mixed = [s for s in mixed if any(s.payload == p.payload for p in plain)]
    assert [s.payload for s in mixed] != [s.payload for s in plain]
    assert sorted(s.payload for s in mixed) == sorted(s.payload for s in plain)


def of_gauge(town: Town, *faults: Fault) -> list[dict[str, Any]]:
    played = calm(town)
    return [said(s) for s in run(fleet_of(town, played, faults=faults), played.ends_at) if s.device == MAIN]


def test_a_stuck_gauge_repeats_itself_to_the_last_digit(town: Town) -> None:
    start = calm(town).starts_at
    stuck = of_gauge(town, StuckValue(MAIN, start + HOUR, start + 2 * HOUR))
    distances = [report["m"]["distance_m"] for report in stuck]
    assert len(set(distances[7:11])) == 1
    assert len(set(distances[:5])) == 5


def test_a_clock_without_time_shows_1970_and_a_wrong_one_is_an_hour_ahead(town: Town) -> None:
    start = calm(town).starts_at
    lost = of_gauge(town, WrongClock(MAIN, start, start + HOUR))
    assert lost[0]["at"].startswith("1970-01-01T09:0")
    assert lost[-1]["at"].startswith("2026-09-12T")
    right, ahead = of_gauge(town), of_gauge(town, WrongClock(MAIN, start, start + 9 * HOUR, HOUR))
    off = datetime.fromisoformat(ahead[0]["at"]) - datetime.fromisoformat(right[0]["at"])
    assert abs(off.total_seconds() - 3_600) <= 2


def test_after_a_restart_the_counter_begins_again(town: Town) -> None:
    sequence = [report["seq"] for report in of_gauge(town, Restart(MAIN, calm(town).starts_at + HOUR))]
    again = sequence.index(0, 1)
    assert again > 4
    assert sequence == [*range(again), *range(len(sequence) - again)]


def test_a_lorawan_device_joins_again_after_a_restart_and_says_so_without_a_level(town: Town) -> None:
    at = START + HOUR
    fleet = fleet_of(town, calm(town), faults=(Restart("gauge-kamisawa", at),))
    mine = [s for s in run(fleet, START + 2 * HOUR) if s.device == "gauge-kamisawa"]
    after = [s for s in mine if s.at >= at]
    counters = [said(s).get("fCnt", 0) for s in after]
    assert counters == list(range(len(after)))
    joined, first = (uplink for _, uplink in decoded(town, after[:2]))
    assert joined.measures == ()
    assert {m.quantity for m in first.measures} == {"distance_m", "battery_pct"}


def test_a_dying_battery_sags_and_then_the_device_is_silent(town: Town) -> None:
    start = calm(town).starts_at
    volts = [r["m"]["battery_v"] for r in of_gauge(town, DeadBattery(MAIN, start + 2 * HOUR, HOUR))]
    assert len(volts) < len(of_gauge(town))
    assert volts[-1] < 3.2 < volts[0]
    assert volts == sorted(volts, reverse=True)


def test_a_fleet_of_dead_devices_has_nothing_more_to_do(town: Town) -> None:
    played = calm(town)
    dead = tuple(DeadBattery(id, START) for id in town.devices)
    fleet = Fleet(town, played.world, 1, dead, starts_at=START + 1)
    assert fleet.next_due() == NEVER


@settings(max_examples=15, deadline=None)
@given(
    st.integers(0, 2**32), st.lists(st.sampled_from(["loss", "twice", "mixed", "stuck", "clock"]), max_size=5)
)
def test_faults_may_be_combined_in_any_order(town: Town, seed: int, names: list[str]) -> None:
    made: dict[str, Callable[[], Fault]] = {
        "loss": lambda: Loss(0.3),
        "twice": lambda: Duplicates(0.3),
        "mixed": lambda: Reordering(0.3),
        "stuck": lambda: StuckValue(MAIN, START, START + HOUR),
        "clock": lambda: WrongClock("cam-ueda-1", START, START + HOUR),
    }
    played = scenario("boar_night", town, seed)
    fleet = fleet_of(town, played, seed, tuple(made[name]() for name in names))
    sent = run(fleet, played.starts_at + 20 * MINUTE)
    assert [s.at for s in sent] == sorted(s.at for s in sent)
