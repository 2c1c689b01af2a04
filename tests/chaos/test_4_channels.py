"""Mail and push servers that refuse, hang, die and come back; the network gone. The sirens go on.

A day of a dead channel, in simulated time and in detail: tests/test_desk_outage.py.
"""

import contextlib
import json
import re
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from firmware_sim.phones import Phones, Received
from hub.notify import ID_HEADER, breaker, desk
from hub.notify.sender import AppriseSender
from hub.notify.sending.line import endpoint as line_endpoint
from tests import servers
from tests.chaos.audit import audit
from tests.chaos.fleet import BOAR, CUT, SPRUNG, Cast
from tests.chaos.lines import UNCERTAIN, Fault, Line, Lines, lines_to
from tests.chaos.stage import Stage
from tests.hubs import hub_of, up
from tests.processes import HubProcess, bodies
from tests.stations import Station
from tests.town_folders import line, mail, ntfy, person, square, trap, unit, write_town
from tests.waiting import until, wait_until

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

SITES = count(1)
PEOPLE_A_LINE = 3
"""As many as take a service out."""
AT_ONCE_S = 4.0
"""Generous, as the machine may have other work."""
IMPATIENT = {"mail": "&cto=1", "ntfy": "?cto=1&rto=1"}
POLICY = {
    "hub": {"digest": False, "test_day": 0},
    "storm": {"within": "1s", "first": 100, "first_of_devices": 100, "first_in_danger": 1_000},
}

REFUSING = [Fault.GONE, Fault.BUSY, Fault.BROKEN, Fault.LOCKED]
NOT_SENT = [
    *(f"mail-{fault}" for fault in (*REFUSING, Fault.HANGS, Fault.SLAMS)),
    *(f"ntfy-{fault}" for fault in REFUSING),
]
"""Lines on which it is certain that nothing arrived: a mail server that hangs or slams never had the text."""


class Town(NamedTuple):
    """A hub whose every kind of trouble has a line and three hunters of its own, by mail and by ntfy."""

    hub: HubProcess
    station: Station
    phones: Phones
    lines: dict[str, Line]
    site: str

    def says(self, device: str, number: int, *events: dict[str, Any]) -> None:
        self.station.publish(f"naruko/{self.site}/{device}/up", up(number, e=list(events)))

    def inbox(self, of: str = "") -> list[Received]:
        return [received for received in list(self.phones.inbox) if received.to.startswith(of)]


@pytest.fixture
def phones() -> Iterator[Phones]:
    with Phones() as running:
        yield running


def at_line(kind: str, wire: Line, id: str) -> dict[str, str]:
    ports = Lines(wire, wire)
    channel = mail(ports, id) if kind == "mail" else ntfy(ports, id)  # type: ignore[arg-type]
    return channel | {"url": channel["url"] + IMPATIENT[kind]}


@contextlib.contextmanager
def town_of(folder: Path, broker: servers.Server, phones: Phones, faulty: list[str]) -> Iterator[Town]:
    site = f"channels-{next(SITES)}"
    with contextlib.ExitStack() as open_:
        ports = {"mail": phones.mail_port, "ntfy": phones.http_port}
        lines = {
            name: open_.enter_context(Line(ports[name[:4]], mail=name.startswith("mail")))
            for name in ("mail-well", "ntfy-well", *faulty)
        }
        people = [
            person(
                f"{name}-{n}",
                "hunter",
                channels=[at_line(name[:4], wire, f"{name}-{n}")],
                zones=("hunting-1",),
            )
            for name, wire in lines.items()
            for n in range(PEOPLE_A_LINE)
        ]
        town = write_town(
            folder,
            broker.port,
            site=site,
            devices=[trap("trap-1", "1", owner="mail-well-0"), *deterred()],
            people=people,
            zones=[square("hunting-1", "hunting")],
            policy=POLICY,
        )
        hub = open_.enter_context(HubProcess(town, phones))
        station = open_.enter_context(Station(broker.port, f"naruko/{site}/+/cmd"))
        yield Town(hub, station, phones, lines, site)


def deterred() -> list[dict[str, Any]]:
    return [unit("cam-1", "naruko-animal", north=500), unit("siren-1", "naruko-siren", north=520, siren={})]


def assert_told_under_one_number(town: Town, name: str) -> Counter[str]:
    """Everybody of this line was told, and all copies are one message. Returns copies by recipient."""
    copies = defaultdict(list)
    for received in town.inbox(name):
        copies[received.to].append(received)
    assert len(copies) == PEOPLE_A_LINE, name
    for same in copies.values():
        numbers = {re.search(r"No\. (\d{6})", received.body) for received in same}
        assert len({found[1] for found in numbers if found}) == 1
        if same[0].channel == "mail":
            assert len({received.headers[ID_HEADER.lower()] for received in same}) == 1
    return Counter({to: len(same) for to, same in copies.items()})


