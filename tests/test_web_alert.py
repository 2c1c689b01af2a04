"""The page of one alert: what each person sees, may do and is told, step by step."""

import asyncio
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
from msgspec import structs

from hub.config.contacts import Contact
from hub.links import Purpose
from hub.model import AlertState, Event, EventKind, Mode, Outcome, Stage, Task
from hub.web.sketch import SIZE, view_of
from hub.web.words import LANGS
from tests.paged import CAUGHT, PLACE, START, Paged, jpeg, paged, village
from tests.timeline import CUT, SPRUNG, animal, event
from tests.towns import HOUR, LAT, LON, MINUTE, place

# --- a trap, from sprung to set again ------------------------------------------------------------------


async def test_a_hunter_takes_arrives_finishes_and_resets_each_with_one_button(tmp_path: Path) -> None:
    async with paged(tmp_path) as p:
        await p.says("trap-1", SPRUNG)
        page = await p.get(p.link("yamane"))
        assert page.acts[0] == "take"
        for said in (
            "わな 12 が動きました",
            "東山 一本杉",
            "行く人がまだ決まっていません",
            "ひとりで近づかない",
        ):
            assert said in page.text

        page = await p.does("yamane", "take", eta="20")
        assert "「行きます」と伝えました" in page.text
        assert "あなたが向かっています（到着の予定 16:20）" in page.text
        assert page.acts == ["arrive", "done", "leave"]

        page = await p.does("yamane", "arrive")
        assert "あなたが現地にいます" in page.text
        assert page.acts == ["done", "leave"]

        form = await p.get(p.link("yamane") + "?step=done")
        assert 'enctype="multipart/form-data"' in form.html
        answer = await p.post(p.link("yamane"), files={"picture": jpeg()}, do="done", **CAUGHT)
        assert answer.status == 303
        page = await p.get(answer.headers["location"])
        assert "報告しました" in page.text
        assert page.acts == ["trap_reset", "trap_disarm"]
        assert "山根 猛さんが終わらせました 捕獲した" in page.text

        page = await p.does("yamane", "trap_reset")
        assert "わなを仕掛け直したことを記録しました" in page.text
        assert page.acts == []
        assert p.alert().state is AlertState.RESOLVED
        acts = p.hub.ledger.acts_on(p.alert().id)
        assert [(act.who, act.source, act.kind) for act in acts] == [
            ("yamane", "web", "take"),
            ("yamane", "web", "arrive"),
            ("yamane", "web", "done"),
        ]
        assert acts[0].form == {"eta": "20"}
        done = acts[2].form
        assert done.pop("photo").startswith(p.alert().id)
        assert done == CAUGHT


async def test_who_goes_is_seen_by_the_others_with_the_time(tmp_path: Path) -> None:
    async with paged(tmp_path) as p:
        await p.says("trap-1", SPRUNG)
        await p.does("yamane", "take", eta="60")
        p.clock.at += 5 * MINUTE
        page = await p.get(p.link("inukai"))
        assert "山根 猛 is on the way (expected 17:00)" in page.text
        assert "16:00 (5 min ago)" in page.text
        assert page.acts == ["join"]


async def test_of_two_who_press_at_once_one_has_it_and_the_other_sees_who_was_first(tmp_path: Path) -> None:
    async with paged(tmp_path) as p:
        await p.says("trap-1", SPRUNG)
        answers = await asyncio.gather(
            *(p.post(p.link(who), do="take", eta="10") for who in ("yamane", "inukai") * 2)
        )
        assert {a.status for a in answers} == {303}
        task = p.alert().task
        assert task is not None
        assert {task.who, *task.others} == {"yamane", "inukai"}
        assert len(p.hub.ledger.acts_on(p.alert().id)) == 2, "second taps are no acts"
        second = task.others[0]
        page = await p.does(second, "take", eta="10")
        first = {"yamane": "山根 猛", "inukai": "犬飼 剛"}[task.who]
        assert first in page.text
        assert ("先に向かっています" in page.text) or ("was first" in page.text)


