"""The ledger: whether it opens, is whole, has room, and has a backup; whether a hub works on it."""

import fcntl
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from devices.frame import Millis
from hub.clock import Clock, is_sane
from hub.config.town import Town
from hub.doctor.finding import Finding, bad, ok, warn, words
from hub.ledger import Ledger, LedgerError, backup, ballast, nightly, rescue
from hub.ledger.opening import is_there
from hub.status import OVERDUE
from hub.wording import format_time

MB = 1_000_000
LOOK_AT_ALL_BELOW = 256 * MB
"""A file of this size is read in some seconds, also from an SD card."""
REMEMBERED: Millis = 7 * 86_400_000


def file(town: Town, clock: Clock, *, thorough: bool) -> Iterator[Finding]:
    """Whether it opens and is whole, its size, what was restored, and who works on it."""
    path = town.hub.ledger.path
    try:
        there = is_there(path) or bool(backup.generations(path))
    except LedgerError as error:
        yield _closed(error)
        return
    if not there:
        yield warn("ledger.none", path=path.absolute())
        return
    pid = hub_at_work(path)
    yield (ok("hub.works", pid=pid) if pid else warn("hub.stopped"))
    try:
        with closing(Ledger.attach(path, town.hub.ledger)) as opened:
            yield from _size(town, opened)
            yield from _whole(path, opened, town, clock, thorough=thorough)
            yield from _restored(path, opened, town, clock)
    except LedgerError as error:
        yield _closed(error)
    except sqlite3.Error as error:
        yield bad("ledger.unreadable", said=error)
    yield from _room(town)


def hub_at_work(path: Path) -> str:
    """The process id of the hub that holds the ledger; empty where none does."""
    with suppress(OSError), Path(f"{path}.lock").open(encoding="ascii") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return held.read().strip() or "?"
    return ""


def backups(town: Town, clock: Clock) -> Iterator[Finding]:
    """Whether there is a good one of last night."""
    path, now = town.hub.ledger.path, clock.now()
    try:
        is_there(path)
    except LedgerError:
        return  # said of the ledger
    found = backup.generations(path)
    if not found:
        yield warn("backup.none")
        return
    newest = found[0]
    made = backup.made_at(newest)
    values: dict[str, Any] = {
        "time": format_time(made, now, town.zone_info),
        "mb": newest.stat().st_size / MB,
    }
    try:
        whole = backup.check(newest)
    except sqlite3.Error as error:
        whole = str(error)
    if whole != "ok":
        yield bad("backup.damaged", **values, said=whole)
    elif is_sane(now) and now - made > OVERDUE:
        yield warn("backup.old", **values)
    else:
        yield ok("backup.whole", **values)


def _size(town: Town, opened: Ledger) -> Iterator[Finding]:
    used, _ = opened.pages()
    limit = town.hub.ledger.limit_mb
    if used > limit * 1024 * 1024:
        yield warn("ledger.large", mb=used / MB, limit=limit)
    else:
        yield ok("ledger.opens", mb=used / MB, limit=limit)


def _whole(path: Path, opened: Ledger, town: Town, clock: Clock, *, thorough: bool) -> Iterator[Finding]:
    if thorough or path.stat().st_size <= LOOK_AT_ALL_BELOW:
        found = backup.check(path, quick=not thorough)
        when = ("今", "now")
    else:
        done = nightly.last(opened, nightly.CHECK)
        if not done.at:
            yield warn("ledger.unseen")
            return
        found, at = done.said, format_time(done.at, clock.now(), town.zone_info)
        when = (at, f"on {at}")
    if found == "ok":
        yield ok("ledger.whole", when=when)
    else:
        yield bad("ledger.damaged", said=found, when=when)


def _restored(path: Path, opened: Ledger, town: Town, clock: Clock) -> Iterator[Finding]:
    done = rescue.last(opened)
    if done and clock.now() - done.at < REMEMBERED:
        when = format_time(done.at, clock.now(), town.zone_info)
        yield warn("ledger.restored", time=when, said=(_done(done, clock, town), str(done)))
    if aside := rescue.kept_aside(path):
        size = sum(one.stat().st_size for one in aside) / MB
        yield warn("ledger.aside", files=len(aside), mb=size, newest=aside[-1].name)


def _done(done: rescue.Restored, clock: Clock, town: Town) -> str:
    """In Japanese."""
    kept = f"壊れたファイルは {done.aside}。" if done.aside else ""
    if not done.backup_at:
        return f"{kept}良い控えがなく、空の台帳から始めました"
    return f"{kept}{format_time(done.backup_at, clock.now(), town.zone_info)} の控えから続けています"


def _room(town: Town) -> Iterator[Finding]:
    settings = town.hub.ledger
    place = ballast.path_of(settings.path)
    if not settings.ballast_mb:
        yield warn("ballast.none")
    elif place.is_file():
        yield ok("ballast.kept", mb=place.stat().st_size / MB)
    else:
        yield warn("ballast.gone")


def _closed(error: LedgerError) -> Finding:
    """What is wrong, and what to do."""
    said, _, do = str(error).partition("; ")
    return bad("ledger.closed", said=said, do=(words()["closed"][type(error).__name__], do or "see above"))
