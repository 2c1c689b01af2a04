"""How often the sensors were right, by what people said of their alerts, and how fast a false alarm was taken
back. Pure, over stored alerts; drills and tests do not count."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import median

from msgspec import Struct

from devices.frame import Millis
from hub.model import Act, Alert, AlertState, Mode

HAZARDS = frozenset({"animal", "bear", "trap", "river", "river_unverified", "debris", "slope_check"})
"""Kinds of alert that can be false. That a device is silent is so."""
LABELS = TRUE, FALSE, UNKNOWN = ("true", "false", "unknown")


class Tally(Struct, frozen=True):
    """What one sensor has reported. `unlabelled`: nobody has said what it was."""

    device: str
    alerts: int
    true: int
    false: int
    unknown: int
    deterred: int = 0

    @property
    def unlabelled(self) -> int:
        return self.alerts - self.true - self.false - self.unknown

    @property
    def false_rate(self) -> float | None:
        """False alarms among those of which somebody knows; None where nobody does."""
        known = self.true + self.false
        return self.false / known if known else None


class Cancelled(Struct, frozen=True):
    """The alerts of one kind that were taken back. `median` and `longest`: from opening to that, ms."""

    kind: str
    count: int
    median: Millis
    longest: Millis


def labels_of(acts: Iterable[Act]) -> dict[str, str]:
    """Alert id -> the newest label that somebody gave it, from acts of kind `label`: also of closed ones."""
    said = (act for act in sorted(acts, key=lambda act: act.at) if act.kind == "label")
    return {act.target: label for act in said if (label := act.form.get("label")) in LABELS}


def by_sensor(alerts: Iterable[Alert], labels: Mapping[str, str]) -> list[Tally]:
    """The sensors that opened an alert of a hazard, by id."""
    found: dict[str, list[Alert]] = defaultdict(list)
    for alert in _that_count(alerts):
        found[alert.device].append(alert)
    return [_tally(device, found[device], labels) for device in sorted(found)]


def cancelled(alerts: Iterable[Alert]) -> list[Cancelled]:
    """How long a false alarm stood, by kind."""
    found: dict[str, list[Millis]] = defaultdict(list)
    for alert in _that_count(alerts):
        if (took := time_to_cancel(alert)) is not None:
            found[alert.kind].append(took)
    return [
        Cancelled(kind, len(times), round(median(times)), max(times)) for kind, times in sorted(found.items())
    ]


def time_to_cancel(alert: Alert) -> Millis | None:
    """From its opening until it was taken back; None where it was not."""
    if alert.state is not AlertState.CANCELLED or alert.closed_at is None:
        return None
    return max(alert.closed_at - alert.opened_at, 0)


def _that_count(alerts: Iterable[Alert]) -> Iterable[Alert]:
    return (alert for alert in alerts if alert.mode is Mode.ACTUAL and alert.kind in HAZARDS)


def _tally(device: str, alerts: Sequence[Alert], labels: Mapping[str, str]) -> Tally:
    said = [labels.get(alert.id) or alert.label for alert in alerts]
    return Tally(
        device,
        len(alerts),
        said.count(TRUE),
        said.count(FALSE),
        said.count(UNKNOWN),
        sum(alert.deterred for alert in alerts),
    )
