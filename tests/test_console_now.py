"""The console's page Now: what comes first, who may do what, what comes of it, and what is read for it."""

import asyncio
import contextlib
import sqlite3
import urllib.error
import urllib.request
from dataclasses import replace
from pathlib import Path

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace as replaced

from hub.alerts import repeats
from hub.config.policy import RepeatPolicy
from hub.config.settings import LedgerSettings
from hub.console.users import ConsoleRole
from hub.console.views.open_alerts import in_order
from hub.detect.health import DeviceHealth
from hub.detect.hub import Worry
from hub.deterrent import DeterrentState
from hub.ledger import Ledger
from hub.ledger.views import alerts as ledger_alerts
from hub.model import Act, Alert, AlertState, Severity, Stage, Task
from hub.web.office_view import is_in_hand, queue
from tests.consoles import Answer, Visitor
from tests.desks import alert, desk, many, opened, says
from tests.hubs import Told
from tests.timeline import CUT, SPRUNG
from tests.towns import HOUR, MINUTE

YAMADA = ConsoleRole.OPERATOR


# --- what comes first -------------------------------------------------------------------------------

stages = st.none() | st.builds(Task, stage=st.sampled_from(Stage), waiting_since=st.integers(0, 9))
alerts = st.lists(
    st.builds(
        alert,
        number=st.integers(0, 999),
        severity=st.sampled_from(Severity),
        task=stages,
        acknowledged=st.sampled_from([{}, {"user:yamada": 1}]),
        updated_at=st.integers(0, 9),
    ),
    max_size=12,
    unique_by=lambda a: a.id,
)


@given(alerts, st.randoms())
def test_the_gravest_comes_first_and_in_its_rank_what_nobody_has_in_hand_and_the_newest(found, random):
    ordered = in_order(random.sample(found, len(found)))
    assert ordered == in_order(found)
    ranks = [(-a.severity, is_in_hand(a), -a.updated_at) for a in ordered]
    assert ranks == sorted(ranks)


@given(alerts)
def test_the_desk_and_the_phones_agree_on_what_is_graver_and_on_what_is_in_hand(found):
    def rank(a: Alert) -> tuple[int, bool]:
        return a.severity, is_in_hand(a)

    assert [rank(a) for a in in_order(found)] == [rank(a) for a in queue(found)]


# --- a hub with a console ---------------------------------------------------------------------------


async def ask(visitor: Visitor, path: str) -> dict[str, object]:
    return dict(msgspec.json.decode((await visitor.get(f"/api/v1{path}")).text))


async def follows(visitor: Visitor, answer: Answer) -> Answer:
    """To where a form leads."""
    return await visitor.get(answer.location.partition("#")[0])


async def told_in_json(visitor: Visitor, path: str, said: dict[str, object]) -> tuple[int, dict[str, object]]:
    """A POST of the API, as the page itself would send it: status and answer."""
    cookies = "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())
    csrf = (await visitor.get("/console/me")).hidden("csrf")
    place = f"http://127.0.0.1:{visitor.hub.web_port}"
    headers = {"Cookie": cookies, "X-CSRF-Token": csrf, "Origin": place}
    question = urllib.request.Request(f"{place}/api/v1{path}", msgspec.json.encode(said), headers)  # noqa: S310 (ours)

    def sent() -> tuple[int, bytes]:
        try:
            with urllib.request.urlopen(question, timeout=30) as answer:  # noqa: S310 (ours)
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    status, body = await asyncio.to_thread(sent)
    return status, msgspec.json.decode(body)


async def test_what_opens_stands_on_the_page_with_its_newest_fact_and_who_was_told(tmp_path: Path) -> None:
    async with desk(tmp_path) as yamada:
        assert "There is no open alert now" in (await yamada.get("/console")).text
        await says(yamada, "trap-1", SPRUNG)
        page = (await yamada.get("/console")).text
        for said in ("Trap 12 has sprung", "East hill", "The trap sprung", "Nobody is going yet", "Told: "):
            assert said in page


async def test_one_tap_acknowledges_under_the_users_name_and_people_read_the_town_office(
    tmp_path: Path,
) -> None:
    async with desk(tmp_path) as yamada:
        await says(yamada, "wire", CUT)
        found = opened(yamada, "debris")
        answer = await yamada.sends("/console", do="acknowledge", alert=found.id)
        assert (answer.status, "did=acknowledge" in answer.location) == (303, True)
        assert list(opened(yamada, "debris").acknowledged) == ["user:yamada"]
        [act] = yamada.acts("acknowledge")
        assert (act.who, act.source, act.form) == ("user:yamada", "console", {"from": "127.0.0.1"})
        page = (await follows(yamada, answer)).text
        assert "Noted that you have seen it" in page
        assert "Seen by:</span> yamada" in page or "Seen by: yamada" in page
        phone = (await yamada.get(f"/console/alerts/{found.id}/phone?lang=ja")).text
        assert "役場" in phone
        assert "yamada" not in phone