def test_whatever_one_service_does_the_others_and_the_siren_are_at_once_and_nobody_is_left_out(
    tmp_path: Path, broker: servers.Server, phones: Phones
) -> None:
    """Ten services fail at the same time, each in its own way, and two work."""
    with town_of(tmp_path / "town", broker, phones, NOT_SENT) as town:
        for name in NOT_SENT:
            town.lines[name].fails(Fault(name[5:]))
        began = time.monotonic()
        town.says("trap-1", 1, SPRUNG)
        wait_until(lambda: len(town.inbox()) == 2 * PEOPLE_A_LINE, within=AT_ONCE_S)
        town.says("cam-1", 1, BOAR)
        town.station.wait_heard(1, within=AT_ONCE_S)
        assert time.monotonic() - began < 2 * AT_ONCE_S
        wait_until(lambda: all(is_out(town, name) for name in NOT_SENT))
        for name in NOT_SENT:
            town.lines[name].fails(None)
        wait_until(lambda: all_finished(town))
        assert town.hub.stop()[0] == 0
    rows = [row for row in bodies(town.hub.ledger, "notification") if row["template"] == "trap_sprung"]
    assert len(rows) == PEOPLE_A_LINE * len(town.lines)
    assert {row["status"] for row in rows} == {"sent"}
    traps = [received for received in town.phones.inbox if "わな" in received.title]
    assert Counter(received.to for received in traps) == Counter(
        f"{row['recipient']}@phone.test" if row["channel_kind"] == "mail" else row["recipient"]
        for row in rows
    ), "each once: nothing of it may have arrived before"
    log = town.hub.log()
    assert log.count(" is out of service") == log.count(" is back") == len(NOT_SENT)
    assert not re.search(r"phone\.test|127\.0\.0\.1:\d+.*(mail|ntfy)-", log)


def is_out(town: Town, name: str) -> bool:
    """Whether each of its people has been tried of the first news."""
    rows = [row for row in bodies(town.hub.ledger, "notification") if row["template"] == "trap_sprung"]
    return (
        sum(row["recipient"].startswith(f"{name}-") and row["attempts"] > 0 for row in rows) == PEOPLE_A_LINE
    )


def all_finished(town: Town) -> bool:
    return all(row["finished_at"] is not None for row in bodies(town.hub.ledger, "notification"))


@pytest.mark.parametrize("fault", [Fault.SLOW, Fault.HANGS, Fault.SLAMS, *UNCERTAIN], ids=str)
@pytest.mark.chaos
@pytest.mark.timeout(200)
def test_a_server_that_may_have_taken_the_message_gets_it_again_under_its_number(
    tmp_path: Path, broker: servers.Server, phones: Phones, fault: Fault
) -> None:
    faulty = [f"mail-{fault}", f"ntfy-{fault}"]
    with town_of(tmp_path / "town", broker, phones, faulty) as town:
        for name in faulty:
            town.lines[name].fails(fault)
        town.says("trap-1", 1, SPRUNG)
        wait_until(lambda: all(is_out(town, name) for name in faulty))
        reached = (4 if fault in (*UNCERTAIN, Fault.SLOW) else 2) * PEOPLE_A_LINE
        wait_until(lambda: len({received.to for received in town.inbox()}) >= reached)
        assert len({received.to for received in town.inbox()}) == reached
        for name in faulty:
            town.lines[name].fails(None)
        wait_until(lambda: all_finished(town), within=90)
        assert town.hub.stop()[0] == 0
        for name in faulty:
            copies = assert_told_under_one_number(town, name)
            assert max(copies.values()) <= (2 if fault in UNCERTAIN else 1)
    assert {row["status"] for row in bodies(town.hub.ledger, "notification")} == {"sent"}


# --- the network is gone ----------------------------------------------------------------------------


