"""InfluxDB gets everything once, in its own time, and its failing harms nothing else."""

import asyncio
import dataclasses
import json
import logging
import threading
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.clock import SetClock
from hub.config.settings import Influx, LedgerSettings
from hub.config.shapes import Kind, Profile
from hub.config.town import Town
from hub.influx import Pace, forward, forwarder, line_protocol
from hub.influx.target import BadLinesError
from hub.ledger import Ledger
from hub.model import Alert, AlertState, Flag, Outcome, Reading, Severity
from tests import data, servers, towns

NOW = towns.at("2026-11-21 21:07:03")
NS = 1_000_000
FAST = Pace(batch=500, idle=0.01, catching_up=0.0, retry_first=0.01, retry_last=0.05)
TRACKER = Profile(model="tracker", name="collar", kind=Kind.TRACKER, decoder="json", heartbeat="1h")


def town(url: str, version: int = 1, bucket: str = "naruko", **more: Any) -> Town:
    made = towns.town(
        devices=[
            towns.gauge("river-1", {"caution": 5.0}, 10, 10),
            towns.trap("trap-1", 20, 20),
            towns.pir("pir-1", 500, 0),
            towns.device("collar-1", "tracker", 0, 0),
        ],
        zones=[towns.square("valley", "flood", size=200), towns.square("field", "paddy", size=60)],
        profiles=[TRACKER],
    )
    settings = Influx(url=url, version=version, bucket=bucket, **more)
    return dataclasses.replace(made, hub=made.hub.model_copy(update={"influx": settings}))


def reading(at: int = NOW, value: float | None = 1.5, **more: Any) -> Reading:
    fields = {"device": "river-1", "quantity": "water_level_m", "flag": Flag.PASS, "received_at": at} | more
    return Reading(at=at, value=value, **fields)


def alert(device: str = "river-1", kind: str = "river", **more: Any) -> Alert:
    fields: dict[str, Any] = {
        "incident": f"{kind}/{device}",
        "severity": Severity.CAUTION,
        "opened_at": NOW,
        "updated_at": NOW,
        "lat": 36.123456,
        "lon": 137.654321,
        "place": "田中さんの畑",
        "place_en": "Tanaka's field",
        "told": {"tanaka": 1},
        "level": "caution",
        "count": 2,
    } | more
    return Alert(id=f"{kind}/{device}/{NOW}", kind=kind, device=device, **fields)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with closing(Ledger.open(tmp_path / "naruko.db", LedgerSettings())) as opened:
        yield opened


@asynccontextmanager
async def forwarding(ledger: Ledger, town: Town, report: Callable[[bool, str], None] | None = None) -> Any:
    """The forwarder at work, at a pace for tests."""
    told = {"report": report} if report else {}
    task = asyncio.create_task(forward(ledger, town, SetClock(NOW), pace=FAST, **told))
    try:
        yield
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def until(condition: Callable[[], bool]) -> None:
    """Returns when it holds: the test's time limit is the limit."""
    while not await asyncio.to_thread(condition):  # noqa: ASYNC110 (other processes set no event)
        await asyncio.sleep(0.01)


def forwarded(ledger: Ledger) -> Callable[[], bool]:
    """Nothing is left behind either cursor."""
    return lambda: (
        not ledger.readings_after(int(ledger.cursor("influx") or 0), 1)[1]
        and not ledger.alert_changes_after(int(ledger.cursor("influx_alert") or 0), 1)[1]
    )


# --- line protocol ----------------------------------------------------------------------------------


def split_unescaped(text: str, mark: str) -> list[str]:
    """Written after the protocol's grammar, apart from the code under test."""
    parts, current, escaped, quoted = [], "", False, False
    for sign in text:
        if escaped:
            current += sign
            escaped = False
        elif sign == "\\":
            current += sign
            escaped = True
        elif sign == '"' and mark != "=":
            quoted = not quoted
            current += sign
        elif sign == mark and not quoted:
            parts.append(current)
            current = ""
        else:
            current += sign
    return [*parts, current]


