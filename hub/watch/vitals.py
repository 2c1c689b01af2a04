"""Reads how the hub and its machine are: `/proc`, `/sys`, the ledger, the broker. Cheap, and off the path."""

import asyncio
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

from devices.frame import Millis
from hub.clock import is_sane, monotonic
from hub.detect.hub import ChannelVitals
from hub.ledger.reads import Address

CPU_ZONES = ("cpu", "soc", "pkg", "core")
"""Parts of the name of a thermal zone that is the processor's: cpu-thermal (Raspberry Pi), x86_pkg_temp."""
HOTTEST_C = 150.0
Services = Mapping[tuple[str, int], str]
"""(person, channel) -> the service through which it is told, as `hub.notify.service` labels it."""
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass
class Pulse:
    """When the hub last did what it lives by, in seconds of the monotonic clock. None: not yet."""

    began: float = field(default_factory=monotonic)
    ticked: float | None = None
    """The end of a round: the event loop turns, and no commit hangs."""
    committed: float | None = None
    connected: float | None = None
    heard: float | None = None
    handling: float | None = None
    """Since when a batch of messages has been under way."""
    deadman_failing: bool | None = None
    lives: asyncio.Event = field(default_factory=asyncio.Event)
    """Set at the end of the first round."""

    def tick(self) -> None:
        """A round has ended."""
        self.ticked = monotonic()
        self.lives.set()

    def beats(self, within_s: float) -> bool:
        """Whether the last round ended so lately."""
        return self.ticked is not None and monotonic() - self.ticked <= within_s


class Machine(NamedTuple):
    """Bytes, degrees Celsius; None where this machine does not say."""

    disk_free: int | None = None
    disk_total: int = 0
    rss: int | None = None
    memory_limit: int | None = None
    """Of the hub's control group: `MemoryMax=` of its service."""
    memory_available: int | None = None
    memory_total: int | None = None
    cpu_c: float | None = None

    @property
    def memory(self) -> float | None:
        """Share in use, of what the hub may have or of what the machine has, whichever is scarcer."""
        shares = []
        if self.rss is not None and self.memory_limit:
            shares.append(self.rss / self.memory_limit)
        if self.memory_available is not None and self.memory_total:
            shares.append(1 - self.memory_available / self.memory_total)
        return max(shares, default=None)


class DiskSpace(Protocol):
    """What is used of `os.statvfs_result`."""

    @property
    def f_frsize(self) -> int: ...
    @property
    def f_blocks(self) -> int: ...
    @property
    def f_bavail(self) -> int: ...


def read_machine(
    ledger: Path | None, root: Path = Path("/"), statvfs: Callable[[Path], DiskSpace] = os.statvfs
) -> Machine:
    """What the system says now. Raises nothing: what cannot be read is None. `root` holds proc and sys."""
    free, total = _disk(ledger or Path(), statvfs)
    known = dict(_meminfo(root))
    return Machine(
        disk_free=free,
        disk_total=total,
        rss=_rss(root),
        memory_limit=_memory_limit(root),
        memory_available=known.get("MemAvailable"),
        memory_total=known.get("MemTotal"),
        cpu_c=_cpu_c(root),
    )


def _disk(ledger: Path, statvfs: Callable[[Path], DiskSpace]) -> tuple[int | None, int]:
    """(bytes free for the hub, bytes in all) of the ledger's file system."""
    try:
        found = statvfs(ledger.absolute().parent)
    except OSError:
        return None, 0
    return found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize


def _rss(root: Path) -> int | None:
    """proc(5), `statm`: the second number is the resident pages."""
    words = _text(root / "proc/self/statm").split()
    return int(words[1]) * PAGE_BYTES if len(words) > 1 and words[1].isdigit() else None


def _meminfo(root: Path) -> Iterator[tuple[str, int]]:
    for line in _text(root / "proc/meminfo").splitlines():
        name, _, rest = line.partition(":")
        number = rest.strip().removesuffix(" kB")
        if number.isdigit():
            yield name, int(number) * 1024


def _memory_limit(root: Path) -> int | None:
    """The narrowest `memory.max` from the hub's control group (version 2) up."""
    group = next(
        (line[3:] for line in _text(root / "proc/self/cgroup").splitlines() if line.startswith("0::")), None
    )
    if group is None:
        return None
    mount = root / "sys/fs/cgroup"
    folder = mount / group.strip("/")
    limits = []
    while folder.is_relative_to(mount):
        limit = _text(folder / "memory.max").strip()
        if limit.isdigit():
            limits.append(int(limit))
        folder = folder.parent
    return min(limits, default=None)


def _cpu_c(root: Path) -> float | None:
    """The hottest of the processor's thermal zones, in millidegrees there (kernel: sysfs-api of thermal)."""
    degrees = []
    for zone in sorted((root / "sys/class/thermal").glob("thermal_zone*")):
        if any(part in _text(zone / "type").lower() for part in CPU_ZONES):
            millis = _text(zone / "temp").strip()
            if millis.lstrip("-").isdigit() and abs(int(millis) / 1000) <= HOTTEST_C:
                degrees.append(int(millis) / 1000)
    return max(degrees, default=None)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""


# --- what the outbox tells --------------------------------------------------------------------------


def last_sent(services: Services, sent: Mapping[tuple[str, int], Millis]) -> dict[str, Millis]:
    """When each service last delivered, from when each address was last delivered to."""
    found: dict[str, Millis] = {}
    for address, at in sent.items():
        if service := services.get(address):
            found[service] = max(at, found.get(service, 0))
    return found


def channels(
    services: Services, waiting: Iterable[Address], sent: Mapping[str, Millis], now: Millis
) -> dict[str, ChannelVitals]:
    """Of each service how long it has delivered nothing while something waits for it."""
    oldest: dict[str, Millis] = {}
    for address in waiting:
        service = services.get((address.person, address.channel))
        if service and is_sane(address.oldest):
            oldest[service] = min(address.oldest, oldest.get(service, address.oldest))
    found = {}
    for service in dict.fromkeys(services.values()):
        since = max(oldest[service], sent.get(service, 0)) if service in oldest else now
        found[service] = ChannelVitals(max(0, now - since) if is_sane(now) else 0, sent.get(service))
    return found


def backlog(
    services: Services, waiting: Iterable[Address], sent: Mapping[str, Millis], now: Millis
) -> Millis:
    """Age of the oldest notification that nobody has tried to send, where nothing but time is in the way: to
    an address without trouble, through a service that has delivered since."""
    ages = [
        now - address.untried
        for address in waiting
        if address.untried is not None
        and not address.tried
        and is_sane(address.untried)
        and sent.get(services.get((address.person, address.channel), ""), 0) > address.untried
    ]
    return max(0, *ages, 0)
