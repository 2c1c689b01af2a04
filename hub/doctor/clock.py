"""The clock: whether it was set, whether a time server keeps it right, and what holds it over a power cut."""

import ctypes
import subprocess
from collections.abc import Iterator
from pathlib import Path

from devices.frame import Millis
from hub.clock import Clock, is_sane
from hub.doctor.finding import Finding, bad, ok, warn

TIME_ERROR = 5
"""What adjtimex(2) answers where the clock is not synchronised."""
TIMEX_BYTES = 512
"""More than `struct timex` takes on any machine."""
RTC = Path("/sys/class/rtc")
MODEL = Path("/proc/device-tree/model")
APART: Millis = 60_000
"""A battery clock that is so wrong sets the machine wrong at the next start."""
EMPTY_UV = 1_000_000
"""Of the battery of a Raspberry Pi 5's clock: below it there is none."""


def clock(clock: Clock) -> Iterator[Finding]:
    if not is_sane(clock.now()):
        yield bad("clock.unset")
    elif (kept := is_synchronised()) is None:
        yield warn("clock.unknown")
    elif kept:
        yield ok("clock.kept")
    elif asked := time_servers():
        yield warn("clock.unheard", servers=asked)
    else:
        yield warn("clock.unkept")
    yield from battery_clock(RTC, MODEL, clock.now())


def is_synchronised() -> bool | None:
    """By the kernel's own account; None where it does not say."""
    try:
        state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(TIMEX_BYTES))
    except (OSError, AttributeError):
        return None
    return None if state < 0 else bool(state != TIME_ERROR)


def time_servers() -> str:
    """Whom systemd asks for the time and has not heard from; empty where it asks nobody."""
    said = _told("timedatectl", "show", "-p", "NTP", "--value").strip()
    if said != "yes":
        return ""
    return _told("timedatectl", "show-timesync", "-p", "ServerName", "--value").strip() or "NTP"


def _told(*command: str) -> str:
    try:
        said = subprocess.run(  # noqa: S603 (nothing of it comes from outside)
            command, capture_output=True, text=True, timeout=5, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return said.stdout if said.returncode == 0 else ""


def battery_clock(folder: Path, model: Path, now: Millis) -> Iterator[Finding]:
    """Of a Raspberry Pi whether it has one; of one that is there whether it is right. `now`: the system's."""
    is_pi = _read(model).startswith("Raspberry Pi")
    there = sorted(folder.glob("rtc*"))
    if not there:
        if is_pi:
            yield warn("rtc.none")
        return
    first = there[0]
    voltage = _read(first / "battery_voltage") or _read(first / "device" / "battery_voltage")
    if voltage.isdecimal() and int(voltage) < EMPTY_UV:
        yield warn("rtc.no_battery")
        return
    seconds = _read(first / "since_epoch")
    if not seconds.isdecimal():
        return
    apart = abs(int(seconds) * 1000 - now)
    if is_sane(now) and apart > APART:
        yield warn("rtc.wrong", minutes=apart // 60_000)
    else:
        yield ok("rtc.right")


def _read(path: Path) -> str:
    """Empty where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip("\0\n ")
    except OSError:
        return ""
