"""Whether a service, or one address, may be tried now. Pure; `now` is monotonic seconds.

Closed: everything goes. Open, after failures: one probe at a time, at growing pauses. Closed again: what has
waited follows at a bounded rate, until nothing waits.
"""

import zlib
from collections.abc import Hashable
from math import inf

from msgspec import Struct
from msgspec.structs import replace

SERVICE_OPENS_AFTER = 3
"""So many different addresses in a row, and no sign of life between: one dead phone never closes a service
to the others."""

ADDRESS_OPENS_AFTER = 1

PAUSES_S = (5.0, 15.0, 30.0, 60.0)
"""Between probes; the last one until the service is back."""

URGENT_PAUSE_S = 15.0
"""The longest pause while something of severity DANGER or above waits."""

JITTER = 0.2
CATCH_UP_PER_S = 10.0
"""Messages a second that a service which has come back is given, below severity DANGER: above, the number
of threads is the bound."""


class Breaker(Struct, frozen=True):
    """One service or address. `name` spreads its pauses: not all hubs of a country knock in one moment."""

    name: str = ""
    failed: frozenset[Hashable] = frozenset()
    """Who failed since the last sign of life."""
    open_since: float | None = None
    probes: int = 0
    """That failed since it opened."""
    tried_at: float = 0.0
    """When it opened, or the last probe failed."""
    probing: Hashable | None = None
    """Whose answer is waited for."""
    next_start: float | None = None
    """Catching up: when the next message may go."""

    @property
    def is_open(self) -> bool:
        return self.open_since is not None


def wait(breaker: Breaker, now: float, *, urgent: bool) -> float:
    """Seconds until an attempt may begin: 0 now, infinite until the probe under way is answered."""
    if not breaker.is_open:
        if breaker.next_start is None or urgent:
            return 0.0
        return max(0.0, breaker.next_start - now)
    if breaker.probing is not None:
        return inf
    return max(0.0, breaker.tried_at + pause(breaker, urgent=urgent) - now)


def pause(breaker: Breaker, *, urgent: bool) -> float:
    """Seconds from the last failure to the next probe."""
    usual = PAUSES_S[min(breaker.probes, len(PAUSES_S) - 1)]
    chance = zlib.crc32(f"{breaker.name} {breaker.probes}".encode()) / 0xFFFF_FFFF
    spread = usual * (1 + JITTER * (2 * chance - 1))
    return min(spread, URGENT_PAUSE_S) if urgent else spread


def begun(breaker: Breaker, who: Hashable, now: float, *, urgent: bool) -> Breaker:
    """An attempt begins, which `wait` allowed."""
    if breaker.is_open:
        return replace(breaker, probing=who)
    if breaker.next_start is None or urgent:
        return breaker
    return replace(breaker, next_start=max(now, breaker.next_start) + 1 / CATCH_UP_PER_S)


def failed(breaker: Breaker, who: Hashable, now: float, opens_after: int) -> Breaker:
    """An attempt for `who` failed. While open, only the probe's failure says something new."""
    if breaker.is_open:
        if who != breaker.probing:
            return breaker
        return replace(breaker, probes=breaker.probes + 1, tried_at=now, probing=None)
    counted = breaker.failed | {who}
    if len(counted) < opens_after:
        return replace(breaker, failed=counted)
    return Breaker(breaker.name, failed=counted, open_since=now, tried_at=now)


def answered(breaker: Breaker, now: float) -> Breaker:
    """A sign of life: it closes."""
    if breaker.is_open:
        return Breaker(breaker.name, next_start=now)
    return replace(breaker, failed=frozenset()) if breaker.failed else breaker


def encouraged(breaker: Breaker) -> Breaker:
    """Something else is back, so perhaps the network is: the pauses begin anew."""
    return replace(breaker, probes=0) if breaker.is_open else breaker


def told_nothing(breaker: Breaker, who: Hashable) -> Breaker:
    """An attempt ended without a word about the service: another may probe in its place."""
    return replace(breaker, probing=None) if breaker.probing == who else breaker


def caught_up(breaker: Breaker) -> Breaker:
    """Nothing waits any more."""
    return breaker if breaker.next_start is None else replace(breaker, next_start=None)
