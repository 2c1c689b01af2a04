"""The hub as a process: open the ledger, load the state, run the edges, stop in reverse order."""

import asyncio
import gc
import logging
from collections.abc import Callable

from msgspec.structs import replace

from hub import command, notify, steps, wording
from hub.acts import apply
from hub.clock import Clock, Step, SystemClock, monotonic
from hub.config.town import Town
from hub.detect import missed
from hub.ingest import GATHER_S, Broker
from hub.ledger import Ledger, keep_backups, tend
from hub.ledger.opening import DamagedError, DiskError, trouble_of
from hub.ledger.rescue import note_damage
from hub.links import Links
from hub.logs.journal import Journal
from hub.metrics.counts import Counts
from hub.metrics.outbox import CountedOutbox
from hub.model import Act, Event, EventKind, Message, Mode, Outcome
from hub.notify import Send
from hub.pipeline import Pipeline
from hub.rounds import tick
from hub.state import RECALL_BEFORE, Session, State
from hub.watch import deadman, last_word, systemd
from hub.watch.look import Watch
from hub.watch.vitals import Pulse

log = logging.getLogger("naruko.app")

ACTS_S = 0.5
"""How often the hub looks for what people did at the command line."""
YOUNG = 20_000
"""New objects before Python looks for cycles among them. A batch makes thousands and leaves no cycle: at the
usual 700 the looking took a sixth of the hub's time."""


class Hub:
    """One site's hub. `observe` is the first of its observers: the demo tells its story from it.

    `watched`: it looks at itself, tells its operators, and gives signs of life to systemd and outside.
    """

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
        watched: bool = False,
    ) -> None:
        self.ledger = ledger
        self.clock = clock
        self.observers = [observe] if observe else []
        """Each is shown every outcome after its commit."""
        self.settled: list[Callable[[], None]] = []
        """Each is called after every attempt to tell somebody."""
        self.send = send
        self.tick_s = tick_s
        self.watched = watched
        self.pulse = Pulse()
        self.counts = Counts()
        self.pipeline = resume(town, ledger, mode=mode)
        self.journal = Journal.of(self.pipeline.state)
        self.broker = Broker(town.hub.mqtt, town.site.id, clock, gather_s)
        self.handled = 0
        self.web_port: int | None = None
        """Where the pages are, as soon as they are there."""
        self.ready = asyncio.Event()
        self._undone = asyncio.Queue[Exception]()
        """What went wrong with what somebody did on a page."""
        self._notifications = asyncio.Event()
        self._commands = asyncio.Event()

    async def run(self) -> None:
        """Until cancelled. Anything unexpected ends it; started again, it goes on where the ledger says."""
        outbox = CountedOutbox(self.ledger, self.counts, self.settled, self.journal)
        async with asyncio.TaskGroup() as edges:
            edges.create_task(self._acts(), name="naruko.acts")
            edges.create_task(self._ticks(), name="naruko.ticks")
            edges.create_task(tend(self.ledger, self.clock), name="naruko.ledger")
            edges.create_task(
                keep_backups(self.ledger, self.clock, self.town.zone_info), name="naruko.backup"
            )
            edges.create_task(
                notify.deliver(
                    outbox,
                    self.town,
                    self.clock,
                    self._notifications,
                    self.send,
                    links=self.pipeline.links,
                    people=lambda: self.town.people,
                ),
                name="naruko.notify",
            )
            edges.create_task(
                command.deliver(outbox, self.broker.publish, self.town.site.id, self.clock, self._commands),
                name="naruko.command",
            )
            if self.town.hub.influx:
                from hub import influx  # noqa: PLC0415 (27 MB, only where InfluxDB is configured)

                edges.create_task(influx.forward(self.ledger, self.town, self.clock), name="naruko.influx")
            if self.town.hub.web:
                from hub import web  # noqa: PLC0415 (only where there are pages)

                edges.create_task(web.serve(self, self.town.hub.web), name="naruko.web")
            edges.create_task(self._ingest(), name="naruko.ingest")
            edges.create_task(self._until_undone(), name="naruko.undone")
            if self.watched:
                self._watch(edges)
            log.info("ready: %d devices, %d zones, %d people", *self._sizes())
            self.ready.set()

    def _watch(self, edges: asyncio.TaskGroup) -> None:
        watch = Watch(self.pipeline, self.ledger, self.broker, self.clock, pulse=self.pulse)
        edges.create_task(watch.run(self._commit), name="naruko.watch")
        edges.create_task(systemd.beat(self.pulse), name="naruko.systemd")
        if outside := self.town.hub.deadman:
            edges.create_task(
                deadman.ping(outside, self.pulse, watch.in_trouble, watch.prove), name="naruko.deadman"
            )

    @property
    def town(self) -> Town:
        """As it is now: people enrol and leave."""
        return self.pipeline.town

    def _sizes(self) -> tuple[int, int, int]:
        return len(self.town.devices), len(self.town.zones), len(self.town.people)

    # --- what changes the ledger ----------------------------------------------------------------

    async def handle(self, messages: list[Message]) -> None:
        """One batch: decided, committed, and only then acknowledged by the caller."""
        self.pulse.handling = monotonic()
        await self._commit(lambda now: self.pipeline.run(self._as_of(messages, now), now))
        self.handled += len(messages)
        self.pulse.heard, self.pulse.handling = monotonic(), None

    async def tick(self) -> None:
        """What time alone changes: silences, ends of visits, all clears."""
        events: list[Event] = []

        def decide(now: int) -> Outcome:
            outcome = tick(self.pipeline, now)
            events.extend(outcome.events)
            return outcome

        await self._commit(decide)
        self.journal.tick()
        self.pulse.tick()
        for event in events:
            if event.kind is EventKind.MESSAGES_MISSED:
                seconds = event.window // 1000
                log.warning("of the %d s in which we did not hear, %s", seconds, missed.said(event))

    async def apply_acts(self) -> None:
        """What people did since the last look: reset a trap, stop a siren, cancel a debris flow."""
        if self.ledger.acts_after():
            await self._commit(lambda now: apply(self.pipeline, self.ledger.acts_after(), now))

    async def do(self, *acts: Act) -> Outcome:
        """What somebody does on a page: decided, and written down with what comes of it, before it returns.

        Acts have the id 0 and no time yet; several are all done, or none of them. What could not be written
        ends the hub, as everywhere: its state would hold what the ledger does not. The page would take the
        error for its own.
        """
        try:
            return await self._commit(
                lambda now: apply(self.pipeline, [replace(act, at=now) for act in acts], now)
            )
        except Exception as error:
            self._undone.put_nowait(error)
            raise

    def _as_of(self, messages: list[Message], now: int) -> list[Message]:
        followed = self.clock.followed
        return steps.restamped(messages, followed[-1], now) if followed else messages

    async def _follow(self, step: Step) -> None:
        """Somebody has set the wall clock: all that was noted goes with it, in one moment."""
        log.warning("the clock was set %+.1f s: what waits and runs goes with it", step.by / 1000)
        outcome = steps.follow(self.pipeline, step)
        await self.ledger.store_moved(outcome, step, steps.moved_notification, steps.moved_command)
        self.clock.follow(step)
        self._notifications.set()
        self._commands.set()

    async def _commit(self, decide: Callable[[int], Outcome]) -> Outcome:
        async with self.ledger.lock:
            if step := self.clock.step():
                await self._follow(step)
            outcome = decide(self.clock.now())
            if outcome.is_empty():
                return outcome
            await self.ledger.write(outcome)
            self.pulse.committed = monotonic()
        if outcome.commands:
            self._commands.set()  # first: a thread that sends a mail is already in the loop's way
        if outcome.notifications:
            self._notifications.set()
        self.counts.note(outcome)
        self.journal.outcome(outcome)
        for observe in self.observers:
            observe(outcome)
        return outcome

    # --- edges --------------------------------------------------------------------------------

    async def _until_undone(self) -> None:
        raise await self._undone.get()

    async def _ingest(self) -> None:
        async def remember(topics: set[str], forgotten: bool) -> None:  # noqa: FBT001
            self.pipeline.returned(self.clock.now(), forgotten=forgotten)
            self.pulse.connected = monotonic()
            session = Session(tuple(sorted(topics)))
            if self.pipeline.state.rooms["broker"].get("session") != session:
                self.pipeline.state.put("broker", "session", session)
            await self.tick()

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


