"""The audit itself: it passes on a night without a fault, and names what is wrong on a doctored one."""

import shutil
import sqlite3
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.audit import Evidence, audit, complaints
from tests.chaos.fleet import Cast, Demand, Story
from tests.chaos.stage import Stage


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evidence]:
    """One event of each kind and some routine, without a fault."""
    with Stage(tmp_path_factory.mktemp("night") / "town", cast=Cast(3, 2, 1, 1, 1)) as stage:
        stage.hub.start()
        for _ in range(5):
            for device in ("cam-0", "cam-1", "cam-2"):
                stage.fleet.reports(device)
        stage.fleet.springs()
        stage.fleet.springs()
        stage.fleet.boar()
        stage.fleet.cut()
        stage.fleet.floods()
        yield audit(stage)


def test_a_night_without_a_fault_passes(night: Evidence) -> None:
    assert complaints(night) == []
    assert len(night.inbox) == 2 * 3 + 4 + 2 + 1 + 3
    assert night.obeyed.total() == 2
    assert night.points is not None
    assert len(night.points) == 2 * (15 * 2 + 1 + 1)


# --- a doctored ledger ------------------------------------------------------------------------------


DOCTORED = {
    "a message is gone": (
        "DELETE FROM message WHERE id = (SELECT id FROM message WHERE topic LIKE '%cam-1/up' LIMIT 1)",
        "1 acknowledged by the broker and not in the ledger: cam-1 no. 1",
    ),
    "a message is there twice": (
        "INSERT INTO message (received_at, topic, payload, retain, quarantined) "
        "SELECT received_at, topic, payload, retain, 0 FROM message WHERE topic LIKE '%cam-1/up' LIMIT 1",
        "1 more than once in the ledger: ",
    ),
    "a message was quarantined": (
        "UPDATE message SET quarantined = 1, reason = 'unknown' "
        "WHERE id = (SELECT id FROM message WHERE topic LIKE '%cam-1/up' LIMIT 1)",
        "1 quarantined: naruko/",
    ),
    "nobody sent this message": (
        "UPDATE message SET payload = x'7b7d' "
        "WHERE id = (SELECT max(id) FROM message WHERE topic LIKE '%/up')",
        "1 in the ledger and never published: ",
    ),
    "a reading is gone": (
        "DELETE FROM reading WHERE id = (SELECT min(id) FROM reading)",
        "1 readings that are not in the ledger: ('cam-0', ",
    ),
    "a reading of nobody": (
        "UPDATE reading SET at = at + 1000000 WHERE id = 1",
        "1 readings that nobody sent: ",
    ),
    "a reading has another value": (
        "UPDATE reading SET value = value + 1 WHERE id = 1",
        "1 readings with another value than was sent: ",
    ),
    "a reading never reached InfluxDB": (
        "UPDATE reading SET at = at + 1000000 WHERE id = 1",
        "2 readings that are not in InfluxDB: ",
    ),
    "a notification was not decided": (
        "DELETE FROM notification WHERE json_extract(body, '$.channel_kind') = 'line' "
        "AND json_extract(body, '$.template') = 'animal_detected'",
        "1 demanded and not told: "
        "Demand(device='paddy-0', template='animal_detected', person='yamane'), channel 2",
    ),
    "a notification too many": (
        "INSERT INTO notification (id, alert, waiting, severity, next_at, created_at, body) "
        "SELECT 'more', alert, 0, 0, 0, 0, json_set(body, '$.id', 'more') FROM notification LIMIT 1",
        "1 told without cause: ",
    ),
    "a notification was given up": (
        "UPDATE notification SET body = json_set(body, '$.status', 'expired') WHERE seq = 1",
        "1 decided and not handed over: ",
    ),
    "an order was not given": (
        "DELETE FROM command WHERE seq = 1",
        "1 sirens that should have been set off: ",
    ),
    "an order too many": (
        "INSERT INTO command (id, waiting, created_at, body) "
        "SELECT 'more', 0, 0, json_set(body, '$.id', 'more') FROM command LIMIT 1",
        "1 sirens set off without cause: ",
    ),
    "an order without an answer": (
        "UPDATE command SET body = json_set(body, '$.status', 'sent') WHERE seq = 1",
        "1 orders of which nothing is known: ",
    ),
    "an alert has a step that InfluxDB does not know": (
        "UPDATE alert_change SET at = at + 1 WHERE seq = 1",
        "1 steps of alerts that are not in InfluxDB: ",
    ),
}


