"""What survives a restart, whatever the instant; that the same input decides the same; and fuzzed input."""

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.model import Message, Notification, Verdict
from tests.timeline import (
    ARMED,
    CUT,
    LEANS,
    MENDED,
    SHAKES,
    SPRUNG,
    Timeline,
    animal,
    motion,
    nothing_else_was_told,  # noqa: F401
)
from tests.towns import (
    HOUR,
    MINUTE,
    SECOND,
    camera,
    device,
    gauge,
    person,
    pir,
    siren,
    slope,
    square,
    town,
    trap,
)

LEVELS = {"standby": 2.0, "caution": 3.0, "evac_judge": 3.5, "danger": 4.0, "overflow": 5.0}


def valley(**more):
    return town(
        devices=[
            camera("cam"),
            camera("cam-2", east=150),
            pir("pir", north=40, gateway="gw", heartbeat="10m"),
            trap("trap", owner="hunter", gateway="gw", heartbeat="10m"),
            gauge("gauge", LEVELS, heartbeat="10m"),
            slope("wire", heartbeat="0s"),
            slope("pole", "vibration", north=50, heartbeat="0s"),
            device("rain", "rain", heartbeat="0s"),
            siren("siren", use=("deter", "warn"), heartbeat="0s"),
            device("gw", "gateway"),
        ],
        zones=[
            square("paddy", "paddy"),
            square("flood", "flood", rivers=("gauge",)),
            square("below", "stream", rivers=("大沢",)),
        ],
        people=[
            person("sato", "farmer", "resident", zones=("paddy", "flood", "below")),
            person("hunter", "hunter", duty=("sat",)),
            person("night", "hunter", duty=("sun",)),
            person("office", "official"),
            person("corps", "corps"),
            person("operator", "operator"),
        ],
        **more,
    )


# --- restarts -------------------------------------------------------------------------------------


def test_a_restart_in_the_middle_of_everything_announces_nothing_again():
    t = Timeline(valley())
    t.says("cam", animal("bear")).says("trap", SPRUNG).says("wire", CUT).says("gauge", level_m=4.2)
    t.hears("gw", "pir", "rain")
    assert len({n.alert_id for n in t.unread}) == 4
    t.unread = []
    for _ in range(5):
        t.restart().passes(MINUTE)
    t.silence()
    t.says("trap", SPRUNG).says("wire", CUT).says("gauge", level_m=4.2).says("cam", animal("bear")).silence()


def test_signs_of_life_that_were_not_yet_saved_are_recalled_after_a_crash():
    t = Timeline(valley())
    for _ in range(4):
        t.passes(7_000).hears("cam")
    before = t.pipeline.state.rooms["health"]["cam"]
    t.restart()
    after = t.pipeline.state.rooms["health"]["cam"]
    assert (after.last_seen, after.last_at, after.seq, after.lost) == (t.now, t.now, before.seq, 0)
    t.passes(7_000).hears("cam")
    assert t.pipeline.lost() == 0
    t.silence()


def test_what_is_recalled_is_not_counted_twice():
    t = Timeline(valley())
    t.passes(7_000).hears("cam").passes(60_000).hears("cam")
    for _ in range(3):
        t.restart()
    assert t.pipeline.lost() == 0
    t.silence()


def test_timers_go_on_over_a_restart():
    t = Timeline(valley())
    t.says("cam", animal()).hears("gw", "pir", "gauge", "trap")
    t.told("animal_detected opened: sato hunter")
    for _ in range(9):
        t.restart().passes(MINUTE).hears("gw", "pir", "gauge", "trap")
    t.silence().restart().passes(MINUTE)
    t.told("animal_closed cleared: sato hunter")


def test_a_restart_does_not_begin_the_cooldown_or_the_confirmation_anew():
    t = Timeline(valley())
    t.says("pir", motion()).restart().passes(30 * SECOND).says("pir", motion())
    t.told("animal_detected opened: sato hunter")
    for _ in range(6):
        t.passes(5 * MINUTE).restart().hears("gw", "gauge", "trap", "pir").says("cam", animal())
    t.told("animal_update updated: sato hunter")


