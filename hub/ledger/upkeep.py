"""What keeps the ledger's files small, beside the writer."""

import asyncio
import logging

from hub.clock import Clock, is_sane
from hub.ledger.book import Ledger
from hub.ledger.patience import Patience

log = logging.getLogger("naruko.ledger")

LOOK_EVERY_S = 2.0
CHECKPOINT_ABOVE_BYTES = 16 * 1024 * 1024
"""Pages that change with every commit are copied once a checkpoint: the longer the log, the fewer bytes."""
SHED_EVERY = 60_000
MEGABYTE = 1024 * 1024
PRESSED_FROM = 16 * MEGABYTE
"""Of a ledger this small nothing goes: it would give no room worth having."""
PRESSED = 0.9
"""On a full disk the ledger is brought down to this share: its empty pages take what comes next ..."""
PRESSED_LOG = 1 * MEGABYTE
EMPTY_ENOUGH = 4 * MEGABYTE
"""... and again when so few bytes of it are empty."""


async def tend(ledger: Ledger, clock: Clock) -> None:
    """Checkpoints and sheds, for ever. By a clock that has not been set nothing is too old."""
    shed_at = 0
    full = pressed = False
    patience = Patience(ledger)
    while True:
        if ledger.uncopied_bytes() > (PRESSED_LOG if ledger.short_of_room else CHECKPOINT_ABOVE_BYTES):
            await ledger.checkpoint_off_loop()
        await ledger.scrub()
        now = clock.now()
        is_time = not 0 < shed_at - now <= SHED_EVERY
        if is_sane(now) and (is_time or (ledger.short_of_room and not pressed)):
            if shed_at:
                ledger.hold_ballast()
            shed_at = now + SHED_EVERY
            by_age = await patience.is_over(now)
            pressed = ledger.short_of_room
            used, empty = ledger.pages() if pressed else (0, EMPTY_ENOUGH)
            if used > PRESSED_FROM and empty < EMPTY_ENOUGH:
                gone = await ledger.shed(now, int(used * PRESSED) // MEGABYTE, by_age=by_age)
            else:
                gone = await ledger.shed(now, by_age=by_age)
            if gone.unforwarded:
                log.warning("%d readings were shed before InfluxDB had them", gone.unforwarded)
            if gone.over_limit and not full:
                log.error("the ledger is over ledger.limit_mb and nothing more may be shed: raise the limit")
            full = gone.over_limit
        await asyncio.sleep(LOOK_EVERY_S)
