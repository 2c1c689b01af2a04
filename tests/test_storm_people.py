"""Whom no storm keeps anything from, and who counts as told."""

from collections import Counter

from hub.config.policy import StormPolicy
from hub.model import Severity, Status
from tests.storms import gauges_town, held, read, spring, summaries, trap_town
from tests.timeline import (
    CUT,
    Timeline,
    animal,
    nothing_else_was_told,  # noqa: F401
)
from tests.towns import HOUR, MINUTE, SECOND, camera, person, slope, square, town, trap

# --- what is never held -----------------------------------------------------------------------------


def test_danger_is_never_held_from_those_who_live_there():
    t = Timeline(gauges_town(40, person("mori", "resident", zones=("flood",))))
    for n in range(40):
        t.says(f"g{n}", level_m=4.2)
    t.told(*["river_lv4 opened: mori"] * 40)


def test_the_eleventh_gauge_at_one_level_is_held_from_an_official_and_the_next_level_is_not():
    people = (person("office", "official"), person("corps", "corps"))
    t = Timeline(gauges_town(40, *people, levels_m={"danger": 4.0, "overflow": 4.25}))
    for n in range(40):
        t.says(f"g{n}", level_m=4.2)
    told = read(t)
    assert Counter((n.recipient, n.status.value) for n in told) == {
        ("office", "pending"): 10,
        ("office", "held"): 30,
        ("corps", "pending"): 40,
    }
    for n in range(40):
        t.says(f"g{n}", level_m=4.26)
    t.told(*["river_lv5 escalated: office corps"] * 40)
    (summary,) = summaries(read(t.passes(3 * MINUTE)))
    assert (summary.recipient, summary.severity) == ("office", Severity.DANGER)


def test_an_official_is_told_all_that_concerns_the_own_zone():
    t = Timeline(gauges_town(20, person("office", "official", zones=("flood",))))
    for n in range(20):
        t.says(f"g{n}", level_m=4.2)
    t.told(*["river_lv4 opened: office"] * 20)


def test_the_call_to_run_and_its_cancellation_are_told_in_any_storm():
    devices = [*(trap(f"t{n}", north=n) for n in range(30)), slope("wire"), slope("wire-2", north=20)]
    people = [person("hunter", "hunter", "resident", zones=("below",))]
    t = Timeline(town(devices=devices, zones=[square("below", "stream", rivers=("大沢",))], people=people))
    spring(t, 30, over=10 * SECOND)
    read(t)
    t.says("wire", CUT).told("debris_flow opened: hunter")
    t.does("debris_cancel", "大沢", detail="鹿").told("debris_false cancelled: hunter")
    t.passes(5 * MINUTE)
    assert len(summaries(read(t))) == 1


def test_a_siren_knows_of_no_storm():
    from tests.towns import siren  # noqa: PLC0415

    paddies = [square(f"p{n}", "paddy", north=2000.0 * n) for n in range(4)]
    cams = [camera(f"c{n}", north=2000.0 * n) for n in range(4)]
    sirens = [siren(f"s{n}", north=2000.0 * n + 30) for n in range(4)]
    people = [person("sato", "farmer", zones=tuple(f"p{n}" for n in range(4)))]
    calm = StormPolicy(first=1)
    t = Timeline(town(devices=[*cams, *sirens], zones=paddies, people=people, storm=calm))
    for n in range(4):
        t.says(f"c{n}", animal("boar"))
    assert [siren for siren, _ in t.ordered()] == ["s0", "s1", "s2", "s3"]
    assert Counter(n.status for n in read(t)) == {Status.PENDING: 1, Status.HELD: 3}
    t.passes(HOUR)
    read(t)


# --- who was told -----------------------------------------------------------------------------------


def test_whoever_was_held_was_not_told_and_hears_of_no_end_without_a_beginning():
    t = Timeline(trap_town(8))
    spring(t, 8, over=8 * SECOND)
    read(t)
    told = {a.device: bool(a.told) for a in t.open("trap")}
    assert sum(told.values()) == 5
    t.passes(HOUR)
    assert len(summaries(read(t))) == 1
    t.does("trap_reset", "t7").silence()
    t.does("trap_reset", "t0").told("trap_reset cleared: hunter")


def test_whoever_was_held_is_told_of_the_next_level():
    t = Timeline(gauges_town(7, person("corps", "corps")))
    for n in range(7):
        t.says(f"g{n}", level_m=2.1)
    assert len(held(read(t))) == 2
    t.passes(30 * MINUTE)
    read(t)
    t.says("g6", level_m=3.1).told("river_lv2 escalated: corps")


def test_whoever_was_told_of_the_lower_level_counts_as_told_of_that_alone_while_the_next_is_held():
    t = Timeline(gauges_town(7, person("corps", "corps")))
    t.says("g0", level_m=2.1)
    for n in range(1, 7):
        t.says(f"g{n}", level_m=2.1)
    t.says("g0", level_m=3.1)
    assert t.pipeline.state.alerts["river/g0"].told == {"corps": Severity.NOTICE}
    t.passes(5 * MINUTE)
    read(t)
