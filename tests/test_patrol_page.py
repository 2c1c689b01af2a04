"""The daily round of the traps on the owner's phone: the clock of each, and one tap for each or for all."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from hub.detect.trap import TrapState
from hub.links import Purpose
from hub.model import AlertState
from hub.web import patrol
from tests.browser import SMALL, Browser, Phone
from tests.page_town import PageTown, page_town
from tests.paged import paged
from tests.processes import naruko
from tests.servers import Server
from tests.towns import DAY, HOUR, at, person, town, trap

NOW = at("2026-11-22 10:00")


def rows(states: dict[str, TrapState], lang: str = "ja", now: int = NOW, **more: bool) -> list[patrol.Row]:
    devices = [trap("trap-1", owner="yamane", **more), trap("trap-2", owner="yamane"), trap("trap-3")]
    owner = person("yamane", "hunter")
    return patrol.rows(town(devices=devices, people=[owner]), states, owner, now, lang=lang)


# --- what stands on it ------------------------------------------------------------------------------


def test_it_shows_a_persons_own_traps_and_no_others() -> None:
    assert [row.id for row in rows({})] == ["trap-1", "trap-2"]


def test_the_clock_of_a_trap_says_how_long_ago_it_was_last_known_to_be_set() -> None:
    yesterday = TrapState(proved_at=NOW - 26 * HOUR, seen_at=NOW - 26 * HOUR)
    proved = TrapState(proved_at=NOW - 130 * 60_000)
    shown = {row.id: row.proved for row in rows({"trap-1": yesterday, "trap-2": proved})}
    assert shown == {"trap-1": "1日", "trap-2": "2時間10分"}
    assert [row.proved for row in rows({"trap-2": proved}, "en") if row.id == "trap-2"] == ["2 h 10 min"]


def test_one_that_has_sprung_comes_first_and_one_that_was_seen_today_last() -> None:
    states = {"trap-1": TrapState(seen_at=NOW - HOUR, proved_at=NOW - HOUR)}
    assert [(row.id, row.seen) for row in rows(states)] == [("trap-2", ""), ("trap-1", "09:00")]
    sprung = states | {"trap-2": TrapState(state="sprung", since=NOW)}
    assert next(row.id for row in rows(sprung)) == "trap-2"


def test_seen_yesterday_is_not_seen_today() -> None:
    assert [row.seen for row in rows({"trap-1": TrapState(seen_at=NOW - DAY)})] == ["", ""]


def test_all_speaks_of_those_that_are_set_and_not_yet_seen() -> None:
    states = {"trap-1": TrapState(state="disarmed"), "trap-2": TrapState(state="sprung")}
    assert patrol.to_see(rows(states)) == []
    assert [row.id for row in patrol.to_see(rows({"trap-1": TrapState(seen_at=NOW)}))] == ["trap-2"]


def test_of_a_trap_whose_sensor_is_being_serviced_nothing_is_asked() -> None:
    [first] = [row for row in rows({}, maintenance=True) if row.id == "trap-1"]
    assert (first.state, first.can) == ("maintenance", ())


def test_by_a_clock_that_is_not_set_no_time_is_told() -> None:
    assert {
        row.proved or row.seen for row in rows({"trap-1": TrapState(proved_at=5, seen_at=5)}, now=99)
    } == {""}


# --- the reminder -----------------------------------------------------------------------------------


async def test_the_reminder_of_the_evening_leads_to_the_page_and_ends_with_the_last_trap(
    tmp_path: Path,
) -> None:
    async with paged(tmp_path) as p:
        p.clock.at = at("2026-11-22 17:00")
        await p.hub.tick()
        [told] = p.hub.ledger.notifications_of(p.alert("patrol").id)
        path = next(urlsplit(word).path for word in told.body.split() if "/p/" in word)
        page = await p.get(path)
        assert "きょうまだ見ていないわな 1基" in page.text
        assert p.alert("patrol").state is AlertState.OPEN
        assert (await p.get(path + "?do=seen&trap=trap-1", method="HEAD")).status == 200
        assert (await p.post(path, do="seen", trap="gauge")).headers["location"].count("did=late")
        assert p.alert("patrol").state is AlertState.OPEN
        await p.post(path, do="seen", trap="trap-1")
        assert p.alert("patrol").state is AlertState.RESOLVED
        assert "きょうの見回りは終わっています" in (await p.get(path)).text


# --- on the page ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, broker: Server) -> Iterator[PageTown]:
    with page_town(tmp_path_factory.mktemp("patrol") / "town", broker.port, "patrol") as hub:
        yield hub


def opened(running: PageTown, browser: Browser, lang: str = "ja") -> Phone:
    phone = browser.phone(SMALL, script=False)
    return phone.opens(f"{running.link_of(Purpose.PATROL, 'yamane')}?lang={lang}")


def test_each_is_seen_with_one_tap_and_the_others_with_one_more(running: PageTown, browser: Browser) -> None:
    phone = opened(running, browser)
    assert "きょうまだ見ていないわな 3基" in phone.text
    assert phone.biggest() == "3基すべて見ました"
    phone.taps("見ました", "炭焼き")
    assert "きょうまだ見ていないわな 2基" in phone.text
    assert "に見ました" in phone.text
    phone.taps("2基すべて見ました")
    assert "きょうの見回りは終わっています" in phone.text
    acts = running.acts("seen")
    assert [act.target for act in acts] == ["trap-2", "trap-1", "trap-3"]
    assert {(act.who, act.source) for act in acts} == {("yamane", "web")}


def test_who_cannot_go_takes_a_trap_out_of_use_and_sets_it_again_later(
    running: PageTown, browser: Browser
) -> None:
    phone = opened(running, browser)
    phone.touches("ほかの操作", "終点").taps("休止にする", "終点")
    assert "休止中です" in phone.text
    phone.taps("仕掛けました（再開）", "終点")
    assert "休止中です" not in phone.text


def test_a_trap_that_has_sprung_leads_to_its_alert(running: PageTown, browser: Browser) -> None:
    running.springs("trap-1")
    running.link("yamane", "一本杉")
    phone = opened(running, browser, "en")
    assert "Has sprung" in phone.text
    phone.taps("Open the alert of this trap")
    assert phone.biggest() == "行きます"  # the alert's page speaks the owner's own language
    opened(running, browser).touches("ほかの操作", "一本杉").taps("仕掛けました（再開）", "一本杉")


def test_a_tap_without_a_signal_is_lost_and_the_same_page_is_good_for_the_next(
    running: PageTown, browser: Browser
) -> None:
    phone = browser.phone(SMALL, script=False).opens(running.link_of(Purpose.PATROL, "yamane"))
    before = len(running.acts("seen"))
    phone.offline().taps("見ました", "終点")
    assert len(running.acts("seen")) == before
    phone.online().goes_back().taps("見ました", "終点")
    assert len(running.acts("seen")) == before + 1


def test_the_command_line_makes_the_link_for_owners_of_traps(running: PageTown, browser: Browser) -> None:
    made = naruko("link", "patrol", "yamane", "-c", running.hub.folder)
    assert made.returncode == 0, made.stderr
    assert "わなの見回り" in browser.phone(SMALL).opens(made.stdout.strip()).text