async def test_a_page_that_has_grown_old_does_no_harm(tmp_path: Path) -> None:
    """Who has it open from before the end, and presses, reads how it stands."""
    async with paged(tmp_path) as p:
        await p.says("trap-1", SPRUNG)
        await p.does("yamane", "take")
        await p.does("yamane", "done", result="empty", trap="armed")
        over = p.alert()
        for do in ("take", "arrive", "done", "trap_reset", "close", "siren_stop", "", "xyz"):
            answer = await p.post(p.link("inukai"), do=do, result="empty", trap="armed")
            assert answer.status == 303
            assert answer.headers["location"].endswith("?did=late")
        page = await p.get(p.link("inukai") + "?did=late")
        assert "the alert is over" in page.text
        assert p.alert() == over


async def test_who_cannot_go_gives_it_back(tmp_path: Path) -> None:
    async with paged(tmp_path) as p:
        await p.says("trap-1", SPRUNG)
        await p.does("yamane", "take")
        p.clock.at += 2 * MINUTE
        page = await p.does("yamane", "leave")
        assert "行く人がまだ決まっていません" in page.text
        assert page.acts[0] == "take"
        assert (await p.does("yamane", "take")).acts[0] == "arrive", "and may take it again at once"


async def test_whoever_is_there_already_says_so_with_one_tap(tmp_path: Path) -> None:
    async with paged(tmp_path) as p:
        await p.says("trap-1", SPRUNG)
        await p.does("yamane", "arrive")
        task = p.alert().task
        assert task is not None
        assert (task.stage, task.who) == (Stage.ON_SITE, "yamane")


# --- animals --------------------------------------------------------------------------------------------


async def test_a_farmer_goes_to_look_and_says_what_it_was(tmp_path: Path) -> None:
    async with paged(tmp_path) as p:
        await p.says("cam", animal("boar"))
        page = await p.get(p.link("mizuta"))
        assert "イノシシがいます" in page.text
        assert "見に行きます" in page.text
        assert page.acts == ["take", "arrive", "label"]
        page = await p.does("mizuta", "take", eta="10")
        assert page.acts == ["arrive", "done", "leave", "label"]
        answer = await p.post(p.link("mizuta"), do="done", result="empty", label="false")
        page = await p.get(answer.headers["location"])
        assert p.alert().label == "false"
        assert "まちがいと報告がありました" in page.text
        assert page.acts == [], "nobody is asked to go any more"
        task = p.alert().task
        assert task
        assert (task.stage, task.who, task.result) == (Stage.DONE, "mizuta", "empty")


async def test_the_form_about_an_animal_asks_what_it_was_and_what_came_of_it(tmp_path: Path) -> None:
    async with paged(tmp_path) as p:
        await p.says("cam", animal("boar"))
        await p.does("mizuta", "take", eta="10")
        page = await p.get(p.link("mizuta") + "?step=done")
        assert "追い払った・逃げた" in page.text
        answer = await p.post(p.link("mizuta"), do="done", label="true")
        assert answer.status == 422
        await p.does("mizuta", "done", result="escaped", label="true")
        assert p.alert().label == "true"
        task = p.alert().task
        assert task
        assert (task.stage, task.result) == (Stage.DONE, "escaped")


async def test_a_form_of_an_act_that_is_not_offered_does_nothing(tmp_path: Path) -> None:
    async with paged(tmp_path) as p:
        await p.says("wire", CUT)
        for do in ("cancel", "done", "close", "confirm"):
            answer = await p.post(p.link("kawabata"), do=do)
            assert (answer.status, answer.headers["location"][-8:]) == (303, "did=late")


async def test_an_animal_is_labelled_with_one_tap(tmp_path: Path) -> None:
    async with paged(tmp_path) as p:
        await p.says("cam", animal("deer"))
        page = await p.does("mizuta", "label", label="true")
        assert p.alert().label == "true"
        assert "ありがとうございます" in page.text
        await p.does("mizuta", "label", label="nonsense")
        assert p.alert().label == "true"


