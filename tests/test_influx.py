"""InfluxDB gets everything once, in its own time, and its failing harms nothing else."""

import json
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from hub.config.settings import LedgerSettings
from hub.influx import delivery, forwarder
from hub.ledger import Ledger
from hub.model import AlertState, Outcome
from tests.points import NOW, NS, Recorder, alert, forwarded, forwarding, reading, town, until


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with closing(Ledger.open(tmp_path / "naruko.db", LedgerSettings())) as opened:
        yield opened


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


def test_a_refused_line_is_said_without_a_place_whatever_the_server_repeats_of_it() -> None:
    line = "animal,device=cam-1,site=s lat=36.0561,lon=137.985,confidence=0.83 1795262823000000000"
    for quoted in (f"unable to parse '{line}': no", json.dumps({"original_line": line})[:60]):
        reason, said = forwarder.sayable(line, f"HTTP 400: {quoted}")
        assert said == "animal,device=cam-1,site=s"
        assert reason.startswith("HTTP 400: ")
        assert not {"36", "137"} & set(re.findall(r"\d+", reason))
    assert forwarder.sayable(line, "http://127.0.0.1:8086: no")[0] == "http://127.0.0.1:8086: no"


async def test_a_batch_that_is_refused_whole_does_not_block_the_next(
    ledger: Ledger, recorder: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    recorder.refuses = lambda line: "air_c" in line
    await ledger.store(Outcome(readings=[reading(NOW + n, quantity="air_c") for n in range(500)]))
    await ledger.store(Outcome(readings=[reading()]))
    async with forwarding(ledger, town("http://x")):
        await until(forwarded(ledger))
    assert len(recorder.lines) == 1
    errors = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert len(errors) == forwarder.SAID_BAD_LINES + 1
    assert errors[-1] == "InfluxDB refuses 495 more lines of this batch"


async def test_a_server_that_refuses_everything_is_waited_for_and_loses_nothing(
    ledger: Ledger, recorder: Recorder, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Plain HTTP to a port for TLS is answered 400, whatever the lines are."""
    monkeypatch.setattr(delivery, "PATIENCE", 100_000)
    astray = [True]
    recorder.refuses = lambda line: astray[0]
    await ledger.store(Outcome(readings=[reading(NOW + n) for n in range(2_000)]))
    async with forwarding(ledger, town("http://x")):
        await until(lambda: recorder.calls > 150)
        assert recorder.lines == []
        astray[0] = False
        await until(forwarded(ledger))
        assert [int(line.rsplit(" ", 1)[1]) // NS - NOW for line in recorder.lines] == [*range(2_000)]
        astray[0] = True
        await ledger.store(Outcome(readings=[reading(NOW + 5_000)]))
        calls = recorder.calls
        await until(lambda: recorder.calls > calls + 10)
        astray[0] = False
        await until(forwarded(ledger))
    assert len(recorder.lines) == 2_001
    assert "refuses a line" not in caplog.text


async def test_one_bad_line_alone_is_known_for_bad_by_what_the_server_still_takes(
    ledger: Ledger, recorder: Recorder
) -> None:
    recorder.refuses = lambda line: "air_c" in line
    told: list[bool] = []
    async with forwarding(ledger, town("http://x"), lambda up, reason: told.append(up)):
        for quantity in ("level_m", "air_c", "air_c", "level_m"):
            await ledger.store(
                Outcome(readings=[reading(quantity=quantity, device=f"{quantity}-{len(told)}")])
            )
            await until(forwarded(ledger))
    assert told == []
