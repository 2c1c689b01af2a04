"""`python -m tests.fuzz TARGET --seconds 60`: any bytes, guided by what of the hub they reach.

Coverage by atheris. Begins with the seeds, and with `--keep DIR` with what earlier runs have found there.
Exits with 1 at the first input that fails its target: it is printed, and lies in `failing-TARGET-...`.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.data import ROOT

LONGEST_INPUT = 8_192
ONE_INPUT_S = 20
"""An input that takes so long is a finding."""
MEMORY_MB = 2_048
NAMES = ("topic", "envelope", "payload", "native", "config", "csv", "geojson")


def main() -> int:
    options = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.splitlines()[0])
    options.add_argument("target", choices=(*NAMES, "all"))
    options.add_argument("--seconds", type=int, default=60, help="for each target")
    options.add_argument("--keep", type=Path, help="folder that keeps what was found to reach new ground")
    options.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    a = options.parse_args()
    if a.inside:
        guided(a.target, a.seconds, a.keep)
    return max(run(name, a.seconds, a.keep) for name in (NAMES if a.target == "all" else (a.target,)))


def run(target: str, seconds: int, keep: Path | None = None) -> int:
    """One target in a process of its own, as the fuzzer ends the process. Prints what came of it."""
    with tempfile.TemporaryDirectory(prefix="naruko-fuzz-") as scratch:
        folder = (keep / target) if keep else Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "tests.fuzz", target, "--seconds", str(seconds)]
        done = subprocess.run(
            [*command, "--inside", "--keep", str(folder)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    executed = re.search(r"stat::number_of_executed_units: *(\d+)", done.stderr)
    reached = re.findall(r"cov: (\d+)", done.stderr)
    if done.returncode or not executed:
        sys.stdout.write(f"{done.stdout[-10_000:]}\n{done.stderr[-10_000:]}\n{target}: an input fails it\n")
        return 1
    inputs, edges = int(executed[1]), (reached or ["?"])[-1]
    sys.stdout.write(f"{target}: {inputs:,} inputs in {seconds} s reach {edges} edges, none fails it\n")
    sys.stdout.flush()
    return 0


def guided(target: str, seconds: int, folder: Path) -> None:
    """Does not return: the fuzzer ends the process."""
    import atheris  # noqa: PLC0415 (only this process is instrumented)

    with atheris.instrument_imports(include=["hub", "devices"]):
        from tests.fuzz.strangers import seeds  # noqa: PLC0415
        from tests.fuzz.targets import TARGETS  # noqa: PLC0415

    for number, seed in enumerate(seeds(target)):
        (folder / f"seed-{number}").write_bytes(seed)
    settings = {
        "max_total_time": seconds,
        "max_len": LONGEST_INPUT,
        "timeout": ONE_INPUT_S,
        "rss_limit_mb": MEMORY_MB,
        "print_final_stats": 1,
        "artifact_prefix": f"failing-{target}-",
    }
    flags = [f"-{name}={value}" for name, value in settings.items()]
    atheris.Setup([sys.argv[0], *flags, str(folder)], TARGETS[target])
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
