"""Real floods, replayed through quality and the river detector: what is told, when, and what is not.

The series and their faults are described in the README beside them (`../shared/data/river`).
"""

import csv
from collections import Counter
from functools import cache
from itertools import pairwise

import pytest

from hub.config.shapes import LEVELS
from hub.model import EventKind, Flag, Freshness, Reading
from hub.recordings import camtrap, convert, koto_2025_arrivals, slug
from tests.data import data_dir, needs_data
from tests.riverside import EVERY_5_MIN, EVERY_10_MIN, EVERY_HOUR, HIGHEST, Bank, clock, replay, said
from tests.towns import DAY, HOUR, MINUTE, at, gauge

pytestmark = needs_data

RIVERS = data_dir() / "river"
JISEIJI = {"standby": 3.80, "caution": 5.00, "evac_judge": 5.10, "danger": 5.50}
UP, DOWN, CLEAR = EventKind.LEVEL_UP, EventKind.LEVEL_DOWN, EventKind.LEVEL_CLEAR
UNVERIFIED, VERIFIED = EventKind.LEVEL_UNVERIFIED, EventKind.LEVEL_VERIFIED


def jiseiji() -> Bank:
    return Bank(gauge("koto-jiseiji", JISEIJI), EVERY_10_MIN)


def levels_of(bank: Bank) -> list[Reading]:
    return [reading for reading in bank.readings if reading.quantity == "level_m"]


# --- Koto River at Jiseiji, June and July 2023 ----------------------------------------------------


@cache
def koto() -> Bank:
    bank = jiseiji()
    replay(convert(RIVERS / "jp_koto_jiseiji_2023-06-20_2023-07-06.csv", "koto"), {bank.device.id: bank})
    return bank


def test_every_level_of_the_koto_flood_is_told_at_its_first_sample_and_once():
    told = [(clock(e.at), e.level, e.value, e.confirmed) for e in koto().events if e.kind is UP]
    assert told == [
        ("06-30 18:10", "standby", 3.81, True),
        ("07-01 01:00", "caution", 5.02, True),
        ("07-01 01:10", "evac_judge", 5.27, True),
        ("07-01 01:20", "danger", 5.51, True),
    ]


def test_the_koto_flood_falls_by_hysteresis_and_minimum_time():
    """Below 5.40, 5.07, 4.90 and 3.70 m since 10:30, 11:10, 11:30 and 22:30."""
    told = [(clock(e.at), e.kind, e.level, e.detail) for e in koto().events if e.kind in {DOWN, CLEAR}]
    assert told == [
        ("07-01 11:00", DOWN, "evac_judge", "danger"),
        ("07-01 11:40", DOWN, "caution", "evac_judge"),
        ("07-01 12:00", DOWN, "standby", "caution"),
        ("07-01 23:00", CLEAR, "", "standby"),
    ]


def test_four_unmarked_zeros_are_suspect_told_once_and_change_no_level():
    bank = koto()
    zeros = [r for r in levels_of(bank) if r.value == 0.0]
    assert [clock(r.at) for r in zeros] == ["07-03 10:10", "07-03 10:20", "07-03 10:30", "07-03 10:40"]
    assert {(r.flag, r.tests) for r in zeros} == {(Flag.SUSPECT, ("rate",))}
    after = [(clock(e.at), e.kind) for e in bank.events if e.at >= at("2023-07-02 00:00")]
    assert after == [("07-03 10:20", UNVERIFIED), ("07-03 11:00", VERIFIED)]


def test_no_other_sample_of_the_koto_flood_is_doubted_for_its_speed():
    assert sum("rate" in reading.tests for reading in koto().readings) == 4
    assert {"range", "backlog", "gap"}.isdisjoint(t for r in koto().readings for t in r.tests)


def test_every_sample_of_the_koto_series_is_kept():
    assert len(levels_of(koto())) == 2448


# --- the same gauge as a collector received it in 2025 --------------------------------------------


@cache
def arrivals(part: str) -> Bank:
    bank = jiseiji()
    path = RIVERS / f"jp_koto_jiseiji_2025_arrivals_{part}.csv"
    replay(koto_2025_arrivals(path, "koto", bank.device.id), {bank.device.id: bank})
    return bank


