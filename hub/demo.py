"""`naruko demo`: the example town on real parts - broker, hub, Apprise, phones - in simulated time."""

import asyncio
import contextlib
import logging
import secrets
import socket
import tempfile
from collections.abc import AsyncIterator, Coroutine, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiomqtt
from amqtt.broker import Broker as EmbeddedBroker
from amqtt.errors import BrokerError
from pydantic import SecretStr

from devices.frame import Millis
from firmware_sim.fleet import Fleet
from firmware_sim.phones import Phones
from firmware_sim.report import Transmission
from firmware_sim.scenarios import scenario
from firmware_sim.scenarios.story import openings
from hub import notify, report
from hub.app import Hub
from hub.clock import SetClock, monotonic
from hub.config.settings import Console, LedgerSettings, Mqtt, Web
from hub.config.shapes import Channel, Person
from hub.config.town import Town
from hub.console.passwords import hashed
from hub.console.users import ConsoleRole
from hub.ingest import heed_cancel
from hub.ledger import Ledger
from hub.model import Act, Notification, Outcome
from hub.notify.outbox import Answer
from hub.story import Story

log = logging.getLogger("naruko.demo")

TICK: Millis = 10_000
SETTLE_S = 5.0
"""An answer that takes longer than this in the house will not come."""
FRAME_S = 0.05
USER = "naruko"
"""Who may log in to the console of the demo."""
NEVER_S = 1e6
"""Flat out, the story itself makes the hub tick, so that every run of one seed is the same."""


@dataclass(frozen=True)
class Options:
    """`speed` None: as fast as the path allows. `seconds`: wall time after which it ends."""

    scenario: str
    speed: float | None
    once: bool
    seconds: float | None
    seed: int
    port: int


class RunningClock(SetClock):
    """Simulated time that runs `speed` times as fast as the wall."""

    def __init__(self, at: Millis, speed: float) -> None:
        super().__init__(at)
        self._speed = speed
        self._began = monotonic()
        self._base = at
        self._stopped = False

    def now(self) -> Millis:
        if self._stopped:
            return self.at
        return self._base + round((monotonic() - self._began) * 1000 * self._speed)

    def stop(self) -> None:
        """The time stands: what is under way is finished, and nothing new begins."""
        self.at = self.now()
        self._stopped = True


def in_house(town: Town, phones: Phones, mqtt_port: int, ledger: Path, pages_port: int | None = None) -> Town:
    """The town with its broker, its ledger and everybody's phone on loopback: nothing leaves the machine.

    `pages_port`: where its pages are; None: it has none.
    """
    people = {person.id: _with_local_phone(person, phones) for person in town.people.values()}
    mqtt = Mqtt(host="127.0.0.1", port=mqtt_port, topics=town.hub.mqtt.topics)
    pages = None
    if pages_port:
        pages = Web(port=pages_port, photos=ledger.parent / "photos", console=Console())
    site = town.site.model_copy(update={"hub_url": f"http://127.0.0.1:{pages_port}" if pages else ""})
    update = {
        "mqtt": mqtt,
        "ledger": LedgerSettings(path=ledger),
        "influx": None,
        "web": pages,
        "site": site,
    }
    return replace(town, hub=town.hub.model_copy(update=update), people=people)


def _with_local_phone(person: Person, phones: Phones) -> Person:
    def local(channel: Channel, index: int) -> Channel:
        name = f"{person.id}-{index}"
        url = {
            "mail": f"mailto://127.0.0.1:{phones.mail_port}?from=naruko@localhost&to={person.id}@phone.localhost",
            "ntfy": f"ntfy://127.0.0.1:{phones.http_port}/{name}",
            "line": f"line://demo-token/U{name}?image=no",
        }.get(channel.kind, f"json://127.0.0.1:{phones.http_port}/{name}")
        kind = "other" if channel.kind == "push" else channel.kind
        return Channel(kind=kind, url=SecretStr(url))

    channels = tuple(local(channel, index) for index, channel in enumerate(person.channels))
    return person.model_copy(update={"channels": channels})


