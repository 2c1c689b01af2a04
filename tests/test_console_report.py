"""The month report: numbers that add up, drills apart, what is not known said; and a good print on A4."""

import base64
import os
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from hub.config.settings import LedgerSettings
from hub.console.api.history import facts_of
from hub.console.pages.report import by_trap, heat, neighbours, shade
from hub.console.users import ConsoleRole
from hub.days import wall
from hub.detect.health import DeviceHealth
from hub.ledger import Ledger
from hub.ledger.views import history as view
from hub.ledger.views.history import Opened
from hub.model import Command, Event, EventKind, Flag, Mode, Outcome, Reading, Status
from hub.paperwork import month
from hub.paperwork.month_devices import merged
from hub.paperwork.month_shape import Captured, Drill, Facts, Month
from tests import years
from tests.browser import Browser, Phone
from tests.consoles import PASSWORD, console, standing
from tests.ledgers import command, notification
from tests.test_console_history import alert
from tests.towns import DAY, HOUR, at

NOW = at("2026-12-02 09:00")
TOWN = years.ground()
ZONE = TOWN.zone_info
FIRST, END = at("2026-11-01 00:00"), at("2026-12-01 00:00")
HEARD = {id: DeviceHealth(known_since=at("2026-01-05 00:00"), last_seen=NOW) for id in TOWN.devices}
NOTHING = Facts({}, [], [], [], {}, [], [], {}, {}, oldest=FIRST - 90 * DAY)
PICTURES = os.environ.get("PICTURES", "")


def counted(facts: Facts, name: str = "2026-11", now: int = NOW) -> Month:
    return month.tally(TOWN, HEARD, facts, name, now)


def with_alerts(*alerts: Any, **more: Any) -> Facts:
    opened = [msgspec.convert(msgspec.to_builtins(one), Opened) for one in alerts]
    return replace(NOTHING, alerts={one.id: one for one in alerts}, season=opened, **more)


def seen(when: int, device: str = "cam-1", kind: EventKind = EventKind.ANIMAL_SEEN, n: int = 1) -> Event:
    return Event(f"a-{n}/{kind}/{when}/{device}", kind, f"animal/{n}", device, when, when, species="boar")


# --- days and months ------------------------------------------------------------------------------


def test_a_month_begins_and_ends_at_midnight_on_the_wall_of_the_town() -> None:
    assert month.span("2026-11", ZONE) == (FIRST, END)
    assert month.span("2026-12", ZONE)[0] == END
    assert month.months_to("2026-02")[0] == "2025-03"
    assert month.months_to("2026-02")[-2:] == ("2026-01", "2026-02")
    assert neighbours("2026-01") == ("2025-12", "2026-02")
    days = month.days_of("2026-11", ZONE)
    assert (days[0][1], days[-1][2], len(days)) == (FIRST, END, 30)


# --- what is counted ------------------------------------------------------------------------------

WHEN = st.integers(FIRST, END - 1)
SIGHTING = st.builds(
    seen, WHEN, st.sampled_from(["cam-1", "cam-2", "gone"]), st.sampled_from(sorted(month.SIGHTINGS))
)


@given(st.lists(SIGHTING, max_size=80))
def test_the_detections_by_hour_and_by_species_are_all_detections(events: list[Event]) -> None:
    found = counted(replace(NOTHING, events=events))
    assert sum(row.total for row in found.hours) == len(events) == sum(one.sightings for one in found.species)
    assert all(sum(row.hours) == row.total for row in found.hours)
    assert sum(one.visits for one in found.species) == sum(e.kind in month.VISITS for e in events)
    for event in events:
        hour = wall(event.at, ZONE).hour
        assert any(row.hours[hour] for row in found.hours)


@given(st.integers(0, 90))
def test_places_beyond_the_table_stand_in_its_last_row(places: int) -> None:
    events = [seen(FIRST + n, f"gone-{n}") for n in range(places)]
    rows = counted(replace(NOTHING, events=events)).hours
    assert len(rows) == min(places, month.PLACES + 1)
    assert sum(row.places for row in rows) == places == sum(row.total for row in rows)


