"""What the hub reads of its machine, its ledger and itself."""

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from hub.app import Hub
from hub.clock import SetClock
from hub.config.policy import HubPolicy
from hub.config.settings import Influx
from hub.config.shapes import Channel, Person
from hub.detect.hub import ChannelVitals
from hub.ledger import Ledger
from hub.ledger.reads import Address
from hub.ledger.shedding import INFLUX_CURSOR
from hub.model import Alert, Message, Notification, Outcome, Severity, Status
from hub.notify.outbox import Answer
from hub.rounds import look_inward
from hub.watch.look import Watch
from hub.watch.vitals import Machine, Pulse, backlog, channels, last_sent, read_machine
from tests import inward, ledgers, servers
from tests.hubs import Told, at_broker, hub_of
from tests.towns import DAY, HOUR, MINUTE, SECOND, at, person, pir, town, trap
from tests.waiting import until

NOON = at("2026-11-21 12:00")
MB = 1_000_000


def write(root: Path, **files: str) -> Path:
    """`proc__meminfo="..."` in a tree of its own."""
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def statvfs(_path: Path) -> SimpleNamespace:
    return SimpleNamespace(f_frsize=4096, f_blocks=1_000_000, f_bavail=250_000)


# --- the machine ------------------------------------------------------------------------------------


def test_a_raspberry_pi_is_read(tmp_path):
    page = os.sysconf("SC_PAGE_SIZE")
    root = write(
        tmp_path,
        proc__self__statm="30000 15000 5000 1 0 9000 0\n",
        proc__self__cgroup="0::/system.slice/naruko.service\n",
        proc__meminfo="MemTotal:  948196 kB\nMemFree: 77 kB\nMemAvailable:  400000 kB\nHugePages_Total: 0\n",
        sys__fs__cgroup__memory__max="",
        sys__class__thermal__thermal_zone0__type="cpu-thermal\n",
        sys__class__thermal__thermal_zone0__temp="61342\n",
    )
    slice = root / "sys/fs/cgroup/system.slice"
    (slice / "naruko.service").mkdir(parents=True)
    (slice / "memory.max").write_text("max\n")
    (slice / "naruko.service/memory.max").write_text("536870912\n")
    seen = read_machine(tmp_path / "naruko.db", root, statvfs)
    assert seen == Machine(
        disk_free=250_000 * 4096,
        disk_total=1_000_000 * 4096,
        rss=15_000 * page,
        memory_limit=536_870_912,
        memory_available=400_000 * 1024,
        memory_total=948_196 * 1024,
        cpu_c=61.342,
    )


def test_the_narrowest_limit_above_the_hub_counts(tmp_path):
    root = write(tmp_path, proc__self__cgroup="9:name=systemd:/x\n0::/a/b\n")
    for folder, limit in (("a", "300"), ("a/b", "max"), ("", "900")):
        (root / "sys/fs/cgroup" / folder).mkdir(parents=True, exist_ok=True)
        (root / "sys/fs/cgroup" / folder / "memory.max").write_text(limit)
    assert read_machine(None, root, statvfs).memory_limit == 300


@pytest.mark.parametrize(
    ("zones", "wanted"),
    [
        ({}, None),
        ({"iwlwifi_1": "99000"}, None),
        ({"acpitz": "27800", "x86_pkg_temp": "71000", "soc-thermal": "75500"}, 75.5),
        ({"cpu-thermal": "-4500"}, -4.5),
        ({"cpu0": "4294967295", "cpu1": "broken", "cpu2": ""}, None),
    ],
    ids=str,
)
def test_the_hottest_zone_of_the_processor_is_its_temperature(tmp_path, zones, wanted):
    for number, (type, temp) in enumerate(zones.items()):
        zone = tmp_path / f"sys/class/thermal/thermal_zone{number}"
        zone.mkdir(parents=True)
        (zone / "type").write_text(f"{type}\n")
        (zone / "temp").write_text(f"{temp}\n")
    assert read_machine(None, tmp_path, statvfs).cpu_c == wanted


def test_a_machine_that_says_nothing_is_no_error(tmp_path):
    def gone(_path: Path) -> SimpleNamespace:
        raise OSError

    seen = read_machine(tmp_path / "gone" / "naruko.db", tmp_path, gone)
    assert seen == Machine()
    assert seen.memory is None