def unescape(text: str, marks: str) -> str:
    for mark in marks:
        text = text.replace("\\" + mark, mark)
    return text


NAMES = st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp"), exclude_characters='\\"'), min_size=1
)


@given(
    NAMES, st.dictionaries(NAMES, NAMES, max_size=4), NAMES, st.floats(allow_nan=False, allow_infinity=False)
)
def test_every_name_comes_back_from_its_line(
    name: str, tags: dict[str, str], field: str, number: float
) -> None:
    line = line_protocol.line(line_protocol.head(name, tags), {field: number}, NOW)
    start, fields, at = split_unescaped(line, " ")
    first, *rest = split_unescaped(start, ",")
    assert unescape(first, ", ") == name
    assert {
        unescape(k, ",= "): unescape(v, ",= ") for k, v in (split_unescaped(t, "=") for t in rest)
    } == tags
    key, value = split_unescaped(fields, "=")
    assert unescape(key, ",= ") == field
    assert float(value) == number
    assert at == str(NOW * NS)


@given(st.text(st.characters(exclude_categories=("Cs",))))
def test_any_text_is_one_string_field_on_one_line(text: str) -> None:
    rendered = line_protocol.value(text)
    assert len(rendered.splitlines()) <= 1
    assert rendered[0] == rendered[-1] == '"'
    body = rendered[1:-1].replace("\\\\", "").replace('\\"', "")
    assert '"' not in body
    assert "\\" not in body


@given(st.text(st.characters(exclude_categories=("Cs",)), min_size=1))
def test_no_name_breaks_its_line(text: str) -> None:
    for rendered in (line_protocol.key(text), line_protocol.measurement(text)):
        assert len(rendered.splitlines()) == 1
        assert not rendered.endswith("\\")


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_number_is_refused(number: float) -> None:
    with pytest.raises(ValueError, match="NaN"):
        line_protocol.value(number)


def lines_of(*readings: Reading) -> list[str]:
    return line_protocol.reading_lines(readings, lambda device: device, lambda device, quantity: False)


def test_a_message_is_one_line_with_a_flag_beside_each_quantity() -> None:
    assert lines_of(
        reading(),
        reading(quantity="air_c", value=-3.0, flag=Flag.SUSPECT),
        reading(NOW + 1, quantity="air_c", value=-3.5),
        reading(NOW + 1, device="pir-1", quantity="battery_v", value=3.6),
    ) == [
        f"river-1 water_level_m=1.5,water_level_m_qc=1i,air_c=-3.0,air_c_qc=3i {NOW * NS}",
        f"river-1 air_c=-3.5,air_c_qc=1i {(NOW + 1) * NS}",
        f"pir-1 battery_v=3.6,battery_v_qc=1i {(NOW + 1) * NS}",
    ]


def test_a_missing_value_has_a_flag_and_no_field() -> None:
    assert lines_of(reading(value=None, flag=Flag.MISSING)) == [f"river-1 water_level_m_qc=9i {NOW * NS}"]
    assert lines_of(reading(value=float("nan"), flag=Flag.FAIL)) == [
        f"river-1 water_level_m_qc=4i {NOW * NS}"
    ]


def test_a_time_that_nanoseconds_cannot_hold_is_left_in_the_ledger() -> None:
    year_1, year_2106, year_3000 = -62_135_596_800_000, 4_294_967_295_000, 32_503_680_000_000
    assert lines_of(reading(year_1), reading(year_3000)) == []
    assert len(lines_of(reading(year_2106))) == 1


# --- what is sent -----------------------------------------------------------------------------------


class Recorder:
    """A target that takes what `refuses` does not, and remembers it."""

    def __init__(self, refuses: Callable[[str], bool] = lambda line: False) -> None:
        self.refuses = refuses
        self.lines: list[str] = []
        self.calls = 0

    def write(self, lines: list[str]) -> None:
        self.calls += 1
        if any(self.refuses(line) for line in lines):
            raise BadLinesError("unable to parse")
        self.lines += lines

    def close(self) -> None:
        pass


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    target = Recorder()
    monkeypatch.setattr(forwarder, "connect", lambda settings: target)
    return target


