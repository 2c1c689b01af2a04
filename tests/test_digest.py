"""The morning's report: once a day by the site's own clock, all is well or what there is to do."""

from dataclasses import replace
from datetime import datetime, time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace as changed

from hub.app import Hub
from hub.clock import SetClock
from hub.config.policy import HubPolicy
from hub.config.shapes import Channel
from hub.ledger import Ledger
from hub.model import Message, Status
from hub.watch import digest
from hub.watch.digest import Day, Morning
from hub.watch.look import Watch
from hub.watch.vitals import Machine
from tests import ledgers
from tests.hubs import at_broker
from tests.inward import LOOK, look
from tests.ledgers import waiting
from tests.timeline import (
    SPRUNG,
    Timeline,
    nothing_else_was_told,  # noqa: F401
)
from tests.towns import DAY, HOUR, MINUTE, SECOND, UNCHASED, at, person, pir, town, trap

TOKYO = ZoneInfo("Asia/Tokyo")
BERLIN = ZoneInfo("Europe/Berlin")
SEVEN = HubPolicy()
NOTHING = Day({"messages": 100, "lost": 3}, [], {}, 0)
EVERY_CHANNEL = tuple(
    Channel(kind=kind, url="json://127.0.0.1/") for kind in ("mail", "ntfy", "line", "sms", "other")
)


def place(**more):
    people = [person("ops", "operator"), person("hunter", "hunter"), person("office", "official")]
    return town(devices=[pir("pir-1"), trap("trap-1")], people=people, **({"trap": UNCHASED} | more))


def mornings(t: Timeline, until: str, day: Day = NOTHING, step: int = 10 * MINUTE) -> Timeline:
    """Looks until then, with the day's figures at hand."""
    while t.now < at(until):
        t.pipeline.hearing_since = t.now
        look(t.passes(step), day)
    return t


# --- when -------------------------------------------------------------------------------------------


def test_it_comes_once_each_morning_and_not_for_a_day_that_the_hub_has_not_seen():
    t = Timeline(place(), "2026-11-21 12:00", tick=HOUR)
    mornings(t, "2026-11-22 06:50").silence()
    mornings(t, "2026-11-22 07:00")
    (first,) = t.told("morning reported: ops")
    assert first.created_at == at("2026-11-22 07:00")
    mornings(t, "2026-11-23 06:50").silence()
    mornings(t, "2026-11-23 09:00").told("morning reported: ops")


def test_a_restart_neither_loses_nor_repeats_it():
    t = Timeline(place(), "2026-11-21 12:00", tick=HOUR)
    mornings(t, "2026-11-22 06:50").restart()
    mornings(t, "2026-11-22 07:00").told("morning reported: ops")
    mornings(t.restart(), "2026-11-22 20:00").silence()


def test_a_hub_that_was_off_in_the_morning_reports_when_it_is_back_and_once():
    t = Timeline(place(), "2026-11-21 12:00", tick=HOUR)
    look(t)
    t.now = at("2026-11-24 15:00")
    mornings(t, "2026-11-24 16:00")
    (late,) = t.told("morning reported: ops")
    assert "（15:10の点検）" in late.body


def test_a_clock_that_is_not_set_or_was_set_far_ahead_keeps_no_report_back():
    t = Timeline(place(hub=HubPolicy(clock_unset="30d")), "1970-01-01 12:00", tick=HOUR)
    mornings(t, "1970-01-03 12:00").silence()
    t.now = at("2027-05-01 12:00")
    look(t)
    t.now = at("2026-11-21 12:00")
    mornings(t, "2026-11-22 07:00").told("morning reported: ops")


def test_switched_off_it_never_comes_and_without_operators_it_goes_to_the_office():
    t = Timeline(place(hub=HubPolicy(digest=False)), "2026-11-21 12:00", tick=HOUR)
    mornings(t, "2026-11-23 12:00").silence()
    ground = place()
    del ground.people["ops"]
    t = Timeline(ground, "2026-11-21 12:00", tick=HOUR)
    mornings(t, "2026-11-22 12:00").told("morning reported: office")


def test_a_replay_reports_nothing():
    t = Timeline(place(), "2026-11-21 12:00", tick=HOUR, live=False)
    mornings(t, "2026-11-24 12:00").silence()


