"""The ledger: whether it opens, is whole, has room, and has a backup; whether a hub works on it."""

import fcntl
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

from devices.frame import Millis
from hub.clock import Clock, is_sane
from hub.config.town import Town
from hub.doctor.finding import Finding, bad, ok, warn
from hub.ledger import Ledger, LedgerError, backup, ballast, nightly, rescue
from hub.wording import format_time

LEDGER = "ledger"
MB = 1_000_000
LOOK_AT_ALL_BELOW = 256 * MB
"""A file of this size is read in some seconds, also from an SD card."""
OVERDUE: Millis = 36 * 3_600_000
"""A backup is made every night: one was missed."""
REMEMBERED: Millis = 7 * 86_400_000


def file(town: Town, clock: Clock, *, thorough: bool) -> Iterator[Finding]:
    """Whether it opens and is whole, its size, what was restored, and who works on it."""
    path = town.hub.ledger.path
    pid = hub_at_work(path)
    if not path.is_file() and not backup.generations(path):
        yield warn(LEDGER, f"there is none at {path} yet", "naruko run makes it")
        return
    yield (
        ok("hub", f"works, as process {pid}")
        if pid
        else warn("hub", "is not running", "systemctl start naruko, or naruko run")
    )
    try:
        with closing(Ledger.attach(path, town.hub.ledger)) as opened:
            yield from _size(town, opened)
            yield from _whole(path, opened, town, clock, thorough=thorough)
            yield from _restored(path, opened, town, clock)
    except LedgerError as error:
        yield bad(LEDGER, *_halves(str(error)))
    except sqlite3.Error as error:
        yield bad(LEDGER, str(error), "restart the hub: it restores its last good backup")
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
    found = backup.generations(path)
    if not found:
        yield warn("backup", "there is none yet", "the hub makes one within minutes, or: naruko backup now")
        return
    newest = found[0]
    made = backup.made_at(newest)
    said = f"of {format_time(made, now, town.zone_info)}, {newest.stat().st_size / MB:.1f} MB"
    try:
        whole = backup.check(newest)
    except sqlite3.Error as error:
        whole = str(error)
    if whole != "ok":
        yield bad("backup", f"{said}: is damaged ({whole})", "naruko backup now; and look after the SD card")
    elif is_sane(now) and now - made > OVERDUE:
        yield warn("backup", f"{said}: is old", "see why in the hub's log; naruko backup now")
    else:
        yield ok("backup", f"{said}, whole")


def _size(town: Town, opened: Ledger) -> Iterator[Finding]:
    used, _ = opened.pages()
    limit = town.hub.ledger.limit_mb
    said = f"opens; {used / MB:.0f} MB of {limit} MB in use"
    if used > limit * 1024 * 1024:
        yield warn(LEDGER, said, "raise ledger.limit_mb: it can shed nothing more")
    else:
        yield ok(LEDGER, said)


def _whole(path: Path, opened: Ledger, town: Town, clock: Clock, *, thorough: bool) -> Iterator[Finding]:
    if thorough or path.stat().st_size <= LOOK_AT_ALL_BELOW:
        found, when = backup.check(path, quick=not thorough), "now"
    else:
        done = nightly.last(opened, nightly.CHECK)
        if not done.at:
            yield warn(
                LEDGER, "its pages have not been looked at yet", "naruko doctor --thorough does it now"
            )
            return
        found, when = done.said, f"on {format_time(done.at, clock.now(), town.zone_info)}"
    if found == "ok":
        yield ok(LEDGER, f"every page was whole, {when}")
    else:
        yield bad(
            LEDGER,
            f"is damaged: {found} ({when})",
            "naruko backup now, then restart the hub: it restores the backup and keeps this file aside",
        )


def _restored(path: Path, opened: Ledger, town: Town, clock: Clock) -> Iterator[Finding]:
    done = rescue.last(opened)
    if done and clock.now() - done.at < REMEMBERED:
        yield warn(
            LEDGER,
            f"was damaged and begun again on {format_time(done.at, clock.now(), town.zone_info)}: {done}",
            "look after the SD card, and compare the open alerts with what is so outside",
        )
    if aside := rescue.kept_aside(path):
        size = sum(one.stat().st_size for one in aside) / MB
        yield warn(
            LEDGER,
            f"{len(aside)} damaged files are kept, {size:.0f} MB, the newest {aside[-1].name}",
            "sqlite3 FILE .recover shows what is readable; delete them when they are of no more use",
        )


def _room(town: Town) -> Iterator[Finding]:
    settings = town.hub.ledger
    place = ballast.path_of(settings.path)
    if not settings.ballast_mb:
        yield warn("ballast", "none is asked for", "ledger.ballast_mb: 32 keeps alerts alive on a full disk")
    elif place.is_file():
        yield ok("ballast", f"{place.stat().st_size / MB:.0f} MB are kept for a full disk")
    else:
        yield warn(
            "ballast", "is not there: the disk was full, or the hub has not run", "make room on the disk"
        )


def _halves(text: str) -> tuple[str, str]:
    """What is wrong, and what to do."""
    said, _, do = text.partition("; ")
    return said, do or "see above"
