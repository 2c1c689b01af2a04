"""For tests of `naruko doctor`: a broker with passwords and the ACL that we ship, a town, what is found."""

import contextlib
import gc
import os
import socket
import subprocess
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from hub.clock import SystemClock
from hub.config.load import load
from hub.config.settings import LedgerSettings
from hub.config.town import Town
from hub.doctor import examine
from hub.doctor.finding import Finding, Level
from hub.ledger import Ledger, backup
from tests import servers
from tests.ledgers import everything
from tests.town_folders import mail, ntfy, person, trap, unit, write_town

ACL = Path(__file__).parents[1] / "config" / "mosquitto" / "acl"
HUB = {"username": "naruko-hub", "password": "hub-secret"}
SECRETS = {"naruko-hub": "hub-secret", "cam-1": "cam-secret"}


@contextlib.contextmanager
def guarded(folder: Path, acl: str = "", *, anonymous: bool = False) -> Iterator[servers.Server]:
    """Mosquitto as config/mosquitto has it: passwords, and the ACL of `acl` or the one that we ship."""
    servers.installed("mosquitto")
    passwords, rights = folder / "passwords", folder / "acl"
    passwords.touch(mode=0o600)
    for user, password in SECRETS.items():
        subprocess.run(
            [servers.installed("mosquitto_passwd"), "-b", str(passwords), user, password], check=True
        )
    rights.write_text(acl or ACL.read_text(encoding="utf-8"), encoding="utf-8")
    rights.chmod(0o600)
    entry = "" if anonymous else "allow_anonymous false\n"
    with servers.mosquitto(f"{entry}password_file {passwords}\nacl_file {rights}") as server:
        yield server


class Listening:
    """Stands in for the phones: two servers that let themselves be reached, and say nothing."""

    def __init__(self) -> None:
        self.servers = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
        self.mail_port, self.http_port = (server.getsockname()[1] for server in self.servers)

    def close(self) -> None:
        for server in self.servers:
            server.close()


@contextlib.contextmanager
def sockets_left_behind() -> Iterator[None]:
    """paho after a handshake that fails, and amqtt at its end, leave their sockets to the collector."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield
        gc.collect()


def written(folder: Path, port: int, phones: Any = None, **more: Any) -> Path:
    """A town of two devices, and of two people where there are phones."""
    people, devices = [], [unit("cam-1", "naruko-animal")]
    if phones:
        hunter = [mail(phones, "yamane"), ntfy(phones, "yamane")]
        people.append(person("yamane", "hunter", channels=hunter))
        people.append(person("bosai", "operator", "official", channels=[mail(phones, "bosai")]))
        devices.append(trap("trap-1", 1))
    return write_town(
        folder,
        port,
        site="doctor",
        policy={"hub": {}},
        devices=devices,
        people=people,
        **more,
    )


def town_at(folder: Path) -> Town:
    return load(folder, {})


def well(folder: Path) -> Path:
    """As a hub leaves it that has run for a night. Returns the ledger's path."""
    path = folder / "naruko.db"
    with closing(Ledger.open(path, LedgerSettings(path=path))) as opened:
        opened.insert(everything())
        opened.commit()
        opened.hold_ballast()
    backup.make(path)
    return path


def shut(place: Path) -> Callable[..., os.stat_result]:
    """`Path.stat`, of a folder that may not be entered."""
    look = Path.stat

    def stat(path: Path, **more: Any) -> os.stat_result:
        if path.parent == place.parent and path.name.startswith(place.name):
            raise PermissionError(13, "Permission denied", str(path))
        return look(path, **more)

    return stat


def found(folder: Path, what: str, clock: Any = None, *, thorough: bool = False) -> list[Finding]:
    looks = examine(folder, {}, clock or SystemClock(), thorough=thorough)
    return [finding for finding in looks if finding.what == what]


def worst(findings: Iterable[Finding]) -> Finding:
    return max(findings, key=lambda finding: finding.level)


def codes(findings: Iterable[Finding]) -> dict[str, Level]:
    """Code -> level; each code at most once."""
    made = [(finding.code, finding.level) for finding in findings]
    assert len(dict(made)) == len(made), made
    return dict(made)


Pages = Callable[[str, dict[str, str]], tuple[int, dict[str, str], bytes]]
"""(path with query, headers by small letters) -> (status, headers, body)."""


@contextlib.contextmanager
def serving(answer: Pages) -> Iterator[int]:
    """A web server of one function on loopback; gives its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers, body = answer(self.path, {k.lower(): v for k, v in self.headers.items()})
            self.send_response(status)
            for name, value in {"content-length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.do_GET()

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
