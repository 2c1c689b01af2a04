"""Whether this hub does its work now: `/readyz`. Says nothing of the town."""

import asyncio

from hub.clock import Clock, is_sane, monotonic
from hub.ingest import Broker
from hub.ledger import Ledger
from hub.ledger.opening import LedgerError
from hub.watch.look import ALIVE_CURSOR
from hub.watch.vitals import Pulse

ROUND_S = 10.0
"""A round is made every second: one that ended longer ago has stopped."""
COMMIT_S = 60.0
"""In a quiet hour nothing is committed; then the ledger is asked to take one row, once in so long."""
PROOF_S = 2.0
"""For so long that row is waited for."""


class Readiness:
    """Asked by anybody, as often as they like: one row at most is on its way to the ledger."""

    def __init__(self, ledger: Ledger, broker: Broker, pulse: Pulse, clock: Clock) -> None:
        self._ledger = ledger
        self._broker = broker
        self._pulse = pulse
        self._clock = clock
        self._proving: asyncio.Task[None] | None = None

    async def reasons(self) -> list[str]:
        """Why it is not ready, a line each; nothing where it is."""
        found = [
            (self._broker.connected.is_set(), "the broker is not connected: no sensor is heard"),
            (self._pulse.beats(ROUND_S), f"no round has ended for {ROUND_S:g} s: the hub stands still"),
            (
                await self._commits(),
                f"no commit for {COMMIT_S:g} s, and the ledger took none within {PROOF_S:g} s",
            ),
            (is_sane(self._clock.now()), "the clock is not set: silence and quiet hours are not judged"),
        ]
        return [reason for well, reason in found if not well]

    def has_committed(self) -> bool:
        """Within COMMIT_S."""
        committed = self._pulse.committed
        return committed is not None and monotonic() - committed <= COMMIT_S

    async def _commits(self) -> bool:
        if self.has_committed():
            return True
        if self._proving is None or self._proving.done():
            self._proving = asyncio.create_task(self._prove(), name="naruko.readyz")
        await asyncio.wait({self._proving}, timeout=PROOF_S)
        return self.has_committed()

    async def _prove(self) -> None:
        try:
            await self._ledger.move_cursor(ALIVE_CURSOR, str(self._clock.now()))
        except LedgerError:
            return  # it cannot be written: that is the answer
        self._pulse.committed = monotonic()
