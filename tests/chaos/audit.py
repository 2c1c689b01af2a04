"""The audit at the end of every fault: what was promised, beside the ledger, phones, sirens and InfluxDB.

Every message that the broker acknowledged is in the ledger exactly once. Every text that the story demands
was told on every channel of the person, none without cause; repeated copies carry the same id. Every order of
the story was given, and obeyed. Every reading is in InfluxDB exactly once, and nothing else is.
"""

import json
import sqlite3
import urllib.parse
import urllib.request
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from firmware_sim.phones import Received
from hub.app import resume
from hub.config.load import load
from hub.config.town import Town
from hub.ledger import Ledger
from hub.notify import ID_HEADER
from hub.wording.render import number_of
from tests.chaos.fleet import Demand, Sent, Story
from tests.chaos.stage import Stage

HANDED_OVER = ("sent", "merged")
"""merged: within the text of another notification, which was sent."""
SHOWN = 5
"""Of one kind of fault so many are named."""

Point = tuple[str, str, int]
"""(device, quantity, at)"""
Values = dict[Point, tuple[float | None, int]]
"""Value and flag."""


class Evidence(NamedTuple):
    """All that the audit looks at.

    `starts`: how often the hub began; each may add a copy of a text. `handed_on`: how often an order may
    reach its siren: each start of the hub gives what is open again, and a broker that ends before it is
    acknowledged makes both sides, the hub and the siren, hand it over again.
    """

    ledger: Path
    town: Town
    offered: list[Sent]
    """All that the fleet has published."""
    acknowledged: list[Sent]
    """What of it the broker has taken over."""
    story: Story
    inbox: list[Received]
    orders: list[tuple[str, dict[str, Any], bool]]
    obeyed: Counter[str]
    points: list[tuple[str, str, str, int, float]] | None
    """(measurement, device, field, at, value) of every point in InfluxDB, None where there is none."""
    alert_points: Counter[tuple[str, str, int]]
    """(kind, device, at)"""
    starts: int
    handed_on: int


def audit(stage: Stage, *, missing: Collection[Sent] = ()) -> Evidence:
    """Waits until all is quiet, stops the hub, and fails with everything that is not as promised.

    `missing`: messages that the broker itself has lost after it had acknowledged them.
    """
    stage.settle(missing=len(missing))
    if stage.hub.runs():
        code, _ = stage.hub.stop()
        assert code == 0, stage.hub.log()
    evidence = gather(stage)
    found = complaints(evidence, missing=missing)
    assert not found, "\n".join(["the audit finds:", *found])
    return evidence


def gather(stage: Stage) -> Evidence:
    influx = (stage.influx.url, stage.site) if stage.influx else None
    return Evidence(
        stage.ledger,
        load(stage.folder, {}),
        list(stage.fleet.sent),
        stage.fleet.acknowledged(),
        stage.fleet.story,
        list(stage.phones.inbox),
        list(stage.sirens.heard),
        Counter(stage.sirens.obeyed),
        list(points(*influx)) if influx else None,
        alert_points(*influx) if influx else Counter(),
        stage.hub.starts,
        stage.hub.starts + 2 * (stage.broker.starts - 1),
    )


def complaints(evidence: Evidence, *, missing: Collection[Sent] = ()) -> list[str]:
    """What is not as promised, in sentences; empty where all is."""
    with closing(sqlite3.connect(f"file:{evidence.ledger}?mode=ro", uri=True)) as ledger:
        return [
            *_messages(evidence, ledger, missing),
            *_readings(evidence, ledger, missing),
            *_told(evidence, ledger),
            *_phones(evidence, ledger),
            *_orders(evidence, ledger),
            *_points(evidence, ledger),
        ]


def counted_as_missing(stage: Stage) -> dict[str, int]:
    """How many messages the hub knows that it has missed, by device, from the gaps in their numbers."""
    town = load(stage.folder, {})
    ledger = Ledger.open(stage.ledger, town.hub.ledger)
    try:
        states = resume(town, ledger).state.rooms["health"]
        return {device: state.lost for device, state in states.items() if state.lost}
    finally:
        ledger.close()


# --- messages and readings ----------------------------------------------------------------------------


def _messages(evidence: Evidence, ledger: sqlite3.Connection, missing: Collection[Sent]) -> Iterator[str]:
    stored = Counter(
        ledger.execute("SELECT topic, payload FROM message WHERE quarantined = 0 AND topic LIKE '%/up'")
    )
    offered = {(sent.topic, sent.payload) for sent in evidence.offered}
    gone = {(sent.topic, sent.payload) for sent in missing}
    lost = [
        sent
        for sent in evidence.acknowledged
        if not stored[sent.topic, sent.payload] and (sent.topic, sent.payload) not in gone
    ]
    yield from _say("acknowledged by the broker and not in the ledger", map(_name, lost))
    twice = [key for key, times in stored.items() if times > 1]
    yield from _say("more than once in the ledger", (f"{t} {p!r}" for t, p in twice))
    yield from _say("in the ledger and never published", (f"{t} {p!r}" for t, p in set(stored) - offered))
    refused = ledger.execute("SELECT topic, reason FROM message WHERE quarantined = 1").fetchall()
    yield from _say("quarantined", (f"{topic}: {reason}" for topic, reason in refused))