async def test_what_a_user_has_seen_is_not_told_again(tmp_path: Path) -> None:
    async with desk(tmp_path) as yamada:
        await says(yamada, "wire", CUT)
        before, later, town = opened(yamada, "debris"), yamada.hub.clock.now() + HOUR, yamada.hub.town
        town = replace(town, policy=town.policy.model_copy(update={"repeat": RepeatPolicy()}))
        assert repeats.tick(town, [before], later) != []
        await yamada.sends("/console", do="acknowledge", alert=before.id)
        assert repeats.tick(town, [opened(yamada, "debris")], later) == []


async def test_who_is_second_is_told_so_and_nothing_is_done_twice(tmp_path: Path) -> None:
    async with desk(tmp_path, yamada=YAMADA, sato=YAMADA) as yamada:
        sato = yamada.other()
        await sato.logs_in("sato")
        await says(yamada, "trap-1", SPRUNG)
        id = opened(yamada, "trap").id
        both = await asyncio.gather(*(one.sends("/console", do="close", alert=id) for one in (yamada, sato)))
        assert sorted("did=close" in answer.location for answer in both) == [False, True]
        assert sorted("fault=over" in answer.location for answer in both) == [False, True]
        assert len(yamada.acts("close")) == 1
        await says(yamada, "wire", CUT)
        id = opened(yamada, "debris").id
        for one in (yamada, sato):
            assert "did=acknowledge" in (await one.sends("/console", do="acknowledge", alert=id)).location
        assert list(opened(yamada, "debris").acknowledged) == ["user:yamada", "user:sato"]


async def test_a_viewer_sees_all_of_it_and_is_offered_nothing(tmp_path: Path) -> None:
    async with desk(tmp_path, kouhou=ConsoleRole.VIEWER) as kouhou:
        await says(kouhou, "trap-1", SPRUNG)
        await kouhou.hub.do(Act(0, 0, "bosai", "cli", "silence", "zone/paddy-1"))
        id = opened(kouhou, "trap").id
        for path in ("/console", f"/console/alerts/{id}"):
            page = (await kouhou.get(path)).text
            assert "East hill" in page
            assert 'name="do"' not in page
        for path in ("/console", f"/console/alerts/{id}"):
            assert (await kouhou.sends(path, do="acknowledge", alert=id)).status == 403
        assert [one["can"] for one in (await ask(kouhou, "/alerts"))["alerts"]] == [[]]
        assert kouhou.acts("acknowledge") == []


async def test_what_is_cancelled_needs_a_cause_and_those_who_were_told_read_it(tmp_path: Path) -> None:
    told = Told()
    async with desk(tmp_path, told) as yamada:
        await says(yamada, "wire", CUT)
        id = opened(yamada, "debris").id
        page = f"/console/alerts/{id}"
        answer = await yamada.sends(page, do="cancel", cause="", cause_text=" ")
        assert "fault=cause" in answer.location
        assert "Please choose or write the cause" in (await follows(yamada, answer)).text
        assert opened(yamada, "debris")
        answer = await yamada.sends(page, do="cancel", cause="work")
        assert answer.location.startswith("/console?did=cancel")
        over = yamada.hub.ledger.alert(id)
        assert over
        assert (over.state, over.cause) == (AlertState.CANCELLED, "工事・点検")
        page = (await follows(yamada, answer)).text
        assert "Everybody who was told will hear" in page
        assert "Over in the last 24 hours: 1" in page
        texts = [n.body for n in yamada.hub.ledger.notifications_of(id) if n.reason == "cancelled"]
        assert texts
        assert all("工事・点検" in text for text in texts)
        assert all("yamada" not in text for text in texts)