async def test_with_the_network_gone_the_siren_sounds_at_once_and_afterwards_what_is_so_is_told_in_order(
    tmp_path: Path, broker: servers.Server, phones: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hub's own outage of two minutes is made one of two seconds; servers and broker are real."""
    from apprise.plugins.line import NotifyLine  # noqa: PLC0415

    from hub.config.load import load  # noqa: PLC0415

    monkeypatch.setattr(desk, "LATE_S", 2.0)
    monkeypatch.setattr(breaker, "PAUSES_S", (0.5,))
    monkeypatch.setattr(NotifyLine, "notify_url", NotifyLine.notify_url)
    cast, site = Cast(cameras=0, traps=1, paddies=6, streams=1, gauges=1), f"channels-{next(SITES)}"
    with lines_to(phones) as lines, Station(broker.port, f"naruko/{site}/+/cmd") as station:
        channels = [mail(lines, "{}"), ntfy(lines, "{}"), line("{}")]  # type: ignore[arg-type]
        people = [
            person(
                id,
                "hunter",
                "official",
                channels=[channel | {"url": channel["url"].replace("{}", id)} for channel in channels],
                zones=("hunting-1", *cast.lowland()),
            )
            for id in ("yamane", "kawai", "bosai")
        ]
        write_town(
            tmp_path,
            broker.port,
            site=site,
            devices=cast.devices(),
            people=people,
            zones=cast.zones(),
            policy=POLICY,
        )
        lines.fail(Fault.GONE)
        sender = AppriseSender()
        sender.load()
        line_endpoint(lines.line_url)
        async with hub_of(load(tmp_path, {}), tmp_path / "naruko.db", told=sender.send) as hub:  # type: ignore[arg-type]

            def says(device: str, number: int, *events: dict[str, Any], **measures: float) -> None:
                more = ({"e": list(events)} if events else {}) | ({"m": measures} if measures else {})
                station.publish(f"naruko/{site}/{device}/up", up(number, **more))

            for n in range(6):
                says(f"paddy-{n}", 1, BOAR)
            says("trap-0", 1, SPRUNG)
            says("gauge-0", 1, level_m=3.2)
            await until(lambda: len(station.heard) >= 4, "the sirens are told", AT_ONCE_S)
            says("gauge-0", 2, level_m=4.2)
            says("wire-0", 1, CUT)
            await until(lambda: any("horn" in heard.topic for heard in station.heard), "the horn", AT_ONCE_S)
            await until(lambda: len(rows_of(hub)) >= 9 * 11)
            await let_it_be_late(hub)
            assert phones.inbox == []
            lines.fail(None)
            await until(lambda: all(row.finished_at is not None for row in rows_of(hub)))
            statuses = Counter(row.status.value for row in rows_of(hub))
    assert set(statuses) <= {"sent", "merged", "expired"}
    assert statuses["merged"] == 9 * 5, "six boars in one message to each address"
    gone = [row for row in rows_of_file(tmp_path) if row["status"] == "expired"]
    assert {row["template"] for row in gone} == {"river_lv2"}
    assert all("overtaken by" in row["error"] for row in gone)
    for address in {received.to for received in phones.inbox}:
        heard = [kind_of(received) for received in phones.inbox if received.to == address]
        assert heard == ["土石流", "土石流", "川", "わな作動", "遅れ"], address
    assert len(phones.inbox) == 9 * 5


def rows_of(hub: Any) -> list[Any]:
    return [row for alert in hub.ledger.alerts(0) for row in hub.ledger.notifications_of(alert.id)]


def rows_of_file(folder: Path) -> list[dict[str, Any]]:
    return bodies(folder / "naruko.db", "notification")


async def let_it_be_late(hub: Any) -> None:
    newest = max(row.created_at for row in rows_of(hub))
    await until(lambda: hub.clock.now() - newest > 1_000 * desk.LATE_S + 200)


def kind_of(received: Received) -> str:
    """川 of 【続報】【川 危険】小野川 琵琶橋."""
    text = (received.title or received.body.splitlines()[0]).removeprefix("【続報】")
    found = re.match("【([^】 ]+)", text)
    assert found, text
    return found[1]


class StageByLines(Stage):
    """The stage, with lines between the hub and the phones that can be cut."""

    lines: Lines

    def _write_town(self) -> None:
        self.lines = self._open_lines()
        phones, self.phones = self.phones, self.lines  # type: ignore[assignment]
        super()._write_town()
        self.phones = phones

    def _open_lines(self) -> Lines:
        return self._wires.enter_context(lines_to(self.phones))

    def __enter__(self) -> "StageByLines":
        self._wires = contextlib.ExitStack()
        super().__enter__()
        self.hub = HubProcess(self.folder, self.lines)  # type: ignore[arg-type]
        return self

    def __exit__(self, *error: object) -> None:
        self.hub.__exit__()
        super().__exit__(*error)
        self._wires.close()


@pytest.mark.parametrize(
    ("seconds", "late"),
    [
        pytest.param(3, False, id="seconds"),
        pytest.param(140, True, id="minutes", marks=[pytest.mark.chaos, pytest.mark.timeout(400)]),
    ],
)
def test_the_network_gone_and_back_leaves_nothing_untold(tmp_path: Path, seconds: int, late: bool) -> None:
    with StageByLines(tmp_path / "town", cast=Cast(traps=6, paddies=6, streams=1, gauges=1)) as stage:
        stage.hub.start()
        stage.lines.fail(Fault.GONE)
        while stage.fleet.happens():
            pass
        wait_until(lambda: len(stage.sirens.heard) >= 5, "the sirens are told", AT_ONCE_S)
        assert stage.phones.inbox == []
        time.sleep(seconds)  # so long is the outage
        stage.lines.fail(None)
        evidence = audit(stage)
    statuses = Counter(row["status"] for row in bodies(stage.ledger, "notification"))
    assert set(statuses) == ({"sent", "merged"} if late else {"sent"})
    texts = [json.dumps([received.title, received.body], ensure_ascii=False) for received in evidence.inbox]
    wrongly = [text for text in texts if ("遅れて届きました" in text or "遅れ まとめ" in text) is not late]
    assert wrongly == []
