"""The rivers of the console: series that lose no peak, gauges as they are now, and what the API says."""

import contextlib
import json
import math
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.console.users import ConsoleRole
from hub.console.views import gauges, series
from hub.detect.river import RiverState
from hub.ledger import opening
from hub.ledger.views import readings
from tests.consoles import Visitor, console
from tests.data import needs_data
from tests.flooded import BANK_TOP, STEP, feed, valley
from tests.towns import DAY, HOUR, MINUTE, at, gauge, town

PASS, SUSPECT, FAIL, MISSING = 1, 3, 4, 9
TOKYO = ZoneInfo("Asia/Tokyo")


# --- a series for a chart -----------------------------------------------------------------------------


@st.composite
def rows(draw, most=400):
    steps = draw(st.lists(st.integers(1, HOUR), max_size=most))
    found, now = [], draw(st.integers(0, 2**41))
    for step in steps:
        now += step
        flag = draw(st.sampled_from((PASS, PASS, PASS, 2, SUSPECT, FAIL, MISSING)))
        value = None if flag == MISSING else draw(st.floats(-100, 100))
        found.append((now, value, flag))
    return found


def usable(series_of):
    return [value for _, value, flag in series_of if value is not None and flag < FAIL]


@given(rows(), st.integers(10, 100))
def test_a_thinned_series_keeps_its_ends_its_extremes_and_its_doubts(whole, most) -> None:
    kept = series.thinned(whole, most)
    assert len(kept) <= most
    assert all(before[0] < after[0] for before, after in pairwise(kept))
    assert set(kept) <= set(whole)
    assert kept[:1] == whole[:1]
    assert kept[-1:] == whole[-1:]
    if usable(whole):
        assert (min(usable(kept)), max(usable(kept))) == (min(usable(whole)), max(usable(whole)))
    for flag in (SUSPECT, FAIL, MISSING):
        assert any(row[2] == flag for row in kept) == any(row[2] == flag for row in whole)


@given(rows(), st.integers(10, 100))
def test_a_series_that_is_short_enough_is_left_as_it_is(whole, most) -> None:
    assert series.thinned(whole[:most], most) == whole[:most]


def test_a_single_peak_in_a_month_of_calm_is_on_the_chart_at_its_own_time() -> None:
    month = [(n * STEP, 0.2, PASS) for n in range(4320)]
    month[1234] = (1234 * STEP, 4.71, PASS)
    assert (1234 * STEP, 4.71, PASS) in series.thinned(month, 100)


@given(rows(), st.integers(1, HOUR))
def test_a_gap_is_a_row_without_value_between_two_that_are_too_far_apart(whole, longest) -> None:
    found = series.with_gaps(whole, longest)
    assert [row for row in found if row in whole] == whole
    assert all(before[0] < after[0] for before, after in pairwise(found))
    far = sum(after[0] - before[0] > longest for before, after in pairwise(whole))
    assert len(found) == len(whole) + far


@given(rows(), st.sampled_from(("10m", "1h")))
def test_what_fell_is_all_in_the_sums(whole, step) -> None:
    if not whole:
        return
    ends = series.edges(whole[0][0], whole[-1][0] + 1, step, TOKYO)
    assert ends[0] <= whole[0][0]
    assert ends[-1] > whole[-1][0]
    assert {after - before for before, after in pairwise(ends)} == {series.STEPS[step]}
    sums = series.sums(whole, ends)
    inside = [row for row in whole if row[0] > ends[0]]
    assert math.isclose(sum(one.mm or 0 for one in sums), sum(usable(inside)), abs_tol=0.001 * len(sums))
    for one, (start, end) in zip(sums, pairwise(ends), strict=True):
        flags = [flag for when, _, flag in whole if start < when <= end]
        assert one.flag == max(flags, default=MISSING)


def test_a_report_of_the_full_hour_belongs_to_the_hour_before_it() -> None:
    nine = at("2026-11-21 21:00")
    ends = series.edges(nine - HOUR, nine + HOUR, "1h", TOKYO)
    found = series.sums([(nine, 4.5, PASS), (nine + 1, 0.5, PASS)], ends)
    assert [one.mm for one in found] == [4.5, 0.5]