class Latencies:
    """Wall time from decision to hand-over, by notification id: the demo's own clock says nothing of it."""

    def __init__(self) -> None:
        self._decided: dict[str, float] = {}
        self.ms: dict[str, float] = {}
        self._sender = notify.AppriseSender()

    def load(self) -> None:
        self._sender.load()

    def decided(self, outcome: Outcome) -> None:
        for notification in outcome.notifications:
            self._decided[notification.id] = monotonic()

    def send(self, person: Person, notification: Notification) -> Answer:
        began = self._decided.setdefault(notification.id, monotonic())  # the outbox may be quicker than we
        answer = self._sender.send(person, notification)
        self.ms[notification.id] = (monotonic() - began) * 1000
        return answer


class Demo:
    """Fleet, broker, hub and phones in one process."""

    def __init__(self, town: Town, options: Options, story: Story) -> None:
        self.options = options
        self.story = story
        self.plot = scenario(options.scenario, town, options.seed)
        self.fleet = Fleet(
            town, self.plot.world, options.seed, self.plot.faults, starts_at=self.plot.starts_at
        )
        speed = options.speed
        start = self.plot.starts_at
        self.clock: SetClock = RunningClock(start, speed) if speed else SetClock(start)
        self.latencies = Latencies()
        self.published = 0
        self.commanded = 0
        self.obeyed = 0

    async def run(self, hub: Hub, port: int) -> None:
        """Until the story has been told (`once`), the time is over, or somebody presses Ctrl-C."""
        await hub.broker.connected.wait()
        while hub.town.hub.web and hub.web_port is None:  # noqa: ASYNC110 (half a second, once)
            await asyncio.sleep(FRAME_S)
        self.story.begin(self.options.speed, self._chapters())
        async with aiomqtt.Client("127.0.0.1", port, identifier="naruko-fleet") as fleet:
            await fleet.subscribe(f"naruko/{hub.town.site.id}/+/cmd", qos=1)
            async with asyncio.TaskGroup() as tasks:
                obeying = tasks.create_task(self._obey(fleet))
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self.options.seconds):
                        await (self._paced(fleet) if self.options.speed else self._flat_out(hub, fleet))
                if isinstance(self.clock, RunningClock):
                    self.clock.stop()
                await self._settle(hub)
                obeying.cancel()

    def _chapters(self) -> tuple[tuple[Millis, str, str], ...]:
        if self.plot.name == "story":
            return openings(self.plot.starts_at)
        return ((self.plot.starts_at, self.plot.title_ja, self.plot.title_en),)

    def observe(self, outcome: Outcome) -> None:
        self.commanded += len(outcome.commands)
        self.latencies.decided(outcome)
        self.story.outcome(outcome)

    async def _paced(self, fleet: aiomqtt.Client) -> None:
        while not self._is_over():
            await self._publish(fleet, self.fleet.step(self.clock.now()))
            self.story.progress(self.clock.now(), self.published)
            await asyncio.sleep(FRAME_S)

    async def _flat_out(self, hub: Hub, fleet: aiomqtt.Client) -> None:
        """The next instant comes when all that this one brought about is done."""
        while not self._is_over():
            self.clock.at = max(self.clock.at, min(self.fleet.next_due(), self.clock.at + TICK))
            await self._publish(fleet, self.fleet.step(self.clock.at))
            await self._settle(hub)
            await hub.tick()
            await self._settle(hub)
            self.story.progress(self.clock.at, self.published)

    def _is_over(self) -> bool:
        return self.options.once and self.clock.now() >= self.plot.starts_at + self.plot.lasts

    async def _publish(self, fleet: aiomqtt.Client, transmissions: list[Transmission]) -> None:
        for sent in transmissions:
            self.published += 1
            await heed_cancel(fleet.publish(sent.topic, sent.payload, qos=1, retain=sent.retain))

    async def _obey(self, fleet: aiomqtt.Client) -> None:
        async for message in fleet.messages:
            self.obeyed += 1
            payload = bytes(message.payload or b"")
            answers = self.fleet.command(message.topic.value, payload, self.clock.now())
            await self._publish(fleet, answers)

    async def _settle(self, hub: Hub) -> None:
        """Waits until the hub has taken what was published and its outboxes have nothing due."""
        until = monotonic() + SETTLE_S
        while monotonic() < until:
            now = self.clock.now()
            due = hub.ledger.next_notification_at()
            if (
                hub.handled >= self.published
                and (
                    self.options.speed or self.obeyed >= self.commanded
                )  # paced, a command may come too late
                and not hub.ledger.pending_commands(now)
                and (due is None or due > now)
            ):
                return
            await asyncio.sleep(0.001)
        log.warning(
            "after %.0f s: %d of %d messages taken, %d of %d commands obeyed, next notification at %s",
            SETTLE_S, hub.handled, self.published, self.obeyed, self.commanded, due,
        )  # fmt: skip
        self.published = hub.handled
        self.commanded = self.obeyed


