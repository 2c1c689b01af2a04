"""How much each kind of channel has carried, and what it keeps for a disaster. Pure.

LINE's free plan carries 200 messages a month, ntfy.sh 250 a day; a town writes its limits into policy.yaml.
It is counted where it is decided: a row that is to be handed over is one message.

Once only the reserve is left, animals, traps and the devices themselves go by the person's other channels
alone. Who has no other gets them in a digest at the policy's hours. A sprung trap is urgent, but it is no
disaster: the reserve is there for the night on which people must run, and a season of traps would use it up.
Rivers, slopes, the hub itself and whatever is dangerous go on to the end of the limit and beyond it: the
service may refuse them then, the hub does not.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import tzinfo
from itertools import groupby
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from devices.frame import Millis
from hub.clock import is_sane
from hub.config.policy import Policy
from hub.config.tell_policy import ChannelBudget
from hub.config.town import Town
from hub.days import day_of
from hub.model import Notification, Severity, Status
from hub.telling.storm import DEVICE, class_of

SAVED_ON = frozenset({"animal", "trap", DEVICE})
"""Classes of news that leave the reserve alone."""
GOING = frozenset({Status.PENDING, Status.NOT_SENT})
WHY = "budget: "
"""With it begins what stands in a row that a channel did not carry."""


class Spent(Struct, frozen=True, omit_defaults=True):
    """One kind of channel. `period` is the day or month by the site's calendar: `2026-11-22`, `2026-11`."""

    period: str = ""
    count: int = 0


NOTHING = Spent()


class Left(NamedTuple):
    """For pages: what a kind of channel may still carry in its day or month. `left` is never negative."""

    kind: str
    limit: int
    used: int
    left: int
    reserve: int
    per: str
    saves: bool
    """Only the reserve is left, or less."""


def left(town: Town, spent: Mapping[str, Spent], now: Millis) -> list[Left]:
    """Of each kind of channel that has a budget, in the order of policy.yaml."""
    found = []
    for kind, limits in town.policy.budgets.items():
        used = _used(limits, spent.get(kind, NOTHING), now, town.zone_info)
        reserve = limits.limit - _free(limits)
        remains = max(0, limits.limit - used)
        found.append(Left(kind, limits.limit, used, remains, reserve, limits.per, used >= _free(limits)))
    return found


def saves(policy: Policy, kind: str, spent: Mapping[str, Spent], now: Millis, zone: tzinfo) -> bool:
    """Whether this kind of channel has only its reserve left. Nobody knows while the clock is not set."""
    limits = policy.budgets.get(kind)  # type: ignore[call-overload]
    if limits is None or not is_sane(now):
        return False
    return _used(limits, spent.get(kind, NOTHING), now, zone) >= _free(limits)


def count(
    policy: Policy,
    spent: Mapping[str, Spent],
    notifications: Iterable[Notification],
    now: Millis,
    zone: tzinfo,
) -> dict[str, Spent]:
    """The kinds of channel whose count is another after these were handed over."""
    after: dict[str, Spent] = {}
    for notification in notifications:
        kind = notification.channel_kind
        limits = policy.budgets.get(kind)  # type: ignore[call-overload]
        if limits is None or notification.status not in GOING:
            continue
        before = after.get(kind) or spent.get(kind, NOTHING)
        period = period_of(limits, now, zone) if is_sane(now) else before.period
        after[kind] = Spent(period, _used(limits, before, now, zone) + 1)
    return after


def sift(
    town: Town,
    spent: Mapping[str, Spent],
    kind_of_alert: str,
    gravity: Mapping[str, Severity],
    notifications: Iterable[Notification],
    *,
    now: Millis,
) -> tuple[dict[str, Spent], list[Notification]]:
    """What each channel carries now. What it does not is held, with a reason that begins with WHY.

    `gravity`: notification id -> how urgent it is. Where the policy says so, what is not dangerous goes by
    the first channel that carries it, and the others have no row.
    """
    policy, zone = town.policy, town.zone_info
    changed: dict[str, Spent] = {}
    sifted: list[Notification] = []
    for _, group in groupby(notifications, key=lambda n: (n.recipient, n.template, n.status in GOING)):
        rows = list(group)
        urgency = gravity[rows[0].id]
        if rows[0].status not in GOING:
            sifted += rows
            continue
        if class_of(kind_of_alert) in SAVED_ON and urgency < Severity.DANGER:
            rows = [_carried(policy, {**spent, **changed}, row, now, zone) for row in rows]
        if policy.channels.below_danger == "first" and urgency < Severity.DANGER:
            rows = [next((row for row in rows if row.status in GOING), rows[0])]
        changed |= count(policy, {**spent, **changed}, rows, now, zone)
        sifted += rows
    return changed, sifted


def spared(
    policy: Policy,
    spent: Mapping[str, Spent],
    notifications: Sequence[Notification],
    now: Millis,
    zone: tzinfo,
) -> Sequence[Notification]:
    """Of one thing that is no disaster, told to one person: without the channels that save, where another is
    left."""
    carried = [n for n in notifications if not saves(policy, n.channel_kind, spent, now, zone)]
    return carried or notifications


def period_of(limits: ChannelBudget, now: Millis, zone: tzinfo) -> str:
    day = day_of(now, zone).isoformat()
    return day if limits.per == "day" else day[:7]


def _carried(
    policy: Policy, spent: Mapping[str, Spent], row: Notification, now: Millis, zone: tzinfo
) -> Notification:
    if not saves(policy, row.channel_kind, spent, now, zone):
        return row
    return replace(
        row, status=Status.HELD, finished_at=now, error=f"{WHY}{row.channel_kind} has its reserve left"
    )


def _used(limits: ChannelBudget, spent: Spent, now: Millis, zone: tzinfo) -> int:
    is_over = is_sane(now) and spent.period != period_of(limits, now, zone)
    return 0 if is_over else spent.count


def _free(limits: ChannelBudget) -> int:
    """How much of the limit everything may use."""
    return int(limits.limit * (1 - limits.reserve) + 1e-9)