def _readings(evidence: Evidence, ledger: sqlite3.Connection, missing: Collection[Sent]) -> Iterator[str]:
    stored = {point: value for point, (value, _) in _stored(ledger).items()}
    gone = {sent.number for sent in missing}
    due = {
        (sent.device, quantity, sent.at): value
        for sent in evidence.acknowledged
        if sent.number not in gone
        for quantity, value in sent.measures.items()
    }
    possible = {
        (sent.device, quantity, sent.at): value
        for sent in evidence.offered
        for quantity, value in sent.measures.items()
    }
    yield from _say("readings that are not in the ledger", map(str, due.keys() - stored.keys()))
    yield from _say("readings that nobody sent", map(str, stored.keys() - possible.keys()))
    wrong = [point for point, value in stored.items() if point in possible and possible[point] != value]
    yield from _say("readings with another value than was sent", map(str, wrong))


def _stored(ledger: sqlite3.Connection) -> Values:
    """Every reading. The ledger's own key makes each one unique."""
    names = dict(ledger.execute("SELECT id, text FROM name"))
    found = ledger.execute("SELECT device, quantity, at, value, flag FROM reading")
    return {(names[d], names[q], at): (value, flag) for d, q, at, value, flag in found}


# --- people -------------------------------------------------------------------------------------------


def _notifications(ledger: sqlite3.Connection) -> list[tuple[str, dict[str, Any]]]:
    """(device of the alert, notification)"""
    found = ledger.execute(
        "SELECT coalesce(json_extract(a.body, '$.device'), ''), n.body "
        "FROM notification n LEFT JOIN alert a ON a.id = n.alert"
    )
    return [(device, json.loads(body)) for device, body in found]


def _told(evidence: Evidence, ledger: sqlite3.Connection) -> Iterator[str]:
    """Decided as the story demands, and each handed over."""
    story, people = evidence.story, evidence.town.people
    due: Counter[tuple[Demand, int]] = Counter()
    for demand, times in story.demands.items():
        for channel in range(len(people[demand.person].channels)):
            due[demand, channel] = times
    rows = _notifications(ledger)
    decided = Counter(
        (Demand(device, n["template"], n["recipient"]), n["channel"])
        for device, n in rows
        if n["template"] not in story.tolerated
    )
    yield from _say("demanded and not told", (f"{d}, channel {c}" for d, c in due - decided))
    yield from _say("told without cause", (f"{d}, channel {c}" for d, c in decided - due))
    unsent = [
        f"{n['template']} to {n['recipient']} by {n['channel_kind']}: {n['status']}"
        for _, n in rows
        if n["status"] not in HANDED_OVER and n["template"] not in story.tolerated
    ]
    yield from _say("decided and not handed over", unsent)


def _phones(evidence: Evidence, ledger: sqlite3.Connection) -> Iterator[str]:
    """Each copy on a phone is one of a notification, under its id; each notification arrived."""
    by_number: dict[tuple[str, str, str], list[dict[str, Any]]] = defaultdict(list)
    notifications = [n for _, n in _notifications(ledger)]
    for n in notifications:
        address = evidence.town.people[n["recipient"]].channels[n["channel"]].url
        assert address
        to = _phone(n["channel_kind"], address.get_secret_value())
        by_number[n["channel_kind"], to, number_of(n["id"])].append(n)
    copies: dict[str, list[Received]] = defaultdict(list)
    strange: list[str] = []
    for received in evidence.inbox:
        candidates = by_number.get((received.channel, received.to, _number(received)), [])
        found = _match(candidates, received, copies)
        if found is None:
            strange.append(f"{received.channel} to {received.to}: {received.title or received.body[:30]!r}")
        else:
            copies[found["id"]].append(received)
    yield from _say("on a phone and under no id of the ledger", strange)
    sent = [n for n in notifications if n["status"] == "sent"]
    unheard = [f"{n['template']} to {n['recipient']}" for n in sent if n["id"] not in copies]
    yield from _say("written down as sent and on no phone", unheard)
    often = [
        f"{n['template']} to {n['recipient']}: {len(copies[n['id']])} copies"
        for n in sent
        if len(copies[n["id"]]) > evidence.starts
    ]
    yield from _say("more copies than the hub has begun", often)


def _phone(kind: str, url: str) -> str:
    """How the phones name the address of this URL."""
    if kind == "mail":
        return url.partition("to=")[2]
    return url.rpartition("/")[2]


def _number(received: Received) -> str:
    """From the last line, `No. 123456` and, in a repeated copy, what says so."""
    last = received.body.strip().splitlines()[-1]
    return last.removeprefix("No. ")[:6]