@pytest.mark.parametrize(("sql", "said"), DOCTORED.values(), ids=DOCTORED)
def test_a_doctored_ledger_is_found(night: Evidence, tmp_path: Path, sql: str, said: str) -> None:
    doctored = tmp_path / "doctored.db"
    shutil.copy(night.ledger, doctored)
    connection = sqlite3.connect(doctored)
    changed = connection.execute(sql).rowcount
    connection.commit()
    connection.close()
    assert changed == 1
    assert any(line.startswith(said) for line in complaints(night._replace(ledger=doctored)))


# --- what arrived -------------------------------------------------------------------------------------


def test_a_mail_that_came_twice_without_a_crash_is_found(night: Evidence) -> None:
    twice = night._replace(inbox=[*night.inbox, night.inbox[0]])
    assert any("more copies than the hub has begun" in line for line in complaints(twice))
    assert complaints(twice._replace(starts=2)) == []


def test_an_order_that_came_twice_without_a_restart_is_found(night: Evidence) -> None:
    twice = night._replace(orders=[*night.orders, night.orders[0]])
    assert any("orders handed over without need" in line for line in complaints(twice))
    assert complaints(twice._replace(handed_on=2)) == []


def test_a_mail_repeated_under_another_id_is_found(night: Evidence) -> None:
    mail = next(received for received in night.inbox if received.channel == "mail")
    other = mail._replace(headers=mail.headers | {"x-naruko-id": "0000000000000000"})
    found = complaints(night._replace(inbox=[*night.inbox, other], starts=9))
    assert len(found) == 1
    assert found[0].startswith("1 on a phone and under no id of the ledger: mail")


def test_a_push_repeated_under_another_number_is_found(night: Evidence) -> None:
    push = next(received for received in night.inbox if received.channel == "ntfy")
    other = push._replace(body=push.body.replace("No. ", "No. 9"))
    found = complaints(night._replace(inbox=[*night.inbox, other], starts=9))
    assert [line.split(":")[0] for line in found] == ["1 on a phone and under no id of the ledger"]


def test_a_phone_that_did_not_ring_is_found(night: Evidence) -> None:
    for n in range(len(night.inbox)):
        found = complaints(night._replace(inbox=night.inbox[:n] + night.inbox[n + 1 :]))
        assert [line.split(":")[0] for line in found] == ["1 written down as sent and on no phone"]


def test_a_demand_that_nobody_met_is_found(night: Evidence) -> None:
    story = Story()
    story.demands = night.story.demands + Counter([Demand("cam-0", "animal_detected", "tanaka")])
    story.orders = night.story.orders
    found = complaints(night._replace(story=story))
    assert [line.split(":")[0] for line in found] == ["1 demanded and not told"]


def test_a_message_that_only_the_broker_has_is_found(night: Evidence) -> None:
    more = night.acknowledged[-1]._replace(payload=b"{}", device="cam-2", seq=77, measures={}, number=10_000)
    heard = night._replace(acknowledged=[*night.acknowledged, more], offered=[*night.offered, more])
    assert complaints(heard) == ["1 acknowledged by the broker and not in the ledger: cam-2 no. 77"]
    assert complaints(heard, missing=[more]) == []


def test_a_siren_that_was_not_heard_or_heard_a_retained_order_is_found(night: Evidence) -> None:
    assert any("orders never obeyed" in line for line in complaints(night._replace(obeyed=Counter())))
    siren, order, _ = night.orders[0]
    retained = night._replace(orders=[(siren, order, True), *night.orders[1:]])
    assert any("retained orders" in line for line in complaints(retained))


# --- InfluxDB -----------------------------------------------------------------------------------------


def test_a_missing_a_doubled_and_a_wrong_point_are_found(night: Evidence) -> None:
    assert night.points is not None
    first, *rest = night.points
    doctored = {
        "1 readings that are not in InfluxDB": rest,
        "1 points more than once in InfluxDB": [first, first, *rest],
        "1 points with another value": [(*first[:-1], first[-1] + 1), *rest],
        "1 points that are no reading": [first, (*first[:3], 1, 0.0), *rest],
    }
    for said, points in doctored.items():
        found = complaints(night._replace(points=points))
        assert [line.split(":")[0] for line in found] == [said]


def test_a_step_of_an_alert_that_stands_twice_in_influxdb_is_found(night: Evidence) -> None:
    twice = Counter(dict.fromkeys(night.alert_points, 2))
    assert any("twice" in line for line in complaints(night._replace(alert_points=twice)))