def local(text: str, zone: ZoneInfo) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp() * 1000)


@pytest.mark.parametrize("at_time", ["02:30", "07:00", "00:00"])
@pytest.mark.parametrize("change", ["2026-03-29", "2026-10-25"])
def test_on_the_days_when_clocks_change_it_comes_once_too(change, at_time):
    policy = HubPolicy(digest_at=time.fromisoformat(at_time))
    now, sent = local(f"{change} 12:00", BERLIN) - 2 * DAY, []
    state = digest.begin(policy, None, now, BERLIN)
    while now < local(f"{change} 12:00", BERLIN) + 2 * DAY:
        now += 7 * MINUTE
        if digest.is_due(policy, state, now, BERLIN):
            state = Morning(digest.today(policy, now, BERLIN))
            sent.append(now)
    days = [datetime.fromtimestamp(n / 1000, BERLIN).date().isoformat() for n in sent]
    assert len(sent) == 4
    assert sorted(set(days)) == days


@given(
    st.lists(st.integers(-3 * DAY, 3 * DAY), max_size=30),
    st.sampled_from([TOKYO, BERLIN, ZoneInfo("Pacific/Chatham")]),
    st.times(),
)
def test_however_the_clock_is_set_a_day_is_reported_once(steps, zone, digest_at):
    policy, now = HubPolicy(digest_at=digest_at), at("2026-10-25 00:00")
    state: Morning | None = None
    reported: list[str] = []
    for step in steps:
        now += step
        state = digest.begin(policy, state, now, zone) or state
        assert state is not None
        if digest.is_due(policy, state, now, zone):
            state = Morning(digest.today(policy, now, zone))
            reported.append(state.day)
        assert state.day == digest.today(policy, now, zone)
        assert not digest.is_due(policy, state, now, zone)


# --- what it says -----------------------------------------------------------------------------------


def body_of(t: Timeline, day: Day = NOTHING, **vitals) -> str:
    """The report of a hub that has been up since the day before."""
    t.pipeline.state.put("digest", "site", Morning("2026-11-21", {"messages": 40, "lost": 3}))
    t.now = at("2026-11-22 07:00")
    look(t, day, **vitals)
    t.unread = [n for n in t.unread if n.template != "morning_open"]
    (report,) = t.told("morning reported: ops")
    assert report.body.splitlines()[0].startswith(report.title.partition("】")[2])
    return report.body


def test_a_town_that_is_well_reads_all_is_well_first():
    t = Timeline(place(), "2026-11-22 06:30", tick=HOUR).hears("pir-1", "trap-1")
    body = body_of(t, disk_free=21_400_000_000, disk_total=32_000_000_000, memory=0.31)
    assert body.splitlines()[:3] == [
        "異常なし（07:00の点検）",
        "機器：2台中2台から受信",
        "受信 60件",
    ]
    assert "空き容量 21.4 GB、メモリ 31%" in body


def test_what_is_to_do_is_counted_and_named():
    t = Timeline(place(), "2026-11-21 20:00", tick=HOUR).hears("pir-1").says("trap-1", SPRUNG, battery_v=3.0)
    t.passes(3 * MINUTE)
    look(t, influx_behind=2 * HOUR).passes(4 * HOUR)
    t.unread = []
    day = Day(
        {"messages": 90, "lost": 7, "quarantined": 2, "shed": 40},
        list(t.alerts.values()),
        {("hunter", 0, "mail"): 3},
        12,
    )
    body = body_of(t, day, influx_behind=2 * HOUR)
    assert body.startswith("要対応 5件（07:00の点検）")
    for line in (
        "ハブ：グラフが遅れています",
        "機器：2台中2台から受信。届いていない：pir-1、trap-1",
        "電池：trap-1",
        "受信 50件、欠けた番号 4件、読めない 2件、多すぎて捨てた 40件",
        "まとめて知らせたもの：12件",
        "送れなかった通知：3件（hunter/mail）",
    ):
        assert line in body.splitlines(), line
    kinds = next(line for line in body.splitlines() if line.startswith("きのうからのお知らせ："))
    assert {"わな 1", "ハブ 1", "電池 1", "機器の停止 2"} <= set(kinds.partition("：")[2].split("、"))


