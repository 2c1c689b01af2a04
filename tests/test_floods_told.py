"""Real floods, replayed through the whole pipeline: who is told what, and when.

The series and their faults are described in the README beside them (`../shared/data/river`).
"""

import csv
from collections import Counter
from functools import cache
from itertools import pairwise
from typing import NamedTuple

import pytest

from hub.config.shapes import LEVELS, Device, Kind, Profile
from hub.config.town import Town
from hub.model import Flag, Freshness, Reading, Severity, Status
from hub.recordings import slug
from hub.replay import Replay, walk
from tests.data import data_dir, needs_data
from tests.riverside import HIGHEST, clock
from tests.towns import DAY, HOUR, MINUTE, at, gauge, person, square, town

pytestmark = needs_data

RIVERS = data_dir() / "river"
PROFILES = [
    Profile(model=f"every-{beat}", name=f"each {beat}", kind=Kind.RIVER, decoder="naruko", heartbeat=beat)
    for beat in ("5m", "10m", "15m", "1h")
]
OFFICE = {"office", "corps", "operator"}
CAUTION = "office corps mori sato"
WELFARE = CAUTION + " home"
ALL = WELFARE + " hunter"


class Telling(NamedTuple):
    """One text at one moment. `who` in the order of the town's people."""

    when: str
    template: str
    reason: str
    who: str
    device: str


class Told:
    """A replay and all that was told in it."""

    def __init__(self, ground: Town, files: list[str], zone: str = "+09:00") -> None:
        self.replay = Replay(ground)
        self.ledger = self.replay.ledger
        texts: dict[tuple[str, str, str, str], list[str]] = {}
        for now, outcome in self.replay.play(walk([RIVERS / file for file in files], "test")):
            for n in outcome.notifications:
                assert n.status is Status.NOT_SENT
                device = next(a.device for a in outcome.alerts if a.id == n.alert_id)
                text = clock(now, zone), n.template, n.reason.value, device
                texts.setdefault(text, []).append(n.recipient)
        self.tellings = [
            Telling(when, template, reason, " ".join(who), device)
            for (when, template, reason, device), who in texts.items()
        ]

    def river(self, device: str = "") -> list[tuple[str, ...]]:
        """(when, template, who) of all texts about levels, of one gauge or all."""
        return [
            (t.when, t.template, t.who)
            for t in self.tellings
            if t.template.startswith("river_") and device in ("", t.device)
        ]

    def everybody(self) -> set[str]:
        return {name for t in self.tellings for name in t.who.split()}

    def readings(self, device: str, quantity: str = "level_m") -> list[Reading]:
        return self.ledger.readings(device, quantity, 0, 2**53)


def each(beat: str, device: Device) -> Device:
    """The gauge as one that reports so often, in calm and in flood."""
    return device.model_copy(update={"profile": f"every-{beat}"})


def riverside(*devices: Device) -> Town:
    """Gauges that all speak for one flood zone, with somebody of every role."""
    return town(
        devices=list(devices),
        zones=[square("flood", "flood", rivers=tuple(d.id for d in devices))],
        people=[
            person("office", "official"),
            person("corps", "corps"),
            person("mori", "resident", zones=("flood",)),
            person("sato", "farmer", zones=("flood",)),
            person("home", "welfare", zones=("flood",)),
            person("hunter", "hunter", zones=("flood",)),
            person("operator", "operator"),
        ],
        profiles=PROFILES,
    )


JISEIJI = {"standby": 3.80, "caution": 5.00, "evac_judge": 5.10, "danger": 5.50}


def jiseiji(beat: str = "10m") -> Town:
    return riverside(each(beat, gauge("koto-jiseiji", JISEIJI)))


# --- Koto River at Jiseiji ------------------------------------------------------------------------


@cache
def koto() -> Told:
    return Told(jiseiji(), ["jp_koto_jiseiji_2023-06-20_2023-07-06.csv"])


