"""`make bench`: measures, prints each figure beside its peer or limit, writes results.json and the page.

`--only NAME` and `--profile` measure a part and write nothing. Exit 1 where a limit is missed, 4
where the peer cannot be installed.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench import limits, page
from bench.backlog import backlog
from bench.bytes import bytes_written
from bench.console import console
from bench.footprint import footprint, zones
from bench.geofence import geofence
from bench.latency import latency
from bench.peers.node_red import flow
from bench.retention import retention
from bench.stage import ROOT, Figures
from bench.steps import steps
from bench.throughput import throughput

RESULTS = ROOT / "bench" / "results.json"
PAGE = ROOT / "docs" / "benchmarks.md"
ROUNDS = 5
"""Of the throughput: the median counts."""

MEASUREMENTS: dict[str, Callable[[], Figures]] = {
    measure.__name__: measure
    for measure in (
        throughput, latency, footprint, zones, geofence, retention, bytes_written, backlog, console, steps,
    )
}  # fmt: skip


def main() -> int:
    options = argparse.ArgumentParser(prog="bench", description=__doc__)
    options.add_argument("--only", choices=MEASUREMENTS, action="append", default=[])
    options.add_argument("--profile", action="store_true", help="where the time goes, and nothing else")
    options.add_argument("--into", type=Path, help="write results.json and benchmarks.md into this folder")
    a = options.parse_args()
    chosen = ["steps"] if a.profile else a.only or list(MEASUREMENTS)
    made = page.machine(Path(tempfile.gettempdir()))
    print(f"{made}\n", flush=True)
    if "throughput" in chosen:
        try:
            flow.installed()
        except flow.MissingError as error:
            print(f"no Node-RED to measure beside: {error}", file=sys.stderr)
            return 4
    results = measured(chosen)
    whole = len(chosen) == len(MEASUREMENTS)
    print(f"\n{page.names(results)}")
    if a.profile:
        print(f"\n{page.steps(results)}")
    if whole or a.into:
        write(results, made, a.into)
    missed = limits.missed(results)
    for line in missed:
        print(f"missed: {line}")
    return 1 if missed and whole else 0


def measured(chosen: list[str]) -> Figures:
    """The figures of the measurements that were chosen, and the exponents of their curves."""
    results: Figures = {}
    for name in chosen:
        began = time.monotonic()
        print(f"{name} ...", end=" ", flush=True)
        rounds = [MEASUREMENTS[name]() for _ in range(ROUNDS if name == "throughput" else 1)]
        results |= {key: rounded(statistics.median(r[key] for r in rounds)) for key in rounds[0]}
        print(f"{time.monotonic() - began:.0f} s", flush=True)
    return results | {key: rounded(figure) for key, figure in limits.exponents(results).items()}


def rounded(figure: float) -> float:
    return round(figure, 2 if figure >= 1 else 4)


def write(results: Figures, made: str, into: Path | None) -> None:
    results_to, page_to = (into / RESULTS.name, into / PAGE.name) if into else (RESULTS, PAGE)
    results_to.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    page_to.write_text(page.filled(PAGE.read_text(encoding="utf-8"), results, made), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