def test_this_machine_is_read_as_it_is(tmp_path):
    seen = read_machine(tmp_path / "naruko.db")
    disk = os.statvfs(tmp_path)
    assert seen.disk_total == disk.f_blocks * disk.f_frsize
    assert seen.disk_free is not None
    assert 0 < seen.disk_free <= seen.disk_total
    assert seen.rss is not None
    assert 10 * MB < seen.rss < 10_000 * MB
    assert seen.memory is not None
    assert 0 < seen.memory < 1


def test_memory_is_the_scarcer_of_what_the_hub_may_have_and_what_the_machine_has():
    assert Machine(rss=90, memory_limit=100, memory_available=50, memory_total=100).memory == 0.9
    assert Machine(rss=10, memory_limit=100, memory_available=5, memory_total=100).memory == 0.95
    assert Machine(rss=10, memory_available=40, memory_total=100).memory == 0.6
    assert Machine(rss=10).memory is None


# --- the outbox -------------------------------------------------------------------------------------


SERVICES = {("a", 0): "mail/1", ("b", 0): "mail/2", ("a", 1): "line", ("b", 1): "sms", ("c", 0): "ntfy/3"}
A, B, ON_LINE = ("a", 0), ("b", 0), ("a", 1)


def waits(address: tuple[str, int], since: int, *, untried: int | None = None) -> Address:
    return Address(*address, "mail", 1, since, untried, tried=untried is None)


def test_a_service_fails_from_its_last_delivery_on_while_something_waits_for_it():
    waiting = [waits(A, NOON - HOUR), waits(A, NOON - 9 * HOUR), waits(ON_LINE, NOON - MINUTE)]
    sent = {"mail/1": NOON - 20 * MINUTE, "sms": NOON - DAY}
    assert channels(SERVICES, waiting, sent, NOON) == {
        "mail/1": ChannelVitals(20 * MINUTE, NOON - 20 * MINUTE),
        "mail/2": ChannelVitals(0, None),
        "line": ChannelVitals(MINUTE, None),
        "sms": ChannelVitals(0, NOON - DAY),
        "ntfy/3": ChannelVitals(0, None),
    }


def test_one_mail_server_that_is_out_is_not_hidden_by_another_that_delivers():
    delivered = last_sent(SERVICES, {A: NOON - HOUR, B: NOON - SECOND, ("gone", 0): NOON})
    assert delivered == {"mail/1": NOON - HOUR, "mail/2": NOON - SECOND}
    waiting = [waits(A, NOON - 30 * MINUTE, untried=NOON - 6 * MINUTE)]
    assert channels(SERVICES, waiting, delivered, NOON)["mail/1"].failing_for == 30 * MINUTE
    assert channels(SERVICES, waiting, delivered, NOON)["mail/2"].failing_for == 0
    assert backlog(SERVICES, waiting, delivered, NOON) == 0, "its server is out, the hub is not behind"


def test_what_waits_for_somebody_who_has_left_is_nobodys_failure():
    waiting = [waits(("gone", 0), NOON - HOUR, untried=NOON - HOUR)]
    assert all(not one.failing_for for one in channels(SERVICES, waiting, {}, NOON).values())
    assert backlog(SERVICES, waiting, {"mail/1": NOON}, NOON) == 0


def test_what_was_decided_by_a_clock_that_was_not_set_is_not_56_years_late():
    waiting, mail = [waits(A, 5_000, untried=5_000)], {A: "mail"}
    assert channels(mail, waiting, {}, NOON) == {"mail": ChannelVitals()}
    assert channels(mail, [waits(A, NOON)], {}, 5_000) == {"mail": ChannelVitals()}
    assert backlog(mail, waiting, {"mail": NOON}, NOON) == 0


def test_a_backlog_is_what_nobody_has_tried_though_its_service_delivers():
    sent = {"mail/1": NOON - SECOND}
    late = waits(A, NOON - HOUR, untried=NOON - 6 * MINUTE)
    assert backlog(SERVICES, [late], sent, NOON) == 6 * MINUTE
    assert backlog(SERVICES, [late], {}, NOON) == 0
    behind_a_dead_one = Address("a", 0, "mail", 2, NOON - HOUR, NOON - 6 * MINUTE, tried=True)
    assert backlog(SERVICES, [behind_a_dead_one], sent, NOON) == 0
    assert backlog(SERVICES, [waits(A, NOON - HOUR)], sent, NOON) == 0
    assert backlog(SERVICES, [], {}, NOON) == 0


