"""Sirens and flashes at the console: what they did, whether animals come back, the button that stops them."""

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace as changed

from hub.config.policy import DeterrentPolicy
from hub.console.api.deterrents import DeterrentsQuery, Seen, deterrents_of, ground_of, look
from hub.console.users import ConsoleRole
from hub.console.views.habituation import (
    NEWEST,
    WEEKS,
    Activation,
    Ground,
    activations,
    habituation,
    midnight,
    since,
)
from hub.deterrent import PATTERNS, DeterrentState
from hub.geofence import Geofence
from hub.ledger.views import deterrents as view
from hub.ledger.views.deterrents import Record
from hub.model import Command, Mode, Outcome, Status
from tests.consoles import Visitor, console, place
from tests.timeline import Timeline, animal
from tests.towns import DAY, MINUTE, SECOND, at, camera, person, siren, square, town

NOW = at("2026-11-22 09:00")
ZONE = town().zone_info
HALF_HOUR = 30 * MINUTE
GROUND = Ground(window=HALF_HOUR, late=2 * MINUTE, near=lambda *_: True, now=NOW)


def field(**policy: object):
    return town(
        devices=[camera("cam"), siren("horn", north=30), siren("lamp", north=40, profile="flash")],
        zones=[square("paddy", "paddy", size=400)],
        people=[person("farmer", "farmer", zones=("paddy",))],
        deterrent=DeterrentPolicy(**({"quiet_from": "23:00", "quiet_to": "05:00"} | policy)),
    )


def command(n: int, created_at: int, alert: str = "", **more: object) -> Command:
    fields = {
        "id": f"{alert or n}/horn/{n}",
        "device": "horn",
        "alert_id": alert or f"a{n}",
        "action": "deter",
        "created_at": created_at,
        "until": created_at + 20 * SECOND,
        "sound": True,
        "pattern": "dog",
        "status": Status.DONE,
    }
    return Command(**(fields | more))  # type: ignore[arg-type]


def record(t: Timeline) -> Record:
    return view.read(t.ledger._read, since(t.now, ZONE))


def shown(t: Timeline, id: str = "horn"):
    geofence, states = t.pipeline.geofence, t.pipeline.state.rooms["deterrent"]
    seen = look(t.ledger._read, since(t.now, ZONE), ground_of(t.town, geofence, t.now), ZONE)
    found = deterrents_of(t.town, geofence, states, seen, asked=DeterrentsQuery(), now=t.now)
    return next(one for one in found.deterrents if one.id == id)


# --- what came of it, on a timeline -----------------------------------------------------------------


def test_an_animal_that_is_back_within_the_window_is_counted_against_the_siren_that_drove_it_off():
    t = Timeline(field(), "2026-11-21 19:00")
    sees(t)
    sees(t.at("19:25"))
    one = shown(t)
    assert [a.outcome for a in judged(t)] == ["back", "open"]
    assert (one.back_month, one.stayed_month, one.activated_today, one.tonight) == (1, 0, 2, 2)
    assert one.habituation.again == 1
    assert one.last.outcome == "open"
    assert one.last.alert == t.open("animal")[0].id
    assert one.last.what == "イノシシ"
    t.at("20:30")
    assert [a.outcome for a in judged(t)] == ["back", "quiet"]


def test_an_animal_that_goes_for_good_speaks_for_the_siren():
    t = Timeline(field(), "2026-11-21 19:00")
    sees(t)
    t.at("20:00")
    assert [a.outcome for a in judged(t)] == ["quiet"]
    assert shown(t).back_month == 0


def test_an_animal_that_stays_sets_it_off_again_and_speaks_against_it():
    t = Timeline(field(), "2026-11-21 19:00")
    sees(t)
    sees(t.at("19:06"))
    t.at("20:00")
    assert [a.outcome for a in judged(t)] == ["stayed", "quiet"]


def test_what_is_back_after_the_window_does_not_count():
    t = Timeline(field(), "2026-11-21 19:00")
    sees(t)
    sees(t.at("19:40"))
    t.at("20:30")
    assert [a.outcome for a in judged(t)] == ["quiet", "quiet"]


