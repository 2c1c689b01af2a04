"""Who leaves is told nothing more, and nothing is left of name, address and id."""

import asyncio
from dataclasses import replace
from pathlib import Path

from msgspec import structs

from hub.acts import apply
from hub.app import resume
from hub.clock import SetClock
from hub.config.settings import LedgerSettings
from hub.ledger import Ledger
from hub.ledger.erasing import SCRUB
from hub.model import Act, Message, Status
from hub.notify.desk import Desk
from hub.notify.outbox import Answer
from hub.wording import with_way_out
from tests.roll import EMI, enrols, file_bytes, invited, place
from tests.timeline import (
    SPRUNG,
    Timeline,
    animal,
    nothing_else_was_told,  # noqa: F401
)
from tests.towns import HOUR, MINUTE, at
from tests.waiting import until


def test_who_leaves_is_told_nothing_more_and_forgotten():
    t = enrols(invited(Timeline(place())))
    t.says("cam", animal())
    t.unread = []
    t.does("test_heard", EMI, who=EMI)
    t.does("leave_town", EMI, who=EMI).silence()
    t.restart().passes(2 * HOUR).told("animal_closed cleared: farmer hunter")
    rooms = t.pipeline.state.rooms
    assert (rooms["person"], rooms["said"]) == ({}, {})
    assert all(EMI not in repr(alert) for alert in t.ledger.alerts(0))
    assert {n.recipient for a in t.ledger.alerts(0) for n in t.ledger.notifications_of(a.id)} == {
        "farmer",
        "hunter",
    }


def test_what_was_told_and_sent_stays_told_to_nobody_in_particular():
    t = enrols(invited(Timeline(place())))
    t.says("cam", animal())
    t.unread = []
    for sent in [n for n in t.notifications if n.recipient == EMI]:
        done = structs.replace(sent, status=Status.SENT, finished_at=t.now)
        asyncio.run(t.ledger.update_notification(done))
    t.does("leave_town", EMI, who=EMI)
    (alert,) = t.ledger.alerts(0)
    assert sorted(n.recipient for n in t.ledger.notifications_of(alert.id)) == ["farmer", "gone", "hunter"]
    assert alert.told.keys() == {"farmer", "hunter"}


def test_who_was_on_the_way_to_a_trap_and_leaves_is_said_not_to_come():
    t = enrols(invited(Timeline(place(), "2026-11-21 10:00"), roles="hunter", zones="hunt"))
    t.says("box", SPRUNG)
    alert = t.open("trap")[0]
    t.does("take", alert.id, who=EMI, eta="20")
    assert t.open("trap")[0].task.who == EMI
    t.unread = []
    t.does("leave_town", EMI, who=EMI)
    assert t.open("trap")[0].task.stage == "waiting"
    assert t.unread
    t.unread = []


def test_who_stands_in_the_file_is_told_nothing_more_and_the_operators_hear_of_it():
    t = Timeline(place()).does("leave_town", "farmer", who="farmer")
    (said,) = t.told("person_left reported: ops")
    assert "farmer" in said.body
    assert "people.csv" in said.body
    t.restart().says("cam", animal()).told("animal_detected opened: hunter")


def test_a_line_that_was_taken_out_and_put_in_again_later_is_told_again():
    t = Timeline(place()).does("leave_town", "farmer", who="farmer")
    t.unread = []
    ground = place()
    t.restart(replace(ground, people={id: p for id, p in ground.people.items() if id != "farmer"}))
    t.passes(MINUTE)
    t.restart(place()).says("cam", animal()).told("animal_detected opened: farmer hunter")


def test_a_stranger_cannot_leave():
    t = Timeline(place()).does("leave_town", "stranger").silence()
    assert t.pipeline.state.rooms["said"] == {}


def test_nothing_is_left_of_name_and_address_in_the_file_of_the_ledger(tmp_path: Path):
    path = tmp_path / "naruko.db"
    ground = place()

    async def lives() -> None:
        ledger = Ledger.open(path, LedgerSettings(path=path, ballast_mb=0))
        pipeline = resume(ground, ledger)
        now = at("2026-11-21 10:00")

        async def acts(kind: str, target: str, who: str, **form: str) -> None:
            nonlocal now
            now += MINUTE
            act = Act(0, now, who=who, source="web", kind=kind, target=target, form=form)
            async with ledger.lock:
                await ledger.write(apply(pipeline, [act], now))

        ids = [f"e-{a}{b}cdefghij" for a in "abcdefgh" for b in "abcdefgh"]
        await acts("invite", "inv", "bosai", roles="hunter", zones="hunt", uses="99", name="薄井えみ")
        for number, id in enumerate(ids):  # enough for several pages of every table
            name, mail = (
                ("薄井えみ", "usui.emi@example.jp") if number == 30 else ("甲" * 9, f"x{number}@e.jp")
            )
            await acts("enrol", "inv", id, id=id, name=name, lang="ja", mail=mail)
            await acts("prefer", id, id, lang="en" if number % 2 else "ja")
        gone = ids[30]
        async with ledger.lock:
            said = b'{"v":1,"seq":1,"e":[{"type":"trap","state":"sprung"}]}'
            await ledger.write(pipeline.run([Message("naruko/test/box/up", said, now)], now))
        await acts("take", pipeline.state.alerts["trap/box"].id, gone, eta="20")
        assert any("薄井えみ" in n.body for n in ledger.notifications_after()[1])
        assert b"usui.emi@example.jp" in file_bytes(path)
        await acts("leave_town", gone, gone)
        assert ledger.cursor(SCRUB)
        assert await ledger.scrub()
        assert not ledger.cursor(SCRUB)
        files = file_bytes(path)
        for trace in ("薄井えみ", "usui.emi", gone):
            assert trace.encode() not in files, trace
        assert b"x31@e.jp" in files
        ledger.close()

    asyncio.run(lives())


def test_what_waits_for_who_has_left_is_not_sent():
    class Sent(list):
        def __call__(self, person, notification):
            self.append(person.id)
            return Answer(Status.SENT)

    async def lives() -> list[str]:
        t = invited(Timeline(place()))
        sent, wake = Sent(), asyncio.Event()
        desk = Desk(t.ledger, t.town, SetClock(t.now), wake, sent, people=lambda: t.pipeline.town.people)
        enrols(t).says("cam", animal())
        t.unread = []
        desk._fetch()
        t.does("leave_town", EMI, who=EMI)
        sending = asyncio.create_task(desk.send_due())
        await until(lambda: len(sent) == 2, "the others are told")
        sending.cancel()
        await asyncio.wait({sending})
        await desk.close()
        return sent

    assert sorted(asyncio.run(lives())) == ["farmer", "hunter"]


def test_a_mail_ends_with_the_way_out_where_the_hub_has_pages():
    assert with_way_out("本文", "ja", "https://n/m/T") == "本文\n設定・配信停止 https://n/m/T"
    assert with_way_out("Text", "en", "https://n/m/T") == "Text\nSettings, unsubscribe: https://n/m/T"
    assert with_way_out("本文", "ja", "") == "本文"