def test_the_koto_flood_is_told_level_by_level_and_its_end_to_all_who_were_told():
    flood = [telling for telling in koto().river() if telling[0] < "07-02"]
    assert flood == [
        ("06-30 18:10", "river_standby", "office corps"),
        ("07-01 01:00", "river_lv2", CAUTION),
        ("07-01 01:10", "river_lv3", WELFARE),
        ("07-01 01:20", "river_lv4", ALL),
        ("07-01 11:00", "river_falling", ALL),
        ("07-01 11:40", "river_falling", ALL),
        ("07-01 12:00", "river_falling", ALL),
        ("07-01 23:00", "river_cleared", ALL),
    ]


def test_four_unmarked_zeros_are_told_to_the_office_alone_once_and_nothing_else_is_told():
    assert koto().tellings[-1] == (
        "07-03 10:20",
        "river_unverified",
        "unverified",
        "office",
        "koto-jiseiji",
    )
    assert [telling for telling in koto().river() if telling[0] >= "07-02"] == [
        ("07-03 10:20", "river_unverified", "office")
    ]
    zeros = [r for r in koto().readings("koto-jiseiji") if r.value == 0.0]
    assert [r.flag for r in zeros] == [Flag.SUSPECT] * 4
    assert koto().ledger.open_alerts() == []


def test_nothing_but_levels_is_told_of_the_koto_flood_and_every_sample_is_kept():
    assert len(koto().tellings) == 9
    assert Counter(a.kind for a in koto().ledger.alerts(0)) == {"river": 1, "river_unverified": 1}
    counts = koto().ledger.counts()
    assert (counts["messages"], counts["readings"]) == (2448, 2 * 2448)


# --- the same gauge as a collector received it in 2025 --------------------------------------------


@cache
def arrivals(part: str) -> Told:
    return Told(jiseiji("1h"), [f"jp_koto_jiseiji_2025_arrivals_{part}.csv"])


@pytest.mark.parametrize("part", ["0622_0623", "0628_0712"])
def test_no_resident_is_told_of_faulty_or_irregular_arrivals(part):
    assert arrivals(part).everybody() <= OFFICE


def test_the_faulty_arrivals_are_told_as_what_they_are():
    """A threshold read in place of the level is the standby level; what falls to zero is to be looked at."""
    assert arrivals("0622_0623").river() == [
        ("06-22 07:26", "river_standby", "office corps"),
        ("06-23 05:33", "river_cleared", "office corps"),
        ("06-23 10:23", "river_unverified", "office"),
        ("06-23 17:21", "river_unverified", "office"),
    ]


def test_of_irregular_arrivals_only_silences_of_three_hours_are_told():
    told = arrivals("0628_0712")
    assert told.river() == []
    assert Counter(t.template for t in told.tellings) == {"sensor_offline": 4, "sensor_back": 4}


