"""Memory, processor and start of the hub by the size of its town."""

import subprocess
import time

import psutil

from bench.stage import ROOT, Figures, Stage, connected_hub, cpu_s, stage

DEVICES = (100, 1_000, 10_000)
ZONES = (1, 10, 100, 1_000, 10_000)
SETTLE_S = 5.0


def footprint(seconds: float = 60, devices: tuple[int, ...] = DEVICES) -> Figures:
    """With a message a minute from each device."""
    figures: Figures = {}
    with stage() as at:
        for count in devices:
            figures |= _of_devices(at, count, seconds if count == 1_000 else seconds / 2)
    return figures


def zones(counts: tuple[int, ...] = ZONES) -> Figures:
    """A town of 1,000 devices that draws more and more zones."""
    figures: Figures = {}
    with stage() as at:
        for count in counts:
            folder = at.town(f"zones-{count}", zones=count)
            began = time.perf_counter()
            with connected_hub(folder) as hub:
                figures[f"ready_s_{count}_zones"] = time.perf_counter() - began
                figures[f"rss_mb_{count}_zones"] = rss_mb(hub)
    return figures


def _of_devices(at: Stage, count: int, seconds: float) -> Figures:
    folder = at.town(f"devices-{count}", devices=count)
    began = time.perf_counter()
    with connected_hub(folder) as hub:
        ready = time.perf_counter() - began
        used = _cpu_pct(at, hub, count, seconds)
        rss = rss_mb(hub)
    return {
        f"rss_mb_{count}_devices": rss,
        f"ready_s_{count}_devices": ready,
        f"idle_cpu_pct_{count}_devices": used,
    }


def _cpu_pct(at: Stage, hub: psutil.Process, devices: int, seconds: float) -> float:
    traffic = at.load("steady", rate=devices / 60, seconds=SETTLE_S + seconds + 3, devices=devices)
    with subprocess.Popen(traffic, stdout=subprocess.DEVNULL, cwd=ROOT):
        time.sleep(SETTLE_S)
        before = cpu_s(hub)
        time.sleep(seconds)
        return (cpu_s(hub) - before) / seconds * 100


def rss_mb(hub: psutil.Process) -> float:
    return float(hub.memory_info().rss) / 1e6