def test_the_faulty_arrivals_alarm_no_resident():
    """A threshold read in place of the level is the standby level: the flood corps hears, nobody else."""
    told = [(clock(e.at), e.kind, e.level) for e in arrivals("0622_0623").events]
    assert told == [
        ("06-22 07:26", UP, "standby"),
        ("06-23 05:30", CLEAR, ""),
        ("06-23 10:20", UNVERIFIED, ""),
        ("06-23 15:50", VERIFIED, ""),
        ("06-23 17:10", UNVERIFIED, ""),
    ]


def test_records_hours_late_are_kept_at_their_own_time_and_change_nothing():
    late = [r for r in arrivals("0622_0623").readings if r.freshness is Freshness.LATE]
    assert [(clock(r.at), round((r.received_at - r.at) / HOUR), r.value) for r in late] == [
        ("06-22 14:00", 4, 2.85),
        ("06-22 14:00", 14, 2.85),
        ("06-22 21:20", 9, 2.83),
    ]
    assert {r.at for r in late}.isdisjoint(e.at for e in arrivals("0622_0623").events)


def test_nulls_are_missing_and_zeros_are_never_believed():
    readings = arrivals("0622_0623").readings
    assert len(readings) == 58
    assert sum(r.flag is Flag.MISSING for r in readings) == 5
    zeros = [r for r in readings if r.value is not None and r.value < 0.1]
    assert len(zeros) == 22
    assert all(r.flag is Flag.SUSPECT or "duplicate" in r.tests for r in zeros)


def test_records_without_observation_time_count_from_their_arrival():
    readings = arrivals("0622_0623").readings
    assert sum(r.at == r.received_at for r in readings) == 13
    assert all("clock" not in r.tests for r in readings)


def test_irregular_arrivals_of_a_quiet_river_tell_nobody_anything():
    bank = arrivals("0628_0712")
    assert bank.events == []
    assert len(bank.readings) == 1064
    assert {r.freshness for r in bank.readings} == {Freshness.DELAYED}, "5 to 41 minutes late is still news"


# --- Cyclone Ditwah: 23 gauges --------------------------------------------------------------------

DITWAH = {"alert": "caution", "minor flood": "danger", "major flood": "overflow", "none": ""}


@cache
def ditwah() -> dict[str, Bank]:
    banks = {}
    with (RIVERS / "lk_stations.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            levels_m = {
                "caution": float(row["alert_level_m"]),
                "danger": float(row["minor_flood_level_m"]),
                "overflow": float(row["major_flood_level_m"]),
            }
            device = gauge(slug(row["station"]), levels_m, official=False)
            banks[device.id] = Bank(device, EVERY_HOUR)
    for part in ("lk_kelani_ganga_2025-11.csv", "lk_other_basins_2025-11.csv"):
        replay(convert(RIVERS / part, "lk"), banks)
    return banks


def colombo(text: str) -> int:
    return at(f"2025-{text}+05:30")


@pytest.mark.parametrize(("station", "highest"), HIGHEST.items())
def test_the_highest_level_told_of_each_gauge_of_ditwah_is_the_one_it_reached(station, highest):
    told = [e.level for e in ditwah()[slug(station)].events if e.kind is UP and e.confirmed]
    assert max(told, key=LEVELS.index, default="") == DITWAH[highest]


@pytest.mark.parametrize(
    ("station", "when", "before", "wrong", "after"),
    [
        ("dunamale", "12-01T00:02", 4.91, 1.76, 4.89),
        ("moraketiya", "11-28T00:11", 3.90, 2.12, 3.95),
        ("thanamalwila", "12-01T11:00", 1.51, 0.51, 1.50),
        ("thawalama", "11-26T07:42", 2.63, 3.98, 2.52),
    ],
)
def test_a_single_wrong_sample_of_ditwah_changes_nothing(station, when, before, wrong, after):
    bank = ditwah()[station]
    readings = levels_of(bank)
    (i,) = [i for i, r in enumerate(readings) if r.value == wrong and abs(r.at - colombo(when)) < MINUTE]
    assert (readings[i - 1].value, readings[i + 1].value) == (before, after)
    assert (readings[i + 1].flag, readings[i + 1].tests) == (Flag.PASS, ("spike_before",))
    without = Bank(bank.device, EVERY_HOUR)
    for j, reading in enumerate(readings):
        if j != i:
            without.level(reading.at, reading.value)
    assert [told_of(e) for e in bank.events] == [told_of(e) for e in without.events]


