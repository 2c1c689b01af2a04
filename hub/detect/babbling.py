"""How many messages are kept: the bound on a device that babbles, and on senders that nobody knows."""

from msgspec import Struct

from devices.frame import Millis
from hub.config.policy import HealthPolicy
from hub.model import Message

MINUTE: Millis = 60_000
CATCH_UP = 20
"""After a pause a device may deliver what was kept: so many minutes' messages in one."""


class Budget(Struct, frozen=True, omit_defaults=True):
    """What one device has sent in `minute`, counted since the epoch: `news`, and apart from it `history`.

    `allowed` is the news it may send in that minute. `babbling` holds until a minute passes within bounds.
    """

    minute: int = -1
    news: int = 0
    history: int = 0
    allowed: int = 0
    babbling: bool = False


def spend(policy: HealthPolicy, budget: Budget, *, is_news: bool, received_at: Millis) -> tuple[Budget, bool]:
    """One more message. False: it is over. Once it was, the budget is the same object until the minute ends.

    A device that paused for n minutes may send n times as much, up to `CATCH_UP`: the broker or a gateway has
    kept it. History, by the device's own time, has a budget of its own and does not crowd out the news.
    """
    minute, news, history, allowed = budget.minute, budget.news, budget.history, budget.allowed
    babbling = budget.babbling
    if received_at // MINUTE != minute:
        pause = received_at // MINUTE - minute
        babbling = babbling and pause == 1 and _is_over(policy, budget)
        allowed = policy.max_per_minute * (max(1, min(pause, CATCH_UP)) if minute >= 0 else 1)
        minute, news, history = received_at // MINUTE, 0, 0
    elif babbling and _is_over(policy, budget):
        return budget, False
    if is_news:
        news += 1
    else:
        history += 1
    keep = news <= allowed and history <= policy.max_per_minute * CATCH_UP
    return Budget(minute, news, history, allowed, babbling or not keep), keep


def calm(budget: Budget, now: Millis) -> bool:
    """Whether a whole minute has passed without a message."""
    return now // MINUTE >= budget.minute + 2


def _is_over(policy: HealthPolicy, budget: Budget) -> bool:
    return budget.news > budget.allowed or budget.history > policy.max_per_minute * CATCH_UP


class StrangerLimits:
    """How much is kept of what no device of the town has sent: so many messages a topic and minute.

    All topics together have the budget of `CATCH_UP` of them: names made up by the thousand cost no more.
    """

    def __init__(self, max_per_minute: int) -> None:
        self._max = max_per_minute
        self._minute = 0
        self._total = 0
        self._counts: dict[str, int] = {}

    def admit(self, topic: str, received_at: Millis) -> bool:
        """False: count it, do not keep it."""
        minute = received_at // MINUTE
        if minute != self._minute:
            self._minute, self._total, self._counts = minute, 0, {}
        count = self._counts.get(topic, 0)
        if count >= self._max or self._total >= self._max * CATCH_UP:
            return False
        self._counts[topic] = count + 1
        self._total += 1
        return True


class Shut:
    """Topics of which nothing more is read in the minute that runs: whoever speaks there has spent the budget
    of it. What is shed so costs no decoding, no row and no write of its own, and is counted.

    A retained message is let through: it costs no budget.
    """

    MOST = 1_024
    """Topics remembered: names made up by the thousand are left to `StrangerLimits`."""

    def __init__(self) -> None:
        self.topics: set[str] = set()
        self.counts: dict[Millis, int] = {}
        """Minute -> messages shed and not yet written down."""
        self._minute = -1

    def add(self, topic: str, received_at: Millis) -> None:
        """Its speaker has just been found over the budget."""
        self._turn(received_at // MINUTE)
        if len(self.topics) < self.MOST:
            self.topics.add(topic)

    def sheds(self, message: Message) -> bool:
        """Whether this one is shed; counts it."""
        minute = message.received_at // MINUTE
        if minute != self._minute:
            self._turn(minute)
        if message.topic not in self.topics or message.retain:
            return False
        self.counts[minute] = self.counts.get(minute, 0) + 1
        return True

    def is_due(self, now: Millis) -> bool:
        """Whether a minute has ended whose count nobody has written down with something else."""
        return any(minute < now // MINUTE for minute in self.counts)

    def take_counts(self) -> dict[Millis, int]:
        """Receive time, to the minute, -> messages shed since the last call."""
        counts, self.counts = self.counts, {}
        return {minute * MINUTE: count for minute, count in counts.items()}

    def _turn(self, minute: int) -> None:
        if minute != self._minute:
            self._minute = minute
            self.topics.clear()
