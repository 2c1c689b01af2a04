"""`naruko`: the command line. Exit codes: 0 ok, 2 usage, 3 config, 4 I/O, 5 ledger."""

import argparse
import asyncio
import contextlib
import json
import logging
import os
import re
import signal
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from hub import __version__
from hub.config.load import ConfigError, load
from hub.config.town import Town
from hub.ledger import Ledger, LedgerError

OK, USAGE, CONFIG, IO, LEDGER = 0, 2, 3, 4, 5
EXAMPLE = Path(__file__).resolve().parents[1] / "config"


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    arguments = parser().parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except ConfigError as error:
        print(error, file=sys.stderr)
        return CONFIG
    except LedgerError as error:
        print(error, file=sys.stderr)
        return LEDGER
    except BrokenPipeError:
        sys.stderr.close()
        return OK
    except OSError as error:
        print(f"naruko: {error}", file=sys.stderr)
        return IO
    except KeyboardInterrupt:
        return 130


def parser() -> argparse.ArgumentParser:
    """All commands and their options."""
    naruko = argparse.ArgumentParser(
        prog="naruko", description="Sensor hub for wildlife and disaster alerts (鳴子)."
    )
    naruko.add_argument("--version", action="version", version=f"naruko {__version__}")
    commands = naruko.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: Callable[[argparse.Namespace], int], says: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=says, description=says)
        made.set_defaults(run=run)
        made.add_argument("-c", "--config", type=Path, default=None, metavar="DIR", help="folder of the town")
        return made

    command("run", run, "run the hub of this town")
    _demo_options(command("demo", demo, "the example town on real parts, told as it happens"))
    command("check", check, "check the config; exit 3 where it is wrong")
    explain_ = command("explain", explain, "show each step for one message")
    explain_.add_argument("--topic", "-t", required=True)
    explain_.add_argument(
        "--payload", "-p", required=True, type=_payload, help="text, hex:BYTES, or - for standard input"
    )
    explain_.add_argument("--retain", action="store_true")
    replay_ = command("replay", replay, "recorded messages through the same pipeline, in simulated time")
    replay_.add_argument("files", nargs="+", type=Path, metavar="FILE", help="JSON lines, or a known CSV")
    replay_.add_argument("--report", type=Path, metavar="FILE", help="write counts, alerts, notifications")
    _act_commands(command)
    _care_commands(command)
    _test_commands(command)
    return naruko


def _demo_options(made: argparse.ArgumentParser) -> None:
    made.add_argument("--speed", type=_speed, default=60.0, help="times real time, or max (default 60)")
    made.add_argument("--once", action="store_true", help="end with the story")
    made.add_argument("--for", dest="seconds", type=_seconds, metavar="90s", help="end after this wall time")
    made.add_argument("--seed", type=int, default=7)
    made.add_argument("--port", type=int, default=0, help="of the embedded broker (default: a free one)")
    made.add_argument("--scenario", default="story", help="story, boar_night, sprung_trap, typhoon, ...")
    made.add_argument("--lang", choices=("en", "ja"), default="en", help="language of the telling")
    made.add_argument("--report", type=Path, metavar="FILE", help="write counts, alerts, notifications")


def _act_commands(command: Callable[..., argparse.ArgumentParser]) -> None:
    alerts_ = command("alerts", alerts, "the open alerts; close one")
    alerts_.add_argument("--all", action="store_true", help="the closed ones too")
    alerts_.add_argument("--close", metavar="ID")
    alerts_.add_argument("--who", default="")
    trap = command("trap", act_on_trap, "what was done at a trap: reset it, or take it out of use")
    trap.add_argument("what", choices=("reset", "disarm"))
    trap.add_argument("target", metavar="TRAP", help="device id or trap number")
    trap.add_argument("--who", required=True, help="who was there")
    siren = command("siren", stop_sirens, "stop sirens and flashes, now")
    siren.add_argument("what", choices=("stop",))
    siren.add_argument("target", metavar="DEVICE", nargs="?", default="all")
    siren.add_argument("--who", default="")
    debris = command("debris", cancel_debris, "cancel a debris-flow alert after a look on site")
    debris.add_argument("what", choices=("cancel",))
    debris.add_argument("target", metavar="STREAM")
    debris.add_argument("--who", required=True)
    debris.add_argument("--cause", required=True, help="what it was, as the people will read it")


def _test_commands(command: Callable[..., argparse.ArgumentParser]) -> None:
    test = command("test-message", test_message, "the monthly test: who has not answered; send it; note one")
    test.add_argument("what", choices=("list", "send", "heard"), nargs="?", default="list")
    test.add_argument("person", metavar="PERSON", nargs="?", help="with heard: the id of who has answered")
    test.add_argument("--who", default="")


