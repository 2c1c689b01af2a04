"""`naruko silence`, `maintenance`, `drill`, `statistics`: what nobody is told of, and how right it was."""

import argparse
import contextlib
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from hub.cli.common import OK, USAGE, Adder, attach, rooms_of, town_of, unknown, write_act
from hub.clock import SystemClock
from hub.config.shapes import parse_duration
from hub.config.town import Town

if TYPE_CHECKING:
    from hub.statistics import Cancelled, Tally

MINUTE = 60_000


def add(command: Adder) -> None:
    """The commands of this file."""
    hush = command("silence", silence, "tell nobody of a device, a zone or a kind of alert for a while")
    hush.add_argument("what", choices=("list", "start", "end"), nargs="?", default="list")
    hush.add_argument("target", nargs="?", metavar="device/ID | zone/ID | kind/KIND")
    _period(hush, "1h")
    work = command("maintenance", maintenance, "a device at which somebody works opens no alert")
    work.add_argument("what", choices=("list", "start", "end"), nargs="?", default="list")
    work.add_argument("target", nargs="?", metavar="DEVICE")
    work.add_argument("--from", dest="start", default="", metavar="2026-11-22T09:00", help="else now")
    _period(work, "2h")
    practice = command("drill", drill, "what opens in a drill is an exercise, and says so first")
    practice.add_argument("what", choices=("list", "start", "end"), nargs="?", default="list")
    practice.add_argument("name", nargs="?", default="")
    practice.add_argument("--target", action="append", default=[], metavar="device/ID | zone/ID | kind/KIND")
    _period(practice, "30m")
    figures = command("statistics", statistics, "false alarms by sensor, and how fast they were taken back")
    figures.add_argument("--since", default="", metavar="2026-11-01", help="else all that the ledger holds")


def _period(made: argparse.ArgumentParser, usual: str) -> None:
    made.add_argument("--for", dest="lasts", type=_minutes, default=usual, metavar="90m", help=f"({usual})")
    made.add_argument("--reason", default="")
    made.add_argument("--who", default="")


def _minutes(text: str) -> int:
    try:
        return max(int(parse_duration(text)) // MINUTE, 1)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def silence(arguments: argparse.Namespace) -> int:
    town = town_of(arguments)
    if arguments.what == "list":
        return _list(town, "silence")
    if wrong := _target_error(town, arguments.target):
        return wrong
    if arguments.what == "end":
        return write_act(arguments, "unsilence", arguments.target)
    form = {"minutes": str(arguments.lasts), "reason": arguments.reason}
    return write_act(arguments, "silence", arguments.target, form=form)


def maintenance(arguments: argparse.Namespace) -> int:
    from hub.acts.quiet import FURTHEST  # noqa: PLC0415

    town = town_of(arguments)
    if arguments.what == "list":
        return _list(town, "maintenance")
    if arguments.target not in town.devices:
        return unknown("device", str(arguments.target or ""), town.devices)
    if arguments.what == "end":
        return write_act(arguments, "maintenance_end", arguments.target)
    try:
        start = datetime.fromisoformat(arguments.start) if arguments.start else None
    except ValueError:
        print(f"naruko: --from {arguments.start} is no time; write 2026-11-22T09:00", file=sys.stderr)
        return USAGE
    if start and start.replace(tzinfo=UTC).timestamp() * 1000 > SystemClock().now() + FURTHEST:
        print(f"naruko: --from {arguments.start} is more than a year ahead", file=sys.stderr)
        return USAGE
    form = {"minutes": str(arguments.lasts), "reason": arguments.reason}
    form |= {"start": start.isoformat()} if start else {}
    return write_act(arguments, "maintenance", arguments.target, form=form)


def drill(arguments: argparse.Namespace) -> int:
    town = town_of(arguments)
    if arguments.what == "list":
        return _list(town, "drill")
    if arguments.what == "end":
        return write_act(arguments, "drill_end", "site")
    if not arguments.target:
        print(
            "naruko: a drill names what it covers: --target device/ID, zone/ID or kind/KIND", file=sys.stderr
        )
        return USAGE
    for target in arguments.target:
        if wrong := _target_error(town, target):
            return wrong
    form = {
        "minutes": str(arguments.lasts),
        "targets": " ".join(arguments.target),
        "reason": arguments.reason,
    }
    return write_act(arguments, "drill_start", "site", detail=arguments.name, form=form)


def _target_error(town: Town, target: str | None) -> int:
    """0 where it names something."""
    from hub.telling.silences import known_targets  # noqa: PLC0415

    what, _, id = (target or "").partition("/")
    known = known_targets(town, what)
    if not known or not id:
        print("naruko: write device/ID, zone/ID or kind/KIND", file=sys.stderr)
        return USAGE
    return 0 if id in known else unknown(what, id, known)


def _list(town: Town, room: str) -> int:
    """What holds now or is planned, by when it ends."""
    from hub.report import local  # noqa: PLC0415

    with contextlib.closing(attach(town)) as ledger:
        found: dict[str, Any] = rooms_of(ledger)[room]
    for target, period in sorted(found.items(), key=lambda item: item[1].since + item[1].lasts):
        since, until = (local(at, town.zone_info) for at in (period.since, period.since + period.lasts))
        named = (
            f"{period.name}: {' '.join(period.targets)}" if room == "drill" else f"{target}  {period.reason}"
        )
        print(f"{since}  until {until}  {named}  {period.who}".rstrip())
    if not found:
        print("none")
    return OK


def statistics(arguments: argparse.Namespace) -> int:
    from hub import statistics as figures  # noqa: PLC0415

    town = town_of(arguments)
    try:
        day = datetime.fromisoformat(arguments.since) if arguments.since else None
    except ValueError:
        print(f"naruko: --since {arguments.since} is no day; write 2026-11-01", file=sys.stderr)
        return USAGE
    since = int(day.replace(tzinfo=day.tzinfo or town.zone_info).timestamp() * 1000) if day else 0
    with contextlib.closing(attach(town)) as ledger:
        alerts = [alert for alert in ledger.alerts(since) if alert.opened_at >= since]
        labels = figures.labels_of(ledger.acts_of(["label"], since, SystemClock().now() + MINUTE))
    _print_sensors(figures.by_sensor(alerts, labels))
    _print_cancelled(figures.cancelled(alerts))
    return OK


def _print_sensors(tallies: Iterable["Tally"]) -> None:
    heads = ("alerts", "true", "false", "unknown", "unsaid", "false rate")
    print(f"{'sensor':24} " + " ".join(f"{head:>10}" for head in heads))
    for tally in tallies:
        rate = "-" if tally.false_rate is None else f"{tally.false_rate:.0%}"
        counts = (tally.alerts, tally.true, tally.false, tally.unknown, tally.unlabelled, rate)
        print(f"{tally.device:24} " + " ".join(f"{count:>10}" for count in counts))


def _print_cancelled(found: Iterable["Cancelled"]) -> None:
    for one in found:
        middle, longest = (f"{millis / MINUTE:.0f} min" for millis in (one.median, one.longest))
        print(f"cancelled: {one.kind} {one.count}, after {middle} (median), {longest} at most")