async def test_what_it_was_can_still_be_said_when_the_animal_has_gone(tmp_path: Path) -> None:
    async with paged(tmp_path) as p:
        await p.says("cam", animal("deer"))
        p.clock.at += 3 * HOUR
        await p.hub.tick()
        assert p.alert("animal").state is AlertState.RESOLVED
        link = p.link("mizuta", "animal")
        assert (await p.get(link)).acts == ["label"]
        await p.post(link, do="label", label="false")
        page = await p.get(link)
        assert "まちがいと報告がありました" in page.text
        assert page.acts == []


async def test_nobody_but_hunters_and_the_office_is_asked_to_go_to_a_bear(tmp_path: Path) -> None:
    async with paged(tmp_path) as p:
        await p.says("cam", animal("bear"))
        page = await p.get(p.link("mizuta"))
        assert "見に行かないでください" in page.text
        assert "110番" in page.text
        assert "take" not in page.acts
        await p.post(p.link("mizuta"), do="take")
        assert p.alert().task.stage is Stage.WAITING  # type: ignore[union-attr]
        page = await p.get(p.link("yamane"))
        assert page.acts[0] == "take"
        assert "見に行かないでください" in page.text
        assert "acknowledge" in (await p.get(p.link("bosai"))).acts


async def test_a_wrong_capture_shows_whom_to_call(tmp_path: Path) -> None:
    serow = Contact(
        species="serow",
        do="傷つけないでください。",
        do_en="Do not harm it.",
        call="教育委員会 0263-11-1111、役場 0263-22-2222",
        call_en="Board of Education 0263-11-1111; town 0263-22-2222",
    )
    town = replace(village(tmp_path), contacts={"serow": serow})
    async with paged(tmp_path, town) as p:
        await p.says("trap-1", SPRUNG)
        await p.does("yamane", "arrive")
        answer = await p.post(
            p.link("yamane"), do="done", result="wrong", species="serow", count="1", trap="later"
        )
        page = await p.get(answer.headers["location"])
        assert "傷つけないでください" in page.text
        assert 'href="tel:0263111111"' in page.html
        assert 'href="tel:0263222222"' in page.html
        english = await p.get(p.link("inukai"))
        assert "Do not harm it." in english.text


# --- rivers and slopes ----------------------------------------------------------------------------------


async def river_at(p: Paged, metres: float) -> None:
    for _ in range(6):
        await p.says("gauge", level_m=metres)
        p.clock.at += 2 * MINUTE
        await p.hub.tick()


async def test_a_resident_reads_what_to_do_and_is_asked_for_nothing(tmp_path: Path) -> None:
    async with paged(tmp_path) as p:
        await p.says("wire", CUT)
        page = await p.get(p.link("kawabata"))
        assert page.acts == []
        assert "土石流 にげて" in page.text
        assert "高い 所へ にげて ください" in page.text
        assert "https://example.jp/bosai" in page.html
        assert 'href="tel:0263000000"' in page.html
        assert "防災係" not in page.text, "who else was told is a number"
        assert "人に おしらせしました" in page.text
        before = p.alert()
        for do in ("confirm", "cancel", "acknowledge", "take", "close"):
            await p.post(p.link("kawabata"), do=do, cause="fault")
        assert p.alert() == before
        assert p.hub.ledger.acts_on(before.id) == []


async def test_an_official_cancels_a_debris_flow_with_its_cause(tmp_path: Path) -> None:
    async with paged(tmp_path) as p:
        await p.says("wire", CUT)
        page = await p.get(p.link("bosai"))
        assert page.acts == ["confirm", "cancel", "acknowledge"]
        assert "未確認" in page.text
        form = await p.get(p.link("bosai") + "?step=cancel")
        assert "まちがいだった原因" in form.text
        nothing = await p.post(p.link("bosai"), do="cancel")
        assert nothing.status == 422
        assert "選んでください" in nothing.text
        page = await p.does("bosai", "cancel", cause="animal")
        assert p.alert("debris").state is AlertState.CANCELLED
        assert "取り消されました" in page.text
        act = p.hub.ledger.acts_on(p.alert("debris").id)[-1]
        assert (act.kind, act.detail) == ("cancel", "動物がさわった")
        told = await p.get(p.link("kawabata"))
        assert "取り消されました" in told.text
        assert "原因：動物がさわった" in told.text


