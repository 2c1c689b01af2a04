"""`naruko check`, `explain`, `doctor`, `backup`: what is so, and what is wrong."""

import argparse
import asyncio
import contextlib
import os
import shutil
import sys
from datetime import datetime, tzinfo

from hub.cli.common import (
    CONFIG,
    IO,
    LEDGER,
    OK,
    UNMET,
    USAGE,
    Adder,
    attach,
    folder_of,
    town_of,
    unknown,
    with_people,
)
from hub.clock import SystemClock


def add(command: Adder) -> None:
    """The commands of this file."""
    command("check", check, "check the config; exit 3 where it is wrong")
    explain_ = command(
        "explain", explain, "show each step for one message, or who would be told of something"
    )
    explain_.add_argument("--topic", "-t")
    explain_.add_argument("--payload", "-p", type=_payload, help="text, hex:BYTES, or - for standard input")
    explain_.add_argument("--retain", action="store_true")
    explain_.set_defaults(wrong=explain_.error)
    _would_tell_options(explain_)
    doctor_ = command(
        "doctor", doctor, "what is wrong, and what to do; exit 4 where something is, 5 the ledger"
    )
    doctor_.add_argument("--thorough", action="store_true", help="read every page of a large ledger too")
    doctor_.add_argument("--lang", choices=("ja", "en"), help="default: the terminal's")
    doctor_.add_argument("--json", action="store_true", help="for a program: every finding in both languages")
    backup_ = command("backup", backup, "the ledger's backups: make one, list them, begin from the newest")
    backup_.add_argument("what", choices=("now", "list", "restore"), nargs="?", default="list")


def check(arguments: argparse.Namespace) -> int:
    from hub.config.check import report  # noqa: PLC0415

    print(report(town_of(arguments), SystemClock().now()))
    return OK


def _would_tell_options(made: argparse.ArgumentParser) -> None:
    made.add_argument(
        "--would-tell", metavar="EVENT", help="animal/boar, trap, river/danger, debris, silent, battery, ..."
    )
    made.add_argument("--at-device", metavar="ID", default="", help="where; not needed where there is one")
    made.add_argument("--when", metavar="'2026-11-22 23:00'", default="", help="local time; now if not given")
    made.add_argument(
        "--as-it-stands", action="store_true", help="with what the hub's ledger knows: silences, budgets, ..."
    )
    for option, says in (("--expect", "is told at once"), ("--expect-not", "is not")):
        made.add_argument(
            option,
            metavar="PERSON[:CHANNEL]",
            action="append",
            default=[],
            help=f"who {says}; exit 1 if that is wrong",
        )


def explain(arguments: argparse.Namespace) -> int:
    from hub.explain import explain as steps  # noqa: PLC0415

    if (arguments.would_tell is None) == (arguments.topic is None or arguments.payload is None):
        arguments.wrong("needs --topic and --payload, or --would-tell")
    if arguments.would_tell is not None:
        return would_tell(arguments)
    for line in steps(town_of(arguments), arguments.topic, arguments.payload, retain=arguments.retain):
        print(line)
    return OK


def would_tell(arguments: argparse.Namespace) -> int:
    """Who would be told, by which rule, and what holds it back. UNMET where an expectation is wrong."""
    from hub import explain as asked  # noqa: PLC0415
    from hub.report import local  # noqa: PLC0415
    from hub.state import State  # noqa: PLC0415

    town, state = town_of(arguments), State()
    if arguments.as_it_stands:
        with contextlib.closing(attach(town)) as ledger:
            state = State.load(ledger.load_states(), ledger.open_alerts())
            town = with_people(town, ledger)
    for expected in (*arguments.expect, *arguments.expect_not):
        if expected.partition(":")[0] not in town.people:
            return unknown("person", expected.partition(":")[0], town.people)
    try:
        now = _moment(arguments.when, town.zone_info) if arguments.when else SystemClock().now()
        alert, answers = asked.would_tell(town, state, arguments.would_tell, arguments.at_device, now)
    except ValueError as error:
        print(f"naruko: {error}", file=sys.stderr)
        return USAGE
    zones = ", ".join(alert.zones) or "no zone"
    print(
        f"{local(now, town.zone_info)}  {alert.kind}, {alert.severity.name.lower()}, "
        f"{alert.device} at {alert.place} ({zones})"
    )
    for answer in answers:
        held = f"  HELD {answer.held}" if answer.held else ""
        print(f"{answer.person:<16}{answer.channel:<10}{answer.lang:<9}{answer.rule}{held}")
    if not answers:
        print("nobody")
    missed = list(asked.unmet(answers, arguments.expect, arguments.expect_not))
    for line in missed:
        print(f"NOT MET: {line}")
    return UNMET if missed else OK


def _moment(text: str, zone: tzinfo) -> int:
    """ValueError: it is no time."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"no time {text}: write it as '2026-11-22 23:00'") from None
    return round((moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp() * 1000)


def _payload(text: str) -> bytes:
    if text == "-":
        return sys.stdin.buffer.read()
    if text.startswith("hex:"):
        try:
            return bytes.fromhex(text.removeprefix("hex:"))
        except ValueError:
            raise argparse.ArgumentTypeError("after hex: come pairs of 0-9 and a-f") from None
    return text.encode()


def doctor(arguments: argparse.Namespace) -> int:
    from hub.doctor import Level, as_json, examine, language, lines, summary  # noqa: PLC0415

    clock, lang = SystemClock(), arguments.lang or language(os.environ)
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
    findings = []
    for finding in examine(folder_of(arguments), os.environ, clock, thorough=arguments.thorough):
        if not arguments.json:
            print("\n".join(lines(finding, lang, width)), flush=True)
        findings.append(finding)
    print(as_json(findings, clock.now()) if arguments.json else summary(findings, lang))
    wrong = {finding.what for finding in findings if finding.level is Level.BAD}
    if not wrong:
        return OK
    return CONFIG if "config" in wrong else LEDGER if "ledger" in wrong else IO


def backup(arguments: argparse.Namespace) -> int:
    from hub.ledger import backup as backups  # noqa: PLC0415
    from hub.ledger import nightly, opening, rescue  # noqa: PLC0415
    from hub.report import local  # noqa: PLC0415

    town = town_of(arguments)
    path = town.hub.ledger.path
    if arguments.what == "now":
        with contextlib.closing(attach(town)) as ledger:
            done = asyncio.run(nightly.once(ledger, SystemClock()))
        print(
            f"{backups.generation(path, 1)}: {done.said}, {done.bytes / 1e6:.1f} MB" if done.ok else done.said
        )
        return OK if done.ok else IO
    if arguments.what == "restore":
        if not backups.generations(path):
            return unknown("backup of", str(path), ())
        with opening.lock_out_others(path):
            print(rescue.restore(path, SystemClock().now()))
        return OK
    for copy in backups.generations(path):
        made = local(backups.made_at(copy), town.zone_info)
        print(f"{copy}  {made}  {copy.stat().st_size / 1e6:.1f} MB  {backups.check(copy)}")
    return OK