async def test_a_silence_has_an_end_and_stands_on_the_page_until_it_is_ended(tmp_path: Path) -> None:
    async with desk(tmp_path) as yamada:
        await says(yamada, "trap-1", SPRUNG)
        id = opened(yamada, "trap").id
        await yamada.sends("/console", do="silence", alert=id, minutes="60")
        period = yamada.hub.pipeline.state.rooms["silence"]["device/trap-1"]
        assert (period.lasts, period.who) == (HOUR, "user:yamada")
        page = (await yamada.get("/console")).text
        assert "Silenced until" in page
        assert "(yamada)" in page
        await yamada.sends(f"/console/alerts/{id}", do="silence", minutes="morning")
        period = yamada.hub.pipeline.state.rooms["silence"]["device/trap-1"]
        assert (period.since + period.lasts) // MINUTE % 1_440 == (7 - 9) % 24 * 60
        answer = await yamada.sends("/console", do="unsilence", target="device/trap-1")
        assert "Messages are on again" in (await follows(yamada, answer)).text
        again = await yamada.sends("/console", do="unsilence", target="device/trap-1")
        assert "fault=over" in again.location


async def test_who_goes_is_a_person_of_the_town_who_has_said_so(tmp_path: Path) -> None:
    async with desk(tmp_path) as yamada:
        await says(yamada, "trap-1", SPRUNG)
        id = opened(yamada, "trap").id
        page = f"/console/alerts/{id}"
        for nobody in ("", "yamada", "kawabata"):
            assert "fault=person" in (await yamada.sends(page, do="take", person=nobody)).location
        assert "did=take" in (await yamada.sends(page, do="take", person="yamane", eta="20")).location
        task = opened(yamada, "trap").task
        assert task
        assert (task.stage, task.who) == (Stage.TAKEN, "yamane")
        assert "fault=goes" in (await yamada.sends(page, do="take", person="yamane")).location
        await yamada.sends(page, do="take", person="inukai")
        assert opened(yamada, "trap").task.others == ("inukai",)  # type: ignore[union-attr]
        [act] = yamada.acts("take")
        assert (act.who, act.form["for"]) == ("user:yamada", "yamane")
        assert "山根 猛 is on the way" in (await yamada.get("/console")).text


async def test_the_api_says_what_came_of_an_act_or_why_nothing_did(tmp_path: Path) -> None:
    async with desk(tmp_path) as yamada:
        await says(yamada, "trap-1", SPRUNG)
        id = opened(yamada, "trap").id

        async def post(path: str, **said: object) -> tuple[int, dict[str, object]]:
            return await told_in_json(yamada, path, said)

        status, said = await post(f"/alerts/{id}/acknowledge")
        assert (status, said["acknowledged"]) == (200, ["yamada"])
        assert (await post(f"/alerts/{id}/acknowledge")) == (
            409,
            {"error": "not_offered", "detail": "this cannot be done with this alert as it is now"},
        )
        status, said = await post(f"/alerts/{id}/silence", minutes=30)
        assert status == 200
        status, said = await post(f"/alerts/{id}/take", person="yamane", eta=10)
        assert (status, said["who"], said["stage"]) == (200, ["山根 猛"], "taken")
        assert (await post(f"/alerts/{id}/cancel", cause="x"))[0] == 409
        assert (await post(f"/alerts/{id}/confirm"))[0] == 409
        assert (await post(f"/alerts/{id}/siren_stop"))[0] == 409
        assert (await post("/alerts/trap-0000000000/close"))[0] == 404
        assert (await post("/quiet/end", kind="unsilence", target="device/trap-1"))[0] == 200
        assert (await post("/quiet/end", kind="drill_end", target="site"))[1]["error"] == "over"
        status, said = await post(f"/alerts/{id}/close")
        assert (status, said["state"], said["can"]) == (200, "resolved", [])
        assert (await post(f"/alerts/{id}/close"))[1]["error"] == "over"
        assert (await ask(yamada, "/alerts"))["alerts"] == []
        full = await ask(yamada, f"/alerts/{id}")
        assert {fact["kind"] for fact in full["facts"]} >= {"trap_sprung", "acknowledged", "task_taken"}  # type: ignore[union-attr, index]
        assert full["track"][0]["device"] == "trap-1"  # type: ignore[index]
        assert {one["person"] for one in full["messages"]} >= {"山根 猛"}  # type: ignore[union-attr, index]
        assert "address" not in str(full)


async def test_work_on_devices_and_drills_can_be_ended_there_and_a_viewer_only_reads_of_them(
    tmp_path: Path,
) -> None:
    async with desk(tmp_path) as yamada:
        for kind, target, form in (
            ("maintenance", "gauge", {"minutes": "120"}),
            ("drill_start", "site", {"minutes": "30", "targets": "kind/trap"}),
        ):
            await yamada.hub.do(Act(0, 0, "bosai", "cli", kind, target, form=form))
        page = (await yamada.get("/console")).text
        assert "Under maintenance:" in page
        assert "Drill:" in page
        for do, target in (("maintenance_end", "gauge"), ("drill_end", "site")):
            assert f"did={do}" in (await yamada.sends("/console", do=do, target=target)).location
        assert "Silenced and drills" not in (await yamada.get("/console")).text


