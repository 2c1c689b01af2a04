"""`naruko explain`: each step for one message, in words, with nothing stored or sent."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from hub.explain import explain
from tests.timeline import SPRUNG, animal
from tests.towns import HOUR, at, camera, gauge, person, siren, square, town, trap

NOON = at("2026-11-21 12:00")


def valley():
    return town(
        devices=[
            camera("cam"),
            trap("trap", owner="hunter"),
            gauge("gauge", {"standby": 2.0, "caution": 3.0}),
            siren("siren"),
        ],
        zones=[square("paddy", "paddy")],
        people=[person("sato", "farmer", zones=("paddy",)), person("hunter", "hunter")],
    )


def steps(name: str, *events, now: int = NOON, retain: bool = False, **fields) -> list[str]:
    payload = json.dumps({"v": 1, "e": list(events)} | fields).encode()
    return list(explain(valley(), f"naruko/test/{name}/up", payload, retain=retain, now=now))


def test_every_step_of_a_boar_is_shown_from_the_topic_to_the_text_for_each_phone():
    said = steps("cam", animal("boar", 0.83, count=2), seq=812, at=NOON, m={"battery_v": 3.61})
    assert said[0] == "topic: naruko/test/cam/up"
    assert "device: cam (cam), profile camera (animal), decoder naruko" in said
    assert "signal: animal boar, confidence 0.83" in said
    assert "verdict: stored" in said
    assert "reading: battery_v = 3.61 at 2026-11-21T12:00:00+09:00, flag 2 not_evaluated, live" in said
    assert "event: animal_seen species boar, count 2" in said
    assert "alert: animal, caution, at camの所 (paddy)" in said
    commands = [line for line in said if line.startswith("command")]
    assert [line.split(", pattern")[0] for line in commands] == ["command: siren deter sound and light"]
    told = [line for line in said if line.startswith("would tell")]
    assert [line.split(" because opened: ")[0] for line in told] == [
        "would tell: sato by mail,",
        "would tell: hunter by mail,",
    ]
    assert all("地図 https://www.google.com/maps" in line for line in told)


def test_a_message_that_is_put_aside_ends_with_its_reason():
    said = list(explain(valley(), "naruko/test/cam-9/up", b"{}", now=NOON))
    assert said[-1].startswith("verdict: quarantined: unknown device 'cam-9'")
    assert not any(line.startswith(("event", "alert", "would")) for line in said)


def test_an_event_of_which_nobody_is_told_says_so():
    assert steps("cam", animal("boar", 0.2))[-2:] == [
        "event: animal_suspect species unknown, count 1",
        "would tell: nobody",
    ]


def test_a_reading_that_means_nothing_has_no_event():
    assert steps("gauge", m={"level_m": 1.2})[-1] == "event: none"


def test_a_retained_event_is_shown_to_open_nothing():
    said = steps("trap", SPRUNG, retain=True)
    assert said[-1] == "event: none"


def test_a_late_event_says_that_it_is_late_and_sounds_no_siren():
    said = steps("trap", SPRUNG, at=NOON - 5 * HOUR)
    assert "event: trap_sprung, delayed" in said
    said = steps("cam", animal(), at=NOON - 600_000)
    assert any(line.startswith("event: animal_seen") and line.endswith(", delayed") for line in said)
    assert not any(line.startswith("command") for line in said)


def test_a_doubtful_reading_names_the_tests_that_it_did_not_pass():
    said = steps("gauge", at="2106-02-07T06:28:15Z", m={"distance_m": 99.0})
    assert "reading: distance_m = 99.0 at 2026-11-21T12:00:00+09:00, flag 4 fail (range, clock), live" in said


def test_no_address_of_a_person_is_shown():
    assert "@example.jp" not in "\n".join(steps("cam", animal()))


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=40), st.binary(max_size=80), st.booleans())
def test_whatever_is_typed_is_explained(topic, payload, retain):
    said = list(explain(valley(), topic, payload, retain=retain, now=NOON))
    assert any(line.startswith("verdict: ") for line in said)
    assert all(line.isprintable() for line in said)
