"""Alerts of the past: found again, each once; on a page, and as a table that Excel opens without harm."""

import asyncio
import csv
import io
import sqlite3
import urllib.parse
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.config.settings import LedgerSettings
from hub.console.users import ConsoleRole
from hub.console.views import past
from hub.console.views.past import HistoryQuery, Search, folded
from hub.ledger import Ledger
from hub.ledger.views import history as view
from hub.model import Alert, AlertState, Mode, Outcome, Severity
from hub.paperwork import sheets
from tests.consoles import Visitor, console
from tests.towns import DAY, MINUTE, at
from tests.years import Year, ground

NOW = at("2026-11-22 12:00")
TOWN = ground()


def alert(number: int = 1, **more: object) -> Alert:
    fields: dict[str, object] = {
        "incident": f"animal/{number}",
        "kind": "animal",
        "severity": Severity.CAUTION,
        "device": "cam-1",
        "opened_at": NOW,
        "updated_at": NOW,
        "lat": None,
        "lon": None,
        "place": "上田 水口",
        "place_en": "Ueda inlet",
        "zones": ("paddy",),
        "species": "boar",
    } | more
    return msgspec.convert({"id": f"a-{number}"} | msgspec.to_builtins(fields), Alert, strict=False)


def found(*alerts: Alert, **asked: object) -> list[str]:
    search = Search(TOWN, HistoryQuery(**asked))  # type: ignore[arg-type]
    return [one.id for one in alerts if search.wants(one)]


# --- what is found --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "q",
    [
        "イノシシ",
        "いのしし",
        "ｲﾉｼｼ",
        "BOAR",
        "wild",
        "水口",
        "ueda",
        "カメラ1",
        "camera 1",
        "cam-1",
        "a-1",
        "上田 イノシシ",
    ],
)
def test_an_alert_is_found_by_what_and_where_it_was_in_either_language_and_script(q: str) -> None:
    assert found(alert(), q=q) == ["a-1"]


@pytest.mark.parametrize("q", ["シカ", "deer", "下田", "cam-2", "イノシシ 下田", "%", "_", "a-"])
def test_an_alert_is_not_found_by_what_it_was_not(q: str) -> None:
    assert found(alert(), q=q) == []


def test_every_word_must_be_there_and_an_empty_search_finds_all() -> None:
    assert found(alert(), alert(2, species="deer"), q="") == ["a-1", "a-2"]
    assert found(alert(), alert(2, species="deer"), q="ueda deer") == ["a-2"]


def test_how_grave_it_was_counts_by_its_worst() -> None:
    calm = alert(severity=Severity.NOTICE, peak=Severity.DANGER)
    assert found(calm, severity=3) == ["a-1"]
    assert found(calm, severity=4) == []


def test_each_filter_leaves_what_it_names() -> None:
    drill = alert(2, mode=Mode.EXERCISE, state=AlertState.CANCELLED, zones=(), device="trap-1", kind="trap")
    both = alert(), drill
    assert found(*both, mode="exercise") == ["a-2"]
    assert found(*both, state="open") == ["a-1"]
    assert found(*both, zone="paddy") == ["a-1"]
    assert found(*both, device="trap-1") == ["a-2"]
    assert found(*both, kind="trap") == ["a-2"]
    assert found(*both, since=NOW, until=NOW + 1) == ["a-1", "a-2"]
    assert found(*both, since=NOW + 1) == found(*both, until=NOW) == []


def test_a_device_on_the_path_of_an_animal_finds_it() -> None:
    assert found(alert(devices=("cam-1", "cam-2")), device="cam-2") == ["a-1"]


@given(st.text(max_size=60))
def test_whatever_is_typed_is_looked_for_and_nothing_breaks(text: str) -> None:
    assert folded(folded(text)).split() == folded(text).split() or text
    found(alert(), q=text[:100])


# --- paging ---------------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(
    count=st.integers(0, 60),
    limit=st.integers(1, 20),
    at_once=st.integers(1, 25),
    newer=st.integers(0, 5),
    severity=st.integers(0, 4),
)
def test_page_by_page_every_alert_comes_once_also_while_new_ones_open(
    count: int, limit: int, at_once: int, newer: int, severity: int
) -> None:
    ledger = Ledger.in_memory()
    all_of = [
        alert(n, opened_at=NOW + n, updated_at=NOW + n, severity=Severity(n % 5), peak=Severity(n % 5))
        for n in range(count)
    ]
    ledger.insert(Outcome(alerts=all_of))
    ledger.commit()
    search = Search(TOWN, HistoryQuery(severity=severity))
    seen: list[str] = []
    rest: int | None = None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(view, "AT_ONCE", at_once)
        for round_ in range(200):
            part, rest = view.alerts_before(ledger._viewed, rest, 0, limit, search.wants)
            assert len(part) <= limit
            seen += [one.id for _, one in part]
            if round_ == 0 and newer:
                ledger.insert(Outcome(alerts=[alert(1_000 + n) for n in range(newer)]))
                ledger.commit()
            if rest is None:
                break
    assert rest is None
    assert seen == [one.id for one in reversed(all_of) if one.severity >= severity]


