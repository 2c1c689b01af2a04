"""The edge to the broker, against a broker that does what the test tells it."""

import asyncio
from pathlib import Path

import pytest

from hub import ingest
from hub.app import Hub
from hub.clock import SystemClock
from hub.ingest import WINDOW, Broker, Receiver, may_be_urgent
from hub.readahead import ReadAhead
from tests.hubs import hub_of, stored, up
from tests.scripted_broker import PUBLISH, UP, Published, ScriptedBroker, village
from tests.towns import town
from tests.waiting import let_all_run, until, within


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest, "RETRY_AT_MOST_S", 0.05)


# --- what is acknowledged, and when ---------------------------------------------------------------


async def test_no_message_is_acknowledged_before_it_stands_in_the_file_of_the_ledger(path: Path) -> None:
    async with ScriptedBroker() as broker:
        missing: list[int] = []

        def look(mid: int) -> None:
            if up(mid) not in stored(path):
                missing.append(mid)

        broker.on_puback = look
        async with hub_of(village(broker), path):
            for mid in range(1, 301):
                broker.publish(UP, up(mid), mid)
                if mid % 7 == 0:
                    await asyncio.sleep(0)
            await until(lambda: len(broker.acknowledged) == 300)
    assert not missing
    assert sorted(broker.acknowledged) == list(range(1, 301))


async def test_while_the_disk_has_not_answered_nothing_is_acknowledged(path: Path) -> None:
    disk = asyncio.Event()
    waiting = asyncio.Event()

    def slow_disk(hub: Hub) -> None:
        commit = hub.ledger.commit_off_loop

        async def commit_later() -> None:
            if hub.broker.connected.is_set():
                waiting.set()
                await disk.wait()
            await commit()

        hub.ledger.commit_off_loop = commit_later  # type: ignore[method-assign]

    async with ScriptedBroker() as broker, hub_of(village(broker), path, before=slow_disk):
        broker.publish(UP, up(1), 1)
        await waiting.wait()
        await let_all_run()
        assert broker.acknowledged == []
        disk.set()
        await until(lambda: broker.acknowledged == [1])


async def test_what_cannot_be_read_is_acknowledged_too(path: Path) -> None:
    bad: list[tuple[str | bytes, bytes]] = [
        (UP, b""),
        (UP, b"\xff\xfe not json"),
        (UP, b"x" * 1_000_000),
        ("naruko/test/nobody/up", up(1)),
        ("naruko/elsewhere/pir-1/up", up(1)),
        (b"naruko/test/\xff\xfe/up", up(1)),
    ]
    async with ScriptedBroker() as broker:
        async with hub_of(village(broker), path) as hub:
            for mid, (topic, payload) in enumerate(bad, 1):
                broker.publish(topic, payload, mid)
            await until(lambda: broker.acknowledged == [1, 2, 3, 4, 5, 6])
            assert hub.ledger.counts()["quarantined"] == len(bad)
        assert broker.said.count("connect") == 1


async def test_a_message_of_qos_0_is_stored_and_not_acknowledged(path: Path) -> None:
    async with ScriptedBroker() as broker:
        async with hub_of(village(broker), path):
            broker.publish(UP, up(1), 0)
            broker.publish(UP, up(2), 2)
            await until(lambda: broker.acknowledged == [2])
        assert stored(path) == [up(1), up(2)]


# --- a connection lost between commit and acknowledgement -------------------------------------------


@pytest.mark.parametrize(
    "payload",
    [up(7, SystemClock().now()), b'{"v":1,"e":[{"type":"motion"}]}'],
    ids=["numbered", "not numbered"],
)
async def test_what_was_committed_and_not_acknowledged_comes_again_and_is_stored_once(
    path: Path, payload: bytes
) -> None:
    async with ScriptedBroker() as broker:

        def hang_up_after_commit(hub: Hub) -> None:
            commit = hub.ledger.commit_off_loop

            async def commit_and_lose() -> None:
                await commit()
                if not broker.session_present and payload in stored(path):
                    broker.session_present = True
                    broker.hang_up()
                    await until(lambda: not broker.open)

            hub.ledger.commit_off_loop = commit_and_lose  # type: ignore[method-assign]

        async with hub_of(village(broker), path, before=hang_up_after_commit) as hub:
            broker.publish(UP, payload, 1)
            await until(lambda: len(broker.connects) == 2 and hub.broker.connected.is_set())
            assert broker.acknowledged == []
            broker.publish(UP, payload, 1, dup=True)
            await until(lambda: broker.acknowledged == [1])
            assert hub.ledger.counts()["duplicates"] == 1
        assert stored(path) == [payload]


