"""What waits to be sent, by address, as the desk holds it."""

from collections.abc import Iterator

from msgspec import Struct

from hub.model import Notification, Severity

Address = tuple[str, int]
"""Person id and index of the channel: what may be logged of an address."""


class Waiting(Struct):
    """One notification. Times by the monotonic clock, in seconds."""

    notification: Notification
    since: float
    """When it was due first."""
    ready_at: float = 0.0
    """The end of its own pause after an attempt."""


class Queue:
    """All that waits for one service."""

    def __init__(self) -> None:
        self._of: dict[Address, list[Waiting]] = {}
        self._by_urgency: dict[Severity, dict[Address, None]] = {s: {} for s in reversed(Severity)}
        self._urgency: dict[Address, Severity] = {}

    def __len__(self) -> int:
        """Addresses for which something waits."""
        return len(self._of)

    def __iter__(self) -> Iterator[Waiting]:
        return (item for items in list(self._of.values()) for item in list(items))

    def of(self, address: Address) -> list[Waiting]:
        return self._of.get(address, [])

    def urgency(self, address: Address) -> Severity:
        """The highest severity that waits for it."""
        return self._urgency[address]

    def addresses(self) -> list[Address]:
        """The most urgent first; of equal ones who has waited longest."""
        return [address for level in self._by_urgency.values() for address in level]

    def urgent(self) -> bool:
        """Whether anything of severity DANGER or above waits."""
        return bool(self._by_urgency[Severity.LIFE] or self._by_urgency[Severity.DANGER])

    def add(self, address: Address, item: Waiting) -> None:
        self._of.setdefault(address, []).append(item)
        self._rank(address)

    def take(self, address: Address, ids: set[str]) -> list[Waiting]:
        """Removes these of what waits for the address, and returns them."""
        items = self._of[address]
        taken = [item for item in items if item.notification.id in ids]
        left = [item for item in items if item.notification.id not in ids]
        if left:
            self._of[address] = left
        else:
            del self._of[address]
        self._rank(address)
        return taken

    def _rank(self, address: Address) -> None:
        items = self._of.get(address)
        now = max(item.notification.severity for item in items) if items else None
        before = self._urgency.get(address)
        if now is before:
            return
        if before is not None:
            del self._by_urgency[before][address]
            del self._urgency[address]
        if now is not None:
            self._by_urgency[now][address] = None
            self._urgency[address] = now
