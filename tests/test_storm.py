"""Storms: people get the few messages that matter, and a count of what was held."""

import json
from collections import Counter
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub import storm
from hub.config.policy import StormPolicy
from hub.config.shapes import Channel, Kind, Profile
from hub.detect.budget import Shut
from hub.model import Message, Notification, Reason, Severity, Status, Verdict
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

WITHIN, FIRST = StormPolicy().within, StormPolicy().first
BOTH = tuple(Channel(kind=kind, url="json://127.0.0.1/") for kind in ("mail", "sms"))
LEVELS_M = {"standby": 2.0, "caution": 3.0, "evac_judge": 3.5, "danger": 4.0, "overflow": 5.0}


def summaries(told: list[Notification]) -> list[Notification]:
    return [n for n in told if n.template == "storm_summary"]


def as_they_are(told: list[Notification]) -> list[Notification]:
    return [n for n in told if n.status is Status.PENDING and n.template != "storm_summary"]


def held(told: list[Notification]) -> list[Notification]:
    return [n for n in told if n.status is Status.HELD]


def read(t: Timeline) -> list[Notification]:
    """What was decided since the last look."""
    found, t.unread = t.unread, []
    return found


# --- many at once -----------------------------------------------------------------------------------


def trap_town(number: int, owner: str = "hunter"):
    traps = [trap(f"t{n}", north=3.0 * n, owner=owner, heartbeat="24h") for n in range(number)]
    people = [person(owner, "hunter"), person("office", "official")]
    return town(devices=[*traps, camera("cam")], people=people)


def spring(t: Timeline, number: int, first: int = 0, over: int = MINUTE) -> None:
    for n in range(number):
        t.says(f"t{first + n}", SPRUNG)
        t.passes(over // number)


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
    assert {n.id for n in t.ledger.pending_notifications(t.now, 1000)} == {
        n.id for n in rows if n.status is Status.PENDING
    }
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


# --- what is never held -----------------------------------------------------------------------------


def gauges_town(number: int, *people: Any, levels_m: dict[str, float] | None = None):
    gauges = [gauge(f"g{n}", levels_m or LEVELS_M) for n in range(number)]
    flood = square("flood", "flood", rivers=tuple(d.id for d in gauges))
    return town(devices=gauges, zones=[flood], people=list(people))


def test_danger_is_never_held_from_those_who_live_there():
    t = Timeline(gauges_town(40, person("mori", "resident", zones=("flood",))))
    for n in range(40):
        t.says(f"g{n}", level_m=4.2)
    t.told(*["river_lv4 opened: mori"] * 40)


def test_the_eleventh_gauge_at_one_level_is_held_from_an_official_and_the_next_level_is_not():
    people = (person("office", "official"), person("corps", "corps"))
    t = Timeline(gauges_town(40, *people, levels_m={"danger": 4.0, "overflow": 4.25}))
    for n in range(40):
        t.says(f"g{n}", level_m=4.2)
    told = read(t)
    assert Counter((n.recipient, n.status.value) for n in told) == {
        ("office", "pending"): 10,
        ("office", "held"): 30,
        ("corps", "pending"): 40,
    }
    for n in range(40):
        t.says(f"g{n}", level_m=4.26)
    t.told(*["river_lv5 escalated: office corps"] * 40)
    (summary,) = summaries(read(t.passes(3 * MINUTE)))
    assert (summary.recipient, summary.severity) == ("office", Severity.DANGER)


def test_an_official_is_told_all_that_concerns_the_own_zone():
    t = Timeline(gauges_town(20, person("office", "official", zones=("flood",))))
    for n in range(20):
        t.says(f"g{n}", level_m=4.2)
    t.told(*["river_lv4 opened: office"] * 20)


def test_the_call_to_run_and_its_cancellation_are_told_in_any_storm():
    devices = [*(trap(f"t{n}", north=n) for n in range(30)), slope("wire"), slope("wire-2", north=20)]
    people = [person("hunter", "hunter", "resident", zones=("below",))]
    t = Timeline(town(devices=devices, zones=[square("below", "stream", rivers=("大沢",))], people=people))
    spring(t, 30, over=10 * SECOND)
    read(t)
    t.says("wire", CUT).told("debris_flow opened: hunter")
    t.does("debris_cancel", "大沢", detail="鹿").told("debris_false cancelled: hunter")
    t.passes(5 * MINUTE)
    assert len(summaries(read(t))) == 1


def test_a_siren_knows_of_no_storm():
    from tests.towns import siren  # noqa: PLC0415

    paddies = [square(f"p{n}", "paddy", north=2000.0 * n) for n in range(4)]
    cams = [camera(f"c{n}", north=2000.0 * n) for n in range(4)]
    sirens = [siren(f"s{n}", north=2000.0 * n + 30) for n in range(4)]
    people = [person("sato", "farmer", zones=tuple(f"p{n}" for n in range(4)))]
    calm = StormPolicy(first=1)
    t = Timeline(town(devices=[*cams, *sirens], zones=paddies, people=people, storm=calm))
    for n in range(4):
        t.says(f"c{n}", animal("boar"))
    assert [siren for siren, _ in t.ordered()] == ["s0", "s1", "s2", "s3"]
    assert Counter(n.status for n in read(t)) == {Status.PENDING: 1, Status.HELD: 3}
    t.passes(HOUR)
    read(t)


# --- who was told -----------------------------------------------------------------------------------


def test_whoever_was_held_was_not_told_and_hears_of_no_end_without_a_beginning():
    t = Timeline(trap_town(8))
    spring(t, 8, over=8 * SECOND)
    read(t)
    told = {a.device: bool(a.told) for a in t.open("trap")}
    assert sum(told.values()) == 5
    t.passes(HOUR)
    assert len(summaries(read(t))) == 1
    t.does("trap_reset", "t7").silence()
    t.does("trap_reset", "t0").told("trap_reset cleared: hunter")


def test_whoever_was_held_is_told_of_the_next_level():
    t = Timeline(gauges_town(7, person("corps", "corps")))
    for n in range(7):
        t.says(f"g{n}", level_m=2.1)
    assert len(held(read(t))) == 2
    t.passes(30 * MINUTE)
    read(t)
    t.says("g6", level_m=3.1).told("river_lv2 escalated: corps")


def test_whoever_was_told_of_the_lower_level_counts_as_told_of_that_alone_while_the_next_is_held():
    t = Timeline(gauges_town(7, person("corps", "corps")))
    t.says("g0", level_m=2.1)
    for n in range(1, 7):
        t.says(f"g{n}", level_m=2.1)
    t.says("g0", level_m=3.1)
    assert t.pipeline.state.alerts["river/g0"].told == {"corps": Severity.NOTICE}
    t.passes(5 * MINUTE)
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


# --- babbling -------------------------------------------------------------------------------------------


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