async def test_an_official_acknowledges_a_flood_once(tmp_path: Path) -> None:
    async with paged(tmp_path) as p:
        await river_at(p, 5.2)
        page = await p.get(p.link("bosai"))
        assert page.acts == ["acknowledge"]
        assert "川 危険 小野川" in page.text
        assert "いまの水位 5.20m" in page.text
        page = await p.does("bosai", "acknowledge")
        assert page.acts == []
        assert "確認した人：防災係" in page.text
        resident = await p.get(p.link("kawabata"))
        assert "みんな にげて ください" in resident.text
        assert "防災係" not in resident.text


# --- who may see what -----------------------------------------------------------------------------------


async def test_where_a_trap_stands_is_on_the_pages_of_hunters_owner_and_office_alone(tmp_path: Path) -> None:
    async with paged(tmp_path) as p:
        await p.says("trap-1", SPRUNG)
        shown = await p.get(p.link("inukai"))
        assert "google.com/maps" in shown.html
        assert "maps.gsi.go.jp/#" in shown.html
        assert "cyberjapandata" in shown.html
        for id, person in list(p.hub.pipeline.town.people.items()):
            if id == "inukai":
                farmer = person.model_copy(update={"roles": ("farmer",)})
                p.hub.pipeline.town.people[id] = farmer
        hidden = await p.get(p.link("inukai"))
        assert hidden.status == 200
        assert "google.com/maps" not in hidden.html
        assert "maps.gsi.go.jp/#" not in hidden.html
        assert "<svg" not in hidden.html
        assert f"{LAT:.4f}" not in hidden.html
        assert "山根" not in hidden.text
        assert hidden.acts == []


async def test_other_traps_are_not_on_the_map_of_a_farmer(tmp_path: Path) -> None:
    async with paged(tmp_path) as p:
        await p.says("cam", animal("boar"))
        assert 'class="d trap"' not in (await p.get(p.link("mizuta"))).html
        assert 'class="d trap"' in (await p.get(p.link("yamane"))).html


async def test_a_drill_says_so_first(tmp_path: Path) -> None:
    async with paged(tmp_path) as p:
        await p.says("trap-1", SPRUNG)
        drill = structs.replace(p.alert(), mode=Mode.EXERCISE)
        await p.hub.ledger.store(Outcome(alerts=[drill]))
        page = await p.get(p.link("yamane"))
        assert page.text.index("【訓練】") < page.text.index("東山")


KINDS = (
    *("trap", "animal", "bear", "river", "river_unverified", "unwatched", "debris", "slope_check", "patrol"),
    *("silent", "gateway", "battery", "babble", "clock", "flapping", "hub", "missed", "what comes next year"),
)
TASKS = (
    None,
    Task(),
    Task(Stage.TAKEN, who="yamane", others=("bosai", "a stranger"), eta=START + HOUR),
    Task(Stage.ON_SITE, who="inukai"),
    Task(Stage.DONE, who="nobody we know", result="wrong"),
)


