"""`naruko status` beside a hub: what it finds, what it exits with, and that it never guesses."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hub import cli
from hub.cli import status
from hub.clock import SystemClock
from hub.config.settings import LedgerSettings, Web
from hub.config.town import Town
from hub.ledger import Ledger
from hub.model import Outcome
from tests.config_towns import make_town
from tests.consoles import place
from tests.data import ROOT
from tests.doctors import shut
from tests.hubs import at_broker, hub_of
from tests.ledgers import alert, notification
from tests.waiting import until


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The good town; commands run beside it, so that the ledger is made there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    return make_town(tmp_path / "town")


@contextlib.contextmanager
def held(path: Path = Path("naruko.db")) -> Iterator[Ledger]:
    """A ledger as a hub holds it."""
    with contextlib.closing(Ledger.open(path, LedgerSettings(path=path))) as ledger:
        yield ledger


def said(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str]:
    code = cli.main(["status", *map(str, arguments)])
    return code, capsys.readouterr().out


def read(capsys: pytest.CaptureFixture[str], folder: Path) -> tuple[int, dict[str, Any]]:
    code, text = said(capsys, "-c", folder, "--json")
    return code, json.loads(text)


# --- by the ledger alone ----------------------------------------------------------------------------


def test_where_no_hub_ever_ran_it_says_so_and_makes_no_ledger(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, text = said(capsys, "-c", folder)
    assert code == 4
    assert "No hub has run here yet" in text
    assert str(folder.parent / "naruko.db") in "".join(text.split())
    assert not list(folder.parent.glob("naruko.db*"))


def test_a_hub_that_holds_its_ledger_runs_and_nothing_more_is_claimed(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with held():
        code, found = read(capsys, folder)
        _, text = said(capsys, "-c", folder)
    assert (code, found["needs"]) == (0, [])
    assert (found["hub"]["state"], found["hub"]["pid"]) == ("runs", os.getpid())
    assert found["broker"]["connected"] is None
    assert "Nothing wrong is on record" in text
    assert "All is well" not in text


def test_since_when_it_runs_is_when_it_took_the_ledger(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = SystemClock().now()
    with held():
        after = SystemClock().now()
        for _ in range(2):
            _, found = read(capsys, folder)
            assert before - 20 <= found["hub"]["since_at"] <= after + 20, "a look does not move it"


def test_a_hub_that_has_ended_is_stopped_with_what_was_open(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with held() as ledger:
        ledger.insert(Outcome(alerts=[alert()], notifications=[notification()]))
        ledger.commit()
    written = round(Path("naruko.db").stat().st_mtime * 1000)
    for _ in range(2):
        code, found = read(capsys, folder)
        assert code == 4
        assert found["hub"] == {
            "state": "stopped", "pid": None, "since_at": None, "written_at": written, "reasons": [],
        }  # fmt: skip
    assert [one["id"] for one in found["alerts"]] == ["river/river-1/1"]
    assert found["outbox"]["waiting"] == 1
    assert "alerts" in found["needs"]


def test_an_open_alert_makes_the_exit_code_1(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with held() as ledger:
        ledger.insert(Outcome(alerts=[alert()]))
        ledger.commit()
        code, text = said(capsys, "-c", folder, "--lang", "ja")
    assert code == 1
    assert "要対応" in text
    assert "注意" in text


def test_a_ledger_that_cannot_be_read_is_said_and_ends_with_5(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("naruko.db").write_bytes(b"this is no database, " * 400)
    assert cli.main(["status", "-c", str(folder)]) == 5
    assert "naruko.db" in capsys.readouterr().err


def test_a_folder_that_may_not_be_entered_is_no_missing_hub(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "stat", shut(Path("naruko.db")))
    assert cli.main(["status", "-c", str(folder)]) == 5
    assert f"may not enter {folder.parent}; ask as the user" in capsys.readouterr().err


# --- by the hub's own word --------------------------------------------------------------------------


def seen_from_beside(town: Town, path: Path, port: int) -> Town:
    """The town as its hub.yaml would have it."""
    assert town.hub.web
    web = town.hub.web.model_copy(update={"port": port})
    settings = town.hub.ledger.model_copy(update={"path": path})
    return replace(town, hub=town.hub.model_copy(update={"web": web, "ledger": settings}))


async def test_a_hub_without_its_broker_says_itself_that_it_cannot_do_its_work(tmp_path: Path) -> None:
    path = tmp_path / "naruko.db"
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        town = at_broker(place(), nobody.getsockname()[1])
        async with hub_of(town, path, connected=False) as hub:
            await until(lambda: hub.web_port and hub.pulse.beats(10), "the pages are there")
            found = await asyncio.to_thread(status.look, seen_from_beside(town, path, int(hub.web_port or 0)))
    assert found.hub.state == "not_ready"
    assert found.hub.reasons == ("broker",)
    assert found.broker.connected is False
    assert found.needs[:2] == ("hub", "broker")
    assert status.code_of(found) == 1


@pytest.mark.parametrize(
    "says", [b"", b"HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nhm\n", b"\xff\xfe\n\n"]
)
def test_a_page_that_gives_no_answer_of_a_hubs_is_no_answer(
    says: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status, "WITHIN_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            with contextlib.suppress(OSError):
                line, _ = listener.accept()
                with line:
                    line.recv(4_096)
                    line.sendall(says) if says else line.recv(1)

        threading.Thread(target=answer, daemon=True).start()
        assert not status.ask(Web(port=listener.getsockname()[1])).reached


def test_nobody_at_the_port_is_no_answer_and_a_hub_for_everywhere_is_asked_here() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        assert not status.ask(Web(host="0.0.0.0", port=nobody.getsockname()[1])).reached


# --- again and again --------------------------------------------------------------------------------


@pytest.mark.parametrize("ended_by", [signal.SIGINT, signal.SIGTERM])
def test_watched_it_looks_again_until_somebody_ends_it_and_exits_with_what_it_saw_last(
    folder: Path, ended_by: signal.Signals
) -> None:
    command = [sys.executable, "-m", "hub", "status", "-c", str(folder), "--watch", "--json"]
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, cwd=folder.parent, stdout=subprocess.PIPE, text=True, env=env) as looking:
        assert looking.stdout
        assert json.loads(looking.stdout.readline())["hub"]["state"] == "no_ledger"
        with held(folder.parent / "naruko.db"):
            states = [json.loads(looking.stdout.readline())["hub"]["state"] for _ in range(2)]
            assert "runs" in states
            looking.send_signal(ended_by)
            assert looking.wait(30) == 0
