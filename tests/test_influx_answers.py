"""Whatever an InfluxDB answers, or something in its place: nothing is lost, and the hub goes on."""

import asyncio
import logging
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.config.settings import Influx, LedgerSettings
from hub.influx import Pace, forwarder
from hub.influx.target import BadLinesError, UnavailableError, connect, seconds_to_wait
from hub.ledger import Ledger
from hub.model import Outcome
from tests import servers
from tests.points import (
    FAST,
    NOW,
    NS,
    Recorder,
    fake,
    forwarded,
    forwarding,
    reading,
    town,
    until,
    written,
)
from tests.waiting import within


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with closing(Ledger.open(tmp_path / "naruko.db", LedgerSettings())) as opened:
        yield opened


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("status", [401, 404, 429, 500, 503])
async def test_what_may_pass_is_tried_again_with_the_same_lines(
    ledger: Ledger, version: int, status: int
) -> None:
    await ledger.store(Outcome(readings=[reading()]))
    refusal = (status, '{"code":"x","message":"not now","error":"not now"}', {"Retry-After": "0"})
    with fake(refusal, refusal) as server:
        async with forwarding(ledger, town(server.url, version)):
            await until(forwarded(ledger))
    assert len(server.seen) == 3
    assert len({body for _, _, body in server.seen}) == 1


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("status", [400, 413, 422])
async def test_what_never_passes_is_halved(ledger: Ledger, version: int, status: int) -> None:
    await ledger.store(Outcome(readings=[reading(), reading(NOW + 1)]))
    bad = (status, '{"message":"partial write: field type conflict","error":"partial write"}', {})
    with fake(bad, bad) as server:
        async with forwarding(ledger, town(server.url, version)):
            await until(forwarded(ledger))
    assert [body.count(b"\n") + 1 for _, _, body in server.seen] == [2, 1, 1]


async def test_the_way_and_the_secret_are_those_of_the_version(ledger: Ledger) -> None:
    await ledger.store(Outcome(readings=[reading()]))
    for version, more in ((1, {"username": "hub"}), (2, {}), (2, {"username": "hub"})):
        with fake() as server:
            await ledger.move_cursor("influx", "0")
            async with forwarding(ledger, town(server.url, version, token="s3cret", **more)):
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
            await within(ledger.store(Outcome(readings=[reading(NOW + 1 + n)])), 5)
        await within(ledger.shed(NOW), 5)
        await within(ledger.checkpoint_off_loop(), 5)
        assert len(ledger.readings_after(0, 100)[1]) == 51
        assert ledger.cursor("influx") == ""
        release.set()


# --- what is no answer of an InfluxDB -------------------------------------------------------------------

NONSENSE = {
    "nothing": b"",
    "cut in the status": b"HTTP/1.1 2",
    "cut in the body of a refusal": b"HTTP/1.1 503 X\r\nContent-Length: 900\r\n\r\n{",
    "cut in a chunk of a refusal": b"HTTP/1.1 503 X\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{",
    "cut in the body of a page": b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n<html>",
    "bytes": bytes(range(256)),
    "a page to log in": written(200, "<html>log in</html>"),
    "sent elsewhere": written(302, headers={"Location": "/login"}),
    "sent elsewhere for good": written(301, headers={"Location": "/login"}),
    "see other": written(303, headers={"Location": "/login"}),
    "endless nesting": written(503, "[" * 60_000),
    "a wait of two superscript": b"HTTP/1.1 429 X\r\nRetry-After: \xb2\r\nContent-Length: 0\r\n\r\n",
    "no UTF-8": b"HTTP/1.1 503 X\r\nContent-Length: 2\r\n\r\n\xff\xfe",
    "no gzip": b"HTTP/1.1 503 X\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nab",
    "control signs": written(503, "\x1b[2J\x1b]0;owned\x07\u202egnorw\nERROR naruko forged"),
}


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("nonsense", NONSENSE.values(), ids=NONSENSE)
async def test_after_half_an_answer_or_nonsense_the_same_lines_go_again(
    ledger: Ledger, caplog: pytest.LogCaptureFixture, version: int, nonsense: bytes
) -> None:
    await ledger.store(Outcome(readings=[reading(NOW + n) for n in range(3)]))
    with fake(nonsense, nonsense) as server:
        async with forwarding(ledger, town(server.url, version)):
            await until(forwarded(ledger))
    first, second, third = server.lines()
    assert first == second == third
    assert len(first) == 3
    assert all(record.getMessage().isprintable() for record in caplog.records)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=80), st.sampled_from([b"", b"HTTP/1.1 503 X\r\n", b"HTTP/1.1 200 OK\r\n"]))
