"""The session with the broker: kept, forgotten, refused; a broker that fails, and the way back to it."""

import asyncio
import logging
from pathlib import Path

import aiomqtt
import pytest

from hub import ingest
from hub.clock import SystemClock
from hub.ingest import BATCH, Broker, Delivery, end_of_batch, heed_cancel, pause_after
from hub.model import Message
from tests.hubs import at_broker, hub_of, up
from tests.scripted_broker import CONNECT, PUBLISH, SUBSCRIBE, UP, Published, ScriptedBroker, village
from tests.towns import MINUTE, gauge, pir, town
from tests.waiting import let_all_run, until

OWN = {"naruko/test/+/up", "naruko/test/+/status", "naruko/test/+/done"}


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest, "RETRY_AT_MOST_S", 0.05)


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [
        r.getMessage() for r in caplog.records if r.name == "naruko.ingest" and r.levelno >= logging.WARNING
    ]


# --- the session ------------------------------------------------------------------------------------


async def test_the_session_is_persistent_with_a_fixed_client_id_and_a_will(path: Path) -> None:
    async with ScriptedBroker() as broker:
        async with hub_of(village(broker, username="hub", password="geheim"), path):
            pass
        first = broker.connects[0]
    assert (first.client_id, first.clean_session, first.keepalive) == ("hub-test", False, 30)
    assert (first.will_topic, first.will_payload, first.will_qos, first.will_retain) == (
        "naruko-hub/test/status", b"offline", 1, True,
    )  # fmt: skip
    assert (first.username, first.password) == ("hub", "geheim")


async def test_the_hub_says_online_when_it_hears_and_offline_when_it_is_stopped(path: Path) -> None:
    """After a proper goodbye the broker keeps its will to itself."""
    async with ScriptedBroker() as broker:
        async with hub_of(village(broker), path):
            pass
        await until(lambda: not broker.open)
    assert broker.published == [
        Published("naruko-hub/test/status", word, 1, True) for word in (b"online", b"offline")
    ]
    assert broker.said[-2:] == ["publish", "disconnect"]


async def test_topics_that_have_left_the_config_are_unsubscribed_from_a_session_that_lives(
    path: Path,
) -> None:
    async with ScriptedBroker() as broker:
        async with hub_of(village(broker, topics=("zigbee2mqtt/+", "msh/#")), path):
            pass
        assert set(broker.subscribed) == OWN | {"zigbee2mqtt/+", "msh/#"}
        assert broker.unsubscribed == []
        broker.session_present = True
        async with hub_of(village(broker, topics=("msh/#",)), path):
            assert broker.unsubscribed == ["zigbee2mqtt/+"]
        async with hub_of(village(broker, topics=("msh/#",)), path):
            assert broker.unsubscribed == ["zigbee2mqtt/+"]