@contextlib.asynccontextmanager
async def embedded_broker(port: int) -> AsyncIterator[None]:
    """amqtt on loopback: right for a demo, not for a town. OSError: it cannot listen on that port."""
    logging.getLogger("amqtt").setLevel(logging.CRITICAL)
    logging.getLogger("transitions").setLevel(logging.ERROR)
    broker = EmbeddedBroker(
        {
            "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}", "max_connections": 50}},
            "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
        }
    )
    try:
        await broker.start()
    except BrokerError as error:
        raise OSError(
            f"the embedded broker cannot listen on port {port}: {error.__cause__ or error}"
        ) from None
    try:
        yield
    finally:
        await broker.shutdown()


def _pages_port() -> int:
    """The usual one, where nobody has it."""
    usual = int(Web().port)
    with socket.socket() as probe:
        return usual if probe.connect_ex(("127.0.0.1", usual)) else free_port()


def free_port() -> int:
    """A loopback port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def phones_in_house() -> Iterator[Phones]:
    """Everybody's phone, and LINE's server, on loopback."""
    with Phones() as phones:
        notify.line_endpoint(phones.line_url)
        yield phones


async def play(town: Town, options: Options, story: Story) -> dict[str, Any]:
    """The whole demo; returns the report. Cancelled, it ends early with what there is to report."""
    with tempfile.TemporaryDirectory(prefix="naruko-demo-") as folder, phones_in_house() as phones:
        async with embedded_broker(options.port):
            pages = _pages_port() if options.speed else None  # flat out there is nobody to tap
            local = in_house(town, phones, options.port, Path(folder) / "naruko.db", pages)
            demo = Demo(local, options, story)
            await asyncio.to_thread(demo.latencies.load)
            ledger = Ledger.open(local.hub.ledger.path, local.hub.ledger)
            with contextlib.closing(ledger):
                hub = Hub(
                    local,
                    ledger,
                    demo.clock,
                    observe=demo.observe,
                    gather_s=0.0,
                    send=demo.latencies.send,
                    tick_s=0.2 if options.speed else NEVER_S,
                )
                story.links = hub.pipeline.links
                if pages:
                    story.console_login = await _let_in(hub, f"http://127.0.0.1:{pages}/console")
                await _until_first(demo.run(hub, options.port), hub.run())
                return report.build(ledger, hub.pipeline, demo.latencies.ms)


async def _let_in(hub: Hub, address: str) -> tuple[str, str, str]:
    """Makes the user of the demo: (address, name, password)."""
    password = secrets.token_hex(5)
    form = {"role": ConsoleRole.ADMIN, "password": await asyncio.to_thread(hashed, password)}
    await hub.do(Act(0, 0, USER, "demo", "user_add", USER, form=form))
    return address, USER, password


async def _until_first(*works: Coroutine[Any, Any, None]) -> None:
    """Until one has ended or Ctrl-C is pressed; ends the others in order, and raises what one has raised."""
    tasks = [asyncio.create_task(work) for work in works]
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
        await asyncio.wait({task})
    for task in tasks:
        if not task.cancelled():
            task.result()
