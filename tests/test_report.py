"""What a run came to, as JSON: the shape that is promised, with times that say their zone."""

import json
import re

import jsonschema
from msgspec.structs import replace

from hub.model import Mode, Status
from hub.report import build, local
from tests.ledgers import waiting
from tests.timeline import SPRUNG, Timeline, animal, nothing_else_was_told  # noqa: F401
from tests.towns import MINUTE, SECOND, at, camera, device, person, square, town, trap

TIME = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?\+09:00$"
NUMBER = {"type": "integer", "minimum": 0}
COUNTS = ("messages", "readings", "events", "quarantined", "duplicates", "lost")


def record(**fields):
    return {
        "type": "object",
        "properties": fields,
        "required": list(fields),
        "additionalProperties": False,
    }


REPORT = record(
    counts=record(**dict.fromkeys(COUNTS, NUMBER)),
    alerts={
        "type": "array",
        "items": record(
            id={"type": "string"},
            kind={"type": "string"},
            severity={"enum": ["notice", "caution", "warning", "danger", "life"]},
            place={"type": "string"},
            opened_at={"type": "string", "pattern": TIME},
            closed_at={"type": ["string", "null"], "pattern": TIME},
            map_url={"type": ["string", "null"], "pattern": "^https://www.google.com/maps/"},
            mode={"enum": ["actual", "exercise", "test"]},
        ),
    },
    notifications={
        "type": "array",
        "items": record(
            alert_id={"type": "string"},
            recipient={"type": "string"},
            channel={"enum": ["mail", "ntfy", "line", "sms", "other"]},
            reason={"type": "string"},
            status={
                "enum": ["pending", "sent", "timeout", "failed", "expired", "not_sent", "held", "merged"]
            },
            latency_ms={"type": ["integer", "null"]},
        ),
    },
)


def night(*, live: bool = True, mode: Mode = Mode.ACTUAL) -> Timeline:
    t = Timeline(
        town(
            devices=[camera("cam"), trap("trap", owner="hunter"), device("gw", "gateway", heartbeat="0s")],
            zones=[square("paddy", "paddy")],
            people=[person("sato", "farmer", zones=("paddy",)), person("hunter", "hunter")],
        ),
        live=live,
        mode=mode,
    )
    t.at("21:07").says("cam", animal(), battery_v=3.6).says("trap", SPRUNG)
    t.passes(11 * MINUTE).sends("naruko/test/cam/up", b"\xff")
    t.unread = []
    return t


def test_a_report_has_exactly_the_promised_fields():
    t = night()
    report = build(t.ledger, t.pipeline)
    jsonschema.validate(json.loads(json.dumps(report)), REPORT)
    assert report["counts"] == dict(zip(COUNTS, (3, 1, 3, 1, 0, 0), strict=True)), (
        "a visit begins and ends, a trap springs"
    )


def test_the_report_of_a_run_without_anything_is_whole_too():
    t = Timeline(town())
    report = build(t.ledger, t.pipeline)
    jsonschema.validate(report, REPORT)
    assert report == {"counts": dict.fromkeys(COUNTS, 0), "alerts": [], "notifications": []}


def test_an_alert_has_its_times_in_the_zone_of_the_site_and_its_map():
    t = night()
    animal_, sprung = build(t.ledger, t.pipeline)["alerts"]
    assert animal_ | {"id": ""} == {
        "id": "",
        "kind": "animal",
        "severity": "caution",
        "place": "camの所",
        "opened_at": "2026-11-21T21:07:00+09:00",
        "closed_at": "2026-11-21T21:17:00+09:00",
        "map_url": "https://www.google.com/maps/search/?api=1&query=36.06000%2C137.97000",
        "mode": "actual",
    }
    assert (sprung["kind"], sprung["severity"], sprung["closed_at"]) == ("trap", "warning", None)


def test_every_notification_belongs_to_an_alert_of_the_report():
    t = night()
    report = build(t.ledger, t.pipeline)
    ids = {alert["id"] for alert in report["alerts"]}
    told = [(n["recipient"], n["reason"]) for n in report["notifications"]]
    assert {n["alert_id"] for n in report["notifications"]} == ids
    assert sorted(told) == [
        ("hunter", "cleared"),
        ("hunter", "opened"),
        ("hunter", "opened"),
        ("sato", "cleared"),
        ("sato", "opened"),
    ]


async def test_latency_runs_from_the_arrival_to_the_hand_over():
    t = night()
    (first, *_) = waiting(t.ledger, t.now)
    handed_over = first.event_received_at + 340
    await t.ledger.update_notification(replace(first, status=Status.SENT, finished_at=handed_over))
    latencies = [n["latency_ms"] for n in build(t.ledger, t.pipeline)["notifications"]]
    assert sorted(latencies, key=str) == [340, None, None, None, None]
    wall = {first.id: 12.4}
    measured = [n["latency_ms"] for n in build(t.ledger, t.pipeline, wall)["notifications"]]
    assert sorted(measured, key=str) == [12, None, None, None, None]


def test_a_replay_says_that_nothing_was_sent():
    t = night(live=False)
    assert {n["status"] for n in build(t.ledger, t.pipeline)["notifications"]} == {"not_sent"}


def test_an_exercise_says_so():
    t = night(mode=Mode.EXERCISE)
    assert {alert["mode"] for alert in build(t.ledger, t.pipeline)["alerts"]} == {"exercise"}


def test_messages_that_a_device_numbered_and_that_never_came_are_lost():
    t = Timeline(town(devices=[camera("cam")]))
    for seq in (1, 2, 6, 7, 5):
        t.seq["cam"] = seq - 1
        t.says("cam", at=t.now + seq * SECOND)
    assert build(t.ledger, t.pipeline)["counts"]["lost"] == 2


def test_a_report_names_no_address_and_no_device_position_but_the_link():
    t = night()
    text = json.dumps(build(t.ledger, t.pipeline), ensure_ascii=False)
    assert "@" not in text
    assert "mailto" not in text
    assert len(re.findall(r"36\.06", text)) == 2


def test_a_time_says_its_zone_and_milliseconds_only_where_there_are_any():
    zone = town().zone_info
    assert local(at("2026-11-21 21:07:03"), zone) == "2026-11-21T21:07:03+09:00"
    assert local(at("2026-11-21 21:07:03") + 250, zone) == "2026-11-21T21:07:03.250+09:00"