def judged(t: Timeline, id: str = "horn") -> list[Activation]:
    kept = record(t)
    ground = ground_of(t.town, t.pipeline.geofence, t.now)
    found = activations(kept.commands, kept.alerts, kept.returns, ground)
    return [one for one in found if one.command.device == id]


def sees(t: Timeline) -> None:
    """A boar; the sirens that it sets off say that they have done it."""
    t.commands = []
    t.says("cam", animal("boar"))
    for command in t.commands:
        t.sends(
            f"naruko/{t.town.site.id}/{command.device}/done",
            json.dumps({"v": 1, "id": command.id, "result": "done"}),
        )


# --- numbers ----------------------------------------------------------------------------------------------


OUTCOMES = st.sampled_from(["quiet", "back", "stayed", "open", "failed", "drill", "warning"])
PAST = st.lists(
    st.tuples(st.integers(0, 7 * WEEKS * DAY - DAY), OUTCOMES, st.sampled_from([*PATTERNS])), max_size=60
)


def past(drawn: list[tuple[int, str, str]]) -> list[Activation]:
    ordered = sorted(drawn, key=lambda one: -one[0])
    return [
        Activation(command(n, NOW - ago, pattern=pattern), outcome)  # type: ignore[arg-type]
        for n, (ago, outcome, pattern) in enumerate(ordered)
    ]


@given(PAST)
def test_weeks_and_patterns_hold_every_judged_activation_once(drawn: list[tuple[int, str, str]]):
    found = habituation(past(drawn), HALF_HOUR, NOW, ZONE)
    again = sum(outcome in ("back", "stayed") for _, outcome, _ in drawn)
    counted = again + sum(outcome == "quiet" for _, outcome, _ in drawn)
    assert (found.judged, found.again) == (counted, again)
    for part in (found.weeks, found.patterns):
        assert (sum(one.judged for one in part), sum(one.again for one in part)) == (counted, again)
        assert all(0 <= one.again <= one.judged for one in part)
    assert len(found.weeks) == WEEKS
    assert found.last_judged == min(counted, NEWEST)
    assert found.last_again <= found.last_judged


@given(PAST)
def test_what_is_not_judged_changes_nothing(drawn: list[tuple[int, str, str]]):
    only = [one for one in drawn if one[1] in ("quiet", "back", "stayed")]
    assert habituation(past(drawn), HALF_HOUR, NOW, ZONE) == habituation(past(only), HALF_HOUR, NOW, ZONE)


@given(PAST, st.integers(0, 59))
def test_one_more_return_never_makes_a_siren_look_better(drawn: list[tuple[int, str, str]], which: int):
    order = {"works": 0, "weak": 1, "wearing_off": 1, "too_few": -1}
    before = past(drawn)
    quiet = [n for n, one in enumerate(before) if one.outcome == "quiet"]
    if not quiet:
        return
    n = quiet[which % len(quiet)]
    after = [*before[:n], changed(before[n], outcome="back"), *before[n + 1 :]]
    was, then = (habituation(found, HALF_HOUR, NOW, ZONE) for found in (before, after))
    assert then.again == was.again + 1
    assert order[then.verdict] >= order[was.verdict]


@given(st.lists(st.integers(0, 60 * MINUTE), max_size=20), st.lists(st.booleans(), min_size=20, max_size=20))
def test_every_command_comes_out_once_and_in_order(times: list[int], failed: list[bool]):
    given_ = [
        command(n, NOW - ago, f"a{n % 3}", status=Status.REFUSED if failed[n] else Status.DONE)
        for n, ago in enumerate(times)
    ]
    found = activations(given_, {}, (), GROUND)
    assert sorted(one.command.id for one in found) == sorted(one.id for one in given_)
    assert [one.command.created_at for one in found] == sorted(one.created_at for one in given_)
    assert all((one.outcome == "failed") == (one.failure == "refused") for one in found)