def test_what_is_still_open_is_listed_to_the_officials_who_do_not_get_the_report():
    t = Timeline(place(), "2026-11-21 20:00", tick=HOUR).hears("pir-1").says("trap-1", SPRUNG)
    t.unread = []
    t.pipeline.state.put("digest", "site", Morning("2026-11-21"))
    t.now = at("2026-11-22 07:00")
    look(t, Day({}, list(t.alerts.values()), {}, 0))
    report, listed = t.told("morning reported: ops", "morning_open reported: office")
    assert "続いているお知らせ：1件" in report.body
    assert "・11/21 20:00 わな trap-1の所" in report.body
    assert listed.title == "【朝の一覧】続いているもの1件"
    assert "続いているお知らせ1件（わな 1）\n・11/21 20:00 わな trap-1の所\n" in listed.body


def test_where_nothing_is_open_there_is_no_list():
    t = Timeline(place(), "2026-11-21 20:00", tick=HOUR).hears("pir-1")
    t.pipeline.state.put("digest", "site", Morning("2026-11-21"))
    t.now = at("2026-11-22 07:00")
    look(t, NOTHING)
    t.told("morning reported: ops")


def test_it_fits_every_channel_in_every_language_and_names_nobody_on_line():
    names = {
        f"pir-{n}": pir(f"pir-{n}", name="長い名前の機器" * 4, name_en="a long name " * 4) for n in range(60)
    }
    people = [person(lang, "operator", lang=lang, channels=EVERY_CHANNEL) for lang in ("ja", "ja-easy", "en")]
    ground = replace(town(people=people), devices=names)
    t = Timeline(ground, "2026-11-22 06:30", tick=HOUR).hears(*names)
    failed = {(f"person-{n}", 0, "mail"): 5 for n in range(80)}
    t.pipeline.state.put("digest", "site", Morning("2026-11-21"))
    t.now = at("2026-11-22 07:00")
    for id in names:
        state = t.pipeline.state.rooms["health"][id]
        t.pipeline.state.put("health", id, changed(state, silent_at=t.now))
    look(t, Day({}, [], failed, 0))
    kinds = " ".join(f"{p.id}/{c.kind}" for p in people for c in EVERY_CHANNEL)
    for told in t.told(f"morning reported: {kinds}"):
        assert len(told.body) <= {"sms": 70, "ntfy": 1_200, "line": 5_000, "other": 1_900}.get(
            told.channel_kind, 9_999
        )
        assert ("person-" in told.body) == (told.channel_kind in ("mail", "ntfy", "other"))
        assert ("140" in told.title + told.body) or told.channel_kind == "sms"


# --- on a real ledger -------------------------------------------------------------------------------


async def test_the_watch_reports_from_the_ledger_when_a_morning_has_come(tmp_path):
    ground = at_broker(place(), 1)
    ledger = Ledger.open(tmp_path / "naruko.db", ground.hub.ledger)
    clock = SetClock(at("2026-11-21 06:00"))
    hub = Hub(ground, ledger, clock)
    watch = Watch(hub.pipeline, ledger, hub.broker, clock, pulse=hub.pulse, read=Machine)
    hub.broker.connected.set()
    await watch.look(hub._commit)
    await hub.handle([Message("naruko/test/pir-1/up", b'{"v":1,"seq":1}', clock.at)])
    gone = ledgers.notification("n1", recipient="hunter", status=Status.EXPIRED, finished_at=clock.at + HOUR)
    ledger.insert(ledgers.Outcome(notifications=[gone]))
    ledger.commit()
    clock.at += HOUR
    await watch.look(hub._commit)
    clock.at += LOOK
    await watch.look(hub._commit)
    (report,) = [n for n in waiting(ledger, clock.at) if n.template == "morning"]
    assert "受信 1件" in report.body
    assert "送れなかった通知：1件（hunter/mail）" in report.body
    assert report.expires_at == at("2026-11-21 13:00")
    ledger.close()


def test_a_second_more_or_less_makes_no_second_report():
    state = digest.begin(SEVEN, None, at("2026-11-21 12:00"), TOKYO)
    before, after = at("2026-11-22 07:00") - SECOND, at("2026-11-22 07:00")
    assert not digest.is_due(SEVEN, state, before, TOKYO)
    assert digest.is_due(SEVEN, state, after, TOKYO)