async def test_a_siren_that_sounds_is_seen_and_stopped(tmp_path: Path) -> None:
    async with desk(tmp_path, sirens=("siren-1", "siren-2")) as yamada:
        await says(yamada, "trap-1", SPRUNG)
        id, now = opened(yamada, "trap").id, yamada.hub.clock.now()
        state = yamada.hub.pipeline.state
        for siren, cause in (("siren-1", id), ("siren-2", "animal-0000000000")):
            state.put("deterrent", siren, DeterrentState(command=f"{cause}/{siren}/1", until=now + HOUR))
        page = (await yamada.get("/console")).text
        assert "Stop siren-1" in page
        assert "Stop all sirens" in page
        answer = await yamada.sends("/console", do="siren_stop", alert=id)
        assert "did=siren_stop" in answer.location
        sounds = [siren for siren, one in state.rooms["deterrent"].items() if one.until > now + MINUTE]
        assert sounds == ["siren-2"]
        assert "fault=not_offered" in (await yamada.sends("/console", do="siren_stop", alert=id)).location
        await yamada.sends("/console", do="siren_stop", target="all")
        assert "Stop siren" not in (await yamada.get("/console")).text


async def test_what_is_wrong_with_the_system_itself_stands_above_all(tmp_path: Path) -> None:
    async with desk(tmp_path) as yamada:
        assert "Nothing is wrong with the system" in (await yamada.get("/console")).text
        state, now = yamada.hub.pipeline.state, yamada.hub.clock.now()
        state.put("hub", "channel/line", Worry(1, now))
        state.put("health", "cam", DeviceHealth(known_since=1, last_seen=1, silent_at=now))
        page = (await yamada.get("/console")).text
        assert "LINE alerts not delivered" in page
        assert "Silent devices: 1" in page


async def test_a_name_that_is_code_is_shown_as_it_is(tmp_path: Path) -> None:
    async with desk(tmp_path) as yamada:
        await says(yamada, "trap-1", SPRUNG)
        found = opened(yamada, "trap")
        bad = "<script>alert(1)</script>"
        yamada.hub.pipeline.state.put_alert(replaced(found, place_en=bad, acknowledged={bad: 1}))
        for path in ("/console", f"/console/alerts/{found.id}", f"/console/alerts/{found.id}/phone"):
            page = (await yamada.get(path)).text
            assert bad not in page
            assert "&lt;script&gt;" in page
        for path in ("/console/alerts/x", "/console/alerts/x/phone", "/console/alerts/%00"):
            assert (await yamada.get(path)).status == 404


async def test_the_order_of_a_long_list_and_how_it_is_laid_out_hold_up_nothing(tmp_path: Path) -> None:
    async with desk(tmp_path) as yamada:
        now = yamada.hub.clock.now()
        for one in many(400, now):
            yamada.hub.pipeline.state.put_alert(one)
        page = (await yamada.get("/console")).text
        assert page.count("<article") == 40
        assert "The next 40" in page
        assert len(page.encode()) < 200_000
        last = (await yamada.get("/console?from=99999")).text
        assert last.count("<article") == 40
        assert "The next" not in last
        assert "The 40 before" in last
        said = await ask(yamada, "/alerts?limit=500")
        assert (len(said["alerts"]), said["count"]) == (400, 400)  # type: ignore[arg-type]


def test_what_the_page_reads_of_the_ledger_is_found_by_an_index(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path / "naruko.db", LedgerSettings(path=tmp_path / "naruko.db"))
    ledger.close()
    with contextlib.closing(sqlite3.connect(tmp_path / "naruko.db")) as connection:
        asked: list[str] = []
        connection.set_trace_callback(asked.append)
        ledger_alerts.beside(connection, [alert()])
        ledger_alerts.told(connection, "trap-1", 9)
        ledger_alerts.over_since(connection, 1, 9)
        connection.set_trace_callback(None)
        assert len(asked) == 4
        for question in asked:
            [*_, how] = connection.execute(f"EXPLAIN QUERY PLAN {question}").fetchone()
            assert how.startswith("SEARCH"), (question, how)