def told_of(event):
    return event.kind, event.level, event.at, event.confirmed


def test_the_sudden_rise_at_nakkala_is_told_to_officials_at_once_and_to_all_with_the_next_sample():
    """3.85 to 7.45 m in 62 minutes, in the night of 11-27: real."""
    told = [
        (clock(e.at, "+05:30"), e.kind, e.level, e.confirmed)
        for e in ditwah()["nakkala"].events
        if colombo("11-27T02:30") <= e.at <= colombo("11-27T05:30")
    ]
    assert told == [
        ("11-27 03:04", UNVERIFIED, "danger", True),
        ("11-27 03:04", UP, "danger", False),
        ("11-27 04:03", UP, "overflow", True),
        ("11-27 04:03", VERIFIED, "", True),
    ]


def test_only_sudden_rises_of_ditwah_are_told_as_unverified():
    told = {
        (id, clock(e.at, "+05:30"))
        for id, bank in ditwah().items()
        for e in bank.events
        if e.kind is UNVERIFIED
    }
    assert told == {("nakkala", "11-27 03:04"), ("moraketiya", "11-27 23:01")}


@pytest.mark.parametrize(
    ("station", "when", "entered", "flagged"),
    [
        ("yaka-wewa", "11-29T17:26", [5.71, 5.73, 5.74, 2.11], 3),
        ("holombuwa", "11-30T03:03", [2.20, 2.20, 2.16, 2.12], 3),
        ("glencourse", "11-26T05:06", [10.30, 10.33, 10.35], 2),
        ("moragaswewa", "11-27T21:01", [7.32, 7.32, 7.32], 1),
    ],
)
def test_levels_entered_at_once_with_the_time_of_entry_are_flagged(station, when, entered, flagged):
    start = colombo(when)
    block = [r for r in levels_of(ditwah()[station]) if start <= r.at < start + 4 * MINUTE]
    assert [r.value for r in block] == entered
    assert [("backlog" in r.tests, r.flag is Flag.SUSPECT) for r in block] == [(False, False)] * (
        len(block) - flagged
    ) + [(True, True)] * flagged


def test_two_reports_within_minutes_are_not_flagged():
    """Some 60 pairs; those flagged as backlog come after a silence or are the third of their kind."""
    pairs = flagged = 0
    for bank in ditwah().values():
        readings = levels_of(bank)
        for before, second in pairwise(readings):
            if second.at - before.at <= 2 * MINUTE:
                pairs += 1
                flagged += "backlog" in second.tests
    assert pairs > 60
    assert flagged == 17


def test_moragaswewa_dies_above_its_major_flood_level_and_stays_there():
    bank = ditwah()["moragaswewa"]
    assert (bank.river.above, bank.river.above_caution) == ("overflow", True)
    assert clock(bank.river.at, "+05:30") == "11-28 06:04"


def test_a_long_silence_is_a_gap_and_no_event():
    bank = ditwah()["galgamuwa"]
    (gap,) = [r for r in bank.readings if clock(r.at, "+05:30") == "12-01 09:41"]
    assert (gap.value, gap.flag, gap.tests) == (4.45, Flag.PASS, ("gap",))


def test_every_sample_of_ditwah_is_kept():
    assert sum(len(levels_of(bank)) for bank in ditwah().values()) == 1347 + 2852


# --- United States --------------------------------------------------------------------------------


def american(name: str, device: str, levels_m: dict[str, float], profile=EVERY_5_MIN) -> Bank:
    bank = Bank(gauge(device, levels_m), profile)
    replay((m for m in convert(RIVERS / name, "us") if f"/{device}/" in m.topic), {device: bank})
    return bank