@given(st.lists(st.integers(at("2025-10-01 00:00"), END - 1), max_size=60))
def test_the_season_holds_every_visit_of_twelve_months(times: list[int]) -> None:
    facts = with_alerts(*(alert(n, opened_at=when, closed_at=when + HOUR) for n, when in enumerate(times)))
    season = counted(replace(facts, oldest=at("2025-01-01 00:00"))).season
    within = [when for when in times if when >= at("2025-12-01 00:00")]
    assert sum(row.total for row in season.rows) == len(within)
    assert all(sum(n or 0 for n in row.months) == row.total for row in season.rows)
    assert (season.months[0], season.months[-1]) == ("2025-12", "2026-11")


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(list(Status)), st.booleans(), st.integers(0, 200_000)), max_size=60)
)
def test_every_message_stands_in_one_column(told: list[tuple[Status, bool, int]]) -> None:
    rows = [
        view.Delivery("a", "mail", FIRST, FIRST, status, FIRST + took if over else None)
        for status, over, took in told
    ]
    found = counted(replace(NOTHING, deliveries=rows)).deliveries
    for one in found:
        parts = (
            one.sent, one.merged, one.held, one.overtaken, one.failed, one.unanswered, one.waiting,
            one.not_sent,
        )  # fmt: skip
        assert sum(parts) == one.decided == len(told)
        assert min(parts) >= 0
        assert one.late <= one.sent
    assert len(found) == bool(told)


@given(
    st.sampled_from([Mode.EXERCISE, Mode.TEST]),
    st.lists(SIGHTING, min_size=1, max_size=20),
    st.integers(0, 5),
)
def test_a_drill_is_in_no_number_but_its_own(mode: Mode, events: list[Event], messages: int) -> None:
    drill = alert(1, mode=mode, opened_at=FIRST, closed_at=END, deterred=True, devices=("cam-1",))
    flood = alert(2, mode=mode, kind="river", device="gauge", opened_at=FIRST, incident="river/gauge")
    quiet = alert(3, mode=mode, kind="silent", opened_at=FIRST, incident="silent/cam-1")
    told = [view.Delivery(drill.id, "mail", FIRST, FIRST, Status.SENT, FIRST + 1)] * messages
    siren = command(alert_id=drill.id, created_at=FIRST)
    found = counted(with_alerts(drill, flood, quiet, events=events, deliveries=told, commands=[siren]))
    empty = counted(NOTHING)
    assert replace(found, drills=()) == empty
    by_kind = {one.kind: (one.alerts, one.sent, one.activations) for one in found.drills}
    assert by_kind == {"animal": (1, messages, 1), "river": (1, 0, 0), "silent": (1, 0, 0)}


@given(st.lists(st.sampled_from([Status.SENT, Status.FAILED, Status.PENDING]), max_size=9))
def test_test_messages_stand_among_the_drills_alone(results: list[Status]) -> None:
    told = [
        view.Delivery(f"test-{FIRST}", "mail", FIRST + n, FIRST, status, FIRST + 9, template="test")
        for n, status in enumerate(results)
    ]
    found = counted(replace(NOTHING, deliveries=told))
    assert replace(found, drills=()) == counted(NOTHING)
    sent = results.count(Status.SENT)
    last = FIRST + len(told) - 1
    assert found.drills == ((Drill("test", "", 0, sent, 0, FIRST, last),) if told else ())


def test_false_alarms_and_what_was_taken_back_are_no_season() -> None:
    facts = with_alerts(
        alert(1, opened_at=FIRST),
        alert(2, opened_at=FIRST, label="false"),
        alert(3, opened_at=FIRST),
        alert(4, opened_at=FIRST, state="cancelled", closed_at=FIRST),
        labels={"a-3": "false"},
    )
    assert [row.total for row in counted(facts).season.rows] == [1]


def test_a_rate_is_of_what_somebody_labelled_and_says_how_much_nobody_did() -> None:
    labels = {"a-1": "true", "a-2": "false", "a-3": "unknown"}
    facts = with_alerts(*(alert(n, opened_at=FIRST + n) for n in range(6)), labels=labels)
    (one,) = counted(facts).sensors
    assert (one.alerts, one.true, one.false, one.unknown, one.unlabelled) == (6, 1, 1, 1, 3)
    assert one.false_rate == 0.5
    unknown = counted(with_alerts(alert(1, opened_at=FIRST))).sensors[0]
    assert (unknown.unlabelled, unknown.false_rate) == (1, None)


def test_of_a_month_before_the_first_record_nothing_is_said() -> None:
    facts = replace(with_alerts(alert(1, opened_at=FIRST)), oldest=at("2026-10-20 00:00"))
    (row,) = counted(facts).season.rows
    assert row.months == (*[None] * 10, 0, 1)
    assert counted(facts).ledger_since_at == at("2026-10-20 00:00")


