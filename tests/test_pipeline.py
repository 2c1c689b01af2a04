"""The whole path of a message: what is taken, what is put aside, and that nothing else is harmed by it."""

import json
from types import SimpleNamespace

import pytest

from devices.frame import Signal
from hub.model import EventKind, Flag, Freshness, Message, Uplink, Verdict
from tests.timeline import (
    SPRUNG,
    Timeline,
    animal,
    motion,
    nothing_else_was_told,  # noqa: F401
)
from tests.towns import DAY, HOUR, MINUTE, valley

UP = "naruko/test/{}/up"


def up(*events, **fields) -> str:
    return json.dumps({"v": 1, "e": list(events)} | fields)


# --- duplicates -----------------------------------------------------------------------------------


def test_the_same_message_a_hundred_times_is_taken_once():
    t = Timeline(valley())
    payload = up(SPRUNG, seq=7, at=t.now, m={"battery_v": 3.6})
    for _ in range(50):
        t.sends(UP.format("trap"), payload)
    t.batch([Message(UP.format("trap"), payload.encode(), t.now)] * 50)
    assert t.verdicts() == [Verdict.STORED] + [Verdict.DUPLICATE] * 99
    t.told("trap_sprung opened: hunter")
    assert len(t.ledger.readings("trap", "battery_v", 0, t.now + DAY)) == 1
    counts = t.ledger.counts()
    assert (counts["messages"], counts["duplicates"], counts["readings"]) == (100, 99, 1)


def test_a_repeat_is_known_after_a_restart():
    t = Timeline(valley())
    payload = up(SPRUNG, seq=7, at=t.now)
    t.sends(UP.format("trap"), payload)
    t.told("trap_sprung opened: hunter")
    t.restart().passes(MINUTE).sends(UP.format("trap"), payload)
    assert t.verdicts() == [Verdict.STORED, Verdict.DUPLICATE]


def test_without_an_identity_only_the_broker_can_say_that_a_message_is_a_repeat():
    t = Timeline(valley())
    t.sends(UP.format("pir"), up(motion()))
    t.passes(MINUTE).sends(UP.format("pir"), up(motion()), dup=True)
    assert t.verdicts() == [Verdict.STORED, Verdict.DUPLICATE]
    t.silence()
    t.sends(UP.format("pir"), up(motion()))
    assert t.verdicts()[-1] is Verdict.STORED
    t.told("animal_detected opened: hunter")


def test_a_message_without_a_number_is_known_by_its_time():
    t = Timeline(valley())
    for _ in range(100):
        t.sends(UP.format("cam"), up(animal(), at=t.now))
    assert t.verdicts() == [Verdict.STORED] + [Verdict.DUPLICATE] * 99
    t.told("animal_detected opened: sato hunter")
    assert t.open("animal")[0].count == 1


def test_a_clock_that_was_never_set_makes_no_repeat_of_the_next_event():
    t = Timeline(valley())
    for _ in range(2):
        t.sends(UP.format("pir"), up(motion(), at="1970-01-01T00:00:00Z")).passes(MINUTE)
    t.told("animal_detected opened: hunter")


def test_a_hundred_messages_with_nothing_to_tell_them_apart_are_one_animal_told_once():
    t = Timeline(valley())
    for _ in range(100):
        t.sends(UP.format("cam"), up(animal()))
    t.told("animal_detected opened: sato hunter")


def test_the_first_delivery_may_carry_the_dup_flag():
    t = Timeline(valley())
    t.sends(UP.format("trap"), up(SPRUNG), dup=True)
    t.told("trap_sprung opened: hunter")


def test_two_devices_with_the_same_number_are_not_each_others_repeat():
    t = Timeline(valley())
    for name in ("cam", "pir"):
        t.sends(UP.format(name), up(seq=1, at=t.now))
    assert t.verdicts() == [Verdict.STORED] * 2


# --- the quarantine -------------------------------------------------------------------------------

