"""The benchmark itself: its arithmetic, its instruments, and that its page shows what was measured."""

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import limits, page
from bench.bytes import FRAME, Pages
from bench.figures import exponent, percentile
from bench.load import alarms, instants, message
from bench.peers.node_red import flow
from bench.sampled import OTHER, WAITING, step_of
from bench.wire import Ear, Mouth, packet
from tests.data import ROOT
from tests.servers import Server, mosquitto
from tests.waiting import wait_until

RESULTS: dict[str, float] = json.loads((ROOT / "bench" / "results.json").read_text(encoding="utf-8"))
PAGE = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")

LATENCIES = {
    f"{what}_{share}_ms_{rate}"
    for what in ("smtp", "siren")
    for share in ("p50", "p99", "p999")
    for rate in (10, 200, 2000)
}
PROMISED = LATENCIES | {
    "durable_msgs_per_s",
    "bare_paho_msgs_per_s",
    "node_red_msgs_per_s",
    "influx_msgs_per_s",
    "smtp_mails_200",
    "rss_mb_1000_devices",
    "rss_mb_10000_devices",
    "ready_s_1000_devices",
    "idle_cpu_pct_1000_devices",
    "geofence_us_1",
    "geofence_us_10000",
    "bytes_written_per_reading",
    "bytes_written_per_reading_200",
    "caught_up_s_100k",
}


@pytest.fixture(scope="module")
def broker() -> Iterator[Server]:
    with mosquitto() as server:
        yield server


# --- what was measured ---------------------------------------------------------------------------


def test_the_results_hold_every_promised_figure_and_every_curve() -> None:
    curves = {name for curve in limits.CURVES.values() for name in curve.values()}
    exponents = {f"{name}_exponent" for name in limits.CURVES}
    assert PROMISED | curves | exponents <= RESULTS.keys()


def test_the_page_shows_the_figures_of_the_results() -> None:
    assert page.filled(PAGE, RESULTS) == PAGE
    for name, figure in RESULTS.items():
        assert f"| `{name}` | {page.shown(figure)} |" in PAGE


def test_every_figure_with_a_limit_is_on_the_page_with_it() -> None:
    for name in limits.AT_MOST.keys() & RESULTS.keys():
        assert f"`{name}` | {page.shown(RESULTS[name])} | at most {limits.AT_MOST[name]:g}" in PAGE


# --- limits --------------------------------------------------------------------------------------


def test_a_figure_above_its_limit_is_missed_and_one_at_it_is_not() -> None:
    assert limits.missed({"siren_p99_ms_200": 30.0}) == []
    assert limits.missed({"siren_p99_ms_200": 30.1}) == ["siren_p99_ms_200: 30.10 (at most 30)"]


def test_a_hub_slower_than_the_flow_beside_it_is_missed() -> None:
    assert limits.missed({"durable_to_node_red": 1.0, "durable_to_bare_paho": 0.6}) == []
    (line,) = limits.missed({"durable_to_node_red": 0.9, "durable_to_bare_paho": 0.9})
    assert line == "durable_to_node_red: 0.90 (at least 1)"


def test_a_curve_steeper_than_linear_is_missed() -> None:
    curve = limits.CURVES["open_s_readings"]
    steep = {figure: size**1.3 for size, figure in curve.items()}
    straight = {figure: float(size) for size, figure in curve.items()}
    assert limits.missed(limits.exponents(steep)) == ["open_s_readings_exponent: 1.30 (at most 1.1)"]
    assert limits.missed(limits.exponents(straight)) == []


# --- arithmetic ----------------------------------------------------------------------------------


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0.01, 1))
def test_a_percentile_is_the_smallest_value_that_so_many_do_not_exceed(
    values: list[float], share: float
) -> None:
    found = percentile(values, share)
    assert found in values
    assert sum(v <= found for v in values) >= share * len(values) - 1e-9
    assert sum(v < found for v in values) < share * len(values)


def test_the_last_of_a_thousand_is_not_the_99_9th_percentile() -> None:
    assert percentile([float(n) for n in range(1, 1_001)], 0.999) == 999.0


@given(st.floats(0, 3), st.floats(0.1, 100))
def test_the_exponent_of_a_power_is_that_power(power: float, factor: float) -> None:
    curve = {size: factor * size**power for size in (10, 100, 1_000)}
    assert exponent(curve) == pytest.approx(power, abs=1e-9)


def test_one_steep_step_is_not_hidden_by_a_flat_one() -> None:
    assert exponent({1: 1.0, 10: 1.0, 100: 100.0}) == pytest.approx(2.0)


