"""`python -m hub.dashboards` writes config/grafana for the example town; with `--check` it only compares."""

import argparse
import sys
from pathlib import Path

from hub.config.load import load
from hub.dashboards.folder import stale, write

CONFIG = Path(__file__).resolve().parents[2] / "config"


def main(arguments: list[str] | None = None) -> int:
    """Returns 1 where `--check` finds a file that differs."""
    parser = argparse.ArgumentParser(prog="python -m hub.dashboards", description=__doc__)
    parser.add_argument("--check", action="store_true", help="exit 1 where a file is not up to date")
    parser.add_argument("--folder", type=Path, default=CONFIG / "grafana", help="default: %(default)s")
    chosen = parser.parse_args(arguments)
    town = load(CONFIG, {})
    found = (stale if chosen.check else write)(town, chosen.folder)
    for name in found:
        sys.stdout.write(f"{'is not up to date' if chosen.check else 'wrote'}: {chosen.folder / name}\n")
    return 1 if chosen.check and found else 0


if __name__ == "__main__":
    sys.exit(main())