def verdict(*outcomes: str) -> str:
    drawn = [((len(outcomes) - n) * DAY // 4, outcome, "dog") for n, outcome in enumerate(outcomes)]
    return habituation(past(drawn), HALF_HOUR, NOW, ZONE).verdict


def test_the_verdict_says_what_ten_activations_say():
    assert verdict(*["quiet"] * 4) == "too_few"
    assert verdict(*["quiet"] * 8, "back", "stayed") == "works"
    assert verdict(*["quiet"] * 10, *["quiet"] * 6, *["back"] * 4) == "wearing_off"
    assert verdict(*["back"] * 10, *["quiet"] * 6, *["back"] * 4) == "weak"
    assert verdict(*["back"] * 3, *["quiet"] * 3) == "weak"


def test_a_drill_a_warning_and_what_never_sounded_are_not_judged():
    t = Timeline(field(), "2026-11-21 19:00", mode=Mode.EXERCISE).says("cam", animal("boar")).at("20:00")
    assert [a.outcome for a in judged(t)] == ["drill"]
    assert (shown(t).activated_month, shown(t).habituation.judged) == (0, 0)
    late = command(1, NOW - HALF_HOUR, status=Status.SENT)
    warned = command(2, NOW - HALF_HOUR, action="warn", device="other")
    gone = command(3, NOW - HALF_HOUR, status=Status.EXPIRED)
    found = activations([late, warned, gone], {}, (), GROUND)
    said = {one.command.id[-1]: (one.outcome, one.failure) for one in found}
    assert said == {"1": ("quiet", "unanswered"), "2": ("warning", None), "3": ("failed", "expired")}


# --- as it is now -----------------------------------------------------------------------------------------


def test_a_siren_is_at_work_rests_and_has_a_budget():
    ground = field(per_night=2)
    t = Timeline(ground, "2026-11-21 19:00", tick=SECOND).says("cam", animal("boar"))
    one = shown(t)
    assert (one.state, one.sounding_until, one.sound) == ("sounding", t.now + 20 * SECOND, "yes")
    one = shown(t.passes(MINUTE))
    assert (one.state, one.sounding_until, one.resting_until) == ("resting", None, at("2026-11-21 19:05"))
    assert shown(t, "lamp").kind == "flash"
    t.at("19:06").says("cam", animal("boar")).passes(10 * MINUTE)
    one = shown(t)
    assert (one.state, one.tonight, one.per_night) == ("spent", 2, 2)
    t.at("2026-11-22 12:30")
    assert (shown(t).state, shown(t).tonight) == ("ready", 0)


def test_it_says_why_it_is_light_alone():
    near_houses = town(
        devices=[siren("horn"), siren("opted", sound_near_dwelling=True), siren("far", north=2_000)],
        zones=[square("houses", "dwelling")],
        deterrent=DeterrentPolicy(quiet_from="20:00", quiet_to="06:00"),
    )

    def sounds(now: int) -> list[str]:
        asked = DeterrentsQuery()
        found = deterrents_of(near_houses, Geofence(near_houses), {}, Seen({}, {}), asked=asked, now=now)
        return [one.sound for one in found.deterrents]

    assert sounds(at("2026-11-22 12:00")) == ["dwelling", "yes", "yes"]
    assert sounds(at("2026-11-22 23:00")) == ["dwelling", "quiet_hours", "yes"]


def test_what_sounds_stands_first_and_lists_are_bounded():
    many = town(devices=[siren(f"s{n}") for n in range(5)])
    states = {"s3": DeterrentState(until=NOW + SECOND, command="c")}
    asked = DeterrentsQuery(limit=2)
    found = deterrents_of(many, Geofence(many), states, Seen({}, {}), asked=asked, now=NOW)
    assert [one.id for one in found.deterrents] == ["s3", "s0"]
    assert found.count == 5


def test_reading_walks_indexes_and_is_quick_with_a_season_of_activations():
    t = Timeline(field(), "2026-11-21 19:00")
    begin = midnight(t.now, ZONE, 50)
    commands = [command(n, begin + n * 20 * MINUTE) for n in range(3_000)]
    t.ledger.insert(Outcome(commands=commands))
    t.ledger.commit()
    plans: list[str] = []
    t.ledger._read.set_trace_callback(plans.append)
    record(t)
    t.ledger._read.set_trace_callback(None)
    for statement in set(plans):
        for step in t.ledger._read.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall():
            assert "TEMP B-TREE" not in step[-1], (statement, step)
            assert "SCAN" not in step[-1] or "ORDER BY seq DESC LIMIT" in statement, (statement, step)
    began = time.perf_counter()
    kept = record(t)
    activations(kept.commands, kept.alerts, kept.returns, GROUND)
    took = time.perf_counter() - began
    assert took < 2, f"{took:.2f} s"


# --- the API and the page ---------------------------------------------------------------------------------


@asynccontextmanager
async def desk(folder: Path) -> AsyncIterator[Visitor]:
    ground = replace(place(), devices=field().devices, zones=field().zones, geometry=field().geometry)
    roles = {"yamada": ConsoleRole.OPERATOR, "kouhou": ConsoleRole.VIEWER}
    async with console(folder, ground, **roles) as browser:
        await browser.logs_in("yamada")
        yield browser


async def test_an_operator_stops_a_siren_and_a_viewer_cannot(tmp_path: Path):
    async with desk(tmp_path) as browser:
        hub = browser.hub
        now = hub.clock.now()
        hub.pipeline.state.put(
            "deterrent", "horn", DeterrentState(last_on=now, until=now + 600_000, command="c")
        )
        found = json.loads((await browser.get("/api/v1/deterrents")).text)
        assert [(one["id"], one["state"]) for one in found["deterrents"]] == [
            ("horn", "sounding"),
            ("lamp", "ready"),
        ]
        page = (await browser.get("/console/deterrents")).text
        assert "Stop all" in page
        viewer = browser.other()
        await viewer.logs_in("kouhou")
        assert "Stop" not in (await viewer.get("/console/deterrents")).text
        assert (await viewer.sends("/console/deterrents", siren="horn")).status == 403
        answer = await browser.sends("/console/deterrents", siren="horn")
        assert "did=stop" in answer.location
        assert [(act.target, act.who) for act in browser.acts("siren_stop")] == [("horn", "user:yamada")]
        page = (await browser.get(answer.location.partition("#")[0])).text
        assert "The command to stop is on its way." in page
        assert "at work" not in page
        assert "fault=siren" in (await browser.sends("/console/deterrents", siren="cam")).location


async def test_the_page_says_in_words_that_the_effect_wears_off(tmp_path: Path):
    async with desk(tmp_path) as browser:
        hub = browser.hub
        now = hub.clock.now()
        again = [command(n, now - (40 - n) * 3 * 3_600_000, f"v{n // 2}") for n in range(40)]
        # of the newest ten four were set off once more by the same visit
        for n in (31, 33, 35, 37):
            again[n] = changed(again[n], created_at=again[n - 1].created_at + 6 * MINUTE)
        hub.ledger.insert(Outcome(commands=again))
        hub.ledger.commit()
        page = (await browser.get("/console/deterrents?lang=ja")).text
        assert "効きが落ちています: 10回中4回は30分以内にまた現れました" in page
        assert "<svg" in page
        assert "style=" not in page
        for odd in ("first=9", "first=-1", "first=x"):
            assert (await browser.get(f"/console/deterrents?{odd}")).status == 200
        assert (await browser.get("/api/v1/deterrents?limit=0")).status == 400


async def test_a_town_without_sirens_says_so(tmp_path: Path):
    async with console(tmp_path, yamada=ConsoleRole.VIEWER) as browser:
        await browser.logs_in("yamada")
        assert "This town has no siren" in (await browser.get("/console/deterrents")).text
        assert json.loads((await browser.get("/api/v1/deterrents")).text)["deterrents"] == []