def test_whatever_bytes_come_the_target_says_not_now_or_never(rest: bytes, start: bytes) -> None:
    for version in (1, 2):
        with fake(start + rest) as server:
            target = connect(Influx(url=server.url, version=version))
            with suppress(UnavailableError, BadLinesError):
                target.write(["a b=1 1"])
            target.close()


def test_the_wait_that_the_server_asks_for_is_read_in_both_forms() -> None:
    date = "Sat, 21 Nov 2026 12:07:{:02} GMT"
    for said, wait in {
        "7": 7.0,
        " 7 ": 7.0,
        "99999999999999999999": 600.0,
        date.format(30): 27.0,
        date.format(1): 0.0,
        "-1": 0.0,
        "1.5": 0.0,
        "soon": 0.0,
        "": 0.0,
    }.items():
        assert seconds_to_wait({"Retry-After": said, "Date": date.format(3)}) == wait, said
    assert seconds_to_wait({"Retry-After": date.format(30)}) == 0.0
    assert seconds_to_wait({}) == 0.0


@pytest.mark.parametrize("version", [1, 2])
async def test_the_wait_that_the_server_asks_for_is_kept(ledger: Ledger, version: int) -> None:
    await ledger.store(Outcome(readings=[reading()]))
    with fake((429, "", {"Retry-After": "1"})) as server:
        async with forwarding(ledger, town(server.url, version)):
            await until(forwarded(ledger))
    first, second = server.at
    assert second - first >= 1.0


# --- as fast as the server, and no faster than is good for the hub ----------------------------------------


@pytest.mark.parametrize("version", [1, 2])
async def test_a_server_too_slow_for_a_whole_batch_gets_as_much_as_it_can_take(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, version: int
) -> None:
    """150 lines of a batch of 500: whole batches would never arrive. It is said to be lost once."""
    told: list[bool] = []
    monkeypatch.setattr("hub.influx.target.TIMEOUT_S", 0.5)
    await ledger.store(Outcome(readings=[reading(NOW + n) for n in range(1_200)]))
    with fake(takes_s=lambda lines: 2.0 * (lines > 150)) as server:
        async with forwarding(ledger, town(server.url, version), lambda up, reason: told.append(up)):
            await until(forwarded(ledger))
    first, *others = server.lines()
    assert len(first) == 500
    taken = [lines for lines in others if len(lines) <= 150]
    assert [line for lines in taken for line in lines] == [
        f"river,device=river-1,site=test,zone=field water_level_m=1.5,water_level_m_qc=1i {(NOW + n) * NS}"
        for n in range(1_200)
    ]
    assert told == [False, True]


async def test_a_backlog_is_caught_up_at_the_bounded_rate(ledger: Ledger) -> None:
    await ledger.store(Outcome(readings=[reading(NOW + n) for n in range(3_000)]))
    pace = FAST._replace(most_per_s=2_000)
    with fake() as server:
        async with forwarding(ledger, town(server.url), pace=pace):
            await until(forwarded(ledger))
    assert [len(lines) for lines in server.lines()] == [500] * 6
    gaps = [later - sooner for sooner, later in zip(server.at, server.at[1:], strict=False)]
    assert min(gaps) >= 500 / 2_000
    assert Pace().most_per_s <= 10_000
