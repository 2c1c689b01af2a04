"""The ledger as the outboxes see it, with a count of what became of each row once that is on the disk."""

from devices.frame import Millis
from hub.ledger import Ledger
from hub.metrics.counts import Counts
from hub.model import Command, Notification


class CountedOutbox:
    """For `hub.notify` and `hub.command`."""

    def __init__(self, ledger: Ledger, counts: Counts) -> None:
        self._ledger = ledger
        self._counts = counts
        self.notifications_after = ledger.notifications_after
        self.notifications_of = ledger.notifications_of

    async def update_notification(self, notification: Notification) -> None:
        await self._ledger.update_notification(notification)
        self._counts.settled(notification)

    def pending_commands(self, now: Millis) -> list[Command]:
        return self._ledger.pending_commands(now)

    async def update_command(self, command: Command) -> None:
        await self._ledger.update_command(command)
        self._counts.commanded(command)
