"""What a run came to, as JSON: counts, alerts, notifications. Times with the site's zone."""

from collections.abc import Mapping
from datetime import tzinfo
from typing import Any

from devices.frame import Millis
from hub import maps
from hub.days import wall
from hub.ledger import Ledger
from hub.model import Alert, Notification
from hub.pipeline import Pipeline

COUNTS = ("messages", "readings", "events", "quarantined", "duplicates")


def build(ledger: Ledger, pipeline: Pipeline, wall_ms: Mapping[str, float] | None = None) -> dict[str, Any]:
    """`{"counts": ..., "alerts": [...], "notifications": [...]}`; `lost`: gaps in the sequence of devices.

    `latency_ms` is from the arrival of the message to the hand-over; `wall_ms`, by notification id, stands in
    where the hub's clock was not the wall's.
    """
    counts = ledger.counts()
    alerts = sorted(ledger.alerts(0), key=lambda alert: alert.opened_at)
    zone = pipeline.town.zone_info
    return {
        "counts": {name: counts[name] for name in COUNTS} | {"lost": pipeline.lost()},
        "alerts": [_alert(alert, zone) for alert in alerts],
        "notifications": [
            _notification(n, wall_ms or {}) for alert in alerts for n in ledger.notifications_of(alert.id)
        ]
        + [_notification(n, wall_ms or {}) for n in ledger.summaries()],
    }


def _alert(alert: Alert, zone: tzinfo) -> dict[str, Any]:
    located = alert.lat is not None and alert.lon is not None
    return {
        "id": alert.id,
        "kind": alert.kind,
        "severity": max(alert.peak, alert.severity).name.lower(),
        "place": alert.place,
        "opened_at": local(alert.opened_at, zone),
        "closed_at": None if alert.closed_at is None else local(alert.closed_at, zone),
        "map_url": maps.google_link(alert.lat or 0.0, alert.lon or 0.0) if located else None,
        "mode": alert.mode.value,
    }


def _notification(notification: Notification, wall_ms: Mapping[str, float]) -> dict[str, Any]:
    finished = notification.finished_at
    latency = None if finished is None else finished - notification.event_received_at
    if notification.id in wall_ms:
        latency = round(wall_ms[notification.id])
    return {
        "alert_id": notification.alert_id,
        "recipient": notification.recipient,
        "channel": notification.channel_kind,
        "reason": notification.reason.value,
        "status": notification.status.value,
        "latency_ms": latency,
    }


def local(at: Millis, zone: tzinfo) -> str:
    """ISO 8601 with the zone's offset, and with milliseconds where there are any."""
    moment = wall(at, zone)
    return moment.isoformat(timespec="milliseconds" if at % 1000 else "seconds")
