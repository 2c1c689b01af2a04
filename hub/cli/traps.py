"""`naruko trap`, `patrol`, `captures`: the traps, for who has no smartphone and for the office."""

import argparse
import contextlib
import sys
from datetime import date, timedelta
from pathlib import Path

from hub.cli.common import OK, USAGE, Adder, attach, rooms_of, town_of, unknown, with_people, write_act
from hub.clock import SystemClock
from hub.config.shapes import Device
from hub.config.town import Town
from hub.days import begins, day_of
from hub.paperwork.sheets import ENCODINGS

ABOUT_ALERT = ("take", "join", "arrive", "leave", "done")
WORDS = {
    "result": ("captured", "empty", "wrong", "escaped"),
    "sex": ("male", "female", "unknown"),
    "age": ("adult", "young", "unknown"),
    "disposal": ("buried", "incinerated", "game_meat", "other"),
    "trap": ("armed", "disarmed", "later"),
}
"""Fields of the form that have a list to choose from."""
FREE = ("species", "method", "evidence", "capturer", "note")
NUMBERS = ("eta", "count")


def add(command: Adder) -> None:
    """The commands of this file."""
    trap = command("trap", act_on_trap, "what is done at a trap: go, arrive, finish; reset it or take it out")
    trap.add_argument("what", choices=(*ABOUT_ALERT, "reset", "disarm"))
    trap.add_argument("target", metavar="TRAP", help="device id or trap number")
    trap.add_argument("--who", required=True, help="who goes, or was there: a person's id or name")
    trap.add_argument(
        "--eta", type=_whole, metavar="MINUTES", help="with take: there in so long (default 30)"
    )
    trap.add_argument("--count", type=_whole, metavar="N")
    for field, codes in WORDS.items():
        trap.add_argument(f"--{field}", choices=codes)
    for field in FREE:
        trap.add_argument(f"--{field}", metavar=field.upper())
    patrol = command(
        "patrol", on_patrol, "the daily round: which traps were seen; note one; the month's table"
    )
    patrol.add_argument("what", choices=("list", "seen", "export"), nargs="?", default="list")
    patrol.add_argument("traps", metavar="TRAP", nargs="*", help="with seen: device ids or trap numbers")
    patrol.add_argument("--who", default="", help="with seen: who was there")
    patrol.add_argument("--month", type=_month, metavar="2026-11", help="with export (default: this month)")
    captures = command("captures", export_captures, "what was captured, as the subsidy's paperwork asks")
    captures.add_argument("what", choices=("export",))
    captures.add_argument("--from", dest="first", type=_day, metavar="2026-04-01")
    captures.add_argument("--to", dest="last", type=_day, metavar="2027-03-31", help="this day too")
    for made in (patrol, captures):
        made.add_argument("--encoding", choices=ENCODINGS, default=ENCODINGS[0])
        made.add_argument("-o", "--output", type=Path, metavar="FILE", help="default: standard output")


