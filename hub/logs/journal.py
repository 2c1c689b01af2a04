"""What the path says of itself: alerts, notifications, commands and quarantined messages, by their ids.

No line carries a name, an address, a token, a position, a payload or a text for people. A person's id is one
of these: in many towns it is the family name. So a line says which notification of which alert it is about;
who was told stands in the ledger under these ids, and on the console's page of messages.

All is said after the commit, and bounded: in a storm the lines beyond it are counted, not made.
"""

import logging
from collections import deque
from collections.abc import Callable, Iterable
from typing import NamedTuple

from hub.alerts.life import alert_id
from hub.clock import monotonic
from hub.ledger.reads import OVERTAKEN
from hub.logs.lines import say
from hub.metrics.reasons import reason_class
from hub.model import Alert, AlertState, Command, Mode, Notification, Outcome, Receipt, Status, Verdict
from hub.state import State

log = logging.getLogger("naruko.path")

NAMELESS = frozenset({"patrol"})
"""Kinds of incident whose name ends with the id of a person."""
REMEMBERED = 1_000
LONGEST_ERROR = 160


class Bound(NamedTuple):
    """So many lines within so many seconds."""

    most: int
    within_s: float


BOUNDS = {
    "alert": Bound(50, 1.0),
    "notification": Bound(200, 1.0),
    "command": Bound(50, 1.0),
    "message": Bound(20, 60.0),
}
"""By the first word of an event."""
FAILED = frozenset({Status.FAILED, Status.EXPIRED, Status.TIMEOUT})


class _Window:
    """The lines of one kind since the window was opened."""

    def __init__(self, bound: Bound, now: float) -> None:
        self.bound = bound
        self.began = now
        self.said = 0
        self.left_out = 0


class Journal:
    """Of one hub. `alerts` are open already, `commands` under way; `ticks` is the monotonic clock, in s."""

    def __init__(
        self,
        alerts: Iterable[str] = (),
        commands: Iterable[str] = (),
        ticks: Callable[[], float] = monotonic,
    ) -> None:
        self._open = set(alerts)
        self._commands = deque(commands, REMEMBERED)
        self._ticks = ticks
        self._windows = {kind: _Window(bound, ticks()) for kind, bound in BOUNDS.items()}

    @classmethod
    def of(cls, state: State) -> "Journal":
        """As a hub begins it that goes on where the ledger says."""
        sirens = state.rooms["deterrent"].values()
        return cls((alert.id for alert in state.alerts.values()), (siren.command for siren in sirens))

    def outcome(self, outcome: Outcome) -> None:
        """What a batch, a tick or an act has changed, after its commit."""
        self._alerts(outcome)
        for notification in outcome.notifications:
            if notification.finished_at is not None:
                self.settled(notification)
        for command in outcome.commands:
            self._commands.append(command.id)
            self._command("decided", command)
        for id, result, _ in outcome.commands_done:
            if self._has_room("command"):
                ours = id if id in self._commands else None  # a device may write anything there
                say(log, "command.answered", command=ours, result=result)
        for receipt in outcome.receipts:
            if receipt.verdict is Verdict.QUARANTINED and self._has_room("message"):
                _quarantined(receipt)

    def settled(self, notification: Notification) -> None:
        """What became of one attempt to tell, or of a notification that was never sent for itself."""
        if not self._has_room("notification"):
            return
        status, ended = notification.status, notification.finished_at
        result = "waits" if ended is None else status.value
        failed = ended is not None and status in FAILED and OVERTAKEN not in notification.error
        say(
            log,
            f"notification.{result}",
            level=logging.WARNING if failed else logging.INFO,
            notification=notification.id,
            alert=notification.alert_id,
            channel=notification.channel_kind,
            reason=notification.reason.value,
            severity=notification.severity.name.lower(),
            attempts=notification.attempts or None,
            took_ms=ended - notification.created_at if status is Status.SENT and ended else None,
            error=notification.error[:LONGEST_ERROR],
        )

    def commanded(self, command: Command) -> None:
        """A command has gone to the broker, or was too old for it."""
        self._command("expired" if command.status is Status.EXPIRED else "sent", command)

    def tick(self) -> None:
        """Says what was left out of windows that are over."""
        now = self._ticks()
        for kind, window in self._windows.items():
            if window.left_out and now - window.began >= window.bound.within_s:
                self._turn(kind, window, now)

    def _alerts(self, outcome: Outcome) -> None:
        """Each alert once, as it is at the end of the outcome."""
        for alert in {alert.id: alert for alert in outcome.alerts}.values():
            for step in self._steps(alert, outcome):
                if self._has_room("alert"):
                    _alert(step, alert, outcome)

    def _steps(self, alert: Alert, outcome: Outcome) -> tuple[str, ...]:
        """Also of one that opens and closes at once, and of one that is labelled when it is long closed."""
        was_open, is_open = alert.id in self._open, alert.state is AlertState.OPEN
        (self._open.add if is_open else self._open.discard)(alert.id)
        if is_open:
            return ("updated",) if was_open else ("opened",)
        if was_open:
            return ("closed",)
        begun = any(
            event.incident == alert.incident and alert_id(event) == alert.id for event in outcome.events
        )
        return ("opened", "closed") if begun else ("updated",)

    def _command(self, step: str, command: Command) -> None:
        if self._has_room("command"):
            say(
                log,
                f"command.{step}",
                command=command.id,
                alert=command.alert_id,
                device=command.device,
                action=command.action,
                lasts_ms=command.until - command.created_at,
            )

    def _has_room(self, kind: str) -> bool:
        """Whether one more line of this kind may be made; else it is counted."""
        window, now = self._windows[kind], self._ticks()
        if now - window.began >= window.bound.within_s:
            self._turn(kind, window, now)
        if window.said >= window.bound.most:
            window.left_out += 1
            return False
        window.said += 1
        return True

    def _turn(self, kind: str, window: _Window, now: float) -> None:
        if window.left_out:
            say(log, "log.left_out", of=kind, lines=window.left_out)
        self._windows[kind] = _Window(window.bound, now)


def _alert(step: str, alert: Alert, outcome: Outcome) -> None:
    why = [event.kind.value for event in outcome.events if event.incident == alert.incident]
    say(
        log,
        f"alert.{step}",
        alert=alert.id,
        incident=incident(alert.incident),
        kind=alert.kind,
        severity=alert.severity.name.lower(),
        device=alert.device,
        mode=alert.mode.value if alert.mode is not Mode.ACTUAL else None,
        state=alert.state.value if alert.state is not AlertState.OPEN else None,
        why=tuple(dict.fromkeys(why)),
        notifications=sum(told.alert_id == alert.id for told in outcome.notifications) or None,
    )


def incident(name: str) -> str:
    """Its name, without the person in it."""
    kind = name.partition("/")[0]
    return kind if kind in NAMELESS else name


def _quarantined(receipt: Receipt) -> None:
    say(
        log,
        "message.quarantined",
        fingerprint=f"{receipt.fingerprint:016x}",
        reason=reason_class(receipt.reason),
        bytes=len(receipt.message.payload),
        retained=receipt.message.retain or None,
    )