@pytest.fixture
def ledger():
    ledger = Ledger.in_memory()
    yield ledger
    ledger.close()


def store(ledger: Ledger, **rows: object) -> None:
    ledger.insert(Outcome(**rows))
    ledger.commit()


def test_the_ledger_says_what_waits_for_which_address_and_what_was_given_up(ledger):
    def row(id: str, minutes: int, **more: object):
        return ledgers.notification(id, created_at=NOON + minutes * MINUTE, **more)

    def done(id: str, status: Status, minutes: int, **more: object):
        return row(id, 0, status=status, finished_at=NOON + minutes * MINUTE, **more)

    store(
        ledger,
        notifications=[
            row("n1", 0, attempts=3),
            row("n2", 5),
            row("n3", 7, channel=1, channel_kind="ntfy"),
            done("n4", Status.SENT, 2),
            done("n5", Status.SENT, 9),
            done("n6", Status.SENT, 4, channel=1, channel_kind="line"),
            done("n7", Status.EXPIRED, 60, recipient="sato"),
            done("n8", Status.FAILED, 60, recipient="sato"),
            done("n9", Status.EXPIRED, 60, error="overtaken by a later message of this alert"),
            done("n10", Status.EXPIRED, 1, recipient="old"),
            row("n11", 60, status=Status.HELD, finished_at=NOON + HOUR),
        ],
    )
    assert ledger.waiting_by_address() == [
        Address("tanaka", 0, "mail", 2, NOON, NOON + 5 * MINUTE, tried=True),
        Address("tanaka", 1, "ntfy", 1, NOON + 7 * MINUTE, NOON + 7 * MINUTE, tried=False),
    ]
    assert ledger.last_sent() == {("tanaka", 0): NOON + 9 * MINUTE, ("tanaka", 1): NOON + 4 * MINUTE}
    assert ledger.outbox_since(NOON + 30 * MINUTE) == ({("sato", 0, "mail"): 2}, 1)


def test_the_ledger_says_how_old_the_next_reading_behind_a_cursor_is(ledger):
    store(ledger, readings=[ledgers.reading(NOON), ledgers.reading(NOON + MINUTE)])
    assert [ledger.oldest_after(n) for n in (0, 1, 2)] == [NOON, NOON + MINUTE, None]


# --- the hub ----------------------------------------------------------------------------------------


@pytest.fixture
def hub(tmp_path):
    """One that does not run: its parts alone."""
    ground = at_broker(
        town(devices=[pir("pir-1")], people=[person("ops", "operator"), person("a", "farmer")]), 1
    )
    ground.hub.__dict__["influx"] = Influx(url="http://127.0.0.1:1")
    ledger = Ledger.open(tmp_path / "naruko.db", ground.hub.ledger)
    hub = Hub(ground, ledger, SetClock(NOON))
    hub.watch = Watch(
        hub.pipeline, ledger, hub.broker, hub.clock, pulse=hub.pulse, read=lambda: Machine(5, 9)
    )
    yield hub
    ledger.close()


async def test_the_watch_puts_together_what_the_parts_say(hub):
    hub.pulse.began -= 100
    seen = await hub.watch.vitals()
    assert seen.connected is False
    assert seen.unheard_for is None
    assert seen.listening_for == pytest.approx(100_000, abs=5_000)
    assert (seen.disk_free, seen.disk_total, seen.memory, seen.cpu_c) == (5, 9, None, None)
    (service,) = seen.channels
    assert service.startswith("mail/")
    assert seen.channels[service] == ChannelVitals()
    assert seen.influx_behind == 0
    assert seen.deadman_failing is None
    assert 0 < seen.ledger < seen.ledger_limit == 2_000 * 1024 * 1024
    hub.broker.connected.set()
    message = Message("naruko/test/pir-1/up", b'{"v":1,"m":{"battery_v":3.6}}', NOON - 90 * MINUTE)
    await hub.handle([message])
    hub.pulse.connected = hub.pulse.heard
    again = await hub.watch.vitals()
    assert again.connected is True
    assert again.unheard_for == pytest.approx(0, abs=5_000)
    assert again.influx_behind == 90 * MINUTE
    await hub.ledger.move_cursor(INFLUX_CURSOR, "1")
    assert (await hub.watch.vitals()).influx_behind == 0