def _care_commands(command: Callable[..., argparse.ArgumentParser]) -> None:
    doctor_ = command(
        "doctor", doctor, "what is wrong, and what to do; exit 4 where something is, 5 the ledger"
    )
    doctor_.add_argument("--thorough", action="store_true", help="read every page of a large ledger too")
    backup_ = command("backup", backup, "the ledger's backups: make one, list them, begin from the newest")
    backup_.add_argument("what", choices=("now", "list", "restore"), nargs="?", default="list")


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


def _folder(arguments: argparse.Namespace) -> Path:
    """The town's folder: as given, else `config` here, else the example town of this checkout."""
    if arguments.config is not None:
        return Path(arguments.config)
    here = Path("config")
    return here if (here / "hub.yaml").is_file() else EXAMPLE


def _town(arguments: argparse.Namespace) -> Town:
    return load(_folder(arguments), os.environ)


# --- commands -------------------------------------------------------------------------------------


def run(arguments: argparse.Namespace) -> int:
    from hub.app import serve  # noqa: PLC0415

    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s %(message)s", level=logging.INFO)
    town = _town(arguments)
    for warning in town.warnings:
        logging.getLogger("naruko.config").warning("%s", warning)
    _until_stopped(serve(town))
    return OK


def demo(arguments: argparse.Namespace) -> int:
    from rich.console import Console  # noqa: PLC0415

    from firmware_sim.scenarios import SCENARIOS  # noqa: PLC0415
    from hub.demo import Options, free_port, play  # noqa: PLC0415
    from hub.story import Story  # noqa: PLC0415

    if arguments.scenario not in SCENARIOS:
        return _unknown("scenario", arguments.scenario, SCENARIOS)
    logging.basicConfig(format="%(levelname)s %(name)s %(message)s", level=logging.WARNING)
    town = _town(arguments)
    options = Options(
        scenario=arguments.scenario,
        speed=arguments.speed,
        once=arguments.once,
        seconds=arguments.seconds,
        seed=arguments.seed,
        port=arguments.port or free_port(),
    )
    story = Story(town, Console(highlight=False), arguments.lang)
    report = _until_stopped(play(town, options, story))
    if report is not None:
        story.summary(report)
        if arguments.report:
            _write_report(arguments.report, report)
    return OK


def check(arguments: argparse.Namespace) -> int:
    from hub.config.check import report  # noqa: PLC0415

    print(report(_town(arguments)))
    return OK


def explain(arguments: argparse.Namespace) -> int:
    from hub.explain import explain as steps  # noqa: PLC0415

    for line in steps(_town(arguments), arguments.topic, arguments.payload, retain=arguments.retain):
        print(line)
    return OK


def _payload(text: str) -> bytes:
    if text == "-":
        return sys.stdin.buffer.read()
    if text.startswith("hex:"):
        try:
            return bytes.fromhex(text.removeprefix("hex:"))
        except ValueError:
            raise argparse.ArgumentTypeError("after hex: come pairs of 0-9 and a-f") from None
    return text.encode()


def replay(arguments: argparse.Namespace) -> int:
    from hub.recordings import RecordingError  # noqa: PLC0415
    from hub.replay import Replay, told, walk  # noqa: PLC0415
    from hub.report import build  # noqa: PLC0415

    town = _town(arguments)
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
        _write_report(arguments.report, report)
    return OK


def alerts(arguments: argparse.Namespace) -> int:
    from hub.clock import SystemClock  # noqa: PLC0415
    from hub.report import local  # noqa: PLC0415

    town = _town(arguments)
    if arguments.close:
        with contextlib.closing(_attach(town)) as ledger:
            open_ids = [alert.id for alert in ledger.open_alerts()]
        if arguments.close not in open_ids:
            return _unknown("open alert", arguments.close, open_ids)
        return _act(arguments, "close", arguments.close)
    with contextlib.closing(_attach(town)) as ledger:
        found = ledger.alerts(0) if arguments.all else ledger.open_alerts()
        _, held = ledger.outbox_since(SystemClock().now() - 86_400_000)
    for alert in sorted(found, key=lambda a: a.opened_at):
        opened = local(alert.opened_at, town.zone_info)
        print(
            f"{alert.id}  {opened}  {alert.state}  {alert.kind}  {alert.severity.name.lower()}  {alert.place}"
        )
    if held:
        print(f"{held} messages of the last 24 hours were held in storms and told as counts", file=sys.stderr)
    return OK


def act_on_trap(arguments: argparse.Namespace) -> int:
    numbers = {d.trap.no: d.id for d in _town(arguments).devices.values() if d.trap}
    target = numbers.get(arguments.target, arguments.target)
    if target not in numbers.values():
        return _unknown("trap", arguments.target, numbers)
    return _act(arguments, f"trap_{arguments.what}", target, detail=arguments.who)