# --- the load ------------------------------------------------------------------------------------


def test_each_trap_springs_once_and_the_cameras_take_turns() -> None:
    drawn = alarms(devices=8, posts=3)
    places = [next(drawn).place for _ in range(9)]
    assert [place for place in places if place.startswith("T-")] == ["T-3", "T-7"]
    assert {place for place in places if place.startswith("C-")} == {"C-0", "C-1", "C-2"}


def test_a_steady_load_has_its_rate() -> None:
    assert len(list(instants(200, 10))) == pytest.approx(2_000, abs=1)


@given(st.integers(0, 300_000).map(bytes))
def test_a_packet_says_its_own_length(body: bytes) -> None:
    made = packet(0x30, body)
    shift = size = 0
    length = made[1 : len(made) - len(body)]
    for byte in length:
        size |= (byte & 0x7F) << shift
        shift += 7
    assert size == len(body)
    assert [byte >= 0x80 for byte in length] == [True] * (len(length) - 1) + [False]


def test_what_the_load_publishes_is_heard_at_a_real_broker(broker: Server) -> None:
    heard: list[tuple[str, bytes]] = []
    sent = [message(i, 0, 1_700_000_000) for i in range(300)]
    with Ear(broker.port, "ear", "naruko/bench/+/up") as ear:
        listening = threading.Thread(target=lambda: heard.extend(ear.heard()))
        listening.start()
        with Mouth(broker.port, "mouth") as mouth:
            mouth.publish(sent)
            mouth.finish()
        wait_until(lambda: len(heard) >= 300, "all of it is heard")
        ear.close()
        listening.join()
    assert heard == sent


# --- the instruments -----------------------------------------------------------------------------


def test_commits_and_frames_are_counted_as_sqlite_writes_them_also_over_a_new_log(tmp_path: Path) -> None:
    file = tmp_path / "a.db"
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE t (x)")
        pages = Pages(file)
        before = Path(f"{file}-wal").stat().st_size
        for _ in range(3):
            connection.execute("INSERT INTO t VALUES (1)")
        pages.look()
        grown = Path(f"{file}-wal").stat().st_size - before
        assert (pages.commits, pages.frames * FRAME) == (3, grown)
        connection.execute("PRAGMA wal_checkpoint(RESTART)")
        connection.execute("INSERT INTO t VALUES (1)")
        pages.look()
        assert (pages.commits, pages.frames) == (4, grown // FRAME + 1)


def test_time_counts_for_the_step_that_called_a_library() -> None:
    select, loop = ("/usr/lib/selectors.py", "select"), ("/usr/lib/asyncio/base_events.py", "_run_once")
    send = ("/site-packages/paho/mqtt/client.py", "_sock_send")
    insert = ("/work/hub/ledger/writes.py", "insert")
    assert step_of([send, ("/work/hub/ingest.py", "acknowledge"), loop]) == "acknowledge"
    assert step_of([("/work/hub/ledger/rows.py", "_readings"), insert, loop]) == "insert"
    assert step_of([("/lib/json.py", "x"), ("/work/hub/decode/native.py", "read"), loop]) == "decode"
    assert step_of([send, loop]) == "network"
    assert step_of([select, loop]) == WAITING
    assert step_of([("/lib/x.py", "y")]) == OTHER


# --- the peer ------------------------------------------------------------------------------------


def test_the_flow_listens_at_qos_1_in_a_session_that_is_kept() -> None:
    nodes = {node["id"]: node for node in json.loads((flow.HERE / "flows.json").read_text())}
    (reports,) = (node for node in nodes.values() if node["type"] == "mqtt in")
    broker = nodes[reports["broker"]]
    assert (reports["qos"], broker["cleansession"], broker["clientid"]) == ("1", False, flow.SESSION)


def test_every_wire_of_the_flow_leads_to_a_node() -> None:
    nodes = {node["id"]: node for node in json.loads((flow.HERE / "flows.json").read_text())}
    for node in nodes.values():
        assert all(end in nodes for wires in node.get("wires", ()) for end in wires)


def test_the_lock_of_the_peer_has_versions_and_checksums_and_no_addresses() -> None:
    packages = json.loads((flow.HERE / "package-lock.json").read_text())["packages"]
    installed = {name: package for name, package in packages.items() if name and not package.get("inBundle")}
    assert all(package["version"] and package["integrity"] for package in installed.values())
    assert not [name for name, package in installed.items() if "resolved" in package]