async def test_a_batch_that_does_not_end_is_a_backlog(hub):
    hub.pulse.handling = hub.pulse.began - 400
    assert (await hub.watch.vitals()).backlog >= 400_000


async def test_the_status_line_names_no_person_and_no_place(hub):
    seen = await hub.watch.vitals()
    assert hub.watch.status(seen) == "waiting for the broker; 0 alerts open"
    for _ in range(3):
        away = inward.seen(elapsed=MINUTE, connected=False)
        await hub._commit(lambda now: look_inward(hub.pipeline, away, now))  # noqa: B023
    assert hub.watch.status(seen) == "waiting for the broker; 1 alerts open; trouble: broker"
    assert hub.watch.in_trouble()


def test_a_warm_processor_is_no_call_for_help_outside(hub):
    def trouble(severity: Severity) -> Alert:
        return ledgers.alert("hub-1", incident="hub/hot", kind="hub", severity=severity)

    hub.pipeline.state.put_alert(trouble(Severity.CAUTION))
    assert not hub.watch.in_trouble()
    hub.pipeline.state.put_alert(trouble(Severity.WARNING))
    assert hub.watch.in_trouble()


async def test_a_proof_that_the_ledger_takes_a_row_is_a_row(hub):
    await hub.watch.prove()
    assert hub.ledger.cursor("alive") == str(NOON)
    assert hub.pulse.committed is not None


async def test_a_round_that_ends_is_a_beat_and_one_that_does_not_is_none(hub):
    assert not hub.pulse.beats(60)
    await hub.tick()
    assert hub.pulse.beats(60)
    hub.pulse.ticked -= 61
    assert not hub.pulse.beats(60)
    assert not Pulse().beats(60)


# --- at work ------------------------------------------------------------------------------------------


class HalfDeaf(Told):
    """Mail is dead, the rest delivers."""

    def __call__(self, person: Person, notification: Notification) -> Answer:
        if notification.channel_kind == "mail":
            return Answer(Status.PENDING, "refused")
        return super().__call__(person, notification)


def watched(hub: Hub) -> None:
    hub.watched = True


def told(told: Told, template: str) -> list[str]:
    return [f"{n.recipient}/{n.channel_kind}" for n in told.notifications if n.template == template]


async def test_a_broker_that_is_taken_away_is_told_while_it_is_away_and_its_return_when_it_is_back(
    tmp_path, monkeypatch
):
    monkeypatch.setattr("hub.watch.look.LOOK_EVERY_S", 0.1)
    people = [person("ops", "operator"), person("farmer", "farmer")]
    policy = HubPolicy(broker_away="1s", digest=False)
    with servers.mosquitto() as server:
        ground = at_broker(town(devices=[pir("pir-1")], people=people, hub=policy), server.port)
        phone = Told()
        async with hub_of(ground, tmp_path / "naruko.db", told=phone, before=watched) as hub:
            await until(lambda: hub.pulse.beats(5))
            assert phone.notifications == []
            connected = hub.pulse.connected
            server.stop()
            await until(lambda: told(phone, "hub_trouble") == ["ops/mail"])
            assert not hub.broker.connected.is_set()
            server.start()
            await until(lambda: told(phone, "hub_well") == ["ops/mail"])
            assert connected < hub.pulse.connected


async def test_a_dead_channel_is_told_through_the_persons_other_channels(tmp_path, monkeypatch, broker):
    monkeypatch.setattr("hub.watch.look.LOOK_EVERY_S", 0.1)
    both = tuple(Channel(kind=kind, url="json://127.0.0.1/") for kind in ("mail", "ntfy"))
    people = [person("ops", "operator", channels=both), person("hunter", "hunter")]
    policy = HubPolicy(channel_failing="1s", digest=False)
    ground = at_broker(
        town(devices=[trap("trap-1", owner="hunter")], people=people, hub=policy), broker.port, "half-deaf"
    )
    phone = HalfDeaf()
    async with hub_of(ground, tmp_path / "naruko.db", told=phone, before=watched) as hub:
        sprung = b'{"v":1,"seq":1,"e":[{"type":"trap","state":"sprung"}]}'
        await hub.handle([Message("naruko/half-deaf/trap-1/up", sprung, hub.clock.now())])
        await until(lambda: told(phone, "hub_trouble") == ["ops/ntfy"])
        (trouble,) = [n for n in phone.notifications if n.template == "hub_trouble"]
        assert trouble.title == "【ハブ異常】通知が届きません：メール"
