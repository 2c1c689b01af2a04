"""`naruko doctor` at the hub's pages: here, at the address that phones have, and who may see the console."""

import socket
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from hub.cli import main
from hub.config.settings import Influx, LedgerSettings
from hub.doctor import pages
from hub.doctor.fetch import fetch
from hub.doctor.finding import Level
from hub.influx.target import UnavailableError, connect
from hub.ledger import Ledger
from tests import servers
from tests.doctors import HUB, codes, guarded, serving, town_at, well, written
from tests.processes import HubProcess
from tests.waiting import wait_until

OK, WARN, BAD = Level


def looked(folder: Path, port: int, hub_url: str = "", **web: Any) -> dict[str, Level]:
    return codes(pages.pages(town_at(paged(folder, port, hub_url, **web))))


def paged(folder: Path, port: int, hub_url: str = "", broker: int = 1883, **web: Any) -> Path:
    """A town with pages. `hub_url`: as phones have it; without, the same port."""
    made = written(folder, broker, mqtt=HUB, pages=port, web={"port": port} | web)
    if hub_url:
        file = made / "hub.yaml"
        file.write_text(file.read_text("utf-8").replace(f"http://127.0.0.1:{port}", hub_url), "utf-8")
    return made


def held(folder: Path) -> Any:
    """The ledger, as a hub at work holds it."""
    path = well(folder)
    return closing(Ledger.open(path, LedgerSettings(path=path)))


def as_hub(mark: str = "m", ready: int = 200, says: bytes = b"ready\n") -> Any:
    def answer(path: str, _: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        if path == "/healthz":
            return 200, {pages.MARK: mark}, b"ok\n"
        return (ready, {}, says) if path == "/readyz" else (404, {}, b"")

    return answer


def test_a_hub_at_work_is_found_at_its_own_address_and_through_that_of_phones(tmp_path: Path) -> None:
    port = servers.free_port()
    with guarded(tmp_path) as broker:
        folder = paged(tmp_path / "town", port, broker=broker.port)
        with HubProcess(folder) as hub:
            wait_until(lambda: "pages at" in hub.log())
            assert codes(pages.pages(town_at(folder))) == {"pages.ready": OK, "pages.phones": OK}


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_this_machine_is_asked_past_every_proxy(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def proxy(path: str, _: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        asked.append(path)
        return 204, {}, b""

    with serving(as_hub()) as port, serving(proxy) as between:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{between}")
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        assert pages.is_hub(fetch(f"http://{host}:{port}/healthz", {"Authorization": "Bearer secret"}))
        with pytest.raises(UnavailableError, match="404"):
            connect(Influx(url=f"http://{host}:{port}", version=1, bucket="b")).write(["m f=1 1"])
        assert asked == []
        assert fetch("http://influx.test/ping").status == 204
    assert asked == ["http://influx.test/ping"]


def test_where_no_hub_runs_the_port_is_free_or_taken(tmp_path: Path) -> None:
    assert looked(tmp_path / "free", servers.free_port()) == {"pages.port_free": OK}
    with serving(lambda *_: (200, {}, b"<h1>It works!</h1>")) as port:
        assert looked(tmp_path / "taken", port) == {"pages.taken": BAD}
    with serving(as_hub()) as port:
        assert looked(tmp_path / "other", port) == {"pages.other_hub": BAD}


def test_a_hub_that_runs_without_its_port_is_told(tmp_path: Path) -> None:
    folder = paged(tmp_path / "town", servers.free_port())
    with held(folder):
        assert codes(pages.pages(town_at(folder))) == {"pages.not_open": BAD}


def test_a_port_that_takes_connections_and_says_nothing_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.doctor.fetch.WITHIN_S", 0.3)
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        folder = paged(tmp_path / "town", silent.getsockname()[1])
        assert codes(pages.pages(town_at(folder))) == {"pages.taken": BAD}
        with held(folder):
            assert codes(pages.pages(town_at(folder))) == {"pages.silent": BAD}


def test_a_hub_that_does_not_its_work_says_why(tmp_path: Path) -> None:
    with serving(as_hub(ready=503, says=b"the broker is not connected\nthe clock is not set\n")) as port:
        folder = paged(tmp_path / "town", port)
        with held(folder):
            finding, *_ = pages.pages(town_at(folder))
    assert (finding.code, finding.level) == ("pages.not_ready", BAD)
    assert "the broker is not connected; the clock is not set" in finding.said


@pytest.mark.parametrize(
    ("behind", "code", "level"),
    [
        (as_hub("m"), "pages.phones", OK),
        (as_hub("of-the-next-town"), "pages.another", BAD),
        (lambda *_: (502, {}, b"Bad Gateway"), "pages.elsewhere", BAD),
        (lambda *_: (200, {}, b"<h1>It works!</h1>"), "pages.elsewhere", BAD),
    ],
)
def test_where_the_address_of_phones_leads_is_told(
    tmp_path: Path, behind: Any, code: str, level: Level
) -> None:
    with serving(as_hub("m")) as port, serving(behind) as proxy:
        folder = paged(tmp_path / "town", port, f"http://127.0.0.1:{proxy}")
        with held(folder):
            assert codes(pages.pages(town_at(folder))) == {"pages.ready": OK, code: level}


def test_an_address_of_phones_that_is_not_reached_from_here_may_be_so_from_within_alone(
    tmp_path: Path,
) -> None:
    with serving(as_hub()) as port:
        folder = paged(tmp_path / "town", port, f"http://127.0.0.1:{servers.free_port()}")
        with held(folder):
            assert codes(pages.pages(town_at(folder)))["pages.unreached"] is WARN


def test_a_console_without_a_user_is_told_until_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = paged(tmp_path / "town", servers.free_port(), console={})
    well(folder)
    assert codes(pages.pages(town_at(folder)))["console.nobody"] is WARN
    monkeypatch.setattr("getpass.getpass", lambda _: "a good long password")
    assert main(["user", "add", "yamada", "--role", "admin", "-c", str(folder)]) == 0
    assert codes(pages.pages(town_at(folder)))["console.users"] is OK


def test_single_sign_on_needs_no_user(tmp_path: Path) -> None:
    console = {"identity_header": "X-Email", "trusted_proxies": ["127.0.0.1"]}
    assert "console.nobody" not in looked(tmp_path / "town", servers.free_port(), console=console)


@pytest.mark.parametrize(
    ("web", "hub_url", "plain"),
    [
        ({}, "https://naruko.town.test", False),
        ({"host": "0.0.0.0"}, "https://naruko.town.test", True),
        ({}, "http://naruko.town.test", True),
        ({}, "http://127.0.0.1:9", False),
    ],
)
def test_a_console_that_is_open_without_tls_is_told(
    tmp_path: Path, web: dict[str, Any], hub_url: str, plain: bool
) -> None:
    found = looked(tmp_path / "town", servers.free_port(), hub_url, console={}, **web)
    assert ("console.plain" in found) is plain
