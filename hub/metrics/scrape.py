"""One scrape: the hub's memory is looked at in its loop, the ledger and the text are a thread's work."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from itertools import product
from typing import TYPE_CHECKING, get_args

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from hub.config.shapes import Kind
from hub.config.tell_policy import AlertKind
from hub.metrics.counts import OTHER, Counts
from hub.metrics.families import Seen, families
from hub.metrics.readiness import Readiness
from hub.model import Mode, Severity
from hub.watch.look import ledger_size
from hub.watch.vitals import read_machine

if TYPE_CHECKING:
    from hub.app import Hub

ALERT_KINDS: tuple[str, ...] = (*get_args(AlertKind), OTHER)


class Look(Collector):
    """The hub as it was at this scrape."""

    def __init__(self, seen: Seen, counts: Counts) -> None:
        self._seen = seen
        self._counts = counts

    def collect(self) -> Iterator[Metric]:
        return families(self._seen, self._counts)


class Scrape:
    """Of one hub, one at a time: however many ask, one thread is busy with it."""

    def __init__(self, hub: "Hub") -> None:
        self._hub = hub
        self.readiness = Readiness(hub.ledger, hub.broker, hub.pulse, hub.clock)
        self._process = ProcessCollector(registry=None)
        self._one = asyncio.Lock()

    async def text(self) -> bytes:
        """In Prometheus' text format 0.0.4."""
        async with self._one:
            ready = not await self.readiness.reasons()
            hub = self._hub
            alerts, devices, silent = open_alerts(hub), *devices_by_kind(hub)
            connected, now = hub.broker.connected.is_set(), hub.clock.now()

            def rendered() -> bytes:
                seen = Seen(
                    now=now,
                    alerts=alerts,
                    devices=devices,
                    silent=silent,
                    connected=connected,
                    ready=ready,
                    ledger_bytes=ledger_size(hub.ledger),
                    disk_free=read_machine(hub.ledger.path).disk_free,
                    gauges=hub.ledger.gauges(),
                    influx=hub.town.hub.influx is not None,
                )
                registry = CollectorRegistry(auto_describe=False)
                registry.register(Look(seen, hub.counts))
                registry.register(self._process)
                return generate_latest(registry)

            return await asyncio.to_thread(rendered)


def open_alerts(hub: "Hub") -> dict[tuple[str, str, str], int]:
    """(kind, severity, mode) -> alerts; 0 for every kind and severity of which none is open."""
    found = {(kind, severity.name.lower(), Mode.ACTUAL.value): 0
             for kind, severity in product(ALERT_KINDS, Severity)}  # fmt: skip
    for alert in hub.pipeline.state.alerts.values():
        kind = alert.kind if alert.kind in ALERT_KINDS else OTHER
        label = kind, alert.severity.name.lower(), alert.mode.value
        found[label] = found.get(label, 0) + 1
    return found


def devices_by_kind(hub: "Hub") -> tuple[dict[str, int], dict[str, int]]:
    """Kind -> devices, and those of them that are silent."""
    town, health = hub.town, hub.pipeline.state.rooms["health"]
    devices: Counter[str] = Counter()
    silent: Counter[str] = Counter()
    for id, device in town.devices.items():
        kind = town.kind(device).value
        devices[kind] += 1
        silent[kind] += bool((known := health.get(id)) and known.silent_at)
    return {kind: devices[kind] for kind in Kind}, {kind: silent[kind] for kind in Kind}
