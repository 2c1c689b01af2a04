"""The hub's look at itself: reads its vitals every 10 s and hands them to the pure middle."""

import asyncio
from collections.abc import Awaitable, Callable

from devices.frame import Millis
from hub.clock import Clock, is_sane, monotonic
from hub.config.shapes import Channel
from hub.detect.hub import Vitals
from hub.ingest import Broker
from hub.ledger import Ledger
from hub.ledger.shedding import INFLUX_CURSOR
from hub.model import Outcome, Severity
from hub.notify.service import service_of
from hub.pipeline import Pipeline
from hub.rounds import look_inward
from hub.state import SITE
from hub.watch import digest, systemd, vitals
from hub.watch.vitals import Machine, Pulse

LOOK_EVERY_S = 10.0
ALIVE_CURSOR = "alive"
MB = 1024 * 1024

Commit = Callable[[Callable[[Millis], Outcome]], Awaitable[object]]


class Watch:
    """Looks at one hub. `read` gives the machine's part, in a thread."""

    def __init__(
        self,
        pipeline: Pipeline,
        ledger: Ledger,
        broker: Broker,
        clock: Clock,
        *,
        pulse: Pulse,
        read: Callable[[], Machine] | None = None,
    ) -> None:
        self.pipeline = pipeline
        self.ledger = ledger
        self.broker = broker
        self.clock = clock
        self.pulse = pulse
        self.read = read or (lambda: vitals.read_machine(ledger.path))
        self._labels: dict[tuple[str, int], tuple[Channel, str]] = {}
        self._looked = monotonic()

    async def run(self, commit: Commit) -> None:
        """Looks for ever."""
        while True:
            await self.look(commit)
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self, commit: Commit) -> None:
        """One look: what has gone wrong or well is told, and a report that is due is given."""
        seen = await self.vitals()
        day = await self._day() if self._report_is_due() else None
        await commit(lambda now: look_inward(self.pipeline, seen, now, day))
        systemd.notify(f"STATUS={self.status(seen)}")

    async def vitals(self) -> Vitals:
        """The hub as it is now."""
        now, at = self.clock.now(), monotonic()
        elapsed, self._looked = at - self._looked, at
        machine = await asyncio.to_thread(self.read)
        waiting = await asyncio.to_thread(self.ledger.waiting_by_address)
        services = self._services()
        sent = vitals.last_sent(services, await asyncio.to_thread(self.ledger.last_sent))
        behind = None
        if self.pipeline.town.hub.influx:
            cursor = int(self.ledger.cursor(INFLUX_CURSOR) or 0)
            behind = await asyncio.to_thread(self._influx_behind, cursor, now)
        pulse = self.pulse
        listening = at - (pulse.connected if pulse.connected is not None else pulse.began)
        handling = at - pulse.handling if pulse.handling is not None else 0.0
        return Vitals(
            elapsed=_ms(elapsed),
            connected=self.broker.connected.is_set(),
            listening_for=_ms(listening),
            unheard_for=None if pulse.heard is None else _ms(at - pulse.heard),
            disk_free=machine.disk_free,
            disk_total=machine.disk_total,
            memory=machine.memory,
            cpu_c=machine.cpu_c,
            channels=vitals.channels(services, waiting, sent, now),
            backlog=max(vitals.backlog(services, waiting, sent, now) if is_sane(now) else 0, _ms(handling)),
            ledger=ledger_size(self.ledger),
            ledger_limit=self.ledger.settings.limit_mb * MB if self.ledger.path else 0,
            influx_behind=behind,
            deadman_failing=pulse.deadman_failing,
        )

    def status(self, seen: Vitals) -> str:
        """One line for `systemctl status`: no person and no place in it."""
        parts = ["broker connected" if seen.connected else "waiting for the broker"]
        if seen.unheard_for is not None:
            parts.append(f"last message {seen.unheard_for // 1000} s ago")
        parts.append(f"{len(self.pipeline.state.alerts)} alerts open")
        troubles = [what for what, worry in self.pipeline.state.rooms["hub"].items() if worry.since]
        return "; ".join(parts) + (f"; trouble: {', '.join(sorted(troubles))}" if troubles else "")

    def in_trouble(self) -> bool:
        """Whether somebody outside is to look after this hub: not for a warm processor, and not for what
        says that the outside cannot be reached."""
        return any(
            alert.kind == "hub" and alert.severity >= Severity.WARNING
            for alert in self.pipeline.state.alerts.values()
        )

    async def prove(self) -> None:
        """Writes one row: whether the ledger takes it."""
        await self.ledger.move_cursor(ALIVE_CURSOR, str(self.clock.now()))
        self.pulse.committed = monotonic()

    def _services(self) -> dict[tuple[str, int], str]:
        """(person, channel) -> its service, of the people whom there are now."""
        found = {}
        for person in self.pipeline.town.people.values():
            for index, channel in enumerate(person.channels):
                known = self._labels.get((person.id, index))
                if known is None or known[0] is not channel:
                    known = channel, service_of(channel).label
                found[person.id, index] = known
        self._labels = found
        return {address: label for address, (_, label) in found.items()}

    # --- what the ledger says -----------------------------------------------------------------------

    def _influx_behind(self, cursor: int, now: Millis) -> Millis:
        oldest = self.ledger.oldest_after(cursor)
        return max(0, now - oldest) if oldest is not None and is_sane(oldest) else 0

    def _report_is_due(self) -> bool:
        town, now = self.pipeline.town, self.clock.now()
        state = self.pipeline.state.rooms["digest"].get(SITE)
        return is_sane(now) and digest.is_due(town.policy.hub, state, now, town.zone_info)

    async def _day(self) -> digest.Day:
        since = self.clock.now() - digest.A_DAY
        given_up, held = await asyncio.to_thread(self.ledger.outbox_since, since)
        changed = {alert.id: alert for alert in self.ledger.alerts(since)}
        still_open = {alert.id: alert for alert in self.pipeline.state.alerts.values()}
        counts = self.ledger.counts() | {"lost": self.pipeline.lost()}
        return digest.Day(counts, list((changed | still_open).values()), given_up, held)


def _ms(seconds: float) -> Millis:
    return round(seconds * 1000)


def ledger_size(ledger: Ledger) -> int:
    """Bytes of the file and of the write-ahead log beside it."""
    try:
        return ledger.path.stat().st_size + ledger.wal_bytes() if ledger.path else 0
    except OSError:
        return 0
