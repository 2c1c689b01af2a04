"""What a babbling device sends over its budget is counted, and not even read."""

import json
from typing import Any

from hub.config.shapes import Kind, Profile
from hub.detect.babbling import Shut
from hub.model import Message, Verdict
from tests.storms import LEVELS_M
from tests.timeline import (
    SPRUNG,
    Timeline,
    nothing_else_was_told,  # noqa: F401
)
from tests.towns import MINUTE, at, device, gauge, person, pir, town, trap


def up(n: int, now: int, **more: Any) -> bytes:
    return json.dumps({"v": 1, "seq": n, "at": now} | more).encode()


def babble(t: Timeline, device: str, number: int, start: int = 0) -> None:
    topic = f"naruko/test/{device}/up"
    for first in range(start, start + number, 250):
        t.batch([Message(topic, up(n, t.now), t.now) for n in range(first, min(first + 250, start + number))])


def quiet_field() -> Timeline:
    devices = [pir("a"), trap("t"), gauge("biwa", LEVELS_M)]
    return Timeline(
        town(devices=devices, people=[person("operator", "operator"), person("hunter", "hunter")])
    )


def test_what_a_babbling_device_sends_over_its_budget_is_not_even_read():
    t = quiet_field()
    babble(t, "a", 1_000)
    t.told("babbling opened: operator")
    read_before = t.pipeline.decoder.decode
    calls: list[str] = []
    t.pipeline.decoder.decode = lambda m: calls.append(m.topic) or read_before(m)  # type: ignore[method-assign]
    babble(t, "a", 1_000, start=1_000)
    assert calls == []
    t.says("t", SPRUNG).told("trap_sprung opened: hunter")


def test_shed_messages_alone_write_nothing_and_are_counted_with_the_next_commit():
    t = quiet_field()
    babble(t, "a", 1_000)
    t.told("babbling opened: operator")
    flood = [Message("naruko/test/a/up", up(n, t.now), t.now) for n in range(5_000, 6_000)]
    assert t.pipeline.run(flood, t.now).is_empty()
    t.says("t", SPRUNG).told("trap_sprung opened: hunter")
    assert t.ledger.counts()["shed"] == 2_000 - 120


def test_without_another_commit_what_was_shed_is_counted_when_its_minute_has_ended():
    t = quiet_field()
    babble(t, "a", 1_000)
    t.told("babbling opened: operator")
    t.passes(2 * MINUTE)
    assert t.ledger.counts()["shed"] == 1_000 - 120
    assert t.ledger.counts()["messages"] == 1_000


def test_a_new_minute_is_read_again():
    t = quiet_field()
    babble(t, "a", 500)
    t.passes(MINUTE)
    babble(t, "a", 500, start=500)
    t.told("babbling opened: operator")
    assert t.verdicts().count(Verdict.STORED) == 240


def test_a_retained_message_of_a_babbling_device_is_read():
    t = quiet_field()
    babble(t, "a", 1_000)
    t.told("babbling opened: operator")
    t.sends("naruko/test/a/up", up(9_999, t.now), retain=True)
    assert t.verdicts()[-1] is Verdict.STORED


def test_a_topic_on_which_several_devices_speak_is_never_shut_for_one_of_them():
    frigate = Profile(model="frigate-camera", name="Frigate", kind=Kind.ANIMAL, heartbeat="1d")
    cams = [device(id, "frigate-camera", address=id) for id in ("front", "back")]
    t = Timeline(town(devices=cams, people=[person("operator", "operator")], profiles=[frigate]))

    def sees(cam: str, n: int) -> None:
        after = {
            "id": f"{cam}-{n}",
            "camera": cam,
            "label": "cat",
            "frame_time": t.now / 1000,
            "top_score": 0.9,
        }
        t.sends("frigate/events", json.dumps({"type": "new", "after": after}))

    for n in range(500):
        sees("front", n)
    t.told("babbling opened: operator")
    sees("back", 1)
    assert t.verdicts()[-2:] == [Verdict.SHED, Verdict.STORED]


def test_strangers_are_shut_out_by_topic_and_a_known_device_with_bad_payloads_is_not():
    t = quiet_field()
    for n in range(1_000):
        t.sends("naruko/test/nobody/up", f"{n}").sends("naruko/test/t/up", f"no json {n}")
    assert t.pipeline.shut.topics == {"naruko/test/nobody/up"}
    t.says("t", SPRUNG).told("trap_sprung opened: hunter")


def test_the_topics_that_are_shut_are_bounded():
    shut = Shut()
    for n in range(5_000):
        shut.add(f"made-up/{n}", at("2026-11-21 21:00"))
    assert len(shut.topics) == Shut.MOST
    assert not shut.sheds(Message("made-up/1", b"", at("2026-11-21 21:01")))
    assert shut.topics == set()
