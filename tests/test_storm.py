"""Storms: people get the few messages that matter, and a count of what was held."""

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.config.policy import StormPolicy
from hub.model import Notification, Reason, Severity, Status
from hub.telling import storm
from tests.ledgers import waiting
from tests.storms import (
    BOTH,
    FIRST,
    LEVELS_M,
    WITHIN,
    as_they_are,
    gauges_town,
    held,
    read,
    spring,
    summaries,
    trap_town,
)
from tests.timeline import (
    ARMED,
    CUT,
    SPRUNG,
    Timeline,
    animal,
    nothing_else_was_told,  # noqa: F401
)
from tests.towns import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    at,
    camera,
    device,
    gauge,
    person,
    pir,
    slope,
    square,
    town,
    trap,
)

# --- many at once -----------------------------------------------------------------------------------


def test_300_traps_within_a_minute_are_five_messages_and_one_count_of_the_rest():
    t = Timeline(trap_town(300))
    spring(t, 300)
    t.passes(5 * MINUTE)
    told = read(t)
    assert len(as_they_are(told)) == 5
    assert len(held(told)) == 295
    (summary,) = summaries(told)
    assert (summary.recipient, summary.reason, summary.status) == ("hunter", Reason.SUMMARY, Status.PENDING)
    assert summary.severity is Severity.WARNING
    assert summary.title == "【まとめ】ほかに295件"
    assert "（わな295）" in summary.body
    assert "わな t5の所" in summary.body
    assert "わな t299の所" in summary.body
    assert "36.0" in summary.body
    assert t.now - t.notifications[0].created_at <= 6 * MINUTE
    t.passes(HOUR).silence()


def test_the_summary_comes_within_minutes_of_the_first_that_was_held():
    t = Timeline(trap_town(10))
    spring(t, 10, over=10 * SECOND)
    t.passes(10 * MINUTE)
    told = read(t)
    (summary,) = summaries(told)
    assert summary.created_at - held(told)[0].created_at <= 2 * MINUTE + 10 * SECOND


def test_every_alert_of_a_storm_is_open_and_every_notification_of_it_is_in_the_ledger():
    t = Timeline(trap_town(40))
    spring(t, 40)
    assert len(t.open("trap")) == 40
    rows = [n for alert in t.ledger.open_alerts() for n in t.ledger.notifications_of(alert.id)]
    assert Counter(n.status for n in rows) == {Status.PENDING: 5, Status.HELD: 35}
    assert {n.finished_at is None for n in rows if n.status is Status.HELD} == {False}
    assert {n.id for n in waiting(t.ledger, t.now)} == {n.id for n in rows if n.status is Status.PENDING}
    t.passes(5 * MINUTE)
    read(t)


def test_what_is_held_names_the_summary_that_counts_it():
    t = Timeline(trap_town(20))
    spring(t, 20)
    t.passes(5 * MINUTE)
    told = read(t)
    (summary,) = summaries(told)
    assert {n.error for n in held(told)} == {f"storm: counted in {summary.alert_id}"}
    assert summary.alert_id.startswith(storm.PREFIX)


def test_every_channel_has_its_summary_and_each_piece_of_news_counts_once():
    people = [person("hunter", "hunter", channels=BOTH), person("jane", "hunter", channels=BOTH, lang="en")]
    t = Timeline(town(devices=[trap(f"t{n}", north=n) for n in range(12)], people=people))
    spring(t, 12)
    t.passes(5 * MINUTE)
    found = {(n.recipient, n.channel_kind): n for n in summaries(read(t))}
    assert len(found) == 4
    assert "7件" in found["hunter", "sms"].body
    assert found["jane", "mail"].title == "[SUMMARY] 7 more alerts"
    assert all(len(n.body) <= 70 for (_, kind), n in found.items() if kind == "sms")


def test_five_are_no_storm_and_the_sixth_is_told_when_ten_minutes_have_passed():
    t = Timeline(trap_town(6))
    spring(t, 5, over=5 * SECOND)
    t.passes(10 * MINUTE)
    spring(t, 1, first=5)
    told = read(t)
    assert len(as_they_are(told)) == len(told) == 6


def test_one_kind_of_news_does_not_hold_back_another():
    t = Timeline(trap_town(30))
    spring(t, 30)
    read(t)
    t.says("cam", animal("boar")).told("animal_detected opened: hunter")
    t.passes(20 * MINUTE)
    read(t)