@pytest.mark.parametrize("state", list(AlertState))
async def test_whatever_an_alert_is_all_can_read_it(tmp_path: Path, state: AlertState) -> None:
    """Every kind at every stage, with every event behind it, for every role."""
    async with paged(tmp_path) as p:
        await p.says("trap-1", SPRUNG)
        first, told = p.alert(), p.notification("yamane")
        past = [
            Event(f"e/{of}", of, first.incident, "trap-1", START + 1, START + 1, who="yamane", detail="wrong")
            for of in EventKind
        ]
        people = enumerate(p.hub.town.people)
        rows = [structs.replace(told, id=f"{number:016x}", recipient=who) for number, who in people]
        await p.hub.ledger.store(Outcome(notifications=rows, events=past))
        for number, (kind, task) in enumerate(product(KINDS, TASKS)):
            alert = structs.replace(
                first,
                kind=kind,
                state=state,
                closed_at=None if state is AlertState.OPEN else START + MINUTE,
                task=task,
                level="danger",
                species="bear" if number % 2 else "martian",
                confirmed=number % 3 == 0,
                label=("", "true", "false", "unknown", "odd")[number % 5],
                acknowledged={"yamane": START, "left": START},
                cause="<script>",
                device="gone" if number % 7 == 0 else "trap-1",
                told=dict.fromkeys(("yamane", "mizuta", "bosai", "left"), 2),
                opened_at=START if number % 4 else 0,
            )
            await p.hub.ledger.store(Outcome(alerts=[alert]))
            for row in (rows[number % 5], rows[(number // 5 + number + 1) % 5]):
                assert p.hub.pipeline.links
                url = p.hub.pipeline.links.of_notification(Purpose.ALERT, row.id)
                page = await p.get(f"{url.removeprefix(PLACE)}?lang={LANGS[number % 3]}")
                assert page.status == 200, (kind, task, row.recipient)
                assert "<script" not in page.html
                assert "None" not in page.text


# --- languages, size, map ---------------------------------------------------------------------------------


async def test_each_reads_it_in_the_own_language_and_may_choose_another(tmp_path: Path) -> None:
    async with paged(tmp_path) as p:
        await p.says("trap-1", SPRUNG)
        assert 'lang="en"' in (await p.get(p.link("inukai"))).html[:60]
        japanese = await p.get(p.link("inukai") + "?lang=ja")
        assert 'lang="ja"' in japanese.html[:60]
        assert "ひとりで近づかないでください" in japanese.text
        easy = await p.get(p.link("inukai") + "?lang=ja-easy")
        assert "ひとりで 近づかないで ください" in easy.text
        answer = await p.post(p.link("inukai") + "?lang=ja", do="take")
        assert "lang=ja" in answer.headers["location"]


async def test_whose_language_the_pages_do_not_have_reads_easy_japanese(tmp_path: Path) -> None:
    async with paged(tmp_path) as p:
        await p.says("wire", CUT)
        people = p.hub.pipeline.town.people
        people["kawabata"] = people["kawabata"].model_copy(update={"lang": "vi"})
        assert "高い 所へ にげて ください" in (await p.get(p.link("kawabata"))).text


async def test_every_page_is_small_whatever_has_happened(tmp_path: Path) -> None:
    async with paged(tmp_path) as p:
        await p.says("trap-1", SPRUNG)
        for minute in range(40):
            await p.post(p.link("yamane"), do=("take", "leave")[minute % 2])
            p.clock.at += 2 * MINUTE
        page = await p.get(p.link("yamane"))
        sheet = await p.get(page.html.split('rel="stylesheet" href="')[1].split('"')[0])
        assert len(page.body) + len(sheet.body) < 60_000
        assert page.text.count("行きます") < 40, "the newest lines of the story"


@pytest.mark.parametrize(("north", "east"), [(0, 0), (3_000, -2_000), (-150, 77)])
def test_the_place_is_in_the_middle_tile_and_the_picture_is_true_to_the_ground(
    north: float, east: float
) -> None:
    here = place(north, east)
    view = view_of(here, [])
    x, y = view.xy(*here)
    assert SIZE / 3 <= x <= 2 * SIZE / 3
    assert SIZE / 3 <= y <= 2 * SIZE / 3
    there = view.xy(*place(north + 100, east))
    assert y - there[1] == pytest.approx(100 / view.metres_a_pixel, rel=0.01)
    there = view.xy(*place(north, east + 100))
    assert there[0] - x == pytest.approx(100 / view.metres_a_pixel, rel=0.01)


def test_the_map_steps_back_until_the_whole_way_of_an_animal_is_on_it() -> None:
    near, far = view_of((LAT, LON), []), view_of((LAT, LON), [place(1_500, 1_500)])
    assert far.zoom < near.zoom
    assert all(0 < axis < SIZE for axis in far.xy(*place(1_500, 1_500)))


async def test_the_tiles_name_their_source(tmp_path: Path) -> None:
    async with paged(tmp_path) as p:
        await p.says("cam", animal("boar"), event("status", "on"))
        page = await p.get(p.link("mizuta"))
        assert "地理院タイル" in page.text
        assert "https://maps.gsi.go.jp/development/ichiran.html" in page.html