async def test_measurement_and_tags_follow_the_town(ledger: Ledger, recorder: Recorder) -> None:
    await ledger.store(
        Outcome(
            readings=[
                reading(),
                reading(device="pir-1", quantity="battery_v"),
                reading(device="gone", quantity="air_c"),
            ]
        )
    )
    async with forwarding(ledger, town("http://x")):
        await until(forwarded(ledger))
    assert recorder.lines == [
        f"river,device=river-1,site=test,zone=field water_level_m=1.5,water_level_m_qc=1i {NOW * NS}",
        f"animal,device=pir-1,site=test battery_v=1.5,battery_v_qc=1i {NOW * NS}",
        f"device,device=gone,site=test air_c=1.5,air_c_qc=1i {NOW * NS}",
    ]


async def test_no_person_and_no_place_of_a_trap_leaves_the_ledger(ledger: Ledger, recorder: Recorder) -> None:
    positions = [
        reading(device=device, quantity=quantity, value=3.5 if quantity == "battery_v" else 36.5)
        for device in ("trap-1", "collar-1", "gone")
        for quantity in ("lat_deg", "lon_deg", "battery_v")
    ]
    alerts = [
        alert("trap-1", "trap"),
        alert("trap-1", "silent"),
        alert("gone", "silent"),
        alert("collar-1", "battery"),
    ]
    await ledger.store(Outcome(readings=positions, alerts=alerts))
    async with forwarding(ledger, town("http://x")):
        await until(forwarded(ledger))
    sent = "\n".join(recorder.lines)
    assert len(recorder.lines) == 3 + 4
    assert sent.count("battery_v=") == 3
    for secret in ("lat", "lon", "36.", "137.", "tanaka", "Tanaka", "田中"):
        assert secret not in sent


async def test_each_step_of_an_alert_is_a_point(ledger: Ledger, recorder: Recorder) -> None:
    await ledger.store(Outcome(alerts=[alert()]))
    await ledger.store(
        Outcome(alerts=[alert(updated_at=NOW + 1, state=AlertState.RESOLVED, closed_at=NOW + 1)])
    )
    async with forwarding(ledger, town("http://x")):
        await until(forwarded(ledger))
    first, last = recorder.lines
    assert first.startswith("alert,device=river-1,kind=river,site=test,zone=field ")
    assert 'severity=1i,state="open",mode="actual",level="caution"' in first
    assert 'state="resolved"' in last
    assert "lat=36.06" in first


async def test_a_backlog_is_sent_whole_and_in_order(ledger: Ledger, recorder: Recorder) -> None:
    await ledger.store(Outcome(readings=[reading(NOW + n, float(n)) for n in range(3_217)]))
    async with forwarding(ledger, town("http://x")):
        await until(forwarded(ledger))
        await ledger.store(Outcome(readings=[reading(NOW - 86_400_000)]))
        await until(forwarded(ledger))
    assert [int(line.rsplit(" ", 1)[1]) // NS - NOW for line in recorder.lines] == [
        *range(3_217),
        -86_400_000,
    ]


async def test_a_forwarder_goes_on_where_the_last_one_ended(ledger: Ledger, recorder: Recorder) -> None:
    for n in range(3):
        await ledger.store(Outcome(readings=[reading(NOW + n)]))
        async with forwarding(ledger, town("http://x")):
            await until(forwarded(ledger))
    assert len(recorder.lines) == 3


