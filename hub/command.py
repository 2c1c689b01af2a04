"""Outbox to devices: pending commands -> MQTT. A command has an end, and is never retained."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Protocol

import msgspec
from msgspec.structs import replace

from devices.frame import Millis
from hub.clock import Clock, is_sane
from hub.deterrent import delay
from hub.model import Command, Status

log = logging.getLogger("naruko.command")

RETRY_AFTER_S = 1.0


class Outbox(Protocol):
    """What this edge needs of the ledger."""

    def pending_commands(self, now: Millis) -> list[Command]: ...

    async def update_command(self, command: Command) -> None: ...


def payload(command: Command, now: Millis) -> bytes:
    """The `/cmd` payload, version 1, sent at `now`.

    `for_ms` is how long the device is at work at most, from when it receives the command; it needs no clock.
    `until` is the same end as wall time, so that a device whose clock is set ignores a command that comes too
    late. It is missing while the hub's own clock is not set. `delay_ms` is how long the device waits before
    the first burst, so that the animal cannot learn when it comes.
    """
    order: dict[str, object] = {
        "v": 1,
        "id": command.id,
        "do": command.action,
        "sound": command.sound,
        "light": command.light,
        "pattern": command.pattern,
        "delay_ms": delay(command.id) if command.action == "deter" else 0,
        "for_ms": max(command.until - now, 0),
    }
    if is_sane(now):
        until = datetime.fromtimestamp(command.until / 1000, UTC)
        order["until"] = until.isoformat(timespec="milliseconds")
    return msgspec.json.encode(order)


async def deliver(
    outbox: Outbox,
    publish: Callable[[str, bytes], Awaitable[None]],
    site: str,
    clock: Clock,
    wake: asyncio.Event,
) -> None:
    """Publishes what is pending, for ever. Written down as sent after the broker has it; late ones expire."""
    away = False
    while True:
        pending = outbox.pending_commands(clock.now())
        followed = len(clock.followed)
        waiting = False
        for command in pending:
            if len(clock.followed) != followed:
                break  # the clock was set, and the ledger has other times for them now
            if clock.now() >= command.until:
                late = replace(command, status=Status.EXPIRED, finished_at=clock.now())
                await outbox.update_command(late)
                continue
            try:
                await publish(f"naruko/{site}/{command.device}/cmd", payload(command, clock.now()))
            except OSError as error:
                if not away:
                    log.warning("command %s to %s waits: %s", command.id, command.device, error)
                away = waiting = True
                break
            if away:
                log.info("commands are sent again")
                away = False
            await outbox.update_command(replace(command, status=Status.SENT, finished_at=clock.now()))
        wake_after = RETRY_AFTER_S if waiting else None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wake_after):
                await wake.wait()
                wake.clear()
