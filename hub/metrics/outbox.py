"""The ledger as the outboxes see it: what became of each row is counted and logged once it is on the disk."""

from collections.abc import Callable, Iterable

from devices.frame import Millis
from hub.ledger import Ledger
from hub.logs.journal import Journal
from hub.metrics.counts import Counts
from hub.model import Command, Notification


class CountedOutbox:
    """For `hub.notify` and `hub.command`. `settled` are called after each attempt to tell."""

    def __init__(
        self,
        ledger: Ledger,
        counts: Counts,
        settled: Iterable[Callable[[], None]] = (),
        journal: Journal | None = None,
    ) -> None:
        self._ledger = ledger
        self._counts = counts
        self._settled = settled
        self._journal = journal or Journal()
        self.notifications_after = ledger.notifications_after
        self.notifications_of = ledger.notifications_of

    async def update_notification(self, notification: Notification) -> None:
        await self._ledger.update_notification(notification)
        self._counts.settled(notification)
        self._journal.settled(notification)
        for look in self._settled:
            look()

    def pending_commands(self, now: Millis) -> list[Command]:
        return self._ledger.pending_commands(now)

    async def update_command(self, command: Command) -> None:
        await self._ledger.update_command(command)
        self._counts.commanded(command)
        self._journal.commanded(command)