def _be_ready(hub: Hub) -> None:
    """What else the first alarm would wait for."""
    wording.load()
    if hub.town.sirens:
        hub.pipeline.geofence.prepare()
    gc.set_threshold(YOUNG)
    gc.freeze()  # config, texts and modules stay: no collection needs to walk over them again


def resume(town: Town, ledger: Ledger, *, mode: Mode = Mode.ACTUAL, live: bool = True) -> Pipeline:
    """The pipeline as the ledger remembers it, also after a crash."""
    state = State.load(ledger.load_states(), ledger.open_alerts())
    pipeline = Pipeline(town, state, ledger.known, mode=mode, live=live, links=links_of(town, ledger))
    pipeline.recall(ledger.messages_since(state.saved_at - RECALL_BEFORE))
    return pipeline


def links_of(town: Town, ledger: Ledger) -> Links | None:
    """None where phones cannot reach the hub's pages."""
    return Links(ledger.secret("link_secret"), town.site.hub_url) if town.has_pages else None


async def serve(town: Town) -> None:
    """`naruko run`: until it is stopped. The ledger is closed last.

    LedgerError: it cannot be written. Where its disk is at fault the operators have been told so.
    """
    settings = town.hub.ledger
    try:
        await _serve(town)
    except DiskError as error:
        if isinstance(error, DamagedError) and settings.on_corrupt == "restore":
            note_damage(settings.path, str(error))  # the next start restores it, and tells
        else:
            await last_word.say(town, error)
        raise


async def _serve(town: Town) -> None:
    path, clock = town.hub.ledger.path, SystemClock()
    ledger = Ledger.open(path, town.hub.ledger)
    try:
        ledger.hold_ballast()
        if ledger.restored:
            told = last_word.restored(town, ledger.restored, clock.now())
            await ledger.store(Outcome(notifications=told))
        hub = Hub(town, ledger, clock, watched=True)
        if found := len(hub.town.warnings) - len(town.warnings):  # they name people
            said = "people who have enrolled, and the town's files: %d warnings; naruko people says them"
            logging.getLogger("naruko.people").warning(said, found)
        _be_ready(hub)
        await hub.run()
    except (Exception, BaseExceptionGroup) as error:
        trouble = trouble_of(error, path)
        if trouble is None or trouble is error:
            raise
        raise trouble from error
    finally:
        ledger.close()
