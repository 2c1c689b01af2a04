"""InfluxDB: whether it answers, takes a point and gives it back, how long it keeps, what waits here."""

import json
import re
import sqlite3
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from urllib.parse import urlencode, urlsplit

from devices.frame import Millis
from hub.clock import Clock, is_sane
from hub.config.settings import Influx
from hub.config.town import Town
from hub.config.validate import reveal
from hub.doctor.fetch import Answer, fetch
from hub.doctor.finding import Finding, bad, ok, warn
from hub.influx.line_protocol import head, line
from hub.influx.target import ASKED, BadLinesError, UnavailableError, connect
from hub.ledger import Ledger, LedgerError

MEASUREMENT = "naruko_doctor"
LATE: Millis = 10 * 60_000
"""What waits for so long does not come by itself: the hub sends every second."""
DAY: Millis = 86_400_000
LENGTHS = {"w": 7 * DAY, "d": DAY, "h": 3_600_000, "m": 60_000, "s": 1_000}
DENIED = (401, 403)


def influx(town: Town, clock: Clock) -> Iterator[Finding]:
    """Writes one point of a measurement of its own, reads it, and deletes it."""
    settings = town.hub.influx
    if settings is None:
        yield ok("influx.none")
        return
    where = urlsplit(settings.url).netloc.rpartition("@")[2]
    answer = _alive(settings.url.rstrip("/"))
    if answer.status not in range(200, 300):
        yield bad("influx.away", where=where, reason=answer.said)
    else:
        yield ok("influx.answers", where=where, version=_version(answer))
        if settings.version == 1 and (missing := _missing(settings)):
            yield missing
        elif not is_sane(clock.now()):
            yield warn("influx.no_clock")
        else:
            yield from _written(settings, town.site.id, clock.now())
            if settings.version == 1:
                yield from _kept(settings, town.hub.ledger.keep_readings)
    yield from waiting(town, clock.now())


def waiting(town: Town, now: Millis) -> Iterator[Finding]:
    """What the ledger holds and InfluxDB has not been given."""
    try:
        with closing(Ledger.attach(town.hub.ledger.path, town.hub.ledger)) as ledger:
            gauges = ledger.gauges()
    except (LedgerError, sqlite3.Error):
        return  # said of the ledger
    since = now - gauges.oldest_behind if gauges.oldest_behind is not None else 0
    if since > LATE:
        yield warn("influx.late", readings=gauges.readings_behind, since=spelled(since))
    else:
        yield ok("influx.sent", readings=gauges.readings_behind)


def spelled(length: Millis) -> tuple[str, str]:
    """In minutes, hours or days: Japanese and English."""
    for size, ja, en in ((DAY, "日", "days"), (3_600_000, "時間", "hours")):
        if length >= 2 * size:
            return f"{length // size}{ja}", f"{length // size} {en}"
    return f"{length // 60_000}分", f"{length // 60_000} minutes"


def milliseconds(length: str) -> Millis:
    """`168h0m0s` -> 604800000; 0: for ever."""
    return sum(int(number) * LENGTHS[unit] for number, unit in re.findall(r"(\d+)([wdhms])", length))


def _alive(base: str) -> Answer:
    for path in ("/ping?verbose=true", "/health"):
        answer = fetch(f"{base}{path}")
        if answer.status in range(200, 300) or not answer.status:
            break
    return answer


def _version(answer: Answer) -> str:
    found = answer.json()
    told = found.get("version") if isinstance(found, dict) else None
    return str(told or answer.headers.get("x-influxdb-version") or "?")


def _missing(settings: Influx) -> Finding | None:
    """Where the database is not there, the login may not look, or nothing comes of the question."""
    answer = query(settings, "SHOW DATABASES")
    if answer.status in DENIED:
        return bad("influx.denied", reason=reason_of(answer))
    if answer.status != ASKED:
        return bad("influx.unasked", reason=reason_of(answer))
    names = [row.get("name") for row in tables(answer)]
    return None if settings.bucket in names else warn("influx.no_database", name=settings.bucket)


