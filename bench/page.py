"""docs/benchmarks.md: the tables of the run, between marks; what stands around them is written by hand."""

import os
import platform
import re
import subprocess
import sys
from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path

from bench.console import PAGES
from bench.footprint import DEVICES, ZONES
from bench.latency import LOADS
from bench.limits import CURVES, LINEAR, Results, limits
from bench.retention import READINGS
from bench.sampled import STEPS

MARKED = re.compile(r"<!-- (?P<name>\w+) -->\n(?P<made>.*?)<!-- / -->", re.DOTALL)


def machine(ledgers: Path) -> str:
    """What it ran on, and when; `ledgers` is where the ledgers of the run stood."""
    model = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    disk = said("findmnt", "-no", "SOURCE,FSTYPE", "-T", str(ledgers))
    rows = {
        "date": date.today().isoformat(),  # noqa: DTZ011 (the day of whoever runs it)
        "processor": f"{model[1] if model else platform.processor()}, {os.cpu_count()} cores",
        "memory": f"{memory:.0f} GiB",
        "disk": " ".join(disk.split()) or "unknown",
        "kernel": f"{platform.system()} {platform.release()}",
        "Python": sys.version.split()[0],
        "Node.js": said("node", "--version").removeprefix("v") or "none",
        "Mosquitto": said("mosquitto", "-h").partition("\n")[0].rpartition(" ")[2],
    }
    return table(("", ""), rows.items())


def said(*command: str) -> str:
    """The first words of a program, empty where there is none."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    except OSError:
        return ""


def filled(text: str, results: Results, made: str | None = None) -> str:
    """The page with the figures of `results`, and of the machine where `made` says it."""

    def content(found: re.Match[str]) -> str:
        name = found["name"]
        if name == "machine":
            inner = found["made"] if made is None else f"{made}\n"
        else:
            inner = f"{TABLES[name](results)}\n"
        return f"<!-- {name} -->\n{inner}<!-- / -->"

    return MARKED.sub(content, text)


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = tuple(head)
    lines = [head, ("---", *["---:"] * (len(head) - 1)), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def shown(figure: float) -> str:
    return f"{figure:,.0f}" if abs(figure) >= 1_000 else f"{figure:,.2f}".rstrip("0").rstrip(".")


def _cells(results: Results, names: Iterable[str]) -> list[str]:
    return [shown(results[name]) if name in results else "–" for name in names]


def throughput(results: Results) -> str:
    rows = (
        ("hub: in the ledger on disk", "durable_msgs_per_s", "durable_cpu_us"),
        ("the same, InfluxDB fed beside it", "durable_with_influx_msgs_per_s", ""),
        ("hub: in the ledger and in InfluxDB", "influx_msgs_per_s", ""),
        ("Node-RED: in InfluxDB", "node_red_msgs_per_s", "node_red_cpu_us"),
        ("bare paho: seen", "bare_paho_msgs_per_s", "bare_paho_cpu_us"),
    )
    head = ("", "messages/s", "CPU µs a message", "the hub's rate to it")
    peers = {"node_red_msgs_per_s": "durable_to_node_red", "bare_paho_msgs_per_s": "durable_to_bare_paho"}
    return table(head, ([what, *_cells(results, [*names, peers.get(names[0], "")])] for what, *names in rows))


def latency(results: Results) -> str:
    head = ("messages/s", "", "n", "median ms", "p99 ms", "p99.9 ms")
    rows = []
    for load in LOADS:
        rate = f"{load.rate:.0f}"
        for what, said_of, count in (("mail", "smtp", "mails"), ("siren", "siren", "commands")):
            names = [
                f"{said_of}_{count}_{rate}",
                *(f"{said_of}_{p}_ms_{rate}" for p in ("p50", "p99", "p999")),
            ]
            rows.append([f"{load.rate:,.0f}", what, *_cells(results, names)])
    return table(head, rows)


def devices(results: Results) -> str:
    head = ("devices", "memory MB", "CPU %", "start to ready s")
    parts = ("rss_mb", "idle_cpu_pct", "ready_s")
    return table(head, ([f"{n:,}", *_cells(results, [f"{p}_{n}_devices" for p in parts])] for n in DEVICES))


def zones(results: Results) -> str:
    head = ("zones", "memory MB", "start to ready s", "which zones a point lies in µs")
    return table(
        head,
        (
            [f"{n:,}", *_cells(results, [f"rss_mb_{n}_zones", f"ready_s_{n}_zones", f"geofence_us_{n}"])]
            for n in ZONES
        ),
    )


def readings(results: Results) -> str:
    head = ("readings kept", "ledger MB", "µs a message", "open s", "start to ready s")
    parts = ("ledger_mb", "insert_us", "open_s", "ready_s")
    return table(head, ([f"{n:,}", *_cells(results, [f"{p}_{n}_readings" for p in parts])] for n in READINGS))


def start(results: Results) -> str:
    rows = (
        ("start to ready", "ready_s_1000_devices"),
        ("start to caught up with 100,000 messages", "caught_up_s_100k"),
    )
    return table(("1,000 devices", "s"), ([what, *_cells(results, [name])] for what, name in rows))


def console(results: Results) -> str:
    head = ("page", "first view ms", "kB")
    parts = ("first_view_ms", "first_view_kb")
    return table(head, ([page, *_cells(results, [f"{p}_{page}" for p in parts])] for page in PAGES))


def curves(results: Results) -> str:
    rows = [[f"`{name}`", *_cells(results, [f"{name}_exponent"])] for name in CURVES]
    return table(("cost by size", f"steepest step, as a power of the size (at most {LINEAR:g})"), rows)


def written(results: Results) -> str:
    parts = (
        ("by `write`, with what a checkpoint still owes", "bytes_written_per_reading"),
        ("by the kernel's `write_bytes`, with the same", "bytes_dirtied_per_reading"),
        ("SQLite's log alone, by its frames", "wal_bytes_per_reading"),
        ("readings in one commit", "readings_per_commit"),
    )
    head = ("bytes a reading", "1,000 devices, 17 messages/s", "200 messages/s")
    return table(head, ([what, *_cells(results, [name, f"{name}_200"])] for what, name in parts))


def steps(results: Results) -> str:
    names = [f"step_us_{step}" for step in STEPS]
    whole = sum(results.get(name, 0.0) for name in names)
    ranked = sorted(STEPS, key=lambda step: -results.get(f"step_us_{step}", 0.0))
    rows = []
    for step in ranked:
        figure = results.get(f"step_us_{step}", 0.0)
        rows.append([step, f"{figure:.1f}", f"{figure / whole * 100 if whole else 0:.0f}"])
    return table(("step", "µs a message", "%"), [*rows, ["all", f"{whole:.1f}", "100"]])


def names(results: Results) -> str:
    """Every figure, and what is asked of it."""
    rows = []
    for name, figure in results.items():
        asked = "; ".join(f"{text}{'' if kept else ': missed'}" for text, kept in limits(name, results))
        rows.append([f"`{name}`", shown(figure), asked])
    return table(("name", "figure", "asked"), rows)


TABLES: dict[str, Callable[[Results], str]] = {
    made.__name__: made
    for made in (throughput, latency, start, devices, zones, readings, curves, written, console, steps, names)
}
