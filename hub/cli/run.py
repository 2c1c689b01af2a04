"""`naruko run`, `demo`, `replay`: the hub at work."""

import argparse
import asyncio
import logging
import re
import signal
import sys
from pathlib import Path
from typing import Any

from hub.cli.common import IO, LEDGER, OK, UNMET, Adder, town_of, unknown, write_report
from hub.ledger import LedgerError

log = logging.getLogger("naruko.app")

WARNED = 8
"""So many places of warnings are named in the log."""


def add(command: Adder) -> None:
    """The commands of this file."""
    command("run", run, "run the hub of this town")
    _demo_options(command("demo", demo, "the example town on real parts, told as it happens"))
    replay_ = command("replay", replay, "recorded messages through the same pipeline, in simulated time")
    replay_.add_argument("files", nargs="+", type=Path, metavar="FILE", help="JSON lines, or a known CSV")
    replay_.add_argument("--report", type=Path, metavar="FILE", help="write counts, alerts, notifications")


def _demo_options(made: argparse.ArgumentParser) -> None:
    made.add_argument("--speed", type=_speed, default=60.0, help="times real time, or max (default 60)")
    made.add_argument("--once", action="store_true", help="end with the story")
    made.add_argument("--for", dest="seconds", type=_seconds, metavar="90s", help="end after this wall time")
    made.add_argument("--seed", type=int, default=7)
    made.add_argument("--port", type=int, default=0, help="of the embedded broker (default: a free one)")
    made.add_argument("--scenario", default="story", help="story, boar_night, sprung_trap, typhoon, ...")
    made.add_argument("--lang", choices=("en", "ja"), default="en", help="language of the telling")
    made.add_argument("--report", type=Path, metavar="FILE", help="write counts, alerts, notifications")


def _speed(text: str) -> float | None:
    if text == "max":
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0.1 <= speed <= 10_000:
        raise argparse.ArgumentTypeError("a number from 0.1 to 10000, or max")
    return speed


def _seconds(text: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(s|m|h)?", text)
    if not found:
        raise argparse.ArgumentTypeError("a duration such as 90s or 5m")
    return float(found[1]) * {"s": 1, "m": 60, "h": 3600, None: 1}[found[2]]


def run(arguments: argparse.Namespace) -> int:
    """What ends the hub is a line of its log, with the log's priority and form."""
    from hub.app import serve  # noqa: PLC0415
    from hub.logs.lines import written  # noqa: PLC0415

    town = town_of(arguments)
    with written(town.hub.log):
        if town.warnings:  # they may name people
            lines = ", ".join(":".join(warning.split(":")[:2]) for warning in town.warnings[:WARNED])
            said = "the town's files: %d warnings (%s%s); naruko check says them"
            more = ", ..." if len(town.warnings) > WARNED else ""
            logging.getLogger("naruko.config").warning(said, len(town.warnings), lines, more)
        try:
            until_stopped(serve(town))
        except LedgerError as error:
            log.critical("%s", error)
            return LEDGER
        except Exception:
            log.critical("the hub ends", exc_info=True)
            return UNMET
    return OK


def demo(arguments: argparse.Namespace) -> int:
    from rich.console import Console  # noqa: PLC0415

    from firmware_sim.scenarios import SCENARIOS  # noqa: PLC0415
    from hub.demo import Options, free_port, play  # noqa: PLC0415
    from hub.logs.lines import Text  # noqa: PLC0415
    from hub.story import Story  # noqa: PLC0415

    if arguments.scenario not in SCENARIOS:
        return unknown("scenario", arguments.scenario, SCENARIOS)
    said = logging.StreamHandler()
    said.setFormatter(Text(dated=False))
    logging.basicConfig(handlers=[said], level=logging.WARNING)
    town = town_of(arguments)
    options = Options(
        scenario=arguments.scenario,
        speed=arguments.speed,
        once=arguments.once,
        seconds=arguments.seconds,
        seed=arguments.seed,
        port=arguments.port or free_port(),
    )
    story = Story(town, Console(highlight=False), arguments.lang)
    report = until_stopped(play(town, options, story))
    if report is not None:
        story.summary(report)
        if arguments.report:
            write_report(arguments.report, report)
    return OK


def replay(arguments: argparse.Namespace) -> int:
    from hub.recordings import RecordingError  # noqa: PLC0415
    from hub.replay import Replay, told, walk  # noqa: PLC0415
    from hub.report import build  # noqa: PLC0415

    town = town_of(arguments)
    player = Replay(town)
    try:
        for now, outcome in player.play(walk(arguments.files, town.site.id)):
            for line in told(town, now, outcome):
                print(line)
    except RecordingError as error:
        print(error, file=sys.stderr)
        return IO
    report = build(player.ledger, player.pipeline)
    print(" ".join(f"{name} {count}" for name, count in report["counts"].items()))
    if arguments.report:
        write_report(arguments.report, report)
    return OK


def until_stopped(work: Any) -> Any:
    """Runs a coroutine; SIGTERM and Ctrl-C cancel it, so that everything is closed in order."""

    async def guarded() -> Any:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, task.cancel)  # type: ignore[union-attr]
        try:
            return await work
        except asyncio.CancelledError:
            return None

    return asyncio.run(guarded())
