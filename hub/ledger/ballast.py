"""Room kept beside the ledger: a file of nothing, given up when the disk is full."""

import os
from contextlib import suppress
from pathlib import Path

from hub.ledger.opening import free_bytes

MEGABYTE = 1024 * 1024


def path_of(ledger: Path) -> Path:
    return Path(f"{ledger}.ballast")


def hold(ledger: Path, megabytes: int) -> bool:
    """Makes the ballast where the disk has room for two of it. True: it is there.

    The blocks are reserved, not written: it costs an SD card nothing.
    """
    place, size = path_of(ledger), megabytes * MEGABYTE
    if place.exists() and place.stat().st_size >= size:
        return True
    if not size or free_bytes(ledger) < 2 * size:
        return False
    try:
        with place.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, size)
    except OSError:
        let_go(ledger)
        return False
    return True


def let_go(ledger: Path) -> bool:
    """Gives the room to whoever writes next. False: there was none."""
    with suppress(OSError):
        place = path_of(ledger)
        size = place.stat().st_size
        place.unlink()
        return size > 0
    return False