def test_a_flood_has_its_peak_and_the_first_time_of_each_threshold() -> None:
    flood = alert(1, kind="river", device="gauge", opened_at=FIRST, closed_at=FIRST + 9 * HOUR)

    def up(level: str, when: int, value: float) -> Event:
        return Event(level, EventKind.LEVEL_UP, "r", "gauge", when, when, level=level, value=value)

    events = [
        up("standby", FIRST, 2.1),
        up("caution", FIRST + HOUR, 3.1),
        up("caution", FIRST + 3 * HOUR, 3.4),
    ]
    told = with_alerts(flood, floods={"a-1": events})
    (one,) = counted(told).floods
    assert [(p.level, p.name_en, p.at) for p in one.passed] == [
        ("standby", "", FIRST),
        ("caution", "flood caution", FIRST + HOUR),
    ]
    assert (one.peak_m, one.peak_at, one.is_measured) == (3.4, FIRST + 3 * HOUR, False)
    (one,) = counted(replace(told, peaks={"a-1": (3.62, FIRST + 2 * HOUR)})).floods
    assert (one.peak_m, one.peak_at, one.is_measured) == (3.62, FIRST + 2 * HOUR, True)
    (one,) = counted(with_alerts(flood)).floods
    assert (one.peak_m, one.peak_at) == (None, None)


SPANS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=15)


@given(SPANS)
def test_time_that_two_silences_share_counts_once(spans: list[tuple[int, int]]) -> None:
    covered = {n for begin, end in spans for n in range(begin, end)}
    parts = merged(spans)
    assert sum(end - begin for begin, end in parts) == len(covered)
    assert all(a[1] < b[0] for a, b in pairwise(parts))


def test_a_silence_counts_from_the_last_word_and_a_gateways_is_that_of_its_devices() -> None:
    own = alert(
        1, kind="silent", opened_at=FIRST + 5 * HOUR, closed_at=FIRST + 7 * HOUR, devices=("cam-1",),
        incident="silent/cam-1",
    )  # fmt: skip
    gateway = alert(
        2, kind="gateway", device="gauge", opened_at=FIRST + 6 * HOUR, closed_at=FIRST + 8 * HOUR,
        devices=("cam-1", "cam-2"), incident="gateway/gauge",
    )  # fmt: skip
    told = Event(
        "e", EventKind.DEVICE_SILENT, "silent/cam-1", "cam-1", own.opened_at, own.opened_at, window=2 * HOUR
    )
    found = {one.device: one for one in counted(with_alerts(own, gateway, events=[told])).silences}
    assert found["cam-1"].silent_ms == 5 * HOUR
    assert (found["cam-1"].times, found["cam-2"].silent_ms) == (1, 2 * HOUR)
    assert found["cam-1"].heard_share == 1 - 5 / (30 * 24)


def test_a_device_that_was_never_heard_is_named_and_not_a_hundred_per_cent() -> None:
    silent = alert(1, kind="silent", device="cam-2", devices=("cam-2",), opened_at=FIRST)
    heard = {"cam-1": DeviceHealth(last_seen=NOW)}
    found = month.tally(TOWN, heard, with_alerts(silent), "2026-11", NOW)
    assert found.watch.never == len(TOWN.devices) - 1
    assert "cam-1" not in found.watch.never_heard
    assert found.silences == ()


# --- what is shown --------------------------------------------------------------------------------


@given(st.integers(0, 500), st.integers(0, 500))
def test_more_is_never_lighter_and_something_is_never_white(number: int, most: int) -> None:
    most = max(number, most)
    assert 0 <= shade(number, most) <= 5
    assert (shade(number, most) == 0) == (number == 0)
    assert not most or shade(most, most) == 5
    assert not number or shade(number - 1, most) <= shade(number, most)


def test_the_row_of_all_other_places_is_not_the_darkest() -> None:
    events = [seen(FIRST, f"gone-{n:02}") for n in range(60)]
    rows = heat(counted(replace(NOTHING, events=events)).hours, "en")
    assert (rows[0].cells[0].shade, rows[-1].cells[0].text, rows[-1].cells[0].shade) == (5, "30", 0)