def test_hours_and_days_are_those_of_the_sites_clock() -> None:
    kathmandu = ZoneInfo("Asia/Kathmandu")
    first = series.edges(at("2026-11-21 21:10:00+05:45"), at("2026-11-21 22:10:00+05:45"), "1h", kathmandu)
    assert first[0] == at("2026-11-21 21:00:00+05:45")
    new_york = ZoneInfo("America/New_York")
    days = series.edges(at("2026-10-31 12:00:00-04:00"), at("2026-11-02 12:00:00-05:00"), "1d", new_york)
    assert [after - before for before, after in pairwise(days)] == [DAY, DAY + HOUR, DAY]


@pytest.mark.parametrize(
    ("recent", "rise", "pace"),
    [
        ([], None, ""),
        ([(0, 1.0)], None, ""),
        ([(0, -2.0), (10 * MINUTE, -1.9), (20 * MINUTE, -1.7)], 0.9, "fast_rise"),
        ([(0, -2.0), (30 * MINUTE, -1.9)], 0.2, "slow_rise"),
        ([(0, 1.0), (60 * MINUTE, 1.04)], 0.04, "steady"),
        ([(0, 2.0), (20 * MINUTE, 1.9)], -0.3, "slow_fall"),
        ([(0, 2.0), (10 * MINUTE, 1.0)], -6.0, "fast_fall"),
        ([(0, 2.0), (4 * HOUR, 1.0)], None, ""),
    ],
)
def test_how_fast_it_rises_is_said_in_metres_an_hour_and_in_a_word(recent, rise, pace) -> None:
    now = recent[-1][0] + MINUTE if recent else 0
    assert gauges.rise_m_h(recent, now) == rise
    assert gauges.pace(recent, rise) == pace
    assert gauges.rise_m_h(recent, now + 4 * HOUR) is None


@given(st.lists(st.tuples(st.integers(0, DAY), st.floats(-10, 10)), max_size=8, unique_by=lambda p: p[0]))
def test_a_river_that_falls_is_never_said_to_rise(points) -> None:
    falling = list(
        zip(sorted(p[0] for p in points), sorted((p[1] for p in points), reverse=True), strict=True)
    )
    rise = gauges.rise_m_h(falling, falling[-1][0] if falling else 0)
    assert rise is None or rise <= 0
    assert "rise" not in gauges.pace(falling, rise)


# --- what is read of the ledger ------------------------------------------------------------------------


@given(
    st.dictionaries(
        st.tuples(st.integers(0, 3 * DAY), st.sampled_from("abc"), st.sampled_from(("level_m", "rain_mm"))),
        st.one_of(st.none(), st.floats(-5, 5)),
        max_size=60,
    ),
    st.integers(0, 3 * DAY),
    st.integers(0, 3 * DAY),
    st.integers(1, 10),
)
def test_the_newest_of_many_gauges_are_those_of_each(stored, since, until, count) -> None:
    with contextlib.closing(opening.prepare(None)) as connection:
        names = {name: n for n, name in enumerate(("a", "b", "c", "level_m", "rain_mm"), 1)}
        connection.executemany("INSERT INTO name VALUES (?, ?)", [(n, name) for name, n in names.items()])
        connection.executemany(
            "INSERT INTO reading (device, quantity, at, value, flag, received_at, freshness)"
            " VALUES (?, ?, ?, ?, 1, 0, 0)",
            [(names[id], names[quantity], when, value) for (when, id, quantity), value in stored.items()],
        )
        newest = readings.newest(connection, ["a", "b", "nobody"], "level_m", since, until, count=count)
        assert newest.keys() == {"a", "b", "nobody"}
        for id, found in newest.items():
            own = sorted(
                (when, value, PASS)
                for (when, one, quantity), value in stored.items()
                if (one, quantity) == (id, "level_m") and since <= when < until
            )
            assert found == own[::-1][:count]
            assert readings.between(connection, id, "level_m", since, until) == own


