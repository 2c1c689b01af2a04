"""Who has fallen silent, devices and the gateways they hang on. An unexpected event fails too."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.detect import silent_devices
from hub.model import Freshness
from tests.listening import BACK, GW_BACK, GW_SILENT, OFFLINE, ONLINE, SILENT, START, Field, told
from tests.towns import DAY, HOUR, MINUTE, SECOND, at, device, gauge, pir

# --- silence --------------------------------------------------------------------------------------


def test_a_device_is_silent_after_three_of_its_own_heartbeats_and_back_with_its_next_word() -> None:
    field = Field(pir("a"))
    assert field.says("a", 0) == []
    assert field.tick(3 * HOUR - 1) == []
    (silent,) = field.tick(3 * HOUR)
    assert (silent.kind, silent.incident, silent.window) == (SILENT, "silent/a", 3 * HOUR)
    assert silent.at == START + 3 * HOUR
    assert field.tick(9 * HOUR) == []
    (back,) = field.says("a", 10 * HOUR)
    assert (back.kind, back.incident, back.window) == (BACK, "silent/a", 10 * HOUR)
    assert field.tick(10 * HOUR) == []
    assert told(field.tick(13 * HOUR)) == [(SILENT, "a")]


def test_the_interval_is_the_devices_own_where_it_has_one() -> None:
    field = Field(pir("slow", heartbeat="24h"), pir("usual"), missed=2)
    field.says("slow", 0)
    field.says("usual", 0)
    assert told(field.tick(2 * HOUR)) == [(SILENT, "usual")]
    assert field.tick(2 * DAY - 1) == []
    assert told(field.tick(2 * DAY)) == [(SILENT, "slow")]


def test_a_gauge_in_flood_is_watched_by_its_flood_interval_and_says_in_which_level_it_fell_silent() -> None:
    field = Field(gauge("biwa", {"caution": 2.0}))
    field.says("biwa", 0)
    field.flood.add("biwa")
    assert field.tick(6 * MINUTE - 1) == []
    (silent,) = field.tick(6 * MINUTE)
    assert (silent.kind, silent.level) == (SILENT, "danger")


def test_a_gauge_in_calm_water_is_watched_by_its_usual_interval() -> None:
    field = Field(gauge("biwa", {"caution": 2.0}))
    field.says("biwa", 0)
    assert field.tick(30 * MINUTE - 1) == []
    (silent,) = field.tick(30 * MINUTE)
    assert (silent.kind, silent.level) == (SILENT, "")


def test_a_device_never_heard_is_judged_from_when_the_hub_first_knew_it_also_over_a_restart() -> None:
    field = Field(pir("new"))
    assert field.tick(0) == []
    restarted = Field(pir("new"))
    restarted.states = dict(field.states)
    assert restarted.tick(3 * HOUR - 1) == []
    assert told(restarted.tick(3 * HOUR)) == [(SILENT, "new")]


def test_who_fell_silent_while_the_hub_was_down_is_told_at_its_start() -> None:
    field = Field(pir("a"))
    field.says("a", 0)
    assert told(field.tick(2 * DAY)) == [(SILENT, "a")]


def test_nobody_is_silent_before_the_hub_has_listened_for_one_and_a_half_heartbeats() -> None:
    field = Field(pir("a"), pir("b"))
    field.says("a", 0)
    field.says("b", 0)
    up = START + DAY
    assert field.tick(DAY, hearing_since=up) == []
    field.says("a", DAY + 30 * MINUTE)
    assert field.tick(DAY + 90 * MINUTE - 1, hearing_since=up) == []
    assert told(field.tick(DAY + 90 * MINUTE, hearing_since=up)) == [(SILENT, "b")]


def test_a_device_under_maintenance_is_never_silent() -> None:
    field = Field(pir("a", maintenance=True))
    field.says("a", 0)
    assert field.tick(9 * DAY) == []


@pytest.mark.parametrize("freshness", [Freshness.LATE, Freshness.STORED, Freshness.RETAINED])
def test_history_is_no_sign_of_life(freshness: Freshness) -> None:
    field = Field(pir("a"))
    field.says("a", 0)
    assert field.says("a", 2 * HOUR, freshness=freshness) == []
    assert told(field.tick(3 * HOUR)) == [(SILENT, "a")]
    assert field.says("a", 4 * HOUR, freshness=freshness) == []
    assert field.tick(5 * HOUR) == []
    assert told(field.says("a", 6 * HOUR)) == [(BACK, "a")]


def test_delayed_news_is_a_sign_of_life_for_its_own_time() -> None:
    field = Field(pir("a"))
    field.says("a", 0)
    assert field.says("a", HOUR, freshness=Freshness.DELAYED, late=10 * MINUTE) == []
    assert field.tick(4 * HOUR - 1) == []
    assert told(field.tick(4 * HOUR)) == [(SILENT, "a")]
    assert field.says("a", 3 * HOUR, freshness=Freshness.DELAYED, late=2 * HOUR) == []
    assert told(field.says("a", 5 * HOUR, freshness=Freshness.DELAYED, late=MINUTE)) == [(BACK, "a")]


def test_nothing_is_judged_before_the_clock_is_set() -> None:
    field = Field(pir("a"))
    field.says("a", 0)
    assert silent_devices.tick(field.town, field.states, lambda _id: "", 40 * DAY) == ({}, [])


def test_times_noted_before_the_clock_was_set_make_nobody_silent() -> None:
    field = Field(pir("a"), pir("b"))
    field.says("a", -START + 5 * DAY)
    assert field.tick(0) == []
    assert field.tick(3 * HOUR - 1) == []
    assert sorted(told(field.tick(3 * HOUR))) == [(SILENT, "a"), (SILENT, "b")]


def test_a_clock_that_is_set_back_leaves_no_device_unwatched() -> None:
    field = Field(pir("a"))
    field.says("a", 30 * DAY)
    assert field.tick(0) == []
    assert told(field.tick(3 * HOUR)) == [(SILENT, "a")]


def test_a_replay_of_an_old_flood_is_judged_by_its_own_time() -> None:
    field = Field(gauge("biwa", {"caution": 2.0}))
    then = at("2023-07-01 01:20:00") - START
    field.says("biwa", then)
    assert field.tick(then + HOUR) == []
    assert told(field.tick(then + HOUR, replay=True)) == [(SILENT, "biwa")]


@given(st.lists(st.tuples(st.sampled_from(["word", "tick"]), st.integers(0, 4 * HOUR)), max_size=40))
def test_a_word_and_a_time_out_at_one_instant_never_leave_a_silence_hanging(
    steps: list[tuple[str, int]],
) -> None:
    field = Field(pir("a"), flapping_after=20)
    now, events = 0, []
    field.says("a", 0)
    for what, pause in steps:
        now += pause
        events += field.tick(now) if what == "tick" else field.says("a", now)
        if what == "word":
            assert not field.states["a"].silent_at
    kinds = [event.kind for event in events]
    assert kinds == [SILENT, BACK] * (len(kinds) // 2) + [SILENT] * (len(kinds) % 2)
    assert len({event.id for event in events}) == len(events)
    silent = bool(field.states["a"].silent_at)
    assert told(field.tick(now + 3 * HOUR)) == ([] if silent else [(SILENT, "a")])
    assert told(field.says("a", now + 3 * HOUR)) == [(BACK, "a")]


# --- gateways -------------------------------------------------------------------------------------


def behind(gateway: str = "gw", profile: str = "gateway", n: int = 3, **more: Any) -> Field:
    """A gateway and its devices a0, a1, ..."""
    return Field(
        device(gateway, profile), *(pir(f"a{i}", gateway=gateway, heartbeat="10m") for i in range(n)), **more
    )


def test_a_silent_gateway_is_told_once_with_its_devices_and_they_are_not() -> None:
    field = behind()
    for id in ("gw", "a0", "a1", "a2"):
        field.says(id, 0)
    assert field.tick(15 * MINUTE - 1) == []
    (silent,) = field.tick(15 * MINUTE)
    assert (silent.kind, silent.incident) == (GW_SILENT, "gateway/gw")
    assert silent.devices == ("a0", "a1", "a2")
    assert field.tick(30 * MINUTE) == field.tick(DAY) == []
    assert told(field.says("gw", DAY)) == [(GW_BACK, "gw")]
    for id in ("a0", "a1"):
        assert field.says(id, DAY + MINUTE) == []
    field.says("gw", DAY + 5 * MINUTE)
    assert field.tick(DAY + 10 * MINUTE - 1) == []
    assert told(field.tick(DAY + 10 * MINUTE)) == [(SILENT, "a2")]


def test_devices_quicker_than_their_gateway_wait_for_the_verdict_on_it() -> None:
    field = Field(device("gw", "gateway", heartbeat="30m"), pir("a", gateway="gw", heartbeat="5m"))
    field.says("gw", 0)
    field.says("a", 35 * MINUTE)
    assert field.tick(50 * MINUTE) == field.tick(90 * MINUTE - 1) == []
    assert told(field.tick(90 * MINUTE)) == [(GW_SILENT, "gw")]


def test_a_device_that_dies_behind_a_living_gateway_is_told_for_itself() -> None:
    field = behind()
    for minute in range(0, 60, 5):
        field.says("gw", minute * MINUTE)
        field.says("a0", minute * MINUTE)
        field.says("a1", minute * MINUTE)
        if not minute:
            field.says("a2", 0)
        events = field.tick(minute * MINUTE)
        assert told(events) == ([(SILENT, "a2")] if minute == 30 else [])


def test_the_last_will_of_a_gateway_is_told_after_a_moment_and_a_restart_is_not() -> None:
    field = behind()
    field.says("gw", 0)
    assert field.says("gw", MINUTE, OFFLINE) == []
    assert field.tick(MINUTE + 10 * SECOND) == []
    assert field.says("gw", MINUTE + 20 * SECOND, ONLINE) == []
    assert field.tick(2 * MINUTE) == []
    field.says("gw", 3 * MINUTE, OFFLINE)
    assert field.tick(3 * MINUTE + 30 * SECOND - 1) == []
    assert told(field.tick(3 * MINUTE + 30 * SECOND)) == [(GW_SILENT, "gw")]
    assert told(field.says("gw", 9 * MINUTE, ONLINE)) == [(GW_BACK, "gw")]


def test_a_retained_offline_counts_and_a_retained_online_clears_nothing() -> None:
    field = behind()
    field.says("gw", 0)
    field.says("gw", MINUTE, OFFLINE, freshness=Freshness.RETAINED)
    assert told(field.tick(2 * MINUTE)) == [(GW_SILENT, "gw")]
    assert field.says("gw", 3 * MINUTE, ONLINE, freshness=Freshness.RETAINED) == []
    assert told(field.says("gw", 4 * MINUTE, ONLINE)) == [(GW_BACK, "gw")]


def test_the_last_will_of_a_device_is_no_sign_of_life() -> None:
    field = Field(pir("a"))
    field.says("a", 0)
    field.says("a", 2 * HOUR, OFFLINE)
    assert told(field.tick(3 * HOUR)) == [(SILENT, "a")]


@pytest.mark.parametrize("profile", ["mute-gateway", "gateway"])
def test_a_gateway_that_never_speaks_is_silent_with_half_of_its_devices(profile: str) -> None:
    field = behind(profile=profile, n=4)
    field.says("a0", 0)
    for id in ("a1", "a2", "a3"):
        field.says(id, 9 * MINUTE)
    assert told(field.tick(30 * MINUTE)) == [(SILENT, "a0")]
    (silent,) = field.tick(39 * MINUTE)
    assert (silent.kind, silent.devices) == (GW_SILENT, ("a0", "a1", "a2", "a3"))
    assert field.tick(DAY) == []
    assert field.says("a1", DAY) == []
    assert told(field.tick(DAY)) == [(GW_BACK, "gw")]
    assert field.tick(DAY + 9 * MINUTE) == []
    assert told(field.tick(DAY + 10 * MINUTE)) == [(SILENT, "a2"), (SILENT, "a3")]


def test_one_device_alone_is_no_proof_that_its_gateway_is_silent() -> None:
    field = behind(profile="mute-gateway", n=1)
    field.says("a0", 0)
    assert told(field.tick(HOUR)) == [(SILENT, "a0")]


def test_dead_devices_beside_living_ones_do_not_make_a_gateway_silent() -> None:
    field = behind(profile="mute-gateway", n=4)
    for id in ("a0", "a1"):
        field.says(id, 0)
    for id in ("a2", "a3"):
        field.says(id, 25 * MINUTE)
    assert told(field.tick(30 * MINUTE)) == [(SILENT, "a0"), (SILENT, "a1")]


def test_a_gauge_in_flood_is_told_even_behind_a_silent_gateway() -> None:
    field = Field(device("gw", "gateway"), gauge("biwa", {"caution": 2.0}, gateway="gw"))
    field.says("gw", 0)
    field.says("biwa", 14 * MINUTE)
    field.flood.add("biwa")
    assert told(field.tick(15 * MINUTE)) == [(GW_SILENT, "gw")]
    assert field.tick(20 * MINUTE - 1) == []
    assert told(field.tick(20 * MINUTE)) == [(SILENT, "biwa")]


def test_a_device_that_speaks_while_its_gateway_is_silent_has_another_way_and_is_judged_for_itself() -> None:
    field = behind()
    field.says("gw", 0)
    assert told(field.tick(15 * MINUTE)) == [(GW_SILENT, "gw")]
    field.says("a1", 20 * MINUTE)
    assert field.tick(50 * MINUTE - 1) == []
    assert told(field.tick(50 * MINUTE)) == [(SILENT, "a1")]
    assert told(field.says("gw", HOUR)) == [(GW_BACK, "gw")]


def test_a_mute_gateway_declared_gone_is_back_once_with_the_word_of_a_device() -> None:
    field = behind(profile="mute-gateway")
    field.says("gw", 0, OFFLINE, freshness=Freshness.RETAINED)
    assert told(field.tick(MINUTE)) == [(GW_SILENT, "gw")]
    field.says("a0", 2 * MINUTE)
    assert told(field.tick(2 * MINUTE)) == [(GW_BACK, "gw")]
    assert field.tick(4 * MINUTE) == []


def test_a_gateway_under_maintenance_is_not_told_and_excuses_its_devices() -> None:
    field = Field(device("gw", "gateway", maintenance=True), pir("a", gateway="gw"))
    field.says("gw", 0)
    field.says("a", 0)
    assert field.tick(HOUR) == field.tick(DAY) == []
