"""`naruko doctor` at InfluxDB: a real one takes a point, gives it back and is left as it was."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.clock import SetClock, SystemClock
from hub.config.settings import Influx
from hub.doctor import influx
from hub.doctor.fetch import Answer
from hub.doctor.finding import Level
from hub.doctor.influx import query, tables
from tests import servers
from tests.doctors import codes, serving, town_at, well, written
from tests.ledgers import DAY, NOW

OK, WARN, BAD = Level


@pytest.fixture
def database(influx_server: servers.Server) -> Iterator[Influx]:
    """One of its own, which keeps everything."""
    settings = Influx(url=influx_server.url, version=1, bucket="doctor")
    query(settings, "CREATE DATABASE doctor")
    yield settings
    query(settings, "DROP DATABASE doctor")


def looked(folder: Path, settings: dict[str, Any], clock: Any = None) -> dict[str, Level]:
    town = town_at(written(folder, 1883, influx=settings))
    return codes(influx.influx(town, clock or SystemClock()))


def plain(settings: Influx) -> dict[str, Any]:
    return {"url": settings.url, "version": settings.version, "bucket": settings.bucket}


def test_a_database_that_takes_and_gives_and_keeps_is_well_and_left_as_it_was(
    tmp_path: Path, database: Influx
) -> None:
    found = looked(tmp_path / "town", plain(database))
    assert found == dict.fromkeys(("influx.answers", "influx.written", "influx.keeps"), OK)
    assert tables(query(database, "SHOW SERIES")) == []


def test_a_database_that_is_not_there_yet_is_told_and_not_made(
    tmp_path: Path, influx_server: servers.Server
) -> None:
    settings = {"url": influx_server.url, "version": 1, "bucket": "nobodys"}
    assert looked(tmp_path / "town", settings) == {"influx.answers": OK, "influx.no_database": WARN}
    assert {"name": "nobodys"} not in tables(query(Influx(**settings), "SHOW DATABASES"))


def test_a_database_that_forgets_before_the_ledger_does_is_told(tmp_path: Path, database: Influx) -> None:
    query(database, 'ALTER RETENTION POLICY "autogen" ON doctor DURATION 30d DEFAULT')
    assert looked(tmp_path / "town", plain(database))["influx.forgets"] is WARN


def test_a_server_that_is_away_or_lets_nobody_look_is_told(tmp_path: Path) -> None:
    away = {"url": f"http://127.0.0.1:{servers.free_port()}", "version": 1, "bucket": "b"}
    assert looked(tmp_path / "away", away) == {"influx.away": BAD}

    def answer(path: str, _: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        return (204, {}, b"") if path.startswith("/ping") else (401, {}, b'{"error":"authorization failed"}')

    with serving(answer) as port:
        shut = away | {"url": f"http://127.0.0.1:{port}"}
        assert looked(tmp_path / "shut", shut)["influx.denied"] is BAD


def test_a_question_that_fails_is_not_told_as_a_database_that_is_missing(tmp_path: Path) -> None:
    def answer(path: str, _: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        return (204, {}, b"") if path.startswith("/ping") else (503, {}, b'{"error":"engine: shut"}')

    with serving(answer) as port:
        settings = {"url": f"http://127.0.0.1:{port}", "version": 1, "bucket": "b"}
        assert looked(tmp_path / "town", settings) == {"influx.answers": OK, "influx.unasked": BAD}


def test_the_policy_that_forgets_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    columns = ["name", "duration", "default"]
    rows = [["autogen", "0s", False], ["short", "720h0m0s", True]]
    said = {"results": [{"series": [{"columns": columns, "values": rows}]}]}
    monkeypatch.setattr(influx, "query", lambda *_: Answer(200, {}, json.dumps(said)))
    (finding,) = influx._kept(Influx(url="http://127.0.0.1:1", version=1, bucket="b"), 400 * DAY)
    assert 'POLICY "short" ON "b"' in finding.do
    assert 'POLICY "short" ON "b"' in finding.do_ja


def test_what_only_takes_points_is_enough_for_the_hub(
    tmp_path: Path, victoria_server: servers.Server
) -> None:
    found = looked(tmp_path / "town", {"url": victoria_server.url, "bucket": "b"})
    assert found == {"influx.answers": OK, "influx.written_only": OK}


def test_nothing_is_written_by_a_clock_that_was_never_set(tmp_path: Path, database: Influx) -> None:
    assert looked(tmp_path / "town", plain(database), SetClock(0))["influx.no_clock"] is WARN
    assert tables(query(database, "SHOW SERIES")) == []


def test_readings_that_wait_for_long_are_told_with_their_number(tmp_path: Path, database: Influx) -> None:
    folder = written(tmp_path / "town", 1883, influx=plain(database))
    well(folder)
    town = town_at(folder)
    (late,) = influx.waiting(town, NOW + influx.LATE + DAY)
    assert (late.code, late.level) == ("influx.late", WARN)
    assert "readings wait" in late.said
    (soon,) = influx.waiting(town, NOW + 60_000)
    assert (soon.code, soon.level) == ("influx.sent", OK)


@given(st.integers(0, 10_000), st.integers(0, 23), st.integers(0, 59))
def test_lengths_are_read_as_influxdb_writes_them(hours: int, minutes: int, seconds: int) -> None:
    milliseconds = influx.milliseconds(f"{hours}h{minutes}m{seconds}s")
    assert milliseconds == ((hours * 60 + minutes) * 60 + seconds) * 1_000


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda inner: (
    st.lists(inner, max_size=4)
    | st.dictionaries(st.sampled_from(["results", "series", "columns", "values", "error"]), inner, max_size=4)
)))  # fmt: skip
def test_whatever_a_server_answers_is_read_as_rows_or_as_none(said: Any) -> None:
    answer = Answer(200, {}, json.dumps(said))
    assert isinstance(tables(answer), list)
    assert influx.reason_of(answer).startswith("HTTP 200")
