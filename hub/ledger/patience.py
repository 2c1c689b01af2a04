"""By a clock that has jumped ahead everything is old: nothing goes for its age before it has kept its time.

The bound on the ledger's size holds all the while.
"""

import logging

from devices.frame import Millis
from hub.clock import monotonic
from hub.ledger.book import Ledger

log = logging.getLogger("naruko.ledger")

JUMP: Millis = 86_400_000
"""Time in which nothing was noted: a hub that was off for so long, or a clock that was set."""
STEADY_S = 3 * 86_400.0
"""So long somebody has to see that the clock is wrong: longer than a weekend."""
SAVE_EVERY_S = 3_600.0
CURSOR = "patience"


class Patience:
    """How long rows must still be kept whatever their age. Goes down while the hub runs, and survives it."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.left_s = float(ledger.cursor(CURSOR) or 0.0)
        self._saved_s = self.left_s
        self._seen: Millis | None = ledger.newest_message_at()
        self._looked = monotonic()

    async def is_over(self, now: Millis, elapsed_s: float | None = None) -> bool:
        """Asked at every look, by a clock that is set. `elapsed_s` since the last look, else measured."""
        looked = monotonic()
        elapsed = looked - self._looked if elapsed_s is None else elapsed_s
        self._looked = looked
        if self._seen is not None and now - self._seen > JUMP:
            days = (now - self._seen) / JUMP
            log.warning(
                "the clock is %.0f days ahead of all that is noted: nothing goes for its age yet", days
            )
            self.left_s = STEADY_S
        else:
            self.left_s = max(0.0, self.left_s - elapsed)
        self._seen = now
        gone = self._saved_s - self.left_s
        if gone < 0 or gone >= SAVE_EVERY_S or (gone and not self.left_s):
            self._saved_s = self.left_s
            await self.ledger.move_cursor(CURSOR, f"{self.left_s:.0f}")
        return not self.left_s