def _whole(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 5:
        raise argparse.ArgumentTypeError("a whole number")
    return int(text)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError("a day such as 2026-11-21") from None


def _month(text: str) -> date:
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError:
        raise argparse.ArgumentTypeError("a month such as 2026-11") from None


def act_on_trap(arguments: argparse.Namespace) -> int:
    town = town_of(arguments)
    device = _trap(town, arguments.target)
    if device is None:
        return _no_trap(town, arguments.target)
    if arguments.what in ("reset", "disarm"):
        return write_act(arguments, f"trap_{arguments.what}", device.id, detail=arguments.who)
    if arguments.what == "done" and not arguments.result:
        print("naruko: trap done needs --result", file=sys.stderr)
        return USAGE
    with contextlib.closing(attach(town)) as ledger:
        open_alerts = {a.device: a.id for a in ledger.open_alerts() if a.kind == "trap"}
    if device.id not in open_alerts:
        sprung = [town.devices[id].name for id in open_alerts if id in town.devices]
        return unknown("open alert of trap", arguments.target, sprung)
    given = {name: getattr(arguments, name) for name in (*WORDS, *FREE, *NUMBERS)}
    form = {name: str(value) for name, value in given.items() if value is not None}
    return write_act(arguments, arguments.what, open_alerts[device.id], form=form)


def _trap(town: Town, name: str) -> Device | None:
    """By its number, or its device id."""
    traps = [device for device in town.devices.values() if device.trap]
    by_number = (device for device in traps if device.trap and device.trap.no == name)
    return next(by_number, None) or next((device for device in traps if device.id == name), None)


def _no_trap(town: Town, name: str) -> int:
    return unknown("trap", name, [device.trap.no for device in town.devices.values() if device.trap])


def on_patrol(arguments: argparse.Namespace) -> int:
    if (arguments.what == "seen") != bool(arguments.traps):
        print("naruko: patrol seen TRAP ..., patrol list, or patrol export", file=sys.stderr)
        return USAGE
    town = town_of(arguments)
    if arguments.what == "list":
        return _list_rounds(town)
    if arguments.what == "export":
        return _export_rounds(arguments, town)
    devices = [(name, _trap(town, name)) for name in arguments.traps]
    if strangers := [name for name, device in devices if device is None]:
        return _no_trap(town, strangers[0])
    for _, device in devices:
        if device:
            write_act(arguments, "seen", device.id)
    return OK


def _list_rounds(town: Town) -> int:
    """Every trap: whose it is, how it is, when it was last known to be set, whether it was seen today."""
    from hub.detect import patrol  # noqa: PLC0415

    now = SystemClock().now()
    with contextlib.closing(attach(town)) as ledger:
        states = rooms_of(ledger)["trap"]
    for device in town.devices.values():
        if device.trap:
            state = states.get(device.id, patrol.NEVER_SEEN)
            known = patrol.clock(state, now)
            proof = f"known to be set {known // 3_600_000} h ago" if known is not None else "-"
            seen = "seen today" if patrol.is_seen(state, now, town.zone_info) else "not seen today"
            print(f"{device.trap.no}  {device.name}  {device.trap.owner}  {state.state}  {proof}  {seen}")
    return OK


def _export_rounds(arguments: argparse.Namespace, town: Town) -> int:
    from hub.paperwork import patrols  # noqa: PLC0415

    today = day_of(SystemClock().now(), town.zone_info)
    first = arguments.month or today.replace(day=1)
    last = min((first + timedelta(days=31)).replace(day=1) - timedelta(days=1), today)
    with contextlib.closing(attach(town)) as ledger:
        acts = ledger.acts_of(patrols.VISITS, 0, begins(last + timedelta(days=1), town.zone_info))
        about = {act.target for act in acts if act.kind in patrols.AT_ALERTS}
        alerts = [alert for id in about if (alert := ledger.alert(id)) and alert.kind == "trap"]
        town = with_people(town, ledger)
    made = patrols.visits(acts, {alert.id: alert.device for alert in alerts})
    return _write(arguments, patrols.HEADINGS, patrols.rows(town, made, first, last))


def export_captures(arguments: argparse.Namespace) -> int:
    from hub.paperwork import captures  # noqa: PLC0415

    town = town_of(arguments)
    since = begins(arguments.first, town.zone_info) if arguments.first else 0
    until = begins(arguments.last + timedelta(days=1), town.zone_info) if arguments.last else 1 << 62
    with contextlib.closing(attach(town)) as ledger:
        acts = ledger.acts_of(("done",), since, until)
        alerts = {act.target: alert for act in acts if (alert := ledger.alert(act.target))}
        events = [event for alert in alerts.values() for event in ledger.events_of(alert.incident, since)]
        town = with_people(town, ledger)
    found = captures.captures(events, acts, alerts)
    return _write(arguments, captures.HEADINGS, captures.rows(town, found))


def _write(arguments: argparse.Namespace, headings: tuple[str, ...], rows: list[tuple[object, ...]]) -> int:
    from hub.paperwork.sheets import sheet  # noqa: PLC0415

    content = sheet(headings, rows, arguments.encoding)
    if arguments.output:
        arguments.output.write_bytes(content)
        print(f"{arguments.output}: {len(rows)} rows")
    else:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    return OK