async def test_bad_lines_are_named_and_left_behind_and_the_rest_goes(
    ledger: Ledger, recorder: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    bad = {7, 250, 251, 499, 600}
    recorder.refuses = lambda line: int(line.rsplit(" ", 1)[1]) // NS - NOW in bad
    await ledger.store(Outcome(readings=[reading(NOW + n) for n in range(1_000)]))
    async with forwarding(ledger, town("http://x")):
        await until(forwarded(ledger))
    sent = [int(line.rsplit(" ", 1)[1]) // NS - NOW for line in recorder.lines]
    assert sent == [n for n in range(1_000) if n not in bad]
    assert [r.getMessage() for r in caplog.records if "refuses a line" in r.getMessage()] != []
    assert recorder.calls < 100


async def test_a_batch_that_is_refused_whole_does_not_block_the_next(
    ledger: Ledger, recorder: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    recorder.refuses = lambda line: "air_c" in line
    await ledger.store(Outcome(readings=[reading(NOW + n, quantity="air_c") for n in range(500)]))
    await ledger.store(Outcome(readings=[reading()]))
    async with forwarding(ledger, town("http://x")):
        await until(forwarded(ledger))
    assert len(recorder.lines) == 1
    assert sum("refuses" in record.getMessage() for record in caplog.records) == forwarder.SAID_BAD_LINES + 1


# --- a server that misbehaves -----------------------------------------------------------------------


class Fake(ThreadingHTTPServer):
    """Answers each POST with the next of `answers` (status, body, headers), then with 204."""

    daemon_threads = True

    def __init__(self, *answers: tuple[int, str, dict[str, str]], port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Answering)
        self.answers = list(answers)
        self.seen: list[tuple[str, dict[str, str], bytes]] = []


class Answering(BaseHTTPRequestHandler):
    server: Fake

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.seen.append((self.path, dict(self.headers), body))
        status, text, headers = self.server.answers.pop(0) if self.server.answers else (204, "", {})
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


@contextmanager
def fake(*answers: tuple[int, str, dict[str, str]], port: int = 0) -> Iterator[Fake]:
    server = Fake(*answers, port=port)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("status", [401, 404, 429, 500, 503])
async def test_what_may_pass_is_tried_again_with_the_same_lines(
    ledger: Ledger, version: int, status: int
) -> None:
    await ledger.store(Outcome(readings=[reading()]))
    refusal = (status, '{"code":"x","message":"not now","error":"not now"}', {"Retry-After": "0"})
    with fake(refusal, refusal) as server:
        async with forwarding(ledger, town(f"http://127.0.0.1:{server.server_port}", version)):
            await until(forwarded(ledger))
    assert len(server.seen) == 3
    assert len({body for _, _, body in server.seen}) == 1


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("status", [400, 413, 422])
async def test_what_never_passes_is_halved(ledger: Ledger, version: int, status: int) -> None:
    await ledger.store(Outcome(readings=[reading(), reading(NOW + 1)]))
    bad = (status, '{"message":"partial write: field type conflict","error":"partial write"}', {})
    with fake(bad, bad) as server:
        async with forwarding(ledger, town(f"http://127.0.0.1:{server.server_port}", version)):
            await until(forwarded(ledger))
    assert [body.count(b"\n") + 1 for _, _, body in server.seen] == [2, 1, 1]


async def test_the_way_and_the_secret_are_those_of_the_version(ledger: Ledger) -> None:
    await ledger.store(Outcome(readings=[reading()]))
    for version, more in ((1, {"username": "hub"}), (2, {}), (2, {"username": "hub"})):
        with fake() as server:
            url = f"http://127.0.0.1:{server.server_port}"
            await ledger.move_cursor("influx", "0")
            async with forwarding(ledger, town(url, version, token="s3cret", **more)):
                await until(forwarded(ledger))
        path, headers, _ = server.seen[0]
        expected = {
            (1, True): ("/write?db=naruko&precision=ns", "Basic aHViOnMzY3JldA=="),
            (2, False): ("/api/v2/write?org=naruko&bucket=naruko&precision=ns", "Token s3cret"),
            (2, True): ("/api/v2/write?org=naruko&bucket=naruko&precision=ns", "Token hub:s3cret"),
        }[version, bool(more)]
        assert (path, headers["Authorization"]) == expected


@pytest.mark.parametrize("version", [1, 2])
async def test_a_loss_and_a_return_are_said_once_each_and_without_the_secret(
    ledger: Ledger, caplog: pytest.LogCaptureFixture, version: int
) -> None:
    caplog.set_level(logging.DEBUG)
    told: list[tuple[bool, str]] = []
    port = servers.free_port()
    away = town(f"http://127.0.0.1:{port}", version, token="s3cret", username="hub")
    await ledger.store(Outcome(readings=[reading()]))
    async with forwarding(ledger, away, lambda up, reason: told.append((up, reason))):
        await until(lambda: bool(told))
        await asyncio.sleep(0.2)  # several attempts fail meanwhile, and only the first is said
        with fake(port=port):
            await until(forwarded(ledger))
    assert [up for up, _ in told] == [False, True]
    said = [record.getMessage() for record in caplog.records if record.name == "naruko.influx"]
    assert len(said) == 2
    assert "wait in the ledger" in said[0]
    assert "is back" in said[1]
    assert "s3cret" not in caplog.text


async def test_a_server_that_never_answers_holds_up_no_commit(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, release = threading.Event(), threading.Event()

    class Hanging(Recorder):
        def write(self, lines: list[str]) -> None:
            held.set()
            release.wait(30)

    monkeypatch.setattr(forwarder, "connect", lambda settings: Hanging())
    await ledger.store(Outcome(readings=[reading()]))
    async with forwarding(ledger, town("http://x")):
        await asyncio.to_thread(held.wait, 10)
        for n in range(50):
            await asyncio.wait_for(ledger.store(Outcome(readings=[reading(NOW + 1 + n)])), 5)
        await asyncio.wait_for(ledger.shed(NOW), 5)
        await asyncio.wait_for(ledger.checkpoint_off_loop(), 5)
        assert len(ledger.readings_after(0, 100)[1]) == 51
        assert ledger.cursor("influx") == ""
        release.set()


# --- the real ones ----------------------------------------------------------------------------------


def ask_influx(url: str, database: str, query: str) -> list[list[Any]]:
    asked = urllib.parse.urlencode({"db": database, "q": query, "epoch": "ms"})
    with urllib.request.urlopen(f"{url}/query?{asked}", timeout=10) as answer:  # noqa: S310
        (result,) = json.load(answer)["results"]
    return [row for series in result.get("series", []) for row in series["values"]]


def ask_victoria(url: str, metric: str) -> list[tuple[int, float]]:
    """All raw samples of one metric, as (ms, value)."""
    query = urllib.parse.urlencode({"match[]": metric, "start": "0"})
    with urllib.request.urlopen(f"{url}/api/v1/export?{query}", timeout=10) as answer:  # noqa: S310
        series = [json.loads(line) for line in answer]
    return sorted((at, value) for s in series for at, value in zip(s["timestamps"], s["values"], strict=True))


def samples(first: int, last: int) -> list[Reading]:
    return [reading(NOW - 10_000_000 + n * 1_000, n / 8) for n in range(first, last)]


def expected(first: int, last: int) -> list[tuple[int, float]]:
    return [(r.at, r.value or 0.0) for r in samples(first, last)]


async def test_influxdb_1_takes_our_example_of_its_settings(tmp_path: Path) -> None:
    program = servers.installed("influxd")
    port, rpc = servers.free_port(), servers.free_port()
    text = (data.ROOT / "config/influxdb/influxdb.conf").read_text(encoding="utf-8")
    for theirs, ours in (("/var/lib/influxdb", str(tmp_path)), (":8086", f":{port}"), (":8088", f":{rpc}")):
        assert theirs in text
        text = text.replace(theirs, ours)
    (tmp_path / "influxdb.conf").write_text(text)
    command = [program, "-config", "influxdb.conf"]
    server = servers.Server("influxd", command, port, tmp_path, servers.answers("/ping"))
    await asyncio.to_thread(server.start)
    await asyncio.to_thread(server.stop)


async def test_influxdb_1_holds_everything_once_though_it_was_away(ledger: Ledger, tmp_path: Path) -> None:
    with servers.influxd() as server:
        await asyncio.to_thread(server.stop)
        there = town(server.url, 1, bucket="a town's 町")
        await ledger.store(Outcome(readings=samples(0, 700)))
        async with forwarding(ledger, there):
            await asyncio.to_thread(server.start)
            await until(forwarded(ledger))
            await asyncio.to_thread(server.stop, kill=True)
            await ledger.store(Outcome(readings=samples(700, 1_900)))
            await ledger.store(Outcome(readings=[reading(NOW, None, flag=Flag.MISSING)], alerts=[alert()]))
            await asyncio.to_thread(server.start)
            await until(forwarded(ledger))
        await ledger.move_cursor("influx", "0")
        async with forwarding(ledger, there):
            await until(forwarded(ledger))

        def ask(query: str) -> list[list[Any]]:
            return ask_influx(server.url, "a town's 町", query)

        levels = await asyncio.to_thread(ask, "SELECT water_level_m FROM river WHERE zone = 'field'")
        assert [(at, value) for at, value in levels] == expected(0, 1_900)
        flags = await asyncio.to_thread(ask, "SELECT water_level_m_qc FROM river WHERE water_level_m_qc = 9")
        assert flags == [[NOW, 9]]
        (row,) = await asyncio.to_thread(ask, "SELECT severity, state, level, confirmed FROM alert")
        assert row == [NOW, 1, "open", "caution", True]


async def test_influxdb_1_refuses_one_line_and_gets_the_others(
    ledger: Ledger, influx_server: servers.Server, caplog: pytest.LogCaptureFixture
) -> None:
    there = town(influx_server.url, 1, bucket="conflict")
    await ledger.store(Outcome(readings=[reading(quantity="first")]))
    async with forwarding(ledger, there):
        await until(forwarded(ledger))
    body = f'river,device=river-1,site=test,zone=field taken="text" {NOW * NS}'.encode()
    write = f"{influx_server.url}/write?db=conflict&precision=ns"
    await asyncio.to_thread(lambda: urllib.request.urlopen(write, body).close())  # noqa: S310
    mixed = [reading(NOW + n, quantity="taken" if n == 300 else "free") for n in range(1, 600)]
    await ledger.store(Outcome(readings=mixed))
    async with forwarding(ledger, there):
        await until(forwarded(ledger))
    stored = await asyncio.to_thread(ask_influx, influx_server.url, "conflict", "SELECT free FROM river")
    assert len(stored) == 598
    assert "field type conflict" in caplog.text


async def test_victoriametrics_holds_everything_once_though_it_was_away(ledger: Ledger) -> None:
    with servers.victoria_metrics() as server:
        await asyncio.to_thread(server.stop)
        there = town(server.url, 2)
        await ledger.store(Outcome(readings=samples(0, 700)))
        async with forwarding(ledger, there):
            await asyncio.to_thread(server.start)
            await until(forwarded(ledger))
            await asyncio.to_thread(server.stop)
            await ledger.store(Outcome(readings=samples(700, 1_900), alerts=[alert()]))
            await asyncio.to_thread(server.start)
            await until(forwarded(ledger))

        def arrived(metric: str, samples: list[tuple[int, float]]) -> bool:
            return ask_victoria(server.url, metric) == samples

        metric = 'river_water_level_m{device="river-1",zone="field",site="test"}'
        await until(lambda: arrived(metric, expected(0, 1_900)))
        await until(lambda: arrived("alert_severity", [(NOW, 1.0)]))
        await ledger.move_cursor("influx", "0")
        async with forwarding(ledger, there):
            await until(forwarded(ledger))
        await until(lambda: arrived(metric, expected(0, 1_900)))