def _match(
    candidates: Sequence[dict[str, Any]], received: Received, copies: Mapping[str, list[Received]]
) -> dict[str, Any] | None:
    """By the id that a mail names, else by the number: a text that waited says so, and may stand in one
    message with others. Of hundreds two may have the same six digits: their texts tell them apart."""
    if named := received.headers.get(ID_HEADER.lower()):
        return next((candidate for candidate in candidates if candidate["id"] == named), None)
    return min(
        candidates,
        key=lambda n: (n["body"].splitlines()[0] not in received.body, len(copies.get(n["id"], ()))),
        default=None,
    )


# --- sirens -------------------------------------------------------------------------------------------


def _orders(evidence: Evidence, ledger: sqlite3.Connection) -> Iterator[str]:
    commands = [json.loads(body) for (body,) in ledger.execute("SELECT body FROM command")]
    given = Counter((c["device"], c["action"]) for c in commands)
    wanted = evidence.story.orders
    yield from _say("sirens that should have been set off", map(str, (wanted - given).elements()))
    yield from _say("sirens set off without cause", map(str, (given - wanted).elements()))
    undone = [f"{c['id']}: {c['status']}" for c in commands if c["status"] != "done"]
    yield from _say("orders of which nothing is known", undone)
    yield from _say("orders never obeyed", (c["id"] for c in commands if not evidence.obeyed[c["id"]]))
    ids = {c["id"] for c in commands}
    yield from _say("orders of no id of the ledger", set(evidence.obeyed) - ids)
    yield from _say("retained orders", (order["id"] for _, order, retained in evidence.orders if retained))
    copies = Counter(order["id"] for _, order, _ in evidence.orders)
    often = [f"{id}: {times}" for id, times in copies.items() if times > evidence.handed_on]
    yield from _say("orders handed over without need", often)


# --- InfluxDB -------------------------------------------------------------------------------------------


def _points(evidence: Evidence, ledger: sqlite3.Connection) -> Iterator[str]:
    if evidence.points is None:
        return
    town = evidence.town
    due: dict[tuple[str, str, str, int], float] = {}
    for (device, quantity, at), (value, flag) in _stored(ledger).items():
        kind = town.kind(town.devices[device]).value
        due[kind, device, f"{quantity}_qc", at] = flag
        if value is not None:
            due[kind, device, quantity, at] = value
    found: dict[tuple[str, str, str, int], float] = {}
    twice = []
    for *where, value in evidence.points:
        key = (where[0], where[1], where[2], where[3])
        if key in found:
            twice.append(str(key))
        found[key] = value
    yield from _say("points more than once in InfluxDB", twice)
    yield from _say("readings that are not in InfluxDB", map(str, due.keys() - found.keys()))
    yield from _say("points that are no reading", map(str, found.keys() - due.keys()))
    wrong = [key for key in due.keys() & found.keys() if due[key] != found[key]]
    yield from _say("points with another value", map(str, wrong))
    changes = ledger.execute(
        "SELECT json_extract(body, '$.kind'), json_extract(body, '$.device'), at FROM alert_change"
    )
    steps = {tuple(row) for row in changes}
    yield from _say("steps of alerts that are not in InfluxDB", map(str, steps - set(evidence.alert_points)))
    more = [str(point) for point, times in evidence.alert_points.items() if point not in steps or times > 1]
    yield from _say("points that are no step of an alert, or twice one", more)


def ask(url: str, database: str, query: str) -> list[dict[str, Any]]:
    """The series of an InfluxQL query, times in ms."""
    asked = urllib.parse.urlencode({"db": database, "q": query, "epoch": "ms"})
    with urllib.request.urlopen(f"{url}/query?{asked}", timeout=60) as answer:  # noqa: S310
        (result,) = json.load(answer)["results"]
    assert "error" not in result, result
    series: list[dict[str, Any]] = result.get("series", [])
    return series


def points(url: str, database: str) -> Iterator[tuple[str, str, str, int, float]]:
    for series in ask(url, database, "SELECT * FROM /.*/ GROUP BY *"):
        if series["name"] == "alert":
            continue
        _, *fields = series["columns"]
        for at, *values in series["values"]:
            for field, value in zip(fields, values, strict=True):
                if value is not None:
                    yield series["name"], series["tags"]["device"], field, at, value


def alert_points(url: str, database: str) -> Counter[tuple[str, str, int]]:
    found: Counter[tuple[str, str, int]] = Counter()
    for series in ask(url, database, 'SELECT "id" FROM alert GROUP BY *'):
        for at, _ in series["values"]:
            found[series["tags"]["kind"], series["tags"].get("device", ""), at] += 1
    return found


# --- words ----------------------------------------------------------------------------------------------


def _say(what: str, which: Iterable[str]) -> Iterator[str]:
    """One sentence that counts them and names the first few."""
    found = sorted(which)
    if found:
        rest = f", and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        yield f"{len(found)} {what}: {'; '.join(found[:SHOWN])}{rest}"


def _name(sent: Sent) -> str:
    return f"{sent.device} no. {sent.seq}"
