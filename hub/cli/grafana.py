"""`naruko grafana`: the dashboards of this town, as files for Grafana."""

import argparse
import sys
from pathlib import Path

from hub.cli.common import OK, USAGE, Adder, town_of


def add(command: Adder) -> None:
    """The commands of this file."""
    made = command("grafana", write, "write Grafana's dashboards of this town, with its gauges and devices")
    made.add_argument("--into", type=Path, required=True, metavar="DIR", help="folder for Grafana's files")


def write(arguments: argparse.Namespace) -> int:
    """Writes what has changed. USAGE: the extra `grafana` is not installed."""
    try:
        from hub.dashboards import folder  # noqa: PLC0415 (an extra)
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("grafana_foundation_sdk"):
            raise
        print("naruko: this needs `.venv/bin/pip install -e '.[grafana]'` in the checkout", file=sys.stderr)
        return USAGE
    changed = folder.write(town_of(arguments), arguments.into)
    print(
        f"{len(changed)} files written to {arguments.into}" if changed else f"{arguments.into} is up to date"
    )
    return OK