BAD = {
    "empty": (UP.format("cam"), b"", "payload is empty"),
    "blank": (UP.format("cam"), b" \n", "payload is empty"),
    "truncated": (UP.format("cam"), b'{"v":1,"seq":812,"at":"2026-11-21T21', "not JSON"),
    "oversized": (UP.format("cam"), b'{"v":1,"x":"' + b"a" * 2**20 + b'"}', "oversized: 1048590 bytes"),
    "not UTF-8": (UP.format("cam"), '{"v":1,"e":[{"type":"猪"}]}'.encode("cp932"), "not UTF-8"),
    "NaN": (UP.format("gauge"), b'{"v":1,"m":{"level_m":NaN}}', "not JSON"),
    "infinity": (UP.format("gauge"), b'{"v":1,"m":{"level_m":Infinity}}', "not JSON"),
    "huge number": (UP.format("gauge"), b'{"v":1,"m":{"level_m":1e999}}', ""),
    "wrong type": (UP.format("gauge"), b'{"v":1,"m":{"level_m":"high"}}', "$.m[...]"),
    "wrong shape": (UP.format("gauge"), b"[1,2]", "wrong content"),
    "other version": (UP.format("gauge"), b'{"v":2}', "payload version 2"),
    "unknown device": (UP.format("cam-9"), b'{"v":1}', "unknown device 'cam-9'"),
    "other site": ("naruko/elsewhere/cam/up", b'{"v":1}', "topic of site 'elsewhere', this hub is 'test'"),
    "other topic": ("naruko/test/cam/down", b"{}", "expected up, status or done"),
    "unknown event": (UP.format("cam"), b'{"v":1,"e":[{"type":"ufo"}]}', "unknown event type 'ufo'"),
    "deep": (UP.format("cam"), b"[" * 50_000 + b"]" * 50_000, "oversized"),
    "nested": (UP.format("cam"), b"[" * 5_000 + b"]" * 5_000, ""),
    "no topic": ("", b"{}", "unknown device"),
    "controls in the topic": ("naruko/test/\u0007cam\u202e/up", b'{"v":1}', "unknown device 'cam'"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_put_aside_with_its_reason_and_harms_nothing_else(name):
    topic, payload, reason = BAD[name]
    t = Timeline(valley())
    good = Message(UP.format("trap"), up(SPRUNG, seq=1, at=t.now).encode(), t.now)
    t.batch([Message(topic, payload, t.now), good])
    bad, taken = t.receipts
    assert (bad.verdict, taken.verdict) == (Verdict.QUARANTINED, Verdict.STORED)
    assert reason in bad.reason
    assert bad.reason
    assert bad.reason.isprintable()
    assert len(bad.reason) < 700
    (kept,) = t.ledger.quarantined()
    assert (kept.message.payload, kept.reason) == (payload, bad.reason)
    t.told("trap_sprung opened: hunter")


def test_a_bad_message_that_comes_again_and_again_is_kept_once():
    t = Timeline(valley())
    for _ in range(100):
        t.sends(UP.format("cam"), b"\xff\xfe")
    assert t.verdicts() == [Verdict.QUARANTINED] + [Verdict.DUPLICATE] * 99
    assert t.ledger.counts()["quarantined"] == 1


def test_a_topic_that_nobody_knows_fills_no_disk():
    t = Timeline(valley())
    t.batch([Message("naruko/test/cam-9/up", str(n).encode(), t.now) for n in range(2_000)])
    kept = t.verdicts().count(Verdict.QUARANTINED)
    assert kept == 120
    assert t.verdicts().count(Verdict.SHED) == 1_880
    assert t.ledger.counts()["messages"] == 2_000


# --- time -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "stamp",
    ["0001-01-01T00:00:00Z", "2106-02-07T06:28:15Z", "1881-05-05T00:00:00+09:00", -62135596800, 2**40],
)
def test_an_impossible_time_is_flagged_and_the_receive_time_counts(stamp):
    t = Timeline(valley())
    t.sends(UP.format("gauge"), json.dumps({"v": 1, "at": stamp, "m": {"level_m": 2.5}}))
    (reading,) = t.ledger.readings("gauge", "level_m", t.now, t.now + 1)
    assert reading.tests == ("clock",)
    t.told("river_standby opened: office")


def test_a_retained_event_opens_nothing_and_sounds_nothing():
    t = Timeline(valley())
    for name, events in {"cam": [animal("bear")], "trap": [SPRUNG], "pir": [motion(), motion()]}.items():
        t.sends(UP.format(name), up(*events), retain=True)
    t.sends(UP.format("gauge"), up(m={"level_m": 9.0}), retain=True)
    t.passes(HOUR)
    assert t.commands == []
    assert {n.template for n in t.unread} <= {"sensor_offline"}
    t.unread = []
    assert t.open("animal") + t.open("trap") + t.open("river") == []
    (reading,) = t.ledger.readings("gauge", "level_m", 0, t.now)
    assert (reading.value, reading.freshness) == (9.0, Freshness.RETAINED)


def test_a_retained_copy_does_not_make_a_repeat_of_the_news_that_comes_after_it():
    t = Timeline(valley())
    payload = up(SPRUNG, seq=7, at=t.now)
    t.sends(UP.format("trap"), payload, retain=True).silence()
    t.sends(UP.format("trap"), payload)
    t.told("trap_sprung opened: hunter")
    for retain in (True, False):
        t.sends(UP.format("trap"), payload, retain=retain)
    assert t.verdicts() == [Verdict.STORED] * 2 + [Verdict.DUPLICATE] * 2


def test_late_levels_are_stored_at_their_own_time_and_tell_nobody():
    t = Timeline(valley())
    t.says("gauge", level_m=1.5)
    then = t.now - 5 * HOUR
    t.says("gauge", at=then, level_m=8.0).silence()
    (late,) = t.ledger.readings("gauge", "level_m", then, then + 1)
    assert (late.value, late.received_at, late.freshness) == (8.0, t.now, Freshness.LATE)


def test_a_trap_that_sprang_hours_ago_is_told_but_no_siren_sounds_for_an_animal_of_then():
    t = Timeline(valley())
    t.says("trap", SPRUNG, at=t.now - 5 * HOUR)
    t.told("trap_sprung opened: hunter")
    t.says("cam", animal(), at=t.now - 10 * MINUTE)
    t.told("animal_detected opened: sato hunter")
    t.says("cam", animal("bear"), at=t.now - HOUR).silence()
    assert t.commands == []


def test_late_data_end_no_silence():
    t = Timeline(valley(), "2026-11-21 12:00")
    t.hears("pir").passes(4 * HOUR)
    told = {(n.recipient, n.template) for n in t.unread}
    t.unread = []
    assert ("operator", "sensor_offline") in told
    t.says("pir", at=t.now - 2 * HOUR)
    assert [alert.device for alert in t.open("silent") if alert.device == "pir"] == ["pir"]


def test_nothing_is_decided_by_time_while_the_clock_is_not_set():
    t = Timeline(valley(), "1970-01-01 12:00")
    t.hears("pir", "cam", "gauge").says("trap", SPRUNG)
    t.told("trap_sprung opened: hunter")
    t.passes(6 * HOUR).silence()
    assert len(t.open()) == 1


def test_what_a_device_stored_and_delivers_now_opens_nothing():
    t = Timeline(valley())
    signals = (Signal("trap", "sprung", at=t.now - MINUTE), Signal("animal", species="bear", at=t.now))
    stored = SimpleNamespace(decode=lambda message: Uplink("trap", t.now, "1", signals=signals))
    t.pipeline.decoder = stored
    t.sends(UP.format("trap"), b"{}").passes(10 * MINUTE).silence()
    assert t.alerts == {}
    assert t.commands == []


# --- one device too many --------------------------------------------------------------------------


def test_ten_thousand_messages_a_second_from_one_device_are_bounded_and_reported_once():
    t = Timeline(valley())
    flood = [Message(UP.format("pir"), up(seq=n, at=t.now).encode(), t.now) for n in range(10_000)]
    flood[5_000:5_000] = [Message(UP.format("trap"), up(SPRUNG, seq=1, at=t.now).encode(), t.now)]
    for start in range(0, len(flood), 1_000):
        t.batch(flood[start : start + 1_000])
    t.told("babbling opened: operator", "trap_sprung opened: hunter")
    t.passes(3 * MINUTE).silence()
    counts = t.ledger.counts()
    assert (counts["shed"], counts["messages"]) == (9_880, 10_001)
    assert [e.kind for e in t.events if "babbling" in e.kind] == [
        EventKind.BABBLING,
        EventKind.BABBLING_OVER,
    ]


def test_a_babbling_sensor_still_ends_a_visit_and_springs_no_trap_twice():
    t = Timeline(valley())
    for n in range(300):
        t.sends(UP.format("trap"), up(SPRUNG, seq=n, at=t.now))
    t.told("trap_sprung opened: hunter", "babbling opened: operator")


# --- quality beside the path ----------------------------------------------------------------------


def test_a_level_that_stands_still_in_heavy_rain_is_suspect_within_the_hour():
    flags: dict[bool, Flag] = {}
    for rains in (True, False):
        t = Timeline(valley())
        for _ in range(8):
            t.says("rain", rain_mm=4.0 if rains else 0.0).says("gauge", level_m=1.5).passes(10 * MINUTE)
        flags[rains] = t.ledger.readings("gauge", "level_m", 0, t.now)[-1].flag
    assert flags == {True: Flag.SUSPECT, False: Flag.PASS}


def test_every_command_of_a_siren_ends_and_its_answer_is_written_down():
    t = Timeline(valley(), "2026-11-21 12:00")
    t.says("cam", animal())
    t.told("animal_detected opened: sato hunter")
    (command,) = t.commands
    assert command.until - command.created_at == t.town.policy.deterrent.max_on
    done = {"id": command.id, "result": "done"}
    t.passes(20_000).sends("naruko/test/siren/done", json.dumps(done))
    assert t.ledger.pending_commands(t.now + DAY) == []
    state = t.pipeline.state.rooms["deterrent"]["siren"]
    assert (state.result, state.finished_at) == ("done", t.now)