def test_captures_stand_by_trap_with_the_wrong_animals_last() -> None:
    rows = (
        Captured("t-1", "1", "東山", "East", "boar", "captured", 3, 2),
        Captured("t-1", "1", "東山", "East", "serow", "wrong", 1, 1),
        Captured("t-2", "2", "西山", "West", "deer", "captured", 1, 1),
    )
    species, traps = by_trap(rows, "en")
    assert species == [("wild boar", False), ("sika deer", False), ("Japanese serow", True)]
    assert [(row.trap, row.counts) for row in traps] == [("1 East", (3, 0, 1)), ("2 West", (0, 1, 0))]


# --- from the ledger ------------------------------------------------------------------------------


async def test_the_ledger_gives_what_belongs_to_the_month_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "naruko.db"
    ledger = Ledger.open(path, LedgerSettings(path=path))
    edges = (FIRST - 1, FIRST, END - 1, END)
    ledger.insert(
        Outcome(
            alerts=[
                alert(n, opened_at=when, closed_at=when, updated_at=when) for n, when in enumerate(edges)
            ],
            events=[seen(when, n=n) for n, when in enumerate(edges)],
            notifications=[
                notification(f"n{n}", alert_id=f"a-{n}", created_at=when) for n, when in enumerate(edges)
            ],
            commands=[
                Command(f"c{n}", "siren-1", f"a-{n}", "deter", when, when + 1) for n, when in enumerate(edges)
            ],
            readings=[
                Reading("gauge", "level_m", FIRST + 3 * DAY, 1.0, Flag.PASS, FIRST + 3 * DAY),
                Reading("gauge", "level_m", FIRST + 4 * DAY, 9.0, Flag.SUSPECT, FIRST + 4 * DAY),
            ],
        )
    )
    ledger.commit()
    facts = await facts_of(ledger, TOWN, "2026-11", NOW)
    found = counted(facts)
    assert sorted(facts.alerts) == ["a-1", "a-2"]
    assert (found.alerts, sum(row.total for row in found.hours)) == (2, 2)
    assert (found.deliveries[0].decided, found.sirens[0].activations) == (2, 2)
    assert found.empty_days == tuple(day for day in range(1, 31) if day not in (4, 5))
    assert await ledger.view(view.peak, "gauge", FIRST, END) == (1.0, FIRST + 3 * DAY)
    ledger.close()


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 50), max_size=40), st.integers(0, 50), st.integers(0, 50))
def test_messages_are_found_by_time_without_an_index_of_it(steps: list[int], since: int, until: int) -> None:
    times = [sum(steps[: n + 1]) for n in range(len(steps))]
    ledger = Ledger.in_memory()
    rows = [notification(f"n{n}", created_at=FIRST + when * HOUR) for n, when in enumerate(times)]
    ledger.insert(Outcome(notifications=rows))
    ledger.commit()
    begin, end = FIRST + since * HOUR, FIRST + until * HOUR
    found = view.deliveries_between(ledger._viewed, begin, end)
    assert [one.created_at for one in found] == [n.created_at for n in rows if begin <= n.created_at < end]


async def test_the_page_and_the_api_say_the_same_and_what_is_no_month_is_refused(tmp_path: Path) -> None:
    async with console(tmp_path, TOWN, kouhou=ConsoleRole.VIEWER) as visitor:
        now = visitor.hub.clock.now()
        years.Year(TOWN, now, 300).written(visitor.hub.ledger)
        await visitor.logs_in("kouhou")
        to = (await visitor.get("/console/report?lang=en")).location
        this = re.findall(r"\d{4}-\d\d", to)[0]
        for name in (this, neighbours(this)[0]):
            said = await visitor.get(f"/api/v1/reports/{name}")
            found = msgspec.json.decode(said.text, type=Month)
            page = (await visitor.get(f"/console/report/{name}?lang=en")).text
            assert f"<dd>{found.alerts}</dd>" in page
            assert (("The month is not over" in page), found.is_over) in ((True, False), (False, True))
        after = neighbours(this)[1]
        for path, status in (
            (f"/api/v1/reports/{after}", 404),
            ("/api/v1/reports/2026-13", 400),
            ("/api/v1/reports/x", 400),
            ("/api/v1/reports/2026-11%0A", 400),
            ("/console/report/2026-11%0A", 404),
            (f"/console/report/{after}", 404),
            ("/console/report/2026-00", 404),
        ):
            assert (await visitor.get(path)).status == status, path