def test_the_flash_floods_of_dead_run_are_believed_at_every_5_minute_step():
    bank = american("us_dead_run_2018-06.csv", "us-dead-run", {"caution": 1.0, "danger": 1.5})
    readings = levels_of(bank)
    assert len(readings) == 3696
    assert {r.flag for r in readings[1:]} == {Flag.PASS}
    peak = max(readings, key=lambda r: r.value)
    assert (peak.value, peak.at) == (1.8806, at("2018-06-03T22:05+00:00"))
    floods = [clock(e.at, "+00:00")[:5] for e in bank.events if (e.kind, e.level) == (UP, "danger")]
    assert floods == ["06-03", "06-11"]
    assert bank.river.above == ""


def test_the_gaps_of_plumtree_run_are_gaps_and_not_levels():
    bank = american("us_plumtree_run_2016-01_gaps.csv", "us-plumtree-run", {"caution": 0.8})
    readings = levels_of(bank)
    missing = [r for r in readings if r.flag is Flag.MISSING]
    assert (len(readings), len(missing)) == (8640, 2404)
    assert {(r.value, r.tests) for r in missing} == {(None, ("missing",))}
    longest = run = 0
    for reading in readings:
        run = run + 1 if reading.value is None else 0
        longest = max(longest, run)
    assert longest == 961
    assert sum("gap" in r.tests for r in readings) > 1
    assert UNVERIFIED not in {e.kind for e in bank.events}


def test_the_pearl_river_stands_in_flood_from_the_first_sample_to_the_last():
    levels_m = {"caution": 4.572, "danger": 5.486}
    bank = american("us_pearl_bogalusa_2019-02.csv", "usgs-02489500", levels_m, EVERY_HOUR)
    assert bank.told() == [(UP, "danger")]
    assert bank.events[0].at == at("2019-02-25T06:00+00:00")
    assert bank.river.above == "danger"
    assert Counter(r.quantity for r in bank.readings) == {
        "level_m": 240,
        "elevation_m": 240,
        "discharge_m3s": 240,
    }


def test_two_gauges_of_different_step_come_out_of_one_file():
    bower = american("us_susquehanna_2018-06-01.csv", "usgs-01541000", {"caution": 2.5}, EVERY_HOUR)
    harrisburg = american("us_susquehanna_2018-06-01.csv", "usgs-01570500", {}, EVERY_HOUR)
    assert (len(levels_of(bower)), len(levels_of(harrisburg))) == (96, 48)
    assert bower.told() == [(UP, "caution"), (CLEAR, "")]


def test_ice_is_a_missing_value():
    bank = american("us_karthaus_2019-01_ice_discharge.csv", "usgs-01542500", {})
    missing = [r for r in bank.readings if r.flag is Flag.MISSING]
    assert (len(bank.readings), len(missing)) == (438, 39)
    assert min(r.at for r in missing) == at("2019-01-28T14:15-05:00")
    assert all(r.value is None or r.value > 0 for r in bank.readings)


@pytest.mark.parametrize(
    ("name", "hours"), [("us_bower_dst_spring_2018-03", 71), ("us_bower_dst_autumn_2018-11", 73)]
)
def test_daylight_saving_time_neither_loses_nor_doubles_an_instant(name, hours):
    bank = american(f"{name}_discharge.csv", "usgs-01541000", {})
    times = [r.at for r in bank.readings]
    assert len(times) == hours * 4
    assert [b - a for a, b in pairwise(times)] == [15 * MINUTE] * (hours * 4 - 1)


# --- camera traps ---------------------------------------------------------------------------------


def test_the_camera_trap_records_become_one_message_a_visit():
    messages = list(camtrap(data_dir() / "wildlife", "cams", slug))
    species = Counter(entry["species"] for message in messages for entry in said(message)["e"])
    assert species == {"bird": 22, "fox": 1, "vehicle": 1, "unknown": 8}
    assert [m.received_at for m in messages] == sorted(m.received_at for m in messages)
    assert len({m.topic for m in messages}) == 4
    assert messages[0].received_at == at("2020-05-30T02:57:37+00:00")
    assert messages[-1].received_at - messages[0].received_at > 300 * DAY