def test_a_hub_that_was_away_calls_nobody_silent_before_he_could_speak():
    t = Timeline(valley())
    t.hears("gw", "pir", "gauge", "trap", "cam", "cam-2")
    t.now += 5 * HOUR
    t.restart().pipeline.hearing_since = t.now
    t.passes(4 * MINUTE).silence()
    t.hears("gw", "pir", "gauge", "trap", "cam", "cam-2").passes(10 * MINUTE).silence()


Happening = tuple[int, str, Any]


def happenings() -> st.SearchStrategy[list[Happening]]:
    """(seconds since the last, device or act, what it says)."""
    levels = st.sampled_from([None, 0.0, 1.5, 1.9, 2.2, 2.6, 3.1, 3.6, 4.1, 5.2])
    says = st.one_of(
        st.tuples(st.sampled_from(["cam", "cam-2"]), st.sampled_from([animal("boar"), animal("bear", 0.5)])),
        st.tuples(st.just("pir"), st.just(motion())),
        st.tuples(st.just("trap"), st.sampled_from([SPRUNG, ARMED, None])),
        st.tuples(st.sampled_from(["wire"]), st.sampled_from([CUT, MENDED, None])),
        st.tuples(st.just("pole"), st.sampled_from([SHAKES, LEANS])),
        st.tuples(st.just("gauge"), levels),
        st.tuples(st.just("rain"), st.just(12.0)),
        st.tuples(st.sampled_from(["gw", "pir"]), st.none()),
        st.tuples(
            st.just("act"), st.sampled_from(["trap_reset trap", "debris_cancel 大沢", "siren_stop all"])
        ),
    )
    waits = st.sampled_from([0, 5, 30, 60, 120, 600, 1_800])
    return st.lists(st.tuples(waits, says).map(lambda w: (w[0], *w[1])), min_size=1, max_size=25)


def happen(t: Timeline, waited: int, who: str, what: Any) -> None:
    t.passes(waited * SECOND)
    if who == "act":
        t.does(*what.split())
    elif who == "gauge":
        t.says(who, level_m=what)
    elif who == "rain":
        t.says(who, rain_mm=what)
    else:
        t.says(who, *([what] if what else []))


def all_told(t: Timeline) -> list[Notification]:
    t.passes(HOUR)
    t.unread = []
    return t.notifications


@settings(max_examples=40, deadline=None)
@given(happenings(), st.integers(0, 25))
def test_a_restart_at_any_point_tells_exactly_what_would_have_been_told_without(sequence, cut):
    whole, halved = Timeline(valley()), Timeline(valley())
    for number, (waited, who, what) in enumerate(sequence):
        if number == cut:
            halved.restart()
            whole.pipeline.health_looked = 0  # a start looks all devices over at once
        happen(whole, waited, who, what)
        happen(halved, waited, who, what)
    assert all_told(halved) == all_told(whole)
    assert halved.commands == whole.commands
    assert halved.events == whole.events
    assert halved.pipeline.state.alerts == whole.pipeline.state.alerts


@settings(max_examples=15, deadline=None)
@given(happenings())
def test_the_same_input_decides_the_same(sequence):
    first, second = Timeline(valley()), Timeline(valley())
    for happening in sequence:
        happen(first, *happening)
        happen(second, *happening)
    assert all_told(first) == all_told(second)
    assert [r.verdict for r in first.receipts] == [r.verdict for r in second.receipts]


@settings(max_examples=20, deadline=None)
@given(happenings())
def test_a_replay_decides_the_same_but_sends_nothing_and_sounds_nothing(sequence):
    live, replay = Timeline(valley()), Timeline(valley(), live=False)
    for happening in sequence:
        if happening[1] != "act":
            happen(live, *happening)
            happen(replay, *happening)
    told, decided = all_told(live), all_told(replay)
    assert [(n.id, n.recipient, n.title) for n in told] == [(n.id, n.recipient, n.title) for n in decided]
    assert {n.status.value for n in decided} <= {"not_sent", "held"}
    assert replay.commands == []