async def test_packet_ids_of_a_lost_connection_are_not_acknowledged_on_the_next(path: Path) -> None:
    """The broker gives the same ids to other messages: the wrong one would be lost."""
    began, go_on = asyncio.Event(), asyncio.Event()

    def slow_disk(hub: Hub) -> None:
        commit = hub.ledger.commit_off_loop

        async def commit_later() -> None:
            if hub.broker.connected.is_set() and not began.is_set():
                began.set()
                await go_on.wait()
            await commit()

        hub.ledger.commit_off_loop = commit_later  # type: ignore[method-assign]

    async with ScriptedBroker() as broker, hub_of(village(broker), path, before=slow_disk) as hub:
        broker.publish(UP, up(1), 1)
        await began.wait()
        broker.session_present = True
        broker.hang_up()
        await let_all_run()
        go_on.set()
        await until(lambda: len(broker.connects) == 2 and hub.broker.connected.is_set())
        await let_all_run()
        assert broker.acknowledged == []


# --- what is used of the libraries' own names ---------------------------------------------------------


async def test_the_private_names_of_aiomqtt_and_paho_are_there_and_behave(path: Path) -> None:
    """Checked with aiomqtt 2.5 and paho-mqtt 2.1. Where this fails, read `Receiver` anew."""
    async with ScriptedBroker() as broker:
        broker.session_present = True
        receiver = Receiver(
            clock=SystemClock(), gather_s=0.0, hostname="127.0.0.1", port=broker.port, identifier="guard"
        )
        paho = receiver._client
        assert paho.on_connect.__func__ is Receiver._on_connect
        assert paho._manual_ack is True
        async with receiver:
            assert receiver.session_present
            broker.publish("a", b"1", 11)
            broker.publish("a", b"2", 12)
            deliveries: list[ingest.Delivery] = []
            while len(deliveries) < 2:
                deliveries += await receiver.batch()
            assert [(d.message.payload, d.mid, d.qos) for d in deliveries] == [(b"1", 11, 1), (b"2", 12, 1)]
            await let_all_run()
            assert broker.acknowledged == []
            assert len(receiver.messages) == 0
            assert isinstance(paho._sock, ReadAhead)
            assert not paho._out_packet
            assert callable(paho._sock_send)
            assert callable(paho._packet_queue)
            receiver.acknowledge(deliveries)
            await until(lambda: broker.acknowledged == [11, 12])
            lost = asyncio.create_task(receiver.lost())
            broker.hang_up()
            await within(lost, 5)


async def test_a_broker_that_has_sent_its_window_and_waits_is_answered_before_the_time_is_over() -> None:
    async with ScriptedBroker() as broker:
        receiver = Receiver(
            clock=SystemClock(), gather_s=600.0, hostname="127.0.0.1", port=broker.port, identifier="window"
        )
        async with receiver:
            for mid in range(1, WINDOW + 1):
                broker.publish("naruko/test/cam-1/up", b'{"v":1}', mid)
            assert len(await within(receiver.batch(), 5)) == WINDOW


# --- commands -------------------------------------------------------------------------------------------


async def test_a_command_without_a_broker_is_an_oserror(path: Path) -> None:
    broker = Broker(town().hub.mqtt, "test", SystemClock())
    with pytest.raises(ConnectionError, match="not connected"):
        await broker.publish("naruko/test/siren-1/cmd", b"{}")


async def test_a_command_is_qos_1_never_retained_and_an_oserror_where_it_was_not_taken(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with ScriptedBroker() as broker, hub_of(village(broker), path) as hub:
        await hub.broker.publish("naruko/test/siren-1/cmd", b"{}")
        assert broker.published[-1] == Published("naruko/test/siren-1/cmd", b"{}", 1, False)
        broker.mute = {PUBLISH}
        assert hub.broker._client
        hub.broker._client.timeout = 0.1
        with pytest.raises(ConnectionError, match="timed out"):
            await hub.broker.publish("naruko/test/siren-1/cmd", b"{}")
        broker.mute = set()


def test_only_our_own_reports_without_an_event_wait_for_company() -> None:
    topic = "naruko/town/cam-1/up"
    assert not may_be_urgent(topic, b'{"v":1,"m":{"battery_v":3.6}}')
    assert may_be_urgent(topic, b'{"v":1,"e":[{"type":"trap","state":"sprung"}]}')
    assert may_be_urgent("naruko/town/gw-1/status", b"offline")
    assert may_be_urgent("application/a/device/b/event/up", b'{"data":"AQ=="}')
