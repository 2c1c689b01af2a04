"""What the hub tells systemd (sd_notify(3)): that it is ready, that it lives, that it stops."""

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Mapping

from hub.watch.vitals import Pulse

log = logging.getLogger("naruko.systemd")

TICKED_WITHIN_S = 15.0
"""A round is due every second. One that has not ended by then hangs: in the event loop, or in a commit."""


def notify(state: str, env: Mapping[str, str] = os.environ) -> bool:
    """Sends `READY=1` and the like to who started this process; False where nobody wants to know.

    A name that begins with @ is of the abstract kind. What cannot be sent is given up, never waited for.
    """
    address = env.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
        sender.setblocking(False)
        try:
            sender.sendto(state.encode(), address.replace("@", "\0", 1) if address[0] == "@" else address)
        except OSError:
            return False
    return True


def watchdog_s(env: Mapping[str, str] = os.environ) -> float | None:
    """Seconds within which a sign of life is asked for (`WatchdogSec=`), None where none is."""
    if env.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    usec = env.get("WATCHDOG_USEC", "")
    return int(usec) / 1_000_000 if usec.isdigit() and int(usec) else None


async def beat(pulse: Pulse, env: Mapping[str, str] = os.environ) -> None:
    """READY after the first round, then a sign of life as long as rounds end; STOPPING at the end.

    A broker that is missing does not make the hub unready: it waits for it, and tells of it. A hub that hangs
    gives no sign, and systemd starts it again.
    """
    if not env.get("NOTIFY_SOCKET"):
        return
    every, fed = watchdog_s(env), True
    within = min(TICKED_WITHIN_S, every / 2) if every else TICKED_WITHIN_S
    try:
        await pulse.lives.wait()
        notify(f"READY=1\nMAINPID={os.getpid()}", env)
        while every:
            if pulse.beats(within):
                notify("WATCHDOG=1", env)
            elif fed:
                log.error("no round has ended for %.0f s: the watchdog of systemd will end this hub", within)
            fed = pulse.beats(within)
            await asyncio.sleep(every / 4)
        await asyncio.Event().wait()
    finally:
        with contextlib.suppress(OSError):
            notify("STOPPING=1", env)
