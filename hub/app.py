"""The hub as a process: open the ledger, load the state, run the edges, stop in reverse order."""

import asyncio
import gc
import logging
from collections.abc import Callable

from hub import command, notify
from hub.acts import apply
from hub.clock import Clock, SystemClock
from hub.config.town import Town
from hub.ingest import GATHER_S, Broker
from hub.ledger import Ledger, LedgerError, tend
from hub.model import Message, Mode, Outcome
from hub.notify import Send
from hub.pipeline import Pipeline
from hub.rounds import tick
from hub.state import Session, State

log = logging.getLogger("naruko.app")

ACTS_S = 0.5
"""How often the hub looks for what people did at the command line."""


class Hub:
    """One site's hub. `observe` is shown every outcome after its commit: the demo tells its story from it."""

    def __init__(
        self,
        town: Town,
        ledger: Ledger,
        clock: Clock,
        *,
        mode: Mode = Mode.ACTUAL,
        observe: Callable[[Outcome], None] | None = None,
        send: Send | None = None,
        tick_s: float = 1.0,
        gather_s: float = GATHER_S,
    ) -> None:
        self.town = town
        self.ledger = ledger
        self.clock = clock
        self.observe = observe
        self.send = send
        self.tick_s = tick_s
        self.pipeline = resume(town, ledger, mode=mode)
        self.broker = Broker(town.hub.mqtt, town.site.id, clock, gather_s)
        self.handled = 0
        self.ready = asyncio.Event()
        self._notifications = asyncio.Event()
        self._commands = asyncio.Event()

    async def run(self) -> None:
        """Until cancelled. Anything unexpected ends it; started again, it goes on where the ledger says."""
        async with asyncio.TaskGroup() as edges:
            edges.create_task(self._acts(), name="naruko.acts")
            edges.create_task(self._ticks(), name="naruko.ticks")
            edges.create_task(tend(self.ledger, self.clock), name="naruko.ledger")
            edges.create_task(
                notify.deliver(self.ledger, self.town, self.clock, self._notifications, self.send),
                name="naruko.notify",
            )
            edges.create_task(
                command.deliver(
                    self.ledger, self.broker.publish, self.town.site.id, self.clock, self._commands
                ),
                name="naruko.command",
            )
            if self.town.hub.influx:
                from hub import influx  # noqa: PLC0415 (27 MB, only where InfluxDB is configured)

                edges.create_task(influx.forward(self.ledger, self.town, self.clock), name="naruko.influx")
            edges.create_task(self._ingest(), name="naruko.ingest")
            log.info("ready: %d devices, %d zones, %d people", *self._sizes())
            self.ready.set()

    def _sizes(self) -> tuple[int, int, int]:
        return len(self.town.devices), len(self.town.zones), len(self.town.people)

    # --- what changes the ledger ----------------------------------------------------------------

    async def handle(self, messages: list[Message]) -> None:
        """One batch: decided, committed, and only then acknowledged by the caller."""
        await self._commit(lambda now: self.pipeline.run(messages, now))
        self.handled += len(messages)

    async def tick(self) -> None:
        """What time alone changes: silences, ends of visits, all clears."""
        await self._commit(lambda now: tick(self.pipeline, now))

    async def apply_acts(self) -> None:
        """What people did since the last look: reset a trap, stop a siren, cancel a debris flow."""
        if acts := self.ledger.acts_after():
            await self._commit(lambda now: apply(self.pipeline, acts, now))

    async def _commit(self, decide: Callable[[int], Outcome]) -> None:
        async with self.ledger.lock:
            outcome = decide(self.clock.now())
            if outcome.is_empty():
                return
            self.ledger.insert(outcome)
            await self.ledger.commit_off_loop()
        if outcome.notifications:
            self._notifications.set()
        if outcome.commands:
            self._commands.set()
        if self.observe:
            self.observe(outcome)

    # --- edges --------------------------------------------------------------------------------

    async def _ingest(self) -> None:
        async def remember(topics: set[str]) -> None:
            self.pipeline.hearing_since = self.clock.now()
            session = Session(tuple(sorted(topics)))
            if self.pipeline.state.rooms["broker"].get("session") != session:
                self.pipeline.state.put("broker", "session", session)
                await self._commit(lambda now: tick(self.pipeline, now))

        def subscribed() -> set[str]:
            session = self.pipeline.state.rooms["broker"].get("session", Session())
            return set(session.topics)

        await self.broker.run(self.handle, subscribed, remember)

    async def _ticks(self) -> None:
        while True:
            if not self.broker.connected.is_set():
                self.pipeline.hearing_since = self.clock.now()
            await self.tick()
            await asyncio.sleep(self.tick_s)

    async def _acts(self) -> None:
        version = -1
        while True:
            if (seen := self.ledger.data_version()) != version:
                version = seen
                await self.apply_acts()
            await asyncio.sleep(ACTS_S)


def resume(town: Town, ledger: Ledger, *, mode: Mode = Mode.ACTUAL, live: bool = True) -> Pipeline:
    """The pipeline as the ledger remembers it, also after a crash."""
    state = State.load(ledger.load_states(), ledger.open_alerts())
    pipeline = Pipeline(town, state, ledger.known, mode=mode, live=live)
    pipeline.recall(ledger.messages_since(state.saved_at))
    return pipeline


async def serve(town: Town) -> None:
    """`naruko run`: until it is stopped. The ledger is closed last. LedgerError: it cannot be written."""
    ledger = Ledger.open(town.hub.ledger.path, town.hub.ledger)
    hub = Hub(town, ledger, SystemClock())
    gc.freeze()  # config and modules stay: no collection needs to walk over them again
    try:
        await hub.run()
    except BaseExceptionGroup as group:
        if broken := group.subgroup(LedgerError):
            raise LedgerError(str(_first(broken))) from group
        raise
    finally:
        ledger.close()


def _first(error: BaseException) -> BaseException:
    return _first(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error