def _written(settings: Influx, site: str, now: Millis) -> Iterator[Finding]:
    """A point through the hub's own way there, and back through the way of Grafana."""
    try:
        with closing(connect(settings)) as target:
            target.write([line(head(MEASUREMENT, {"site": site}), {"probe": now}, now)])
    except BadLinesError as error:
        yield bad("influx.refuses", name=settings.bucket, reason=error)
        return
    except UnavailableError as error:
        yield bad("influx.unwritten", name=settings.bucket, reason=error)
        return
    where = f"time = {now}ms AND \"site\" = '{site}'"
    answer = query(settings, f'SELECT "probe" FROM "{MEASUREMENT}" WHERE {where}')  # noqa: S608 (a site's id is plain)
    if [row.get("probe") for row in tables(answer)] == [now]:
        yield ok("influx.written", name=settings.bucket)
    elif settings.version == 1:
        yield bad("influx.unread", name=settings.bucket, reason=reason_of(answer))
    else:
        yield ok("influx.written_only", name=settings.bucket, reason=reason_of(answer))
    _tidied(settings, where, now)


def _tidied(settings: Influx, where: str, now: Millis) -> None:
    """Where the login may not delete, or the server cannot, a point stays: nothing shows it."""
    if settings.version == 1:
        query(settings, f'DELETE FROM "{MEASUREMENT}" WHERE {where}')  # noqa: S608
        return
    span = {
        "start": _iso(now - 1_000),
        "stop": _iso(now + 1_000),
        "predicate": f'_measurement="{MEASUREMENT}"',
    }
    asked = urlencode({"org": settings.org, "bucket": settings.bucket})
    fetch(
        f"{settings.url.rstrip('/')}/api/v2/delete?{asked}",
        {"Content-Type": "application/json", **_login(settings)},
        json.dumps(span).encode(),
    )


def _kept(settings: Influx, ledger_keeps: Millis) -> Iterator[Finding]:
    answer = query(settings, f'SHOW RETENTION POLICIES ON "{settings.bucket}"')
    for policy in tables(answer):
        if policy.get("default"):
            kept = milliseconds(str(policy.get("duration")))
            days = kept // DAY
            if kept and kept < ledger_keeps:
                keeps, name = ledger_keeps // DAY, policy.get("name")
                yield warn("influx.forgets", days=days, ledger=keeps, name=settings.bucket, policy=name)
            else:
                forever = ("いつまでも", "for ever")
                yield ok("influx.keeps", days=(f"{days}日", f"{days} days") if kept else forever)


def query(settings: Influx, text: str) -> Answer:
    """InfluxQL, as Grafana asks."""
    body = urlencode({"db": settings.bucket, "q": text, "epoch": "ms"}).encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded", **_login(settings)}
    return fetch(f"{settings.url.rstrip('/')}/query", headers, body)


def _login(settings: Influx) -> dict[str, str]:
    secret = reveal(settings.token)
    if settings.username:
        pair = b64encode(f"{settings.username}:{secret}".encode()).decode()
        return {"Authorization": f"Basic {pair}"}
    return {"Authorization": f"Token {secret}"} if secret and settings.version != 1 else {}


def tables(answer: Answer) -> list[dict[str, object]]:
    """Column -> value of each row."""
    found = answer.json()
    try:
        return [
            dict(zip(series["columns"], row, strict=True))
            for result in found["results"]
            for series in result.get("series", [])
            for row in series.get("values", [])
        ]
    except (TypeError, LookupError, ValueError, AttributeError):
        return []


def reason_of(answer: Answer) -> str:
    found = answer.json()
    if isinstance(found, dict):
        results = found.get("results")
        first = results[0] if isinstance(results, list) and results and isinstance(results[0], dict) else {}
        if said := found.get("error") or found.get("message") or first.get("error"):
            return f"{answer.said}: {said}"
    return answer.said


def _iso(at: Millis) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).isoformat()
