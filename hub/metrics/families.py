"""The numbers of a hub as Prometheus' metric families: names, units, labels. docs/metrics.md lists them."""

from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)

from devices.frame import Millis
from hub import __version__
from hub.clock import is_sane
from hub.ledger.gauges import Gauges
from hub.metrics.counts import CHANNELS, OTHER, Counts
from hub.model import Flag


class Seen(Struct, frozen=True):
    """A hub at one moment, beside what it counts. `None`: nothing to say."""

    now: Millis
    alerts: Mapping[tuple[str, str, str], int]
    """(kind, severity, mode) -> how many are open."""
    devices: Mapping[str, int]
    """Kind -> how many there are."""
    silent: Mapping[str, int]
    connected: bool
    ready: bool
    ledger_bytes: int
    disk_free: int | None
    gauges: Gauges
    influx: bool
    """Whether readings are to be forwarded at all."""


Rows = Iterable[tuple[tuple[str, ...], float]]


def families(seen: Seen, counts: Counts) -> Iterator[Metric]:
    """All that a hub exposes, but for its process."""
    yield from _ingest(seen, counts)
    yield from _alerts(seen, counts)
    yield from _outboxes(seen, counts)
    yield from _stores(seen)
    yield from _hub(seen)


def _ingest(seen: Seen, counts: Counts) -> Iterator[Metric]:
    verdicts = {
        "stored": counts.stored,
        "duplicate": counts.duplicate,
        "quarantined": counts.quarantined,
        "shed": counts.shed,
    }
    yield _counter("messages", "Messages received, by what became of them.", ("verdict",), _by(verdicts))
    yield _counter(
        "quarantined_messages",
        "Messages that could not be read, by reason.",
        ("reason",),
        _by(counts.reasons),
    )
    flags = [((flag.name.lower(),), float(counts.flags[flag])) for flag in Flag]
    yield _counter("readings", "Readings taken, by QARTOD flag.", ("flag",), flags)
    newest = counts.last_message if counts.last_message is not None else seen.gauges.newest_message
    yield _gauge(
        "last_message_timestamp_seconds", "When the newest message was received (unix time).", seconds(newest)
    )


def _alerts(seen: Seen, counts: Counts) -> Iterator[Metric]:
    yield _counter("events", "Events that the detectors found, by kind.", ("kind",), _by(counts.events))
    labels = ("kind", "severity", "mode")
    rows = ((label, float(number)) for label, number in seen.alerts.items())
    yield _gauges("open_alerts", "Alerts open now.", labels, rows)
    yield _gauges("devices", "Devices in the configuration, by kind.", ("kind",), _by(seen.devices))
    yield _gauges("devices_silent", "Devices whose silence has been told.", ("kind",), _by(seen.silent))


def _outboxes(seen: Seen, counts: Counts) -> Iterator[Metric]:
    told = (((channel, str(result)), float(number)) for (channel, result), number in counts.told.items())
    yield _counter("notifications", "Notifications finished, by result.", ("channel", "result"), told)
    yield _counter(
        "notification_retries",
        "Attempts to send that failed or were not answered, and are repeated.",
        ("channel",),
        _by(counts.retries),
    )
    latency = HistogramMetricFamily(
        "naruko_notification_latency_seconds",
        "From the decision to tell until it was sent.",
        labels=["channel"],
    )
    for channel, taken in counts.latency.items():
        latency.add_metric([channel], taken.cumulative(), taken.sum_s)
    yield latency
    number, oldest = dict.fromkeys(CHANNELS, 0), dict.fromkeys(CHANNELS, 0.0)
    for kind, waiting in seen.gauges.waiting.items():
        channel = kind if kind in number else OTHER
        number[channel] += waiting.number
        oldest[channel] = max(oldest[channel], age(waiting.oldest, seen.now))
    yield _gauges("outbox_waiting", "Notifications that wait to be sent.", ("channel",), _by(number))
    yield _gauges("outbox_oldest_seconds", "Age of the oldest of them.", ("channel",), _by(oldest))
    yield _counter("commands", "Commands to sirens and flashes, by step.", ("step",), _by(counts.orders))


def _stores(seen: Seen) -> Iterator[Metric]:
    yield _gauge("ledger_bytes", "Size of the ledger and its write-ahead log.", seen.ledger_bytes)
    yield _gauge("disk_free_bytes", "Free for the hub on the ledger's file system.", seen.disk_free)
    behind, first = seen.gauges.readings_behind, seen.gauges.oldest_behind
    yield _gauge(
        "influx_lag_readings", "Readings that InfluxDB does not have yet.", behind if seen.influx else None
    )
    waited = age(first, seen.now) if first is not None else 0.0
    yield _gauge(
        "influx_lag_seconds", "How long the first of them has waited.", waited if seen.influx else None
    )


def _hub(seen: Seen) -> Iterator[Metric]:
    yield _gauge("broker_connected", "1 while the hub hears the broker.", seen.connected)
    yield _gauge("clock_sane", "1 where the hub's clock has been set.", is_sane(seen.now))
    yield _gauge("ready", "1 where /readyz would say ready.", seen.ready)
    yield InfoMetricFamily("naruko_build", "The release that runs.", value={"version": __version__})


def seconds(at: Millis | None) -> float | None:
    """Unix time."""
    return None if at is None else at / 1000


def age(at: Millis, now: Millis) -> float:
    """Seconds; 0 where one of the two was told by a clock that had not been set."""
    return max(0, now - at) / 1000 if is_sane(at) and is_sane(now) else 0.0


def _by(numbers: Mapping[str, float]) -> Rows:
    return (((str(label),), float(number)) for label, number in numbers.items())


def _counter(name: str, help: str, labels: tuple[str, ...], rows: Rows) -> Metric:
    family = CounterMetricFamily(f"naruko_{name}", help, labels=labels)
    for label, number in rows:
        family.add_metric(label, number)
    return family


def _gauges(name: str, help: str, labels: tuple[str, ...], rows: Rows) -> Metric:
    family = GaugeMetricFamily(f"naruko_{name}", help, labels=labels)
    for label, number in rows:
        family.add_metric(label, number)
    return family


def _gauge(name: str, help: str, number: float | None) -> Metric:
    family = GaugeMetricFamily(f"naruko_{name}", help, labels=())
    if number is not None:
        family.add_metric((), float(number))
    return family