# --- the API -----------------------------------------------------------------------------------------


async def asked(browser: Visitor, path: str) -> dict:
    answer = await browser.get(f"/api/v1/{path}")
    assert answer.status == 200, answer.text
    return json.loads(answer.text)


@needs_data
async def test_the_api_says_where_each_river_stands_and_where_it_goes(tmp_path) -> None:
    async with console(tmp_path, valley(), yamada=ConsoleRole.VIEWER) as browser:
        await feed(browser.hub)
        await browser.logs_in("yamada")
        koto, top, sawa = (await asked(browser, "rivers"))["rivers"]
        assert (koto["level_m"], koto["believed_m"], koto["flag"]) == (7.47, 7.47, PASS)
        assert (koto["above"], koto["next"], koto["to_next_m"]) == ("danger", "", None)
        assert koto["pace"] in ("slow_rise", "steady")
        assert [one["alert_level"] for one in koto["thresholds"]] == [0, 2, 3, 4]
        assert all(one["in_force"] for one in koto["thresholds"])
        assert koto["rain"]["device"] == "rain"
        assert koto["rain"]["mm_last_hour"] > 0
        assert top["level_m"] < 0
        assert top["rain"] is None
        assert top["to_next_m"] == pytest.approx(-0.5 - top["level_m"])
        assert (sawa["level_m"], sawa["at"], sawa["above"]) == (None, None, "")
        assert [one["alert_level"] for one in sawa["thresholds"]] == [0, 0]


@needs_data
async def test_a_series_goes_out_in_columns_with_its_peak_its_gaps_and_its_flags(tmp_path) -> None:
    async with console(tmp_path, valley(), yamada=ConsoleRole.VIEWER) as browser:
        await feed(browser.hub)
        await browser.logs_in("yamada")
        now = browser.hub.clock.now()
        whole = await asked(browser, f"readings?device=koto&quantity=level_m&since={now - 3 * DAY}")
        assert (max(whole["value"]), whole["unit"], whole["thinned"]) == (7.47, "m", False)
        few = await asked(browser, f"readings?device=koto&quantity=level_m&since={now - 3 * DAY}&points=50")
        assert (max(few["value"]), few["thinned"]) == (7.47, True)
        assert len(few["at"]) == len(few["value"]) == len(few["flag"]) <= 50
        top = await asked(browser, "readings?device=top&quantity=level_m")
        assert {SUSPECT, FAIL, MISSING} <= set(top["flag"])
        assert all(
            (value is None) == (flag == MISSING)
            for value, flag in zip(top["value"], top["flag"], strict=True)
        )
        assert min(value for value in top["value"] if value is not None) < -2
        rain = await asked(browser, f"rain?device=rain&since={now - 3 * DAY}&step=1h")
        assert len(rain["edge_at"]) == len(rain["mm"]) + 1 == len(rain["flag"]) + 1
        assert max(mm for mm in rain["mm"] if mm is not None) > 20
        for path, status in (
            ("readings?device=nobody&quantity=level_m", 404),
            ("rain?device=nobody", 404),
            (f"readings?device=koto&quantity=level_m&since={now}&until={now}", 422),
            ("readings?device=koto&quantity=level_m&since=0", 422),
            ("readings?device=koto&quantity=level_m&points=2001", 400),
            ("rain?device=rain&step=1w", 400),
            ("rain?device=rain&until=253402300799999&since=253402300799998&step=1d", 422),
        ):
            assert (await browser.get(f"/api/v1/{path}")).status == status, path
        assert (await asked(browser, "readings?device=koto&quantity=nothing"))["at"] == []


async def test_a_gauge_that_falls_silent_is_late_and_its_last_level_is_said_with_its_age() -> None:
    own = gauge("g", BANK_TOP)
    state = RiverState(at=0, good_at=0, good=-0.7, above="caution", recent=((0, -0.7),))
    found = gauges.view(town([own]), own, state, [(0, -0.7, PASS)], rain=None, now=5 * HOUR)
    assert (found.is_late, found.level_m, found.rise_m_h, found.to_next_m) == (True, -0.7, None, 0.2)
