"""What every command of `naruko` needs: exit codes, the town, its ledger, an act written down."""

import argparse
import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from hub.clock import SystemClock
from hub.config.load import load
from hub.config.town import Town
from hub.ledger import Ledger

OK, UNMET, USAGE, CONFIG, IO, LEDGER = 0, 1, 2, 3, 4, 5
"""UNMET: an expectation that was given on the command line."""
EXAMPLE = Path(__file__).resolve().parents[2] / "config"

Adder = Callable[..., argparse.ArgumentParser]
"""`command(name, run, says)`: one more command, with the option for the town's folder."""


def folder_of(arguments: argparse.Namespace) -> Path:
    """The town's folder: as given, else `config` here, else the example town of this checkout."""
    if arguments.config is not None:
        return Path(arguments.config)
    here = Path("config")
    return here if (here / "hub.yaml").is_file() else EXAMPLE


def town_of(arguments: argparse.Namespace) -> Town:
    return load(folder_of(arguments), os.environ)


def attach(town: Town) -> Ledger:
    return Ledger.attach(town.hub.ledger.path, town.hub.ledger)


def rooms_of(ledger: Ledger) -> dict[str, dict[str, Any]]:
    """What the hub remembers, by room and key: see `hub.state`."""
    from hub.state import State  # noqa: PLC0415

    return State.load(ledger.load_states(), ()).rooms


def with_people(town: Town, ledger: Ledger) -> Town:
    """The town with who has enrolled, and without who has left."""
    from hub.people import roll  # noqa: PLC0415

    rooms = rooms_of(ledger)
    return roll.roll(town, rooms["person"], rooms["said"])


def unknown(kind: str, name: str, known: Iterable[str]) -> int:
    there = f"there are {', '.join(known)}" if (known := sorted(known)) else "there is none"
    print(f"naruko: no {kind} {name}; {there}", file=sys.stderr)
    return USAGE


def write_act(
    arguments: argparse.Namespace,
    kind: str,
    target: str,
    detail: str = "",
    form: Mapping[str, str] | None = None,
) -> int:
    """Writes it into the ledger; the running hub applies it within a second, a stopped one at its start."""

    who = typed(arguments.who or os.environ.get("USER", ""))
    said = {name: typed(value) for name, value in (form or {}).items()}
    with contextlib.closing(attach(town_of(arguments))) as ledger:
        act = ledger.add_act(
            SystemClock().now(),
            who=who,
            source="cli",
            kind=kind,
            target=typed(target),
            detail=typed(detail),
            form=said,
        )
    print(f"written down as act {act.id}: {kind} {target}")
    return OK


def typed(text: str) -> str:
    """As it can be stored: a `?` for each byte that a terminal of another encoding has sent."""
    return text.encode("utf-8", "replace").decode()


def write_report(path: Path, report: dict[str, Any]) -> None:
    path.write_text(json.dumps(report, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