def test_a_storm_that_goes_on_is_summed_up_at_growing_intervals():
    t = Timeline(trap_town(300))
    for n in range(300):
        t.says(f"t{n}", SPRUNG).passes(MINUTE)
    t.passes(2 * HOUR)
    told = read(t)
    assert len(as_they_are(told)) == 5
    times = [n.created_at - told[0].created_at for n in summaries(told)]
    pauses = [round((b - a) / MINUTE) for a, b in pairwise(times)]
    assert pauses == [10, 30, *[60] * (len(pauses) - 2)]
    assert (
        sum(int(n.title.removeprefix("【まとめ】ほかに").removesuffix("件")) for n in summaries(told)) == 295
    )


def test_what_is_graver_than_all_that_was_held_does_not_wait_for_the_long_interval():
    cams = [camera(f"c{n}", north=400.0 * n) for n in range(40)]
    gauges = [gauge(f"g{n}", LEVELS_M) for n in range(40)]
    t = Timeline(town(devices=[*cams, *gauges], people=[person("corps", "corps")]))
    for n in range(39):
        t.says(f"g{n}", level_m=2.1).passes(MINUTE)
    read(t)
    before = t.now
    t.says("g0", level_m=3.6).passes(3 * MINUTE)
    (summary,) = summaries(read(t))
    assert summary.severity is Severity.WARNING
    assert summary.created_at - before <= 2 * MINUTE + 10 * SECOND
    t.passes(2 * HOUR)
    read(t)


# --- the devices themselves ---------------------------------------------------------------------------


def test_of_the_devices_themselves_three_are_told_and_the_rest_is_counted():
    devices = [pir(f"a{n}", heartbeat="10m") for n in range(30)]
    t = Timeline(town(devices=devices, people=[person("operator", "operator")]))
    for d in devices:
        t.says(d.id)
    t.passes(40 * MINUTE)
    told = read(t)
    assert len(as_they_are(told)) == 3
    (summary,) = summaries(told)
    assert "（機器27）" in summary.body


def test_a_gateway_with_50_children_dies_with_one_message_and_comes_back_with_one():
    children = [pir(f"a{n}", gateway="gw", heartbeat="10m") for n in range(50)]
    operator = person("operator", "operator")
    t = Timeline(town(devices=[device("gw", "gateway", heartbeat="5m"), *children], people=[operator]))

    def all_speak(*but: str) -> None:
        for _ in range(6):
            t.hears("gw", *(c.id for c in children if c.id not in but)).passes(5 * MINUTE)

    all_speak()
    t.silence()
    t.passes(4 * HOUR)
    (silent,) = t.told("gateway_offline opened: operator")
    assert "つながる50台は今、見張れていません" in silent.body
    t.hears("gw")
    t.told("gateway_back cleared: operator")
    all_speak("a48", "a49")
    missing = t.told(*["sensor_offline opened: operator"] * 2)
    assert {n.title for n in missing} == {"【機器 停止】a48", "【機器 停止】a49"}


# --- surviving ----------------------------------------------------------------------------------------


def test_a_storm_survives_a_restart():
    t = Timeline(trap_town(40))
    spring(t, 20, over=10 * SECOND)
    t.restart()
    spring(t, 20, first=20, over=10 * SECOND)
    t.restart().passes(5 * MINUTE)
    told = read(t)
    assert len(as_they_are(told)) == 5
    (summary,) = summaries(told)
    assert summary.title == "【まとめ】ほかに35件"


def test_what_was_held_from_someone_who_has_left_is_told_to_nobody():
    t = Timeline(trap_town(10))
    spring(t, 10, over=10 * SECOND)
    read(t)
    t.restart(trap_town(10, owner="kaneko")).passes(HOUR).silence()
    assert t.pipeline.state.rooms["storm"]["hunter"].since == 0


def test_a_replay_holds_as_the_hub_would_and_sends_nothing():
    t = Timeline(trap_town(20), live=False)
    spring(t, 20)
    t.passes(5 * MINUTE)
    told = read(t)
    assert Counter(n.status for n in told) == {Status.NOT_SENT: 6, Status.HELD: 15}


