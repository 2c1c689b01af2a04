"""What is silenced is not told, comes to its end, and is told then where it is still so; work on devices."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from hub.alerts import Telling
from hub.config.policy import RepeatPolicy, SilencePolicy
from hub.model import Alert, AlertState, Event, EventKind, Reason, Severity, Status
from hub.telling.silences import Period, holding, parted
from tests.stepped import Stepped
from tests.timeline import ARMED, CUT, MENDED, SPRUNG, Timeline, animal, nothing_else_was_told
from tests.towns import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    UNCHASED,
    at,
    camera,
    device,
    gauge,
    person,
    siren,
    slope,
    square,
    town,
    trap,
)

__all__ = ["nothing_else_was_told"]

NOON = "2026-11-21 12:00"
LEVELS = {"standby": 2.0, "caution": 3.0, "danger": 4.0, "overflow": 5.0}
EVERY = ("trap", "cam", "other", "gauge", "wire", "siren")


def valley(**more):
    """A trap, two cameras in a paddy each, a gauge, a wire and a siren, none of which falls silent."""
    return town(
        devices=[
            trap("trap", owner="hunter", heartbeat="0s"),
            camera("cam", heartbeat="0s"),
            camera("other", east=2000, heartbeat="0s"),
            gauge("gauge", LEVELS, max_rise_m_per_10min=9.0, heartbeat="0s"),
            slope("wire", north=3000, heartbeat="0s"),
            siren("siren", north=30, heartbeat="0s"),
        ],
        zones=[
            square("paddy", "paddy"),
            square("east", "paddy", east=2000),
            square("flood", "flood", rivers=("gauge",)),
            square("below", "stream", north=3000, rivers=("大沢",)),
        ],
        people=[
            person("sato", "farmer", zones=("paddy",)),
            person("ito", "farmer", zones=("east",)),
            person("hunter", "hunter"),
            person("office", "official"),
            person("mori", "resident", zones=("flood", "below")),
        ],
        **{"trap": UNCHASED} | more,
    )


def hushed(t, target, minutes=60):
    return t.does("silence", target, who="office", minutes=str(minutes), reason="稲刈り")


# --- silences -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["device/cam", "zone/paddy", "kind/animal"])
@pytest.mark.parametrize("restarts", [False, True])
def test_what_is_silenced_is_told_to_nobody_and_is_over_when_it_is_over(target, restarts):
    t = hushed(Timeline(valley(), NOON), target)
    t.passes(MINUTE).says("cam", animal("boar"))
    if restarts:
        t.restart()
    assert t.ordered() == [("siren", "deter")], "a siren is no message"
    t.passes(30 * MINUTE).silence()
    (alert,) = t.alerts.values()
    assert (alert.state, alert.told) == (AlertState.RESOLVED, {})
    t.passes(HOUR).silence()
    assert t.pipeline.state.rooms["silence"] == t.pipeline.state.rooms["withheld"] == {}
    t.says("cam", animal("boar")).told("animal_detected opened: sato hunter")


@pytest.mark.parametrize("target", ["device/trap", "kind/trap"])
def test_what_is_still_so_when_the_silence_ends_is_told_then_and_once(target):
    t = hushed(Timeline(valley(), NOON), target, 30)
    t.at("12:10").says("trap", SPRUNG).passes(MINUTE).says("trap", SPRUNG).restart()
    t.at("12:29").silence()
    t.at("12:31")
    (text,) = t.told("trap_sprung opened: hunter")
    assert text.body.startswith("12:10 ")
    t.passes(HOUR).restart().passes(HOUR).silence()


def test_a_silence_is_ended_by_hand():
    t = hushed(Timeline(valley(), NOON), "device/trap", 300)
    t.passes(MINUTE).says("trap", SPRUNG).silence()
    t.passes(MINUTE).does("unsilence", "device/trap", who="office")
    t.told("trap_sprung opened: hunter")
    t.passes(HOUR).silence()


def test_of_two_silences_the_longer_counts():
    t = hushed(hushed(Timeline(valley(), NOON), "device/trap", 30), "kind/trap", 90)
    t.says("trap", SPRUNG).at("13:29").silence()
    t.at("13:31").told("trap_sprung opened: hunter")


def test_what_another_device_says_is_told():
    t = hushed(Timeline(valley(), NOON), "device/cam")
    t.says("other", animal("boar")).told("animal_detected opened: ito hunter")


def test_a_visit_that_reaches_a_zone_that_is_not_silenced_is_told_there():
    t = Timeline(valley(), NOON)
    near = camera("edge", east=1950, heartbeat="0s")
    t.restart(town_with(t.town, near))
    hushed(t, "zone/paddy")
    t.says("edge", animal("boar")).told("animal_detected opened: ito hunter")


def test_a_bear_in_a_silenced_paddy_is_told_where_people_live_in_its_flood_area():
    t = hushed(Timeline(valley(), NOON), "zone/paddy")
    t.says("cam", animal("bear")).told("animal_bear opened: sato hunter office mori")


def town_with(ground, *devices):
    ground.devices.update({d.id: d for d in devices})
    return ground


def test_what_is_for_life_is_never_silenced():
    t = Timeline(valley(), NOON)
    for target in ("device/wire", "zone/below", "kind/debris", "device/gauge", "kind/river"):
        hushed(t, target, 600)
    t.says("wire", CUT).told("debris_unconfirmed opened: office", "debris_flow opened: mori")
    t.says("gauge", level_m=4.2).silence()
    t.passes(10 * MINUTE).says("gauge", level_m=5.2)
    t.told("river_lv5 escalated: office mori")


def test_the_end_of_what_somebody_was_told_is_told_in_a_silence_too():
    t = Timeline(valley(), NOON)
    t.says("gauge", level_m=3.2).told("river_lv2 opened: office mori")
    hushed(t, "kind/river", 600).passes(10 * MINUTE).says("gauge", level_m=4.2).silence()
    for _ in range(4):
        t.passes(10 * MINUTE).says("gauge", level_m=1.0)
    t.told("river_cleared cleared: office mori")


def test_a_river_is_told_at_the_end_of_a_silence_as_it_is_by_then():
    t = hushed(Timeline(valley(), NOON), "device/gauge", 120)
    for level_m in (4.2, *[3.3] * 5):
        t.says("gauge", level_m=level_m).passes(10 * MINUTE)
    t.silence()
    t.at("14:01")
    (text, _) = t.told("river_lv2 escalated: office mori")
    assert "いま3.30m" in text.body
    assert text.severity == Severity.CAUTION


def test_what_is_silenced_is_not_told_again_either():
    t = Timeline(valley(repeat=RepeatPolicy()), NOON)
    t.says("gauge", level_m=4.2).told("river_lv4 opened: office mori")
    hushed(t, "kind/river", 25).passes(24 * MINUTE).silence()
    t.passes(20 * MINUTE)
    t.told("river_lv4 repeated: office")


def test_a_silence_has_always_an_end_and_no_longer_one_than_the_town_allows():
    t = Timeline(valley(silence=SilencePolicy(longest="2h")), NOON)
    t.does("silence", "device/trap", minutes="99999").does("silence", "kind/animal", minutes="")
    t.does("silence", "kind/river", minutes="-5").does("silence", "kind/debris", minutes="bald")
    t.does("silence", "kind/bear", minutes="143998560")
    lasts = {target: period.lasts for target, period in t.pipeline.state.rooms["silence"].items()}
    assert lasts["device/trap"] == lasts["kind/bear"] == 2 * HOUR
    assert {lasts["kind/animal"], lasts["kind/river"], lasts["kind/debris"]} == {HOUR}


@pytest.mark.parametrize(
    "target", ["", "device/", "device/none", "zone/none", "kind/none", "everything/all", "device"]
)
def test_what_is_not_there_is_not_silenced(target):
    t = Timeline(valley(), NOON)
    t.does("silence", target, minutes="60").does("unsilence", target)
    assert t.pipeline.state.rooms["silence"] == {}


def test_a_silence_lasts_as_long_whatever_the_clock_is_set_to():
    t = Stepped(valley(), "2026-11-21 12:00", off=60_000 - at("2026-11-21 12:00"))
    hushed(t, "device/trap", 150).says("trap", SPRUNG).passes(HOUR).set_clock(-t.off)
    t.passes(89 * MINUTE).silence()
    t.passes(2 * MINUTE).told("trap_sprung opened: hunter")


def test_while_the_clock_is_not_set_a_silence_ends_too():
    t = Stepped(valley(), "2026-11-21 12:00", off=60_000 - at("2026-11-21 12:00"))
    hushed(t, "device/trap", 30).says("trap", SPRUNG).passes(31 * MINUTE)
    t.told("trap_sprung opened: hunter")


def test_what_a_storm_would_hold_is_held_when_the_silence_ends():
    traps = [trap(f"t{n}", north=50 * n, owner="hunter", heartbeat="0s") for n in range(12)]
    ground = town(traps, people=[person("hunter", "hunter")], trap=UNCHASED)
    t = hushed(Timeline(ground, NOON), "kind/trap", 30)
    for each in traps:
        t.says(each.id, SPRUNG)
    t.passes(29 * MINUTE).silence()
    t.passes(2 * MINUTE)
    states = [n.status for n in t.unread if n.template == "trap_sprung"]
    assert (states.count(Status.PENDING), states.count(Status.HELD)) == (5, 7)
    t.passes(3 * MINUTE).unread.clear()


@given(
    st.lists(st.tuples(st.integers(0, 300), st.integers(1, 200)), max_size=6),
    st.integers(0, 500),
)
def test_a_target_is_silent_exactly_while_its_period_lasts(periods, now):
    known = {f"device/{n}": Period(since, lasts) for n, (since, lasts) in enumerate(periods)}
    silent = holding(known, now)
    for target, period in known.items():
        assert (target in silent) == (period.since <= now < period.since + period.lasts)
        assert not (target in silent and period.is_over(now))


@given(
    st.sampled_from(Severity),
    st.lists(st.tuples(st.sampled_from(Reason), st.sampled_from(Severity), st.booleans()), max_size=4),
)
def test_nothing_that_is_for_life_and_no_end_is_ever_withheld_and_nothing_is_both(severity, rows):
    alert = replace(ALERT, severity=severity)
    tellings = [Telling("t", reason, grave, to_told=to_told) for reason, grave, to_told in rows]
    told, withheld = parted(alert, EVENT, tellings)
    assert len(told) + len(withheld) <= len(tellings)
    for telling in withheld:
        assert max(severity, telling.severity) < Severity.LIFE
        assert telling.reason not in {Reason.CLEARED, Reason.CANCELLED, Reason.FALLING}
    for telling in tellings:
        if max(severity, telling.severity) >= Severity.LIFE:
            assert telling in told


EVENT = Event("e", EventKind.LEVEL_UP, "river/gauge", "gauge", 0, 0)
ALERT = Alert("a", "river/gauge", "river", Severity.CAUTION, "gauge", 0, 0, None, None, "", "")


# --- work on devices ----------------------------------------------------------------------------------


def at_work(t, device, minutes=120, **form):
    return t.does("maintenance", device, who="office", minutes=str(minutes), **form)


def test_a_device_at_work_opens_nothing_and_sounds_nothing():
    t = Timeline(valley(), NOON)
    for id in EVERY:
        at_work(t, id)
    t.restart().says("trap", SPRUNG).says("cam", animal("bear")).says("wire", CUT).says("gauge", level_m=5.2)
    t.passes(HOUR).silence()
    assert (t.alerts, t.ordered()) == ({}, [])


def test_after_the_work_the_device_is_heard_again_and_what_is_so_then_is_told():
    t = Timeline(valley(), NOON)
    for id in EVERY:
        at_work(t, id, 60)
    t.says("trap", SPRUNG).says("gauge", level_m=3.2).at("13:01").silence()
    t.says("trap", SPRUNG).says("gauge", level_m=3.2)
    t.told("trap_sprung opened: hunter", "river_lv2 opened: office mori")
    t.says("cam", animal("boar")).told("animal_detected opened: sato hunter")
    assert t.ordered() == [("siren", "deter")]
    t.passes(11 * MINUTE).told("animal_closed cleared: sato hunter")


def test_the_work_is_ended_by_hand():
    t = at_work(Timeline(valley(), NOON), "trap", 600).does("maintenance_end", "trap")
    t.says("trap", SPRUNG).told("trap_sprung opened: hunter")


def test_work_is_planned_for_its_hour():
    t = at_work(Timeline(valley(), NOON), "trap", 60, start="2026-11-21T15:00")
    t.says("trap", SPRUNG).told("trap_sprung opened: hunter")
    t.does("trap_reset", "trap").told("trap_reset cleared: hunter")
    t.at("15:01").says("trap", ARMED).says("trap", SPRUNG).silence()
    t.at("16:01").says("trap", SPRUNG).told("trap_sprung opened: hunter")


@pytest.mark.parametrize("start", ["tomorrow", "2026-13-01T00:00", "9999-12-31T23:59", "2028-01-01T00:00"])
def test_a_start_that_is_no_time_plans_nothing(start):
    t = at_work(Timeline(valley(), NOON), "trap", 60, start=start)
    assert t.pipeline.state.rooms["maintenance"] == {}


def test_the_silence_of_a_device_at_work_is_not_told_until_the_work_is_over():
    ground = town([camera("cam", heartbeat="10m")], people=[person("operator", "operator")])
    t = at_work(Timeline(ground, NOON).hears("cam"), "cam", 180)
    t.at("14:59").silence()
    t.at("15:01").told("sensor_offline opened: operator")


@pytest.mark.parametrize("hub_is_down", [False, True])
def test_a_gateway_at_work_excuses_its_devices_and_is_told_when_it_is_not_back_after_it(hub_is_down):
    children = [camera(f"c{n}", gateway="gw", heartbeat="10m") for n in range(3)]
    ground = town([device("gw", "gateway"), *children], people=[person("operator", "operator")])
    t = Timeline(ground, NOON).hears("gw", "c0", "c1", "c2")
    at_work(t, "gw", 180).at("14:59").silence()
    if hub_is_down:
        t.now += 2 * MINUTE
        t.restart()
    t.passes(2 * MINUTE).told("gateway_offline opened: operator")
    t.passes(HOUR).silence()
    t.hears("gw", "c0", "c1", "c2").passes(MINUTE).told("gateway_back cleared: operator")


def test_a_gateway_that_was_told_as_silent_before_the_work_is_not_told_again_after_it():
    ground = town([device("gw", "gateway")], people=[person("operator", "operator")])
    t = Timeline(ground, NOON).hears("gw").at("13:00")
    t.told("gateway_offline opened: operator")
    at_work(t, "gw", 60).at("14:30").silence()


def test_what_is_wrong_with_a_device_at_work_is_told_when_the_work_is_over_and_it_still_is():
    ground = valley()
    ground.people["operator"] = person("operator", "operator")
    t = at_work(Timeline(ground, NOON), "trap", 60)
    t.says("trap", battery_v=3.0).passes(30 * MINUTE).restart().silence()
    t.passes(31 * MINUTE).told("battery_low opened: operator")


def test_an_alert_that_was_open_before_the_work_ends_as_ever():
    t = Timeline(valley(), NOON)
    t.says("trap", SPRUNG).told("trap_sprung opened: hunter")
    at_work(t, "trap", 60).passes(MINUTE).does("trap_reset", "trap")
    t.told("trap_reset cleared: hunter")


def test_the_work_of_the_config_stays_when_that_of_an_act_is_over():
    ground = valley()
    ground.devices["cam"] = ground.devices["cam"].model_copy(update={"maintenance": True})
    t = at_work(Timeline(ground, NOON), "cam", 30)
    t.passes(31 * MINUTE).says("cam", animal("boar")).passes(DAY).silence()


def test_a_cut_wire_that_was_mended_in_the_work_is_no_debris_flow():
    t = at_work(Timeline(valley(), NOON), "wire", 60)
    t.says("wire", CUT).passes(30 * MINUTE).says("wire", MENDED).passes(31 * MINUTE).says("wire", MENDED)
    t.passes(10 * SECOND).silence()
    t.says("wire", CUT).told("debris_unconfirmed opened: office", "debris_flow opened: mori")


def test_work_on_what_is_not_there_changes_nothing():
    t = at_work(Timeline(valley(), NOON), "nothing").does("maintenance_end", "nothing")
    assert t.pipeline.state.rooms["maintenance"] == {}