# --- in a browser ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    async def lives(hub: Any) -> None:
        now = hub.clock.now()
        for id in [id for id in TOWN.devices if id != "cam-5"]:
            known = DeviceHealth(known_since=now - 300 * DAY, last_seen=now)
            hub.pipeline.state.put("health", id, known)
        years.Year(TOWN, now, 1_500, seed=3).written(hub.ledger)

    with standing(tmp_path_factory.mktemp("report"), TOWN, lives, kouhou=ConsoleRole.VIEWER) as place:
        yield place


LOGIN = {
    "ja": ("利用者名", "パスワード", "ログイン"),
    "en": ("User name", "Password", "Log in"),
}


def logged_in(
    browser: Browser, address: str, lang: str, size: tuple[int, int], scheme: str = "light"
) -> Phone:
    phone = browser.phone(size, lang=lang, scheme=scheme)  # type: ignore[arg-type]
    name, password, go = LOGIN[lang]
    phone.opens(f"{address}/console/me").types(name, "kouhou").types(password, PASSWORD).taps(go)
    return phone


def sound(phone: Phone, name: str) -> None:
    if PICTURES:
        phone.picture(Path(PICTURES) / f"{name}.png")
    assert phone.violations() == []
    assert phone.overflow() == 0
    assert phone.too_small() == []


def last_month(phone: Phone, address: str) -> str:
    phone.opens(f"{address}/console/report")
    return neighbours(re.findall(r"\d{4}-\d\d", phone.url)[0])[0]


@pytest.mark.parametrize(
    ("lang", "size", "scheme"),
    [
        ("ja", (1280, 800), "light"),
        ("en", (820, 1180), "dark"),
        ("ja", (390, 844), "dark"),
        ("en", (390, 844), "light"),
    ],
)
def test_the_past_can_be_read_and_used(
    address: str, browser: Browser, lang: str, size: tuple[int, int], scheme: str
) -> None:
    phone = logged_in(browser, address, lang, size, scheme)
    tag = f"{lang}-{size[0]}-{scheme}"
    sound(phone.opens(f"{address}/console/history?mode=actual"), f"history-{tag}")
    sound(phone.opens(f"{address}/console/history?q=zzz"), f"history-none-{tag}")
    phone.opens(f"{address}/console/history?kind=trap&state=resolved")
    link = phone.runs("document.querySelector('.past .what a').href")
    sound(phone.opens(link), f"history-one-{tag}")
    sound(phone.opens(f"{address}/console/report/{last_month(phone, address)}"), f"report-{tag}")
    assert phone.shows({"ja": "印刷・PDF", "en": "Print or save as PDF"}[lang])


def test_words_typed_into_the_search_find_what_they_name(address: str, browser: Browser) -> None:
    phone = logged_in(browser, address, "ja", (1280, 800)).opens(f"{address}/console/history")
    phone.types("ことば", "いのしし 下田").taps("探す")
    rows = phone.runs("[...document.querySelectorAll('.past tbody tr')].map(r => r.innerText)")
    assert rows
    assert all("イノシシ" in row and "下田" in row for row in rows)


@pytest.mark.parametrize("lang", ["ja", "en"])
def test_the_report_prints_on_a_few_sheets_of_a4(
    address: str, browser: Browser, lang: str, tmp_path: Path
) -> None:
    phone = logged_in(browser, address, lang, (1280, 800), "dark")
    phone.opens(f"{address}/console/report/{last_month(phone, address)}")
    printed = phone.call("Page.printToPDF", preferCSSPageSize=True, printBackground=False)
    pdf = base64.b64decode(printed["data"])
    (Path(PICTURES or tmp_path) / f"report-{lang}.pdf").write_bytes(pdf)
    sizes = re.findall(rb"/MediaBox\s*\[([\d. ]+)\]", pdf)
    assert 2 <= len(sizes) <= 5
    for size in sizes:
        width, height = [float(n) for n in size.split()][2:]
        assert (round(width), round(height)) in ((595, 842), (594, 842), (595, 841))
    phone.call("Emulation.setEmulatedMedia", media="print")
    shown = phone.runs(
        "['header', 'footer', '.screen'].map(s => getComputedStyle(document.querySelector(s)).display)"
    )
    assert shown == ["none"] * 3
    assert phone.runs("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert phone.runs("getComputedStyle(document.querySelector('.sheet h1')).color") == "rgb(0, 0, 0)"
