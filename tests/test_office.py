"""The office's work queue: what comes first, who is offered what, and each tap in a real browser."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace as replaced

from hub.config.tell_policy import ChannelBudget
from hub.links import Purpose
from hub.model import Act, Alert, AlertState, Severity, Stage, Task
from hub.telling.budget import Spent
from hub.watch.digest import Day
from hub.web import office_view
from tests.browser import SMALL, Browser, Phone
from tests.inward import look
from tests.page_town import PageTown, page_town
from tests.paged import Paged, paged, village
from tests.processes import naruko
from tests.servers import Server
from tests.timeline import SPRUNG, Timeline
from tests.towns import HOUR, MINUTE, at, person

OFFICIAL, OPERATOR = person("bosai", "official"), person("ops", "operator")


def alert(
    kind: str = "trap",
    severity: Severity = Severity.WARNING,
    opened_at: int = 0,
    *,
    task: Task | None = None,
    seen_by: tuple[str, ...] = (),
    confirmed: bool = True,
) -> Alert:
    return Alert(
        id=f"{kind}-{opened_at}",
        incident=f"{kind}/{opened_at}",
        kind=kind,
        severity=severity,
        device="d",
        opened_at=opened_at,
        updated_at=opened_at,
        lat=None,
        lon=None,
        place="所",
        place_en="place",
        confirmed=confirmed,
        task=task,
        acknowledged=dict.fromkeys(seen_by, opened_at),
    )


# --- what comes first -------------------------------------------------------------------------------


def test_the_gravest_comes_first_and_of_these_what_nobody_has_in_hand_and_then_who_waits_longest():
    flood = alert("river", Severity.LIFE, 900)
    early = alert("trap", opened_at=100, task=Task(waiting_since=100))
    left_again = alert("trap", opened_at=50, task=Task(waiting_since=300))
    taken = alert("trap", opened_at=10, task=Task(Stage.TAKEN, who="yamane", since=20))
    read = alert("slope_check", opened_at=20, seen_by=("bosai",))
    battery = alert("battery", Severity.NOTICE, 1)
    in_order = [flood, early, left_again, taken, read, battery]
    assert office_view.queue(reversed(in_order)) == in_order


stages = st.none() | st.builds(Task, stage=st.sampled_from(Stage), waiting_since=st.integers(0, 9))
alerts = st.builds(
    alert,
    kind=st.sampled_from(["trap", "river", "debris", "hub", "bear"]),
    severity=st.sampled_from(Severity),
    opened_at=st.integers(0, 9),
    task=stages,
    seen_by=st.sampled_from([(), ("bosai",)]),
    confirmed=st.booleans(),
)


@given(st.lists(alerts, max_size=12, unique_by=lambda a: a.id), st.randoms())
def test_the_order_is_of_the_alerts_alone_and_nothing_grave_stands_behind_something_slight(found, random):
    shuffled = random.sample(found, len(found))
    ordered = office_view.queue(shuffled)
    assert ordered == office_view.queue(found)
    assert [a.severity for a in ordered] == sorted((a.severity for a in found), reverse=True)


# --- who is offered what ----------------------------------------------------------------------------


@given(alerts)
def test_what_endangers_life_is_never_silenced_and_everything_can_be_closed(found):
    offered = office_view.may(found, OFFICIAL)
    assert "close" in offered
    assert not (found.severity is Severity.LIFE and "silence" in offered)
    assert len(set(offered)) == len(offered)


def test_what_may_be_true_or_false_is_asked_first():
    assert office_view.may(alert("slope_check", confirmed=False), OFFICIAL)[:2] == ("confirm", "cancel")


def test_a_debris_flow_that_is_confirmed_can_only_be_cancelled():
    assert office_view.may(alert("debris", Severity.LIFE), OFFICIAL)[0] == "cancel"


def test_who_goes_is_not_asked_to_join_and_who_has_seen_it_is_not_asked_again():
    taken = alert(task=Task(Stage.TAKEN, who="bosai"), seen_by=("bosai",))
    assert office_view.may(taken, OFFICIAL) == ("silence", "close")
    assert office_view.may(taken, OPERATOR)[:2] == ("acknowledge", "join")


# --- what is kept quiet, and what is left -----------------------------------------------------------


def office_path(p: Paged, who: str = "bosai", lasts: int = HOUR) -> str:
    assert p.hub.pipeline.links
    return urlsplit(p.hub.pipeline.links.of(Purpose.OFFICE, who, p.clock.now() + lasts)).path


async def test_silences_work_on_devices_and_drills_stand_there_until_they_are_ended(tmp_path: Path) -> None:
    async with paged(tmp_path) as p:
        path = office_path(p)
        for kind, target, form in (
            ("silence", "zone/paddy-1", {"minutes": "90"}),
            ("silence", "kind/animal", {"minutes": "60"}),
            ("maintenance", "gauge", {"start": "2026-11-22T09:00", "minutes": "120"}),
            ("drill_start", "site", {"minutes": "30", "targets": "kind/trap"}),
        ):
            detail = "秋の訓練" if kind == "drill_start" else ""
            await p.hub.do(
                Act(0, 0, who="bosai", source="web", kind=kind, target=target, detail=detail, form=form)
            )
        page = (await p.get(path)).text
        for said in (
            "訓練中： 秋の訓練 16:30まで （防災係）",
            "お知らせ停止： 動物 17:00まで",
            "お知らせ停止： paddy-1 17:30まで",
            "点検中： gauge 11/22 09:00から11/22 11:00まで",
        ):
            assert said in page
        for do, target in (
            ("drill_end", "site"),
            ("unsilence", "zone/paddy-1"),
            ("unsilence", "kind/animal"),
            ("maintenance_end", "gauge"),
        ):
            assert (await p.post(path, do=do, target=target)).status == 303
        assert "いま止めているもの" not in (await p.get(path)).text
        again = await p.post(path, do="drill_end", target="site")
        assert "did=late" in again.headers["location"]


async def test_the_page_says_how_many_messages_are_left(tmp_path: Path) -> None:
    limits = {"line": ChannelBudget(limit=200, per="month"), "ntfy": ChannelBudget(limit=250, per="day")}
    made = village(tmp_path)
    made = replace(made, policy=made.policy.model_copy(update={"budgets": limits}))
    async with paged(tmp_path, made) as p:
        p.hub.pipeline.state.put("budget", "line", Spent("2026-11", 195))
        page = (await p.get(office_path(p))).text
        assert "line：今月あと5通（月200通） 災害用に残しています。" in page
        assert "ntfy：きょうあと250通（1日250通）" in page


async def test_what_is_not_offered_is_not_done_whatever_is_posted(tmp_path: Path) -> None:
    async with paged(tmp_path) as p:
        await p.says("trap-1", SPRUNG)
        path, alert = office_path(p), p.alert("trap").id
        for form in (
            {"do": "done", "alert": alert},
            {"do": "cancel", "alert": alert, "cause": "x"},
            {"do": "leave_town", "alert": "bosai"},
            {"do": "take", "alert": "trap-0000000000"},
            {"do": "maintenance_end", "target": "gauge"},
            {},
        ):
            answer = await p.post(path, **form)
            assert "did=late" in answer.headers["location"]
        assert p.alert("trap").state is AlertState.OPEN
        assert p.hub.ledger.acts_on(alert) == []


async def test_where_a_whole_valley_falls_silent_the_page_stays_light_and_shows_the_rest_when_asked(
    tmp_path: Path,
) -> None:
    async with paged(tmp_path) as p:
        for number in range(80):
            silent = replaced(alert("silent", opened_at=p.clock.now() + number), device="cam")
            p.hub.pipeline.state.put_alert(silent)
        page = await p.get(office_path(p))
        assert "続いているお知らせ 80件" in page.text
        assert page.html.count("<article") == 25
        assert len(page.body) < 50_000
        rest = await p.get(office_path(p) + "?all")
        assert rest.html.count("<article") == 80


async def test_when_its_time_is_over_the_link_neither_shows_nor_acts(tmp_path: Path) -> None:
    async with paged(tmp_path) as p:
        path = office_path(p)
        assert (await p.get(path)).status == 200
        p.clock.at += HOUR
        assert (await p.get(path)).status == 410
        assert (await p.post(path, do="close", alert="x")).status == 410


def test_the_mornings_report_leads_each_reader_to_the_list_for_a_day_and_a_half(tmp_path: Path) -> None:
    t = Timeline(village(tmp_path), "2026-11-21 12:00", tick=10 * MINUTE)
    while t.now < at("2026-11-22 07:00"):
        t.pipeline.hearing_since = t.now
        look(t.passes(10 * MINUTE), Day({}, [], {}, 0))
    [report] = [n for n in t.notifications if n.template == "morning"]
    url = next(line.split("→ ")[1] for line in report.body.splitlines() if "/o/" in line)
    assert t.pipeline.links
    subject = t.pipeline.links.read("o", url.rsplit("/", 1)[1])
    assert (subject.id, subject.until) == ("bosai", at("2026-11-23 19:00"))


# --- on the page ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory, broker: Server) -> Iterator[PageTown]:
    with page_town(tmp_path_factory.mktemp("office") / "town", broker.port, "office") as running:
        yield running


def opened(town: PageTown, browser: Browser, who: str = "bosai", lang: str = "ja") -> Phone:
    return browser.phone(SMALL, script=False).opens(f"{town.link_of(Purpose.OFFICE, who)}?lang={lang}")


def test_where_nothing_goes_on_it_says_so(town: PageTown, browser: Browser) -> None:
    phone = opened(town, browser)
    assert "いま続いているお知らせはありません" in phone.text
    assert phone.buttons() == []


def test_a_sprung_trap_is_seen_taken_over_by_a_hunter_and_closed(town: PageTown, browser: Browser) -> None:
    town.springs("trap-1")
    town.link("yamane", "一本杉")
    phone = opened(town, browser)
    assert "東山 一本杉の奥" in phone.text
    assert "行く人が決まっていません" in phone.text
    assert phone.biggest() == "確認しました"
    phone.taps("確認しました")
    assert "確認した人： 防災係" in phone.text
    assert not phone.shows("確認しました")

    browser.phone(SMALL, script=False).opens(town.link("yamane", "一本杉")).touches("20分").taps("行きます")
    phone.reloads()
    assert "山根 猛さんが向かっています。 到着の予定" in phone.text
    colleague = opened(town, browser, "clarke", "en")
    assert "山根 猛 is on the way" in colleague.text
    colleague.touches("Other actions").taps("Close it")
    assert "There is no open alert now" in colleague.text
    phone.touches("ほかの操作").taps("終わりにする")
    assert "ほかの人がもう対応したか" in phone.text
    assert [act.who for act in town.acts("close")] == ["clarke"]


def test_the_office_can_go_itself_and_says_when_it_is_there(town: PageTown, browser: Browser) -> None:
    town.springs("trap-2")
    town.link("yamane", "炭焼き")
    phone = opened(town, browser)
    phone.touches("ほかの操作", "東山 炭焼き").taps("行きます", "東山 炭焼き")
    assert "防災係さんが向かっています" in phone.text
    act = town.acts("take")[-1]
    assert (act.who, act.source, act.form) == ("bosai", "web", {"eta": "30"})
    phone.touches("ほかの操作", "東山 炭焼き").taps("終わりにする", "東山 炭焼き")


def test_what_was_false_is_cancelled_with_a_cause_and_never_without(town: PageTown, browser: Browser) -> None:
    town.says("gauge-1", level_m=1.0)
    town.says("gauge-1", level_m=4.0)
    town.told("bosai", "要確認")
    phone = opened(town, browser)
    assert phone.shows("これから確かめます")
    phone.touches("ほかの操作", "要確認").types("まちがいだった原因", "　").taps("まちがいでした")
    assert phone.status == 422
    assert "原因を書いてください" in phone.text
    phone.types("まちがいだった原因", "草が引っかかった").taps("まちがいでした")
    assert "取り消しました" in phone.text
    [act] = town.acts("cancel")
    assert (act.who, act.detail) == ("bosai", "草が引っかかった")


def test_a_device_is_silenced_for_an_hour_and_speaks_again(town: PageTown, browser: Browser) -> None:
    town.springs("trap-3")
    town.link("yamane", "終点")
    phone = opened(town, browser)
    phone.touches("ほかの操作", "終点").taps("この機器を1時間止める", "終点")
    assert "いま止めているもの" in phone.text
    assert "お知らせ停止： trap-3" in phone.text
    [act] = town.acts("silence")
    assert (act.target, act.form["minutes"]) == ("device/trap-3", "60")
    phone.taps("再開する")
    assert "いま止めているもの" not in phone.text
    phone.touches("ほかの操作", "終点").taps("終わりにする", "終点")


def test_who_is_neither_official_nor_operator_has_no_such_page(town: PageTown, browser: Browser) -> None:
    for who in ("yamane", "nobody"):
        assert browser.phone(SMALL).opens(town.link_of(Purpose.OFFICE, who)).status == 410


def test_the_command_line_makes_the_link_for_officials_and_says_how_long_it_lasts(
    town: PageTown, browser: Browser
) -> None:
    made = naruko("link", "office", "bosai", "-c", town.hub.folder, "--days", 2)
    assert made.returncode == 0, made.stderr
    assert browser.phone(SMALL).opens(made.stdout.strip()).status == 200
    assert "until 20" in made.stderr
    for wrong, says in (
        (("office", "yamane"), "neither official nor operator"),
        (("office", "nobody"), "no person nobody"),
        (("office", "bosai", "--days", 0), "--days is 1 to 366"),
        (("patrol", "bosai"), "no owner of a trap"),
    ):
        refused = naruko("link", *wrong, "-c", town.hub.folder)
        assert (refused.returncode, says in refused.stderr) == (2, True), refused.stderr
