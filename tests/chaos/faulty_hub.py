"""The hub with one fault: `python -m tests.chaos.faulty_hub run -c FOLDER` kills itself with SIGKILL.

`NARUKO_FAULT=batch:commit:3` names the step and at which passing of it. The steps exist here and nowhere in
the hub.
"""

import functools
import os
import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any

from hub import __main__, rounds
from hub.influx.target import Version1
from hub.ingest import Broker, Receiver
from hub.ledger import Ledger
from hub.model import Outcome
from hub.notify import AppriseSender

FAULT_ENV = "NARUKO_FAULT"
SAVE_EVERY_MS = 400
"""Signs of life are saved so often here, so that a test need not wait for it."""
WITHIN_COMMIT_S = (0.0, 0.00005, 0.0002, 0.0005, 0.002)
"""When within a COMMIT the process dies, by passing."""

STEPS = {
    "batch:insert": "before the rows of a batch are written",
    "batch:commit": "rows written, before COMMIT",
    "batch:committing": "within COMMIT",
    "batch:committed": "after COMMIT, before the PUBACK",
    "puback": "after the PUBACK",
    "act:insert": "before the rows of what somebody did on a page are written",
    "act:commit": "rows written, before COMMIT",
    "act:committing": "within COMMIT",
    "act:committed": "after COMMIT, before the page is answered",
    "tick:commit": "before the COMMIT of a round, which saves signs of life",
    "tick:committing": "within the COMMIT of a round",
    "tick:committed": "after the COMMIT of a round",
    "send": "before a notification is handed over",
    "sent": "after it was handed over, before that is written down",
    "note:commit": "rows of an outbox or cursor written, before COMMIT",
    "note:committed": "after the COMMIT of an outbox or cursor",
    "publish": "before an order to a siren is published",
    "published": "after the broker took it, before that is written down",
    "influx": "before points are written to InfluxDB",
    "influxed": "after InfluxDB took them, before the cursor moved",
    "subscribed": "after the broker has our topics, before they are remembered",
}


class Fuse:
    """Ends the process at the n-th passing of its step."""

    def __init__(self, step: str, passing: int) -> None:
        self.step = step
        self.passing = passing
        self._left = passing
        self._lock = threading.Lock()

    def at(self, step: str) -> bool:
        """Whether this is the passing."""
        with self._lock:
            self._left -= step == self.step
            return step == self.step and self._left == 0

    def passes(self, step: str) -> None:
        if self.at(step):
            die()


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def lay(fuse: Fuse) -> None:
    """Puts the fuse at every step."""
    around(AppriseSender, "send", fuse, "send", "sent")
    around(Version1, "write", fuse, "influx", "influxed")
    around(Receiver, "acknowledge", fuse, "", "puback")
    around_async(Broker, "publish", fuse, "publish", "published")
    around_async(Broker, "_subscribe", fuse, "", "subscribed")
    transactions(fuse)


def around(owner: type, name: str, fuse: Fuse, before: str, after: str) -> None:
    works = getattr(owner, name)

    @functools.wraps(works)
    def method(*arguments: Any, **named: Any) -> Any:
        fuse.passes(before)
        result = works(*arguments, **named)
        fuse.passes(after)
        return result

    setattr(owner, name, method)


def around_async(owner: type, name: str, fuse: Fuse, before: str, after: str) -> None:
    works: Callable[..., Awaitable[Any]] = getattr(owner, name)

    @functools.wraps(works)
    async def method(*arguments: Any, **named: Any) -> Any:
        fuse.passes(before)
        result = await works(*arguments, **named)
        fuse.passes(after)
        return result

    setattr(owner, name, method)


def transactions(fuse: Fuse) -> None:
    insert, commit = Ledger.insert, Ledger.commit
    kind = ""

    def inserting(ledger: Ledger, outcome: Outcome) -> None:
        nonlocal kind
        kind = kind_of(outcome)
        fuse.passes(f"{kind}:insert")
        insert(ledger, outcome)

    def committing(ledger: Ledger) -> None:
        fuse.passes(f"{kind}:commit")
        if fuse.at(f"{kind}:committing"):
            pause = WITHIN_COMMIT_S[fuse.passing % len(WITHIN_COMMIT_S)]
            threading.Thread(target=lambda: (time.sleep(pause), die())).start()
        commit(ledger)
        fuse.passes(f"{kind}:committed")

    Ledger.insert, Ledger.commit = inserting, committing  # type: ignore[method-assign]


def kind_of(outcome: Outcome) -> str:
    """Messages; what people do; what time alone changes; small writes of the outboxes and the cursors."""
    if outcome.receipts:
        return "batch"
    return "act" if outcome.acts else "note" if outcome.is_empty() else "tick"


if __name__ == "__main__":
    step, _, passing = os.environ[FAULT_ENV].rpartition(":")
    assert step in STEPS, step
    lay(Fuse(step, int(passing)))
    rounds.SAVE_EVERY = SAVE_EVERY_MS
    sys.exit(__main__.main())
