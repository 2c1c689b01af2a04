"""`naruko status`: the hub at one look. Reads the ledger and asks the hub; changes nothing."""

import argparse
import contextlib
import os
import shutil
import signal
import sqlite3
import sys
import threading
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import msgspec

from devices.frame import Millis
from hub.cli import screen
from hub.cli.common import IO, LEDGER, OK, UNMET, Adder, attach, rooms_of, town_of
from hub.clock import SystemClock, is_sane
from hub.config.settings import Web
from hub.config.town import Town
from hub.doctor.ledger import hub_at_work
from hub.doctor.pages import ANYWHERE
from hub.doctor.telling import language
from hub.ledger import LedgerError, nightly
from hub.ledger.opening import is_there
from hub.status import Answer, Report, Seen, nothing, report
from hub.watch.look import ledger_size
from hub.watch.vitals import read_machine

EVERY_S = 2.0
WITHIN_S = 4.0
"""`/readyz` may itself wait two seconds for the ledger."""
ASIDE, BACK = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"
"""xterm's other screen, without a cursor: what stood in the terminal is there again afterwards."""
HOME, LINE_END, BELOW = "\x1b[H", "\x1b[K", "\x1b[J"


def add(command: Adder) -> None:
    """The command of this file."""
    says = "the hub at one look; exit 1 where somebody is needed, 4 where no hub runs"
    made = command("status", status, says)
    made.add_argument(
        "--lang", choices=("ja", "en"), default=None, help="(ja where the locale is Japanese, else en)"
    )
    made.add_argument("--json", action="store_true", help="one object, for programs")
    made.add_argument("--watch", action="store_true", help="again every 2 s, until Ctrl-C")


def status(arguments: argparse.Namespace) -> int:
    """Exit code by what was found last."""
    town = town_of(arguments)
    lang = arguments.lang or language(os.environ)
    if arguments.watch:
        return _watch(town, lang, as_json=arguments.json)
    found = look(town)
    if arguments.json:
        print(msgspec.json.encode(found).decode())
    else:
        width = shutil.get_terminal_size().columns
        print("\n".join(screen.lines(found, town, lang, width, colour=_is_coloured())))
    return code_of(found)


def look(town: Town) -> Report:
    """LedgerError: there is a ledger, and it cannot be read."""
    now, path = SystemClock().now(), town.hub.ledger.path
    if not is_there(path):
        return nothing(town, now)
    pid = hub_at_work(path)
    written_at = _written_at(path)
    answer = ask(town.hub.web) if pid and town.hub.web and town.hub.web.port else None
    try:
        with contextlib.closing(attach(town)) as ledger:
            seen = Seen(
                now=now,
                pid=int(pid) if pid.isdigit() else 0 if pid else None,
                since_at=_changed_at(Path(f"{path}.lock")),
                written_at=written_at,
                answer=answer,
                alerts=tuple(ledger.open_alerts()),
                rooms=rooms_of(ledger),
                gauges=ledger.gauges(),
                size=ledger_size(ledger),
                disk_free=read_machine(path).disk_free,
                backup=nightly.last(ledger, nightly.BACKUP),
            )
    except sqlite3.Error as error:
        raise LedgerError(f"ledger {path}: {error}; naruko doctor says what to do") from error
    return report(town, seen)


def ask(web: Web) -> Answer:
    """What the hub's own page says of it, on this machine and past every proxy."""
    host = ANYWHERE.get(web.host, web.host)
    asked = HTTPConnection(host, web.port, timeout=WITHIN_S)
    try:
        asked.request("GET", "/readyz", headers={"Host": f"localhost:{web.port}"})
        answer = asked.getresponse()
        said = answer.read(10_000).decode("utf-8", "replace")
    except (OSError, HTTPException):
        return Answer(reached=False)
    finally:
        asked.close()
    if answer.status == 200:
        return Answer(reached=True, ready=True)
    return Answer(reached=answer.status == 503, lines=tuple(said.splitlines()))


def code_of(found: Report) -> int:
    if found.hub.state in ("stopped", "no_ledger"):
        return IO
    return UNMET if found.needs else OK


def _written_at(path: Path) -> Millis | None:
    """Of the file, or of the log beside it; an empty log is only somebody who looked."""
    log = Path(f"{path}-wal")
    with contextlib.suppress(OSError):
        if log.stat().st_size:
            return max(_changed_at(log) or 0, _changed_at(path) or 0) or None
    return _changed_at(path)


def _changed_at(path: Path) -> Millis | None:
    try:
        at = round(path.stat().st_mtime * 1000)
    except OSError:
        return None
    return at if is_sane(at) else None


# --- again and again --------------------------------------------------------------------------------


def _watch(town: Town, lang: str, *, as_json: bool) -> int:
    code, pause = OK, threading.Event()
    aside = sys.stdout.isatty() and not as_json and os.environ.get("TERM") != "dumb"
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: the terminal is given back
    try:
        if aside:
            print(ASIDE, end="")
        while True:
            try:
                found = look(town)
                code = code_of(found)
                _show(found, town, lang, aside=aside, as_json=as_json)
            except LedgerError as error:
                code = LEDGER
                said, where = (f"{HOME}{error}{BELOW}", sys.stdout) if aside else (str(error), sys.stderr)
                print(said, file=where, flush=True)
            pause.wait(EVERY_S)
    except KeyboardInterrupt:
        return code
    finally:
        if aside:
            print(BACK, end="", flush=True)


def _show(found: Report, town: Town, lang: str, *, aside: bool, as_json: bool) -> None:
    if as_json:
        print(msgspec.json.encode(found).decode(), flush=True)
        return
    size = shutil.get_terminal_size()
    said = screen.lines(found, town, lang, size.columns, colour=_is_coloured())
    if not aside:
        print("\n".join(said), end="\n\n", flush=True)
        return
    shown = said if len(said) < size.lines else [*said[: size.lines - 2], ".."]
    print(HOME + "".join(f"{line}{LINE_END}\n" for line in shown) + BELOW, end="", flush=True)


def _is_coloured() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