def test_a_search_of_the_last_days_does_not_read_the_year(tmp_path: Path) -> None:
    ledger = Ledger.in_memory()
    old = [alert(n, opened_at=NOW - 300 * DAY, updated_at=NOW - 300 * DAY) for n in range(50)]
    ledger.insert(Outcome(alerts=[*old, alert(99)]))
    ledger.commit()
    looked: list[str] = []

    def wanted(one: Alert) -> bool:
        looked.append(one.id)
        return True

    part, rest = view.alerts_before(ledger._viewed, None, NOW - DAY, 50, wanted)
    assert ([one.id for _, one in part], rest, looked) == (["a-99"], None, ["a-99"])


# --- as a table -----------------------------------------------------------------------------------


def table(*alerts: Alert, lang: int = 0, encoding: str = "utf-8-sig") -> bytes:
    rows = [past.row(past.view(one, TOWN, {}), TOWN, lang) for one in alerts]
    return sheets.sheet(past.HEADINGS[lang], rows, encoding)


ENDED = alert(
    state=AlertState.CANCELLED,
    closed_at=NOW + 90 * MINUTE,
    cause="風でゆれた草",
    label="false",
    peak=Severity.WARNING,
    acknowledged={"bosai": NOW, "user:tanaka": NOW},
    task={"who": "yamane", "others": ["佐藤"]},
)


def test_the_table_stands_as_it_always_did() -> None:
    assert table(ENDED, alert(2, mode=Mode.EXERCISE)).decode("utf-8-sig").splitlines() == [
        "区分,番号,内容,種類,重さ,場所,機器,地区,発生,終了,続いた時間（分）,状態,結果・原因,判定,"
        "行った人,確認した人",
        "通常,a-1,イノシシがいます,動物,警戒,上田 水口,カメラ1,paddy,2026/11/22 12:00,2026/11/22 13:30,90,"
        "取消,風でゆれた草,誤報,山根 猛、佐藤,防災係、tanaka",
        "訓練,a-2,イノシシがいます,動物,注意,上田 水口,カメラ1,paddy,2026/11/22 12:00,,,継続中,,,,",
    ]
    assert table(ENDED, lang=1).decode("utf-8-sig").splitlines()[1] == (
        "actual,a-1,wild boar about,animals,Warning,Ueda inlet,Camera 1,paddy,2026/11/22 12:00,"
        '2026/11/22 13:30,90,cancelled,風でゆれた草,false,"山根 猛, 佐藤","防災係, tanaka"'
    )


def test_the_table_opens_in_an_old_excel_and_what_it_cannot_spell_is_a_mark() -> None:
    text = table(alert(place="😀の上田"), encoding="cp932").decode("cp932")
    assert "〓の上田" in text
    assert "イノシシがいます" in text


@given(
    st.sampled_from(["=", "+", "-", "@", "\t", "\r", "\n=", " =", "＝"]),
    st.text(max_size=30),
    st.sampled_from(["utf-8-sig", "cp932"]),
)
def test_nothing_that_somebody_typed_begins_to_count_in_excel(sign: str, text: str, encoding: str) -> None:
    typed = f"{sign}{text}"
    sheet = table(alert(place=typed, cause=typed, acknowledged={typed: NOW}), encoding=encoding)
    cells = next(iter([*csv.reader(io.StringIO(sheet.decode(encoding), newline=""))][1:]))
    assert len(cells) == len(past.HEADINGS[0])
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in cells)


# --- the API --------------------------------------------------------------------------------------


async def _with_a_year(visitor: Visitor, alerts: int = 300) -> Year:
    year = Year(visitor.hub.pipeline.town, visitor.hub.clock.now(), alerts).written(visitor.hub.ledger)
    assert (await visitor.logs_in("kouhou")).status == 303
    return year


async def test_the_api_gives_all_alerts_page_by_page_and_the_same_as_a_table(tmp_path: Path) -> None:
    async with console(tmp_path, TOWN, kouhou=ConsoleRole.VIEWER) as visitor:
        year = await _with_a_year(visitor)
        ids = [one.id for one in reversed(year.outcome.alerts)]
        seen, rest = [], ""
        while rest is not None:
            before = f"&before={rest}" if rest else ""
            answer = await visitor.get(f"/api/v1/history?limit=100{before}")
            said = msgspec.json.decode(answer.text)
            seen += [one["id"] for one in said["alerts"]]
            rest = said["rest"]
        assert seen == ids

        asked = urllib.parse.urlencode({"q": "いのしし", "severity": 1, "lang": "en"})
        answer = await visitor.get(f"/api/v1/history.csv?{asked}")
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        assert "attachment" in answer.headers["content-disposition"]
        rows = [*csv.reader(io.StringIO(answer.text.removeprefix("\ufeff"), newline=""))]
        boars = [one.id for one in reversed(year.outcome.alerts) if one.species == "boar"]
        assert rows[0] == list(past.HEADINGS[1])
        assert [row[1] for row in rows[1:]] == boars

        labels = {act.target: act.form["label"] for act in year.outcome.acts if act.kind == "label"}
        one = (await visitor.get(f"/api/v1/history?q={next(iter(labels))}")).text
        assert msgspec.json.decode(one)["alerts"][0]["label"] == labels[next(iter(labels))]