def stop_sirens(arguments: argparse.Namespace) -> int:
    sirens = [device.id for device in _town(arguments).sirens]
    if arguments.target not in ("all", *sirens):
        return _unknown("siren", arguments.target, sirens)
    return _act(arguments, "siren_stop", arguments.target)


def cancel_debris(arguments: argparse.Namespace) -> int:
    streams = {d.slope.stream for d in _town(arguments).devices.values() if d.slope}
    if arguments.target not in streams:
        return _unknown("stream", arguments.target, streams)
    return _act(arguments, "debris_cancel", arguments.target, detail=arguments.cause)


def test_message(arguments: argparse.Namespace) -> int:
    if (arguments.what == "heard") != (arguments.person is not None):
        print("naruko: test-message heard PERSON, test-message send, or test-message list", file=sys.stderr)
        return USAGE
    town = _town(arguments)
    if arguments.what == "send":
        return _act(arguments, "test_send", "all")
    if arguments.what == "list":
        return _list_answers(town)
    if arguments.person not in town.people:
        return _unknown("person", arguments.person, town.people)
    return _act(arguments, "test_heard", arguments.person)


def _list_answers(town: Town) -> int:
    """Who was asked and has not answered, by person id."""
    from hub.pipeline import SITE  # noqa: PLC0415
    from hub.report import local  # noqa: PLC0415
    from hub.state import State  # noqa: PLC0415

    with contextlib.closing(_attach(town)) as ledger:
        last = State.load(ledger.load_states(), ()).rooms["roll_call"].get(SITE)
    if last is None or not last.sent_at:
        print("no test message was sent yet")
        return OK
    print(f"sent {local(last.sent_at, town.zone_info)} to {len(last.asked)}, answered {len(last.heard)}")
    for person in last.missing:
        print(person)
    return OK


def doctor(arguments: argparse.Namespace) -> int:
    from hub.clock import SystemClock  # noqa: PLC0415
    from hub.doctor import Level, examine, lines, summary  # noqa: PLC0415

    findings = []
    looks = examine(_folder(arguments), os.environ, SystemClock(), thorough=arguments.thorough)
    for finding in looks:
        print("\n".join(lines(finding)), flush=True)
        findings.append(finding)
    print(summary(findings))
    wrong = {finding.what for finding in findings if finding.level is Level.BAD}
    if not wrong:
        return OK
    return CONFIG if "config" in wrong else LEDGER if "ledger" in wrong else IO


def backup(arguments: argparse.Namespace) -> int:
    from hub.clock import SystemClock  # noqa: PLC0415
    from hub.ledger import backup as backups  # noqa: PLC0415
    from hub.ledger import nightly, opening, rescue  # noqa: PLC0415
    from hub.report import local  # noqa: PLC0415

    town = _town(arguments)
    path = town.hub.ledger.path
    if arguments.what == "now":
        with contextlib.closing(_attach(town)) as ledger:
            done = asyncio.run(nightly.once(ledger, SystemClock()))
        print(
            f"{backups.generation(path, 1)}: {done.said}, {done.bytes / 1e6:.1f} MB" if done.ok else done.said
        )
        return OK if done.ok else IO
    if arguments.what == "restore":
        if not backups.generations(path):
            return _unknown("backup of", str(path), ())
        with opening.lock_out_others(path):
            print(rescue.restore(path, SystemClock().now()))
        return OK
    for copy in backups.generations(path):
        made = local(backups.made_at(copy), town.zone_info)
        print(f"{copy}  {made}  {copy.stat().st_size / 1e6:.1f} MB  {backups.check(copy)}")
    return OK


def _unknown(kind: str, name: str, known: Iterable[str]) -> int:
    there = f"there are {', '.join(known)}" if (known := sorted(known)) else "there is none"
    print(f"naruko: no {kind} {name}; {there}", file=sys.stderr)
    return USAGE


def _act(arguments: argparse.Namespace, kind: str, target: str, detail: str = "") -> int:
    """Writes it into the ledger; the running hub applies it within a second, a stopped one at its start."""
    from hub.clock import SystemClock  # noqa: PLC0415

    who = arguments.who or os.environ.get("USER", "")
    with contextlib.closing(_attach(_town(arguments))) as ledger:
        act = ledger.add_act(
            SystemClock().now(), who=who, source="cli", kind=kind, target=target, detail=detail
        )
    print(f"written down as act {act.id}: {kind} {target}")
    return OK


def _attach(town: Town) -> Ledger:
    return Ledger.attach(town.hub.ledger.path, town.hub.ledger)


def _write_report(path: Path, report: dict[str, Any]) -> None:
    path.write_text(json.dumps(report, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _until_stopped(work: Any) -> Any:
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
