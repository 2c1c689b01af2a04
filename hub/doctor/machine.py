"""The machine: its clock, disk, memory and heat, and the service that keeps the hub up."""

import ctypes
import subprocess
from collections.abc import Iterator
from pathlib import Path

from hub.clock import Clock, is_sane
from hub.config.town import Town
from hub.doctor.finding import Finding, bad, ok, warn
from hub.watch.vitals import read_machine

MB = 1_000_000
TIME_ERROR = 5
"""What adjtimex(2) answers where the clock is not synchronised."""
TIMEX_BYTES = 512
"""More than `struct timex` takes on any machine."""
UNIT = "naruko"


def clock(clock: Clock) -> Iterator[Finding]:
    """Whether it has been set, and is kept right by a time server."""
    if not is_sane(clock.now()):
        yield bad(
            "clock",
            "has not been set",
            "time-based alerts wait for it: connect to a time server, or fit a battery clock",
        )
    elif (kept := is_synchronised()) is None:
        yield warn("clock", "whether a time server keeps it is not known", "timedatectl")
    elif kept:
        yield ok("clock", "kept right by a time server")
    else:
        yield warn("clock", "no time server keeps it right", "timedatectl set-ntp true")


def is_synchronised() -> bool | None:
    """By the kernel's own account; None where it does not say."""
    try:
        state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(TIMEX_BYTES))
    except (OSError, AttributeError):
        return None
    return None if state < 0 else bool(state != TIME_ERROR)


def measures(town: Town) -> Iterator[Finding]:
    """Disk, memory and processor, by the same limits as those of the running hub."""
    found, policy = read_machine(town.hub.ledger.path), town.policy.hub
    if found.disk_free is None:
        yield bad("disk", f"there is no {town.hub.ledger.path.parent}", "make the folder of the ledger")
    else:
        free, share = found.disk_free, found.disk_free / max(1, found.disk_total)
        said = f"{free / MB:.0f} MB free, {share:.0%}"
        if free < policy.disk_full_mb * MB:
            yield bad("disk", said, "make room now: the hub stops when it cannot write")
        elif share < policy.disk_low and free < policy.disk_enough_mb * MB:
            yield warn("disk", said, "make room: old logs, or a smaller ledger.limit_mb")
        else:
            yield ok("disk", said)
    if found.memory is not None:
        said = f"{found.memory:.0%} in use"
        yield (
            ok("memory", said)
            if found.memory <= policy.memory
            else warn("memory", said, "end other programs: the kernel may end the hub")
        )
    if found.cpu_c is not None:
        said = f"{found.cpu_c:.0f} °C"
        yield (
            ok("heat", said)
            if found.cpu_c < policy.cpu_c
            else warn("heat", said, "give the box air and shade")
        )


def service() -> Iterator[Finding]:
    """What systemd says of the unit; nothing where there is no systemd."""
    if not Path("/run/systemd/system").is_dir():
        return
    state = unit_state()
    if state.get("LoadState") != "loaded":
        yield warn("service", "systemd does not know the unit naruko", "see config/systemd/naruko.service")
        return
    active = state.get("ActiveState", "?")
    if active != "active":
        yield bad("service", f"naruko is {active}", "systemctl start naruko; journalctl -u naruko")
    elif state.get("UnitFileState") != "enabled":
        yield warn("service", "does not start with the machine", "systemctl enable naruko")
    else:
        yield ok("service", "runs, and starts with the machine")
    if (restarts := state.get("NRestarts", "0")) != "0":
        yield warn("service", f"was started again {restarts} times", "journalctl -u naruko says why")
    if state.get("WatchdogUSec", "0") in ("", "0"):
        yield warn("service", "has no watchdog", "WatchdogSec= as in config/systemd/naruko.service")


def unit_state() -> dict[str, str]:
    names = "LoadState,ActiveState,UnitFileState,NRestarts,WatchdogUSec"
    try:
        said = subprocess.run(  # noqa: S603 (nothing of it comes from outside)
            ["systemctl", "show", UNIT, "-p", names],  # noqa: S607 (found as an operator's shell finds it)
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return {}
    return dict(line.split("=", 1) for line in said.stdout.splitlines() if "=" in line)
