"""Outcomes and ledgers for the tests of the ledger."""

import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

from msgspec import Struct

from hub.config.settings import LedgerSettings
from hub.ledger import Ledger
from hub.model import (
    Alert,
    Command,
    Event,
    EventKind,
    Flag,
    Freshness,
    Message,
    Notification,
    Outcome,
    Reading,
    Reason,
    Receipt,
    Severity,
    Verdict,
)

NOW = int(datetime.fromisoformat("2026-11-21T21:07:03+09:00").timestamp() * 1000)
DAY = 86_400_000
SETTINGS = LedgerSettings()
SMALL = LedgerSettings(limit_mb=16)


def waiting(ledger: Ledger, at: int | None = None) -> list[Notification]:
    """What is still to be sent, in the order in which it was decided; with `at` what is due by then."""
    _, found = ledger.notifications_after()
    return [row for row in found if at is None or row.next_at <= at]


class Level(Struct, frozen=True):
    """A state such as a detector keeps."""

    level: str
    since: int


def receipt(number: int, verdict: Verdict = Verdict.STORED, at: int = NOW, payload: bytes = b"{}") -> Receipt:
    message = Message(f"naruko/kita/dev-{number % 7}/up", payload, at)
    reason = "not JSON" if verdict is Verdict.QUARANTINED else ""
    device = "" if verdict is Verdict.QUARANTINED else f"dev-{number % 7}"
    return Receipt(message, verdict, device, fingerprint=number, reason=reason)


def reading(at: int = NOW, value: float | None = 1.5, **more: Any) -> Reading:
    fields = {"device": "river-1", "quantity": "level_m", "flag": Flag.PASS, "received_at": at} | more
    return Reading(at=at, value=value, **fields)


def event(id: str = "river-1/level_up/1", at: int = NOW) -> Event:
    return Event(id, EventKind.LEVEL_UP, "river/river-1", "river-1", at, at, level="caution", value=5.02)


def alert(id: str = "river/river-1/1", **more: Any) -> Alert:
    fields: dict[str, Any] = {
        "incident": "river/river-1",
        "kind": "river",
        "severity": Severity.CAUTION,
        "device": "river-1",
        "opened_at": NOW,
        "updated_at": NOW,
        "lat": 36.06,
        "lon": 137.97,
        "place": "北小野 小野川",
        "place_en": "Kita-Ono, Ono River",
        "level": "caution",
        "told": {"tanaka": 1},
    } | more
    return Alert(id=id, **fields)


def notification(id: str = "n1", **more: Any) -> Notification:
    fields: dict[str, Any] = {
        "alert_id": "river/river-1/1",
        "recipient": "tanaka",
        "channel": 0,
        "channel_kind": "mail",
        "reason": Reason.OPENED,
        "template": "river.up",
        "severity": Severity.CAUTION,
        "title": "【注意】小野川",
        "body": "氾濫注意水位に達しました。",
        "created_at": NOW,
        "event_received_at": NOW,
        "expires_at": NOW + DAY,
    } | more
    return Notification(id=id, **fields)


def command(id: str = "c1", **more: Any) -> Command:
    fields: dict[str, Any] = {"device": "siren-1", "alert_id": "a", "action": "deter", "until": NOW + 20_000}
    return Command(id=id, **(fields | {"created_at": NOW} | more))


def everything() -> Outcome:
    return Outcome(
        receipts=[receipt(1), receipt(2), receipt(3, Verdict.QUARANTINED, payload=b"\xff\x00")],
        readings=[
            reading(),
            reading(quantity="air_c", value=None, flag=Flag.MISSING, freshness=Freshness.STORED),
            reading(NOW + 1, -0.25, flag=Flag.SUSPECT, tests=("spike", "rate")),
        ],
        events=[event()],
        alerts=[alert()],
        notifications=[notification()],
        commands=[command()],
        states={("river", "river-1"): Level("caution", NOW)},
    )


def rows_of(path: Path) -> dict[str, list[Any]]:
    with closing(sqlite3.connect(path)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
        names = [name for (name,) in tables if not name.startswith("sqlite_")]
        return {name: connection.execute(f"SELECT * FROM {name}").fetchall() for name in names}  # noqa: S608
