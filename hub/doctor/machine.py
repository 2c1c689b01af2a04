"""The machine: its disk, memory and heat, and the service that keeps the hub up."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

from hub.config.town import Town
from hub.doctor.finding import Finding, bad, ok, warn
from hub.watch.vitals import read_machine

MB = 1_000_000
UNIT = "naruko"


def measures(town: Town) -> Iterator[Finding]:
    """Disk, memory and processor, by the same limits as those of the running hub."""
    found, policy = read_machine(town.hub.ledger.path), town.policy.hub
    if found.disk_free is None:
        yield bad("disk.none", folder=town.hub.ledger.path.parent)
    else:
        free, share = found.disk_free, found.disk_free / max(1, found.disk_total)
        if free < policy.disk_full_mb * MB:
            yield bad("disk.full", mb=free / MB, share=share)
        elif share < policy.disk_low and free < policy.disk_enough_mb * MB:
            yield warn("disk.low", mb=free / MB, share=share)
        else:
            yield ok("disk.free", mb=free / MB, share=share)
    if found.memory is not None:
        enough = found.memory <= policy.memory
        yield ok("memory.enough", share=found.memory) if enough else warn("memory.low", share=found.memory)
    if found.cpu_c is not None:
        cool = found.cpu_c < policy.cpu_c
        yield ok("heat.well", degrees=found.cpu_c) if cool else warn("heat.hot", degrees=found.cpu_c)


def service() -> Iterator[Finding]:
    """What systemd says of the unit; nothing where there is no systemd."""
    if not Path("/run/systemd/system").is_dir():
        return
    state = unit_state()
    if state.get("LoadState") != "loaded":
        yield warn("service.unknown")
        return
    active = state.get("ActiveState", "?")
    if active != "active":
        yield bad("service.stopped", state=active)
    elif state.get("UnitFileState") != "enabled":
        yield warn("service.disabled")
    else:
        yield ok("service.well")
    if (restarts := state.get("NRestarts", "0")) != "0":
        yield warn("service.restarts", times=restarts)
    if state.get("WatchdogUSec", "0") in ("", "0"):
        yield warn("service.no_watchdog")


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