@settings(max_examples=20, deadline=None)
@given(happenings(), st.sets(st.sampled_from(["cam", "pir", "trap", "gauge", "wire", "pole", "rain", "gw"])))
def test_a_hub_that_comes_back_with_fewer_devices_goes_on(sequence, gone):
    t = Timeline(valley())
    for happening in sequence:
        happen(t, *happening)
    smaller = valley()
    for name in gone:
        del smaller.devices[name]
    t.restart(smaller)
    for waited, who, what in sequence:
        happen(t, waited, who, what)
    all_told(t)


def test_all_devices_may_leave():
    t = Timeline(valley())
    t.says("cam", animal()).says("wire", CUT).says("trap", SPRUNG)
    t.unread = []
    t.restart(town()).does("debris_cancel", "大沢").does("trap_reset", "trap").passes(HOUR).silence()


# --- fuzz -----------------------------------------------------------------------------------------

TOPICS = st.one_of(
    st.sampled_from(
        [f"naruko/test/{name}/{end}" for name in valley().devices for end in ("up", "status", "done")]
    ),
    st.sampled_from(
        ["application/1/device/cam/event/up", "zigbee2mqtt/cam", "v3/a/devices/cam/up", "msh/2/json/a/b"]
    ),
    st.text(max_size=30),
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=10),
    st.just("2026-11-21T12:00:00Z"),
)
ENTRY = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["animal", "motion", "trap", "contact", "wire", "vibration", "tilt", "x"]),
        "state": st.sampled_from(["on", "off", "sprung", "armed", "open", "closed", "cut", "ok", "", "x"]),
        "species": st.sampled_from(["boar", "bear", "person", "unknown", "", "竜"]),
        "confidence": st.one_of(st.none(), st.floats()),
        "count": st.integers(-5, 10**6),
        "key": st.text(max_size=5),
    },
)
QUANTITIES = st.sampled_from(["level_m", "distance_m", "rain_mm", "battery_v", "air_c", "x", "", "Ä"])
OURS = st.fixed_dictionaries(
    {},
    optional={
        "v": st.sampled_from([1, 1, 1, 2, "1"]),
        "seq": st.one_of(st.integers(0, 2**40), SCALARS),
        "at": st.one_of(st.integers(0, 2**53), SCALARS),
        "m": st.dictionaries(QUANTITIES, st.one_of(st.none(), st.floats(-1e6, 1e6)), max_size=4),
        "e": st.lists(ENTRY, max_size=4),
        "state": SCALARS,
        "id": SCALARS,
        "result": SCALARS,
    },
)
PAYLOADS = st.one_of(OURS.map(lambda said: json.dumps(said).encode()), st.binary(max_size=60))
SOMETHING = st.tuples(TOPICS, PAYLOADS, st.booleans(), st.booleans(), st.integers(-2, 400))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.lists(SOMETHING, max_size=6), max_size=6), st.booleans())
def test_whatever_a_broker_may_carry_gets_one_receipt_and_stops_nothing(batches, live):
    t = Timeline(valley(), live=live, tick=MINUTE)
    for batch in batches:
        messages = []
        for topic, payload, retain, dup, seconds in batch:
            messages.append(Message(topic, payload, t.now + seconds * SECOND, retain, dup))
        t.passes(max([0, *(seconds for *_, seconds in batch)]) * SECOND)
        before = len(t.receipts)
        t.batch(messages)
        receipts = t.receipts[before:]
        assert [r.message for r in receipts] == messages
        assert all(r.reason for r in receipts if r.verdict is Verdict.QUARANTINED)
    t.restart().passes(HOUR)
    t.unread = []
    t.says("trap", SPRUNG)
    t.unread = []
    assert t.receipts[-1].verdict in {Verdict.STORED, Verdict.DUPLICATE}
