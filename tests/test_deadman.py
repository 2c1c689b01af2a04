"""The outgoing sign of life, to a real web server: well, in trouble, silent; and what it may never do."""

import asyncio
import contextlib
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml
from pydantic import SecretStr

from firmware_sim.phones import Phones
from hub.config.load import ConfigError, load
from hub.config.settings import Deadman
from hub.config.validate import reveal
from hub.ledger import LedgerError
from hub.watch import deadman
from hub.watch.vitals import Pulse
from tests import servers
from tests.config_towns import make_town
from tests.processes import HubProcess
from tests.town_folders import mail, person, unit, write_town
from tests.waiting import let_all_run, until, wait_until

SECRET = "5cb9-a-secret-path"


class Outside:
    """A web server that keeps what it was asked. `answer` is its status; 0: it takes the call and is mute."""

    def __init__(self, port: int = 0) -> None:
        self.asked: list[str] = []
        self.answer = 200
        self._end = threading.Event()
        outside = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outside.asked.append(self.path)
                if outside.answer == 0:
                    outside._end.wait()
                    return
                self.send_response(outside.answer)
                if 300 <= outside.answer < 400:
                    self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"OK")

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/{SECRET}"

    def close(self) -> None:
        self._end.set()
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def outside() -> Iterator[Outside]:
    server = Outside()
    yield server
    server.close()


class Pinged:
    """A hub as the dead-man ping sees it."""

    def __init__(self, url: str, every: int = 20) -> None:
        self.settings = Deadman.model_construct(url=SecretStr(url), url_file=None, every=every)
        self.pulse = Pulse()
        self.pulse.tick()
        self.pulse.committed = self.pulse.ticked
        self.trouble = False
        self.written = 0

    async def write(self) -> None:
        self.written += 1
        self.pulse.committed = self.pulse.ticked

    @contextlib.asynccontextmanager
    async def running(self):
        task = asyncio.create_task(deadman.ping(self.settings, self.pulse, lambda: self.trouble, self.write))
        try:
            yield task
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, LedgerError):
                await task


async def test_a_hub_that_lives_asks_the_url_again_and_again_and_fail_while_it_is_in_trouble(
    outside: Outside,
) -> None:
    hub = Pinged(outside.url)
    async with hub.running():
        await until(lambda: len(outside.asked) >= 3)
        assert set(outside.asked) == {f"/{SECRET}"}
        assert hub.pulse.deadman_failing is False
        hub.trouble = True
        await until(lambda: f"/{SECRET}/fail" in outside.asked)
        hub.trouble = False
        seen = len(outside.asked)
        await until(lambda: f"/{SECRET}" in outside.asked[seen + 1 :])


async def test_a_hub_whose_rounds_do_not_end_is_silent(outside: Outside) -> None:
    hub = Pinged(outside.url)
    async with hub.running():
        await until(lambda: outside.asked)
        assert hub.pulse.ticked is not None
        hub.pulse.ticked -= deadman.TICKED_WITHIN_S
        await asyncio.sleep(0.5)
        silent_since = len(outside.asked)
        await asyncio.sleep(0.2)
        assert len(outside.asked) == silent_since
        hub.pulse.tick()
        await until(lambda: len(outside.asked) > silent_since)


async def test_a_ledger_that_was_not_written_to_for_long_is_written_to_first(outside: Outside) -> None:
    hub = Pinged(outside.url)
    hub.pulse.committed = None
    async with hub.running():
        await until(lambda: len(outside.asked) >= 3)
        assert hub.written == 1
        hub.pulse.committed -= deadman.WRITTEN_WITHIN_S + 1
        await until(lambda: hub.written == 2)


async def test_a_ledger_that_takes_nothing_means_silence(outside: Outside) -> None:
    hub = Pinged(outside.url)
    hub.pulse.committed = None
    full, hangs = asyncio.Event(), asyncio.Event()

    async def write() -> None:
        hangs.set()
        await full.wait()
        raise LedgerError("full")

    hub.write = write
    async with hub.running() as task:
        await hangs.wait()
        await asyncio.sleep(0.1)
        assert outside.asked == []
        full.set()
        await until(task.done)
        with pytest.raises(LedgerError):
            task.result()
    assert outside.asked == []