def test_records_hours_late_stand_at_their_own_time():
    """That of 14:00 had been received in time before it came again, 4 and 14 hours late."""
    readings = {clock(r.at): r for r in arrivals("0622_0623").readings("koto-jiseiji")}
    in_time, late = readings["06-22 14:00"], readings["06-22 21:20"]
    assert (in_time.value, in_time.freshness) == (2.85, Freshness.DELAYED)
    assert (late.value, late.freshness, (late.received_at - late.at) // HOUR) == (2.83, Freshness.LATE, 9)


def test_the_same_record_received_again_is_a_duplicate():
    counts = arrivals("0622_0623").ledger.counts()
    assert (counts["messages"], counts["duplicates"]) == (58, 4)


# --- Cyclone Ditwah: 23 gauges --------------------------------------------------------------------

REACHED = {"alert": "river_lv2", "minor flood": "river_lv4", "major flood": "river_lv5", "none": ""}
SERIES = ["lk_kelani_ganga_2025-11.csv", "lk_other_basins_2025-11.csv"]


def stations() -> list[Device]:
    found = []
    with (RIVERS / "lk_stations.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            levels_m = {
                "caution": float(row["alert_level_m"]),
                "danger": float(row["minor_flood_level_m"]),
                "overflow": float(row["major_flood_level_m"]),
            }
            found.append(each("1h", gauge(slug(row["station"]), levels_m, official=False)))
    return found


@cache
def ditwah() -> Told:
    return Told(riverside(*stations()), SERIES, "+05:30")


def colombo(text: str) -> int:
    return at(f"2025-{text}+05:30")


@pytest.mark.parametrize(("station", "highest"), HIGHEST.items())
def test_the_highest_level_that_residents_are_told_of_each_gauge_is_the_one_it_reached(station, highest):
    told = [template for _, template, who in ditwah().river(slug(station)) if "mori" in who]
    levels = [f"river_lv{LEVELS.index(key) + 1}" for key in ("caution", "danger", "overflow")]
    assert max((t for t in told if t in levels), default="") == REACHED[highest]


@pytest.mark.parametrize(
    ("station", "when", "wrong"),
    [
        ("dunamale", "12-01T00:02", 1.76),
        ("moraketiya", "11-28T00:11", 2.12),
        ("thanamalwila", "12-01T11:00", 0.51),
        ("thawalama", "11-26T07:42", 3.98),
    ],
)
def test_a_single_wrong_sample_of_ditwah_tells_nobody_anything(station, when, wrong):
    ground = riverside(*(d for d in stations() if d.id == station))
    messages = [m for m in walk([RIVERS / SERIES[1]], "test") if f"/{station}/" in m.topic]
    is_near = [m for m in messages if abs(m.received_at - colombo(when)) < MINUTE]
    (bad,) = [m for m in is_near if str(wrong) in m.payload.decode()]
    told = []
    for recording in (messages, [m for m in messages if m is not bad]):
        replay = Replay(ground)
        outcomes = list(replay.play(recording))
        told.append([(now, n.recipient, n.template) for now, o in outcomes for n in o.notifications])
    assert told[0] == told[1]


def test_moragaswewa_which_dies_at_its_peak_is_told_as_not_being_watched():
    death = colombo("11-28T06:04")
    told = [t for t in ditwah().tellings if t.device == "moragaswewa"]
    assert told[-1] == ("11-28 09:04", "river_unwatched", "opened", "office corps operator", "moragaswewa")
    assert clock(death + 3 * HOUR, "+05:30") == told[-1].when
    still = {a.kind: a for a in ditwah().ledger.open_alerts() if a.device == "moragaswewa"}
    assert set(still) == {"river", "unwatched"}
    assert still["river"].level == still["unwatched"].level == "overflow"
    (text,) = [
        n.body for n in ditwah().ledger.notifications_of(still["unwatched"].id) if n.recipient == "office"
    ]
    assert "最後の水位は8.33m" in text
    assert "この川は今、見張れていません" in text


def test_a_gauge_that_is_silent_for_long_in_calm_is_a_fault_and_above_caution_a_danger():
    silences = [a for a in ditwah().ledger.alerts(0) if a.kind in {"silent", "unwatched"}]
    levels = {(a.kind, a.device, clock(a.opened_at, "+05:30")) for a in silences}
    assert ("unwatched", "galgamuwa", "11-27 21:43") in levels
    assert not {"kuda-oya", "wellawaya"} & {a.device for a in silences if a.kind == "unwatched"}
    assert {a.severity for a in silences if a.kind == "unwatched"} == {Severity.DANGER}
    assert {a.severity for a in silences if a.kind == "silent"} == {Severity.CAUTION}


def test_no_resident_is_told_of_a_doubt_or_of_a_device():
    for telling in ditwah().tellings:
        if telling.template in {"river_unverified", "river_unwatched", "sensor_offline", "sensor_back"}:
            assert set(telling.who.split()) <= OFFICE, telling


def test_nobody_is_told_of_the_same_level_twice_without_a_fall_between():
    for device in {d.id for d in stations()}:
        in_force = 0
        for _, template, who in ditwah().river(device):
            if "mori" not in who:
                continue
            if template in {"river_falling", "river_cleared"}:
                in_force = 0
            else:
                level = int(template.removeprefix("river_lv"))
                assert level > in_force
                in_force = level


@pytest.mark.parametrize(
    ("station", "when", "entered", "flagged"),
    [
        ("yaka-wewa", "11-29T17:26", [5.71, 5.73, 5.74, 2.11], 3),
        ("holombuwa", "11-30T03:03", [2.20, 2.20, 2.16, 2.12], 3),
        ("glencourse", "11-26T05:06", [10.30, 10.33, 10.35], 2),
        ("moragaswewa", "11-27T21:01", [7.32, 7.32, 7.32], 1),
    ],
)
def test_a_backlog_entered_at_once_is_flagged_in_the_ledger(station, when, entered, flagged):
    start = colombo(when)
    block = ditwah().ledger.readings(station, "level_m", start, start + 4 * MINUTE)
    assert [r.value for r in block] == entered
    assert sum("backlog" in r.tests and r.flag is Flag.SUSPECT for r in block) == flagged


def test_every_sample_of_ditwah_is_in_the_ledger():
    assert ditwah().ledger.counts()["readings"] == 1347 + 2852


# --- United States --------------------------------------------------------------------------------


def american(name: str, device: str, levels_m: dict[str, float], beat: str) -> Told:
    return Told(riverside(each(beat, gauge(device, levels_m))), [name], "+00:00")


def test_both_flash_floods_of_dead_run_are_told_to_all_at_their_first_sample():
    told = american("us_dead_run_2018-06.csv", "us-dead-run", {"caution": 1.0, "danger": 1.5}, "5m")
    danger = [when for when, template, who in told.river() if template == "river_lv4" and who == ALL]
    assert [when[:5] for when in danger] == ["06-03", "06-11"]
    for when in danger:
        day = [r for r in told.readings("us-dead-run") if clock(r.at, "+00:00")[:5] == when[:5]]
        assert clock(next(r.at for r in day if r.value >= 1.5), "+00:00") == when
    assert told.ledger.open_alerts() == []


def test_the_gaps_of_plumtree_run_are_told_as_silence_at_most_and_never_as_a_level():
    told = american("us_plumtree_run_2016-01_gaps.csv", "us-plumtree-run", {"caution": 0.8}, "5m")
    readings = told.readings("us-plumtree-run")
    missing = [r for r in readings if r.flag is Flag.MISSING]
    assert (len(readings), len(missing)) == (8640, 2404)
    assert {r.value for r in missing} == {None}
    assert {template for _, template, _ in told.river()} <= {"river_lv2", "river_cleared"}
    for when, template, _ in told.river():
        assert template == "river_cleared" or when in {clock(r.at, "+00:00") for r in readings if r.value}


def test_the_pearl_river_is_told_once_and_stays_in_flood():
    levels_m = {"caution": 4.572, "danger": 5.486}
    told = american("us_pearl_bogalusa_2019-02.csv", "usgs-02489500", levels_m, "1h")
    assert [(template, who) for _, template, who in told.river()] == [("river_lv4", ALL)]
    (alert,) = told.ledger.open_alerts()
    assert (alert.level, alert.opened_at) == ("danger", at("2019-02-25T06:00+00:00"))


def test_ice_is_a_missing_value_and_no_level():
    told = american("us_karthaus_2019-01_ice_discharge.csv", "usgs-01542500", {"caution": 3.0}, "15m")
    readings = told.readings("usgs-01542500", "discharge_m3s")
    assert sum(r.flag is Flag.MISSING for r in readings) == 39
    assert told.river() == []


@pytest.mark.parametrize(
    ("name", "hours"), [("us_bower_dst_spring_2018-03", 71), ("us_bower_dst_autumn_2018-11", 73)]
)
def test_a_change_of_the_clock_loses_and_doubles_no_reading(name, hours):
    told = american(f"{name}_discharge.csv", "usgs-01541000", {}, "15m")
    times = [r.at for r in told.readings("usgs-01541000", "discharge_m3s")]
    assert len(times) == hours * 4
    assert {b - a for a, b in pairwise(times)} == {DAY // 96}
    assert told.tellings == []
