"""What goes and comes again and again is told as that: once, then once a day, and when it is over."""

from collections import Counter
from functools import cache

from hypothesis import given
from hypothesis import strategies as st

from hub.detect import flapping
from hub.detect.flapping import Bounce, Flap
from hub.model import EventKind
from hub.replay import Replay, walk
from tests.data import data_dir, needs_data
from tests.timeline import (
    ARMED,
    SPRUNG,
    Timeline,
    nothing_else_was_told,  # noqa: F401
)
from tests.towns import DAY, HOUR, MINUTE, UNCHASED, at, device, gauge, person, pir, town, trap

OPERATOR = person("operator", "operator")
LEVELS_M = {"standby": 2.0, "caution": 3.0}


def field(*devices, **policy) -> Timeline:
    people = [OPERATOR, person("hunter", "hunter")]
    return Timeline(town(devices=devices, people=people, **policy), tick=MINUTE)


def speaks_every(t: Timeline, id: str, interval: int, during: int, **m: float) -> None:
    for _ in range(during // interval):
        t.says(id, **m).passes(interval)


ONE_SILENCE = ["sensor_offline opened: operator", "sensor_back cleared: operator"]


# --- silence and return -----------------------------------------------------------------------------


def test_the_third_silence_of_a_day_is_told_as_flapping_with_its_count_and_no_more_is_told_that_day():
    t = field(pir("a", heartbeat="10m"))
    speaks_every(t, "a", HOUR, 24 * HOUR)
    told = t.told(*ONE_SILENCE * 2, "device_flapping opened: operator")
    assert "停止と復旧をくり返しています" in told[-1].body
    assert "で3回" in told[-1].body
    assert len([e for e in t.events if e.kind is EventKind.DEVICE_SILENT]) == 24


def test_while_it_goes_on_it_is_told_once_a_day_with_how_often_it_was():
    t = field(pir("a", heartbeat="10m"))
    speaks_every(t, "a", HOUR, 24 * HOUR)
    t.told(*ONE_SILENCE * 2, "device_flapping opened: operator")
    speaks_every(t, "a", HOUR, 3 * DAY)
    told = t.told(*["device_flapping updated: operator"] * 3)
    assert all("24時間で24回" in n.body for n in told)


def test_steady_for_a_day_is_told_and_the_next_silence_is_told_for_itself_again():
    t = field(pir("a", heartbeat="10m"))
    speaks_every(t, "a", HOUR, 5 * HOUR)
    t.told(*ONE_SILENCE * 2, "device_flapping opened: operator")
    speaks_every(t, "a", 10 * MINUTE, 23 * HOUR)
    t.silence()
    speaks_every(t, "a", 10 * MINUTE, 2 * HOUR)
    (steady,) = t.told("device_steady cleared: operator")
    assert steady.title == "【機器 安定】a"
    assert t.open() == []
    t.passes(HOUR).says("a").told(*ONE_SILENCE)


def test_a_flapping_device_that_stays_silent_twice_as_long_as_ever_is_told_as_silent():
    t = field(pir("a", heartbeat="10m"))
    speaks_every(t, "a", HOUR, 6 * HOUR)
    t.told(*ONE_SILENCE * 2, "device_flapping opened: operator")
    t.says("a").passes(2 * HOUR - MINUTE).silence()
    t.passes(2 * MINUTE).told("sensor_offline opened: operator")
    t.passes(10 * HOUR).silence()
    t.says("a").told("sensor_back cleared: operator")


def test_the_hint_follows_what_is_known_of_the_device():
    regular = field(pir("a", heartbeat="10m"))
    speaks_every(regular, "a", HOUR, 4 * HOUR)
    text = regular.told(*ONE_SILENCE * 2, "device_flapping opened: operator")[-1].body
    assert "約60分おきに届いています。" in text
    assert "heartbeat" in text

    irregular = field(pir("a", heartbeat="10m"))
    for pause in (40, 100, 35, 200):
        irregular.says("a").passes(pause * MINUTE)
    bodies = [n.body for n in irregular.unread if n.template == "device_flapping"]
    assert ["電波、電源" in body for body in bodies] == [True]
    irregular.unread = []

    weak = field(trap("t", heartbeat="10m"))
    for _ in range(3):
        weak.says("t", battery_v=3.2).passes(HOUR)
    (body,) = [n.body for n in weak.unread if n.template == "device_flapping" and n.recipient == "operator"]
    assert "電池が残り少ない" in body
    weak.unread = []


def test_a_gauge_above_caution_is_told_at_every_silence():
    t = Timeline(
        town(devices=[gauge("biwa", LEVELS_M, heartbeat="10m", flood_heartbeat="10m")], people=[OPERATOR]),
        tick=MINUTE,
    )
    speaks_every(t, "biwa", HOUR, 8 * HOUR, level_m=3.5)
    told = Counter(n.template for n in t.unread)
    assert told == {"river_unwatched": 8, "sensor_back": 7}
    t.unread = []


def test_a_gateway_that_flaps_is_told_as_flapping_and_its_devices_are_not_told_at_all():
    children = [pir(f"a{n}", gateway="gw", heartbeat="10m") for n in range(5)]
    t = field(device("gw", "gateway", heartbeat="5m"), *children)
    for _ in range(12):
        t.hears("gw", *(c.id for c in children)).passes(HOUR)
    t.told(
        *["gateway_offline opened: operator", "gateway_back cleared: operator"] * 2,
        "device_flapping opened: operator",
    )


def test_flapping_survives_a_restart():
    t = field(pir("a", heartbeat="10m"))
    for _ in range(24):
        t.says("a").passes(HOUR).restart()
    t.told(*ONE_SILENCE * 2, "device_flapping opened: operator")


# --- batteries, babblers, traps -----------------------------------------------------------------------


def test_a_battery_that_goes_low_and_well_all_day_is_told_as_flapping():
    t = field(trap("t"), trap=UNCHASED)
    for _ in range(24):
        t.says("t", battery_v=3.2).passes(30 * MINUTE).says("t", battery_v=3.55).passes(30 * MINUTE)
    told = t.told(*["battery_low opened: operator"] * 2, "device_flapping opened: operator")
    assert "電池の低下と回復" in told[-1].body


def test_a_device_that_babbles_every_hour_is_told_as_flapping():
    t = field(pir("a"))
    for _ in range(12):
        for n in range(130):
            t.says("a", at=t.now + n)
        t.passes(HOUR)
    told = t.told(*["babbling opened: operator"] * 2, "device_flapping opened: operator")
    assert "送りすぎ" in told[-1].body


def test_a_trap_that_springs_and_arms_itself_all_day_is_told_as_flapping_to_operator_and_owner():
    t = field(trap("t"), trap=UNCHASED)
    for _ in range(12):
        t.says("t", SPRUNG).passes(30 * MINUTE).says("t", ARMED).passes(30 * MINUTE)
    told = t.told(
        "trap_sprung opened: hunter",
        *["trap_sprung updated: hunter"] * 2,
        "device_flapping opened: hunter operator",
    )
    assert "わなは目で見て確かめてください" in told[-1].body


def test_a_trap_that_a_person_resets_is_a_new_catch_each_time():
    t = field(trap("t"), trap=UNCHASED)
    for _ in range(5):
        t.says("t", SPRUNG).passes(HOUR).does("trap_reset", "t").says("t", ARMED).passes(HOUR)
    t.told(*["trap_sprung opened: hunter", "trap_reset cleared: hunter"] * 5)


def test_a_trap_is_steady_after_a_day():
    t = field(trap("t", heartbeat="24h"), trap=UNCHASED)
    for _ in range(5):
        t.says("t", SPRUNG).passes(30 * MINUTE).says("t", ARMED).passes(30 * MINUTE)
    t.unread = []
    t.passes(DAY + HOUR).told("device_steady cleared: hunter operator")


# --- the judgement ------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 30 * HOUR), max_size=80), st.integers(1, 5))
def test_in_no_day_more_than_the_first_few_and_one_word_of_the_flapping_are_told(pauses, after):
    flap, now, told = flapping.NONE, at("2026-11-21 21:00"), []
    for pause in pauses:
        now += pause
        flap, bounce, events = flapping.flap_of(pir("a"), flap, "silence", now, after=after)
        assert (bounce is Bounce.FLAPPING) == bool(events)
        if bounce is not Bounce.QUIET:
            told.append(now)
        if flapping.is_steady(flap, 0, now):
            flap = flapping.NONE
    for first, last in zip(told, told[after + 1 :], strict=False):
        assert last - first >= DAY


def test_the_count_that_is_told_is_of_all_that_was_not():
    flap, now, counted = flapping.NONE, at("2026-11-21 21:00"), 0
    for _ in range(200):
        now += 50 * MINUTE
        flap, bounce, events = flapping.flap_of(pir("a"), flap, "silence", now)
        counted += bounce is Bounce.PLAIN and not flap.since
        counted += sum(e.count for e in events)
    assert counted + flap.count == 200 + flapping.AFTER


def test_a_pause_of_the_clock_is_no_reason_to_forget():
    flap = Flap(times=(at("2026-11-22 21:00"),))
    later, bounce = flapping.bounced(flap, at("2026-11-21 21:00"))
    assert (bounce, later.times) == (Bounce.PLAIN, (at("2026-11-21 21:00"),))


# --- a recorded gauge -----------------------------------------------------------------------------------

RIVERS = data_dir() / "river"
KOTO = {"standby": 3.80, "caution": 5.00, "evac_judge": 5.10, "danger": 5.50}


@cache
def koto() -> tuple[dict[int, int], int]:
    """(texts by day, silences and returns) of the Koto gauge of 2025, set to 10 min."""
    ground = town(
        devices=[gauge("koto-jiseiji", KOTO, heartbeat="10m")],
        people=[OPERATOR],
    )
    days: Counter[int] = Counter()
    happened = 0
    files = [RIVERS / "jp_koto_jiseiji_2025_arrivals_0628_0712.csv"]
    for now, outcome in Replay(ground).play(walk(files, "test")):
        days[now // DAY] += sum(n.recipient == "operator" for n in outcome.notifications)
        happened += sum(e.kind in (EventKind.DEVICE_SILENT, EventKind.DEVICE_BACK) for e in outcome.events)
    return days, happened


@needs_data
def test_a_gauge_that_reports_irregularly_is_a_handful_of_texts_a_day_and_not_forty():
    days, happened = koto()
    assert happened > 400
    assert max(days.values()) <= 6
    assert sum(days.values()) / len(days) <= 3
    assert sum(days.values()) >= len(days) // 2, "it is told once a day that it goes on"