def test_a_clock_that_was_set_back_does_not_keep_a_summary():
    policy = StormPolicy()
    calm = storm.CALM
    assert not storm.due(policy, calm, at("2026-11-21 21:00"))
    held_now = storm.Storm(since=1, due_at=at("2026-11-22 21:00"), held={"trap": 1})
    assert storm.due(policy, held_now, at("2026-11-21 21:00"))
    assert not storm.due(policy, held_now, at("2026-11-22 20:59"))


# --- what always holds --------------------------------------------------------------------------------

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["trap", "reset", "level", "animal"]),
        st.integers(0, 11),
        st.sampled_from([0, 1, 20, 120, 900]),
        st.sampled_from([1.5, 2.2, 3.2, 3.6, 4.2]),
    ),
    max_size=60,
)


@settings(max_examples=40, deadline=None)
@given(STEPS)
def test_everything_decided_is_told_or_held_and_counted_in_exactly_one_summary(steps):
    traps = [trap(f"t{n}", north=3.0 * n, heartbeat="24h") for n in range(12)]
    gauges = [gauge(f"g{n}", LEVELS_M, heartbeat="24h") for n in range(12)]
    cams = [camera(f"c{n}", north=400.0 * n, heartbeat="24h") for n in range(12)]
    people = [
        person("hunter", "hunter", channels=BOTH),
        person("office", "official"),
        person("corps", "corps"),
    ]
    t = Timeline(town(devices=[*traps, *gauges, *cams], people=people), tick=MINUTE)
    for what, n, pause, level_m in steps:
        if what == "trap":
            t.says(f"t{n}", SPRUNG)
        elif what == "reset":
            t.does("trap_reset", f"t{n}")
        elif what == "level":
            t.says(f"g{n}", level_m=level_m)
        else:
            t.says(f"c{n}", animal("boar"))
        t.passes(pause * SECOND)
    t.passes(3 * HOUR)
    told = read(t)
    assert {n.status for n in told} <= {Status.PENDING, Status.HELD}
    counted = {(n.alert_id, n.recipient): n for n in summaries(told)}
    news = Counter()
    for n in held(told):
        if n.channel == 0:
            news[n.error.removeprefix("storm: counted in "), n.recipient] += 1
    assert news.keys() == counted.keys()
    for key, number in news.items():
        assert f"ほかに{number}件" in counted[key].title + counted[key].body
    _nobody_gets_too_much(told)
    assert all(not s.held and not s.since for s in t.pipeline.state.rooms["storm"].values())


def _nobody_gets_too_much(told: list[Notification]) -> None:
    """In no ten minutes more than five of one class below danger; of summaries two at most."""
    times: dict[tuple[str, str], list[int]] = {}
    for n in as_they_are(told):
        if n.channel == 0 and n.severity < Severity.DANGER and n.reason not in storm.ENDS:
            times.setdefault((n.recipient, storm.class_of(n.alert_id.partition("-")[0])), []).append(
                n.created_at
            )
    for n in summaries(told):
        if n.channel == 0:
            times.setdefault((n.recipient, "summary"), []).append(n.created_at)
    for (_, news), found in times.items():
        most = 3 if news == "summary" else FIRST
        for first, last in zip(found, found[most:], strict=False):
            assert last - first >= WITHIN, news


# --- bouncing -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pause", [MINUTE, 9 * MINUTE])
def test_a_trap_that_bounces_within_minutes_is_told_once(pause: int):
    t = Timeline(town(devices=[trap("t")], people=[person("hunter", "hunter")]))
    for _ in range(20):
        t.says("t", SPRUNG).passes(pause).says("t", ARMED).passes(pause)
    t.told("trap_sprung opened: hunter")


def test_a_wire_that_bounces_is_told_once():
    people = [person("office", "official"), person("mori", "resident", zones=("below",))]
    zones = [square("below", "stream", rivers=("大沢",))]
    t = Timeline(town(devices=[slope("wire")], zones=zones, people=people))
    for _ in range(60):
        t.says("wire", CUT).passes(30 * SECOND).says("wire", {"type": "wire", "state": "ok"}).passes(
            30 * SECOND
        )
    t.told("debris_flow opened: mori", "debris_unconfirmed opened: office")


def test_a_level_that_flickers_about_a_threshold_is_told_once():
    t = Timeline(gauges_town(1, person("corps", "corps")))
    for n in range(DAY // (10 * MINUTE)):
        t.says("g0", level_m=2.0 + (0.04 if n % 2 else -0.04)).passes(10 * MINUTE)
    t.told("river_standby opened: corps")
