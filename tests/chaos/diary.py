"""Commits to a ledger, and says so after each commit: `python -m tests.chaos.diary PATH COMMITS`."""

import sys
from contextlib import closing
from pathlib import Path

from hub.config.settings import LedgerSettings
from hub.ledger import Ledger, backup
from hub.model import Outcome
from tests.ledgers import NOW, Level, event, reading, receipt

READINGS = 5
CHECKPOINT_EVERY, TRUNCATE_EVERY, BACKUP_EVERY = 7, 23, 31


def entry(number: int) -> Outcome:
    """What commit `number`, from 1, writes: an event, a state, a message and some readings."""
    at = NOW + 1_000 * number
    return Outcome(
        receipts=[receipt(number, at=at, payload=b"x" * (37 * number % 3_000))],
        readings=[reading(at + n) for n in range(READINGS)],
        events=[event(f"entry-{number}", at)],
        states={("river", "river-1"): Level(str(number), at)},
    )


def entries(path: Path) -> int:
    """How many commits the ledger at `path` holds; fails where it is anything but the first so many."""
    with closing(Ledger.open(path, LedgerSettings(on_corrupt="refuse"))) as ledger:
        events = [found.id for found in ledger.events(0)]
        assert events == [f"entry-{number}" for number in range(1, len(events) + 1)]
        assert len(ledger.readings_after(0, 1_000_000)[1]) == READINGS * len(events)
        assert ledger.counts()["messages"] == len(events)
        assert [body for _, _, body in ledger.load_states()] == [
            b'{"level":"%d","since":%d}' % (n, NOW + 1_000 * n) for n in [len(events)] if n
        ]
    assert backup.check(path) == "ok"
    return len(events)


def write(path: Path, commits: int) -> None:
    with closing(Ledger.open(path, LedgerSettings())) as ledger:
        for number in range(1, commits + 1):
            ledger.insert(entry(number))
            ledger.commit()
            print(f"kept {number}", flush=True)  # noqa: T201 (this is what it is for)
            if number % CHECKPOINT_EVERY == 0:
                ledger.checkpoint()
            if number % TRUNCATE_EVERY == 0:
                ledger._checkpoint("TRUNCATE")
            if number % BACKUP_EVERY == 0:
                backup.make(path)


if __name__ == "__main__":
    write(Path(sys.argv[1]), int(sys.argv[2]))