async def test_what_is_no_question_is_refused(tmp_path: Path) -> None:
    wrong = ("limit=0", "limit=201", "before=x", "severity=9", "since=soon", "unknown=1", f"q={'x' * 101}")
    async with console(tmp_path, TOWN, kouhou=ConsoleRole.VIEWER) as visitor:
        await visitor.logs_in("kouhou")
        for asked in wrong:
            answer = await visitor.get(f"/api/v1/history?{asked}")
            assert (answer.status, msgspec.json.decode(answer.text)["error"]) == (400, "question"), asked


async def test_the_past_is_for_who_is_logged_in(tmp_path: Path) -> None:
    async with console(tmp_path, TOWN) as visitor:
        for path in ("/api/v1/history", "/api/v1/history.csv", "/api/v1/reports/2026-11"):
            assert (await visitor.get(path)).status == 401
        for path in ("/console/history", "/console/history/x", "/console/report/2026-11"):
            assert (await visitor.get(path)).location.startswith("/login")


# --- the pages ------------------------------------------------------------------------------------


async def test_the_page_searches_links_on_and_shows_one_alert_in_full(tmp_path: Path) -> None:
    async with console(tmp_path, TOWN, kouhou=ConsoleRole.VIEWER) as visitor:
        year = await _with_a_year(visitor)
        page = (await visitor.get("/console/history?q=deer&lang=en")).text
        deer = next(one.id for one in reversed(year.outcome.alerts) if one.species == "deer")
        assert f'href="/console/history/{deer}?lang=en"' in page
        assert "wild boar about" not in page
        assert "/api/v1/history.csv?q=deer&amp;lang=en" in page
        first = (await visitor.get("/console/history?lang=en")).text
        older = first.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
        second = (await visitor.get(f"/console/history{older}")).text
        newest, last = year.outcome.alerts[-1].id, year.outcome.alerts[0].id
        assert newest in first
        assert newest not in second
        assert last not in second
        trap = next(one for one in year.outcome.alerts if one.kind == "trap" and one.closed_at)
        page = (await visitor.get(f"/console/history/{trap.id}?lang=en")).text
        for said in (
            "The trap sprung",
            "山根 猛",
            "has dealt with it",
            "delivered",
            "it began",
            "Who was told",
        ):
            assert said in page
        gone = await visitor.get("/console/history/none?lang=en")
        assert (gone.status, "There is no such alert" in gone.text) == (404, True)


async def test_an_address_that_makes_no_sense_still_gives_a_page(tmp_path: Path) -> None:
    senseless = (
        "since=2026-13-40",
        "since=8999-01-01&until=1971-01-01",
        "kind=x&state=y&mode=z&zone=q",
        "severity=99",
        "before=-1",
        "before=²",
        "device=<script>",
    )
    async with console(tmp_path, TOWN, kouhou=ConsoleRole.VIEWER) as visitor:
        await visitor.logs_in("kouhou")
        for asked in senseless:
            answer = await visitor.get(f"/console/history?{urllib.parse.quote(asked, safe='=&')}")
            assert answer.status == 200, asked
            assert "<script>" not in answer.text


async def test_while_a_year_is_looked_through_the_hub_goes_on(tmp_path: Path) -> None:
    async with console(tmp_path, TOWN, kouhou=ConsoleRole.VIEWER) as visitor:
        await _with_a_year(visitor, 2_000)
        asking = asyncio.create_task(visitor.get("/api/v1/history?q=nothing+like+that"))
        turns = 0
        while not asking.done():
            await asyncio.sleep(0)
            turns += 1
        assert msgspec.json.decode((await asking).text)["alerts"] == []
        assert turns > 5


def test_the_queries_of_the_past_use_an_index(tmp_path: Path) -> None:
    path = tmp_path / "naruko.db"
    ledger = Ledger.open(path, LedgerSettings(path=path))
    plans = []

    class Asked:
        def execute(self, sql: str, values: tuple[object, ...] = ()) -> object:
            plans.append((sql, ledger._viewed.execute(f"EXPLAIN QUERY PLAN {sql}", values).fetchall()))
            return ledger._viewed.execute(sql, values)

    asked: sqlite3.Connection = Asked()  # type: ignore[assignment]
    view.alerts_before(asked, None, 0, 10)
    view.openings(asked, 0, 0)
    view.alerts_by_id(asked, ["a"])
    view.events_between(asked, 0, 1)
    view.events_during(asked, "river/x", 0, 1)
    view.acts_between(asked, "label", 0, 1)
    view.deliveries_between(asked, 0, 1)
    view.commands_between(asked, 0, 1)
    view.peak(asked, "gauge", 0, 1)
    view.has_readings(asked, 0, 1)
    for sql, plan in plans:
        for step in plan:
            assert "SCAN" not in step[3] or "min(seq)" in sql, (sql, plan)
    ledger.close()