async def test_a_session_that_the_broker_has_forgotten_is_warned_of(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with ScriptedBroker() as broker:
        async with hub_of(village(broker), path):
            assert warnings(caplog) == []
        async with hub_of(village(broker), path):
            (said,) = warnings(caplog)
    assert "forgotten our session" in said


async def test_a_topic_that_the_broker_refuses_is_said_to_be_deaf(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with ScriptedBroker() as broker:
        broker.refuses = {"naruko/test/+/up"}
        async with hub_of(village(broker), path):
            (said,) = warnings(caplog)
    assert "refuses us the topic naruko/test/+/up" in said


async def test_retained_messages_arrive_as_retained(path: Path) -> None:
    async with ScriptedBroker() as broker:
        broker_of = Broker(village(broker).hub.mqtt, "test", SystemClock())
        heard = []

        async def handle(messages: list[object]) -> None:
            heard.extend(messages)

        async def remember(topics: set[str], forgotten: bool) -> None:
            assert topics == OWN

        task = asyncio.create_task(broker_of.run(handle, set, remember))  # type: ignore[arg-type]
        await until(broker_of.connected.is_set)
        broker.publish("naruko/test/gw/status", b"offline", 1, retain=True)
        broker.publish("naruko/test/gw/status", b"offline", 2, dup=True)
        await until(lambda: len(heard) == 2)
        task.cancel()
        await asyncio.wait({task})
    assert [(m.retain, m.dup) for m in heard] == [(True, False), (False, True)]


# --- when the broker fails ----------------------------------------------------------------------------


async def test_a_loss_is_logged_once_and_a_return_once(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "naruko.ingest")
    async with ScriptedBroker() as broker, hub_of(village(broker), path) as hub:
        broker.session_present = True
        broker.drops_on = {CONNECT}
        broker.hang_up()
        await until(lambda: len(broker.connects) == 2 and hub.broker.connected.is_set())
        said = [r.getMessage() for r in caplog.records if r.name == "naruko.ingest"]
    where = f"broker 127.0.0.1:{broker.port}"
    assert [line.removeprefix(where) for line in said][0::2] == [" connected", " is back"]
    assert len(said) == 3
    assert said[1].startswith(where)
    assert said[1].endswith("trying again")


async def test_a_connection_lost_on_the_way_to_the_subscription_is_noticed_at_once(path: Path) -> None:
    async with ScriptedBroker() as broker:
        broker.drops_on = {CONNECT, SUBSCRIBE, PUBLISH}
        async with asyncio.timeout(ingest.ANSWER_WITHIN_S / 2):
            async with hub_of(village(broker), path):
                assert len(broker.connects) == 3


async def test_a_broker_that_takes_the_connection_and_does_not_answer_is_left(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(ingest, "ANSWER_WITHIN_S", 0.1)
    async with ScriptedBroker() as broker:
        broker.mute = {CONNECT}
        async with hub_of(village(broker), path, connected=False) as hub:
            await until(lambda: len(broker.connects) == 4)
            assert broker.open <= 2
            broker.mute = set()
            await until(hub.broker.connected.is_set)
        assert len(warnings(caplog)) == 1


async def test_the_hub_can_be_stopped_while_the_broker_does_not_answer(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with ScriptedBroker() as broker:
        broker.mute = {CONNECT}
        async with asyncio.timeout(ingest.ANSWER_WITHIN_S / 2):
            async with hub_of(village(broker), path, connected=False):
                await until(lambda: broker.connects)
        await until(lambda: not broker.open)
    assert [r for r in caplog.records if r.name == "asyncio"] == []


def test_the_pause_before_a_new_try_grows_to_half_a_minute_and_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.undo()
    pauses = [pause_after(attempt) for attempt in range(1, 12)]
    assert pauses == sorted(pauses)
    assert pauses[0] < 1.0
    assert pause_after(10) == pause_after(1_000_000) == 30.0


async def test_nobody_is_called_silent_because_the_hub_could_not_hear(path: Path) -> None:
    """Silence counts from the broker's return."""

    class Later(SystemClock):
        by = 0

        def now(self) -> int:
            return super().now() + self.by

        def step(self) -> None:
            return None

    clock = Later()
    async with ScriptedBroker() as broker:
        quick = pir("pir-1", heartbeat="1m")
        small = at_broker(town([quick, gauge("river-1", {"caution": 1.0})]), broker.port)
        async with hub_of(small, path, clock=clock) as hub:
            broker.publish(UP, up(1), 1)
            await until(lambda: broker.acknowledged == [1])
            broker.drops_on = {CONNECT}
            broker.mute = {CONNECT}
            broker.hang_up()
            await until(lambda: not hub.broker.connected.is_set())
            clock.by = 30 * MINUTE
            ticked = hub.pipeline.health_looked
            await until(lambda: hub.pipeline.health_looked >= ticked + 30 * MINUTE)
            clock.by += MINUTE
            await until(
                lambda: hub.pipeline.health_looked >= ticked + 31 * MINUTE, "the look before is stored"
            )
            assert hub.ledger.open_alerts() == []
            broker.mute = set()
            broker.hang_up()
            await until(hub.broker.connected.is_set)
            clock.by += 30 * MINUTE
            await until(hub.ledger.open_alerts)
            silent = {alert.incident for alert in hub.ledger.open_alerts()}
    assert "silent/pir-1" in silent


def test_a_batch_is_never_cut_within_a_millisecond() -> None:
    """Up to which message a device's state goes is known by its time alone."""

    def came(*times: int) -> list[Delivery]:
        return [Delivery(Message("t", b"", at), 1, 1) for at in times]

    assert end_of_batch(came()) == 0
    assert end_of_batch(came(*range(BATCH + 9))) == BATCH
    assert end_of_batch(came(*range(BATCH - 1), 900, 900, 900, 901)) == BATCH + 2
    assert end_of_batch(came(*[5] * 2_000)) == 2_000


@pytest.mark.parametrize("refused", [False, True], ids=["answer", "refusal"])
async def test_a_cancellation_in_the_moment_of_the_answer_is_not_forgotten(refused: bool) -> None:
    answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    asking = asyncio.create_task(heed_cancel(asyncio.wait_for(answer, 10)))  # noqa: TID251 (as aiomqtt does)
    await let_all_run()
    if refused:
        answer.set_exception(aiomqtt.MqttError("not authorised"))
    else:
        answer.set_result(1)
    asking.cancel()
    await asyncio.wait({asking})
    assert asking.cancelled()


@pytest.mark.parametrize(("code", "drops_on"), [(0, set()), (0, {SUBSCRIBE}), (5, set()), (0, {CONNECT})],
                         ids=["answers", "hangs up later", "refuses", "hangs up"])  # fmt: skip
async def test_told_to_stop_at_any_moment_it_stops_whatever_the_broker_does(
    code: int, drops_on: set[int]
) -> None:
    async def handle(messages: list[Message]) -> None: ...
    async def remember(topics: set[str], forgotten: bool) -> None: ...

    async with ScriptedBroker() as broker:
        broker.code = code
        for turns in range(150):
            broker.drops_on = set(drops_on)
            edge = Broker(village(broker).hub.mqtt, "test", SystemClock())
            running = asyncio.create_task(edge.run(handle, set, remember))
            await let_all_run(turns)
            running.cancel()
            done, _ = await asyncio.wait({running}, timeout=10)
            assert done, f"after {turns} turns of the loop"
            assert running.cancelled()
