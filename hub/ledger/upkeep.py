"""What keeps the ledger's files small, beside the writer."""

import asyncio
import logging

from hub.clock import Clock, is_sane
from hub.ledger.book import Ledger

log = logging.getLogger("naruko.ledger")

LOOK_EVERY_S = 2.0
CHECKPOINT_ABOVE_BYTES = 16 * 1024 * 1024
"""Pages that change with every commit are copied once a checkpoint: the longer the log, the fewer bytes."""
SHED_EVERY = 60_000


async def tend(ledger: Ledger, clock: Clock) -> None:
    """Checkpoints and sheds, for ever. By a clock that has not been set nothing is too old."""
    shed_at = 0
    full = False
    while True:
        if ledger.wal_bytes() > CHECKPOINT_ABOVE_BYTES:
            await ledger.checkpoint_off_loop()
        now = clock.now()
        if is_sane(now) and now >= shed_at:
            shed_at = now + SHED_EVERY
            gone = await ledger.shed(now)
            if gone.unforwarded:
                log.warning("%d readings were shed before InfluxDB had them", gone.unforwarded)
            if gone.over_limit and not full:
                log.error("the ledger is over ledger.limit_mb and nothing more may be shed: raise the limit")
            full = gone.over_limit
        await asyncio.sleep(LOOK_EVERY_S)
