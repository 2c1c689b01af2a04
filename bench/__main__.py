"""`make bench`: measures, prints a table beside the limits, writes `bench/results.json`."""

import argparse
import json
import os
import statistics
import sys
from pathlib import Path

from bench import run

RESULTS = Path(__file__).with_name("results.json")

LIMITS = {
    "smtp_p50_ms_200": 50.0,
    "smtp_p99_ms_200": 250.0,
    "rss_mb_1000_devices": 120.0,
    "ready_s_1000_devices": 3.0,
    "idle_cpu_pct_1000_devices": 2.0,
}
"""At most. Beside them: durable at least half of bare paho, geofence at most four times from 1 to 10,000."""


def main() -> int:
    options = argparse.ArgumentParser(prog="bench")
    options.add_argument("--only", choices=[m.__name__ for m in run.MEASUREMENTS], action="append")
    options.add_argument("--rounds", type=int, default=3, help="of the throughput; the median counts")
    a = options.parse_args()
    print(f"{os.cpu_count()} cores, Python {sys.version.split()[0]}", flush=True)
    results: dict[str, float] = {}
    for measure in run.MEASUREMENTS:
        if a.only and measure.__name__ not in a.only:
            continue
        print(f"{measure.__name__} ...", flush=True)
        rounds = [measure() for _ in range(a.rounds if measure is run.throughput else 1)]
        results |= {name: round(statistics.median(r[name] for r in rounds), 2) for name in rounds[0]}
    for name, figure in results.items():
        print(f"  {name:28} {figure:>12,.2f}{_beside(name, results)}")
    if a.only:
        return 0
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    missed = list(_missed(results))
    for name in missed:
        print(f"missed: {name}")
    return 1 if missed else 0


def _beside(name: str, results: dict[str, float]) -> str:
    if name in LIMITS:
        return f"   limit {LIMITS[name]:,.0f}"
    if name == "durable_msgs_per_s":
        return f"   {results[name] / results['bare_paho_msgs_per_s']:.2f} of bare paho, limit 0.50"
    if name == "geofence_us_10000":
        return f"   {results[name] / results['geofence_us_1']:.2f} times geofence_us_1, limit 4"
    return ""


def _missed(results: dict[str, float]) -> list[str]:
    missed = [name for name, limit in LIMITS.items() if results[name] > limit]
    if results["durable_msgs_per_s"] < 0.5 * results["bare_paho_msgs_per_s"]:
        missed.append("durable_msgs_per_s")
    if results["geofence_us_10000"] > 4 * results["geofence_us_1"]:
        missed.append("geofence_us_10000")
    return missed


if __name__ == "__main__":
    sys.exit(main())