@pytest.mark.parametrize("answer", [302, 404, 500])
async def test_an_answer_that_is_not_well_is_a_loss_and_no_redirection_is_followed(
    outside: Outside, answer: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    hub = Pinged(outside.url)
    outside.answer = answer
    async with hub.running():
        await until(lambda: len(outside.asked) >= 4)
        assert hub.pulse.deadman_failing is True
        outside.answer = 200
        await until(lambda: hub.pulse.deadman_failing is False)
    assert "/elsewhere" not in outside.asked
    said = [record.message for record in caplog.records if record.name == "naruko.deadman"]
    assert said == [
        f"the outside watch was not reached (HTTP {answer}); trying again",
        "the outside watch is reached again",
    ]


async def test_a_server_that_is_away_is_logged_once_without_its_address_and_found_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    port = servers.free_port()
    hub = Pinged(f"http://127.0.0.1:{port}/{SECRET}")
    async with hub.running():
        await until(lambda: hub.pulse.deadman_failing)
        await asyncio.sleep(0.1)
        back = Outside(port)
        try:
            await until(lambda: not hub.pulse.deadman_failing)
        finally:
            back.close()
    ours = [record.getMessage() for record in caplog.records if record.levelno >= logging.INFO]
    assert sum("not reached" in line for line in ours) == 1
    assert not any(SECRET in line or str(port) in line for line in ours)


async def test_a_server_that_never_answers_stops_neither_the_loop_nor_the_end(outside: Outside) -> None:
    hub = Pinged(outside.url)
    outside.answer = 0
    async with hub.running() as task:
        await until(lambda: outside.asked)
        async with asyncio.timeout(5):
            await let_all_run()
        task.cancel()
        async with asyncio.timeout(5):
            await asyncio.wait({task})
    assert len(outside.asked) == 1


@pytest.mark.parametrize("url", ["http://[::1", "http://127.0.0.1:1/a", "http://x.invalid/b", "ftp://x/y"])
async def test_a_url_that_leads_nowhere_ends_no_hub(url: str) -> None:
    get = deadman._client()
    assert await asyncio.to_thread(get, url) != ""


def test_fail_goes_behind_the_path() -> None:
    assert deadman.fail_url("https://hc-ping.com/uuid") == "https://hc-ping.com/uuid/fail"
    assert deadman.fail_url("https://hc-ping.com/uuid/") == "https://hc-ping.com/uuid/fail"
    assert deadman.fail_url("https://x/uuid?a=b") == "https://x/uuid/fail?a=b"


# --- the service ------------------------------------------------------------------------------------


def test_the_hub_as_a_process_pings_and_a_killed_one_falls_silent(tmp_path: Path, outside: Outside) -> None:
    with servers.mosquitto() as broker, Phones() as phones:
        folder = write_town(
            tmp_path / "town",
            broker.port,
            site="deadman",
            devices=[unit("cam-1", "naruko-animal")],
            people=[person("ops", "operator", channels=[mail(phones, "ops")])],
            deadman={"url": outside.url, "every": "10s"},
        )
        with HubProcess(folder, phones) as hub:
            wait_until(lambda: outside.asked == [f"/{SECRET}"], "the first ping")
            hub.kill()
            assert SECRET not in hub.log()
    assert outside.asked == [f"/{SECRET}"]


# --- the config -------------------------------------------------------------------------------------


def town_with(tmp_path: Path, **room: object) -> Path:
    folder = make_town(tmp_path / "town")
    hub = yaml.safe_load((folder / "hub.yaml").read_text("utf-8"))
    (folder / "hub.yaml").write_text(yaml.safe_dump(hub | {"deadman": room}, allow_unicode=True), "utf-8")
    return folder


def test_its_url_is_a_secret_from_the_environment_or_a_file(tmp_path: Path) -> None:
    folder = town_with(tmp_path, url="https://hc-ping.com/${HC}", every="5m")
    found = load(folder, {"HC": SECRET}).hub.deadman
    assert found is not None
    assert reveal(found.url) == f"https://hc-ping.com/{SECRET}"
    assert found.every == 300_000
    assert SECRET not in repr(found)
    (folder / "url").write_text(f"https://hc-ping.com/{SECRET}\n")
    from_file = load(town_with(tmp_path / "b", url_file=str(folder / "url")), {}).hub.deadman
    assert from_file is not None
    assert reveal(from_file.url) == f"https://hc-ping.com/{SECRET}"


@pytest.mark.parametrize(
    ("room", "says"),
    [
        ({}, "needs one of url and url_file"),
        ({"url": "ftp://host/x"}, "must begin with http"),
        ({"url": "https://h/${GONE}"}, "GONE is not set"),
        ({"url": "https://h/x", "url_file": "x"}, "is given twice"),
        ({"url": "https://h/x", "every": "1s"}, "between 10s and 1h"),
        ({"url": "https://h/x", "every": "2d"}, "between 10s and 1h"),
    ],
    ids=str,
)
def test_what_is_wrong_with_it_is_said_with_its_line(tmp_path: Path, room: dict[str, str], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        load(town_with(tmp_path, **room), {})


def test_a_secret_in_the_open_is_warned_of(tmp_path: Path) -> None:
    warned = load(town_with(tmp_path, url="http://example.org/x"), {}).warnings
    assert any("crosses the network in the open" in warning for warning in warned)
    assert load(town_with(tmp_path / "b", url="http://127.0.0.1:9/x"), {}).hub.deadman is not None
