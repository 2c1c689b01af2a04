"""`naruko alerts`, `siren`, `debris`, `test-message`: what people do, at the command line."""

import argparse
import contextlib
import sys

from hub.cli.common import OK, USAGE, Adder, attach, rooms_of, town_of, unknown, with_people, write_act
from hub.clock import SystemClock
from hub.config.town import Town

ON_ALERTS = {
    "close": "end it by hand",
    "acknowledge": "somebody has seen it: it is not told again",
    "confirm": "somebody has looked, and it is so",
    "cancel": "somebody has looked, and it is nothing",
}
"""Kind of act -> what it says of an open alert."""


def add(command: Adder) -> None:
    """The commands of this file."""
    alerts_ = command("alerts", alerts, "the open alerts; close one")
    alerts_.add_argument("--all", action="store_true", help="the closed ones too")
    for kind, says in ON_ALERTS.items():
        alerts_.add_argument(f"--{kind}", metavar="ID", help=says)
    alerts_.add_argument("--cause", default="", help="with --cancel: what it was, as the people will read it")
    alerts_.add_argument("--label", nargs=2, metavar=("ID", "true|false|unknown"), help="what it was")
    alerts_.add_argument("--who", default="")
    siren = command("siren", stop_sirens, "stop sirens and flashes, now")
    siren.add_argument("what", choices=("stop",))
    siren.add_argument("target", metavar="DEVICE", nargs="?", default="all")
    siren.add_argument("--who", default="")
    debris = command("debris", cancel_debris, "cancel a debris-flow alert after a look on site")
    debris.add_argument("what", choices=("cancel",))
    debris.add_argument("target", metavar="STREAM")
    debris.add_argument("--who", required=True)
    debris.add_argument("--cause", required=True, help="what it was, as the people will read it")
    test = command("test-message", test_message, "the monthly test: who has not answered; send it; note one")
    test.add_argument("what", choices=("list", "send", "heard"), nargs="?", default="list")
    test.add_argument("person", metavar="PERSON", nargs="?", help="with heard: the id of who has answered")
    test.add_argument("--who", default="")


def alerts(arguments: argparse.Namespace) -> int:
    from hub.report import local  # noqa: PLC0415

    town = town_of(arguments)
    if arguments.label:
        return _label(arguments, town, *arguments.label)
    for kind in ON_ALERTS:
        if id := getattr(arguments, kind):
            return _act_on_alert(arguments, town, kind, id)
    with contextlib.closing(attach(town)) as ledger:
        found = ledger.alerts(0) if arguments.all else ledger.open_alerts()
        _, held = ledger.outbox_since(SystemClock().now() - 86_400_000)
    for alert in sorted(found, key=lambda a: a.opened_at):
        opened = local(alert.opened_at, town.zone_info)
        print(
            f"{alert.id}  {opened}  {alert.state}  {alert.kind}  {alert.severity.name.lower()}  {alert.place}"
        )
    if not found:
        print("no alerts" if arguments.all else "no open alerts", file=sys.stderr)
    if held:
        said = f"{held} messages of the last 24 hours were held, and told in one message with others"
        print(said, file=sys.stderr)
    return OK


def _act_on_alert(arguments: argparse.Namespace, town: Town, kind: str, id: str) -> int:
    if kind == "cancel" and not arguments.cause:
        print("naruko: alerts --cancel ID --cause WHAT_IT_WAS", file=sys.stderr)
        return USAGE
    with contextlib.closing(attach(town)) as ledger:
        open_ids = [alert.id for alert in ledger.open_alerts()]
    if id not in open_ids:
        return unknown("open alert", id, open_ids)
    return write_act(arguments, kind, id, detail=arguments.cause if kind == "cancel" else "")


def _label(arguments: argparse.Namespace, town: Town, id: str, label: str) -> int:
    """Also of an alert that is closed."""
    from hub.statistics import LABELS  # noqa: PLC0415

    if label not in LABELS:
        return unknown("label", label, LABELS)
    with contextlib.closing(attach(town)) as ledger:
        known = ledger.alert(id)
    return write_act(arguments, "label", id, form={"label": label}) if known else unknown("alert", id, ())


def stop_sirens(arguments: argparse.Namespace) -> int:
    sirens = [device.id for device in town_of(arguments).sirens]
    if arguments.target not in ("all", *sirens):
        return unknown("siren", arguments.target, sirens)
    return write_act(arguments, "siren_stop", arguments.target)


def cancel_debris(arguments: argparse.Namespace) -> int:
    streams = {d.slope.stream for d in town_of(arguments).devices.values() if d.slope}
    if arguments.target not in streams:
        return unknown("stream", arguments.target, streams)
    return write_act(arguments, "debris_cancel", arguments.target, detail=arguments.cause)


def test_message(arguments: argparse.Namespace) -> int:
    if (arguments.what == "heard") != (arguments.person is not None):
        print("naruko: test-message heard PERSON, test-message send, or test-message list", file=sys.stderr)
        return USAGE
    town = town_of(arguments)
    if arguments.what == "send":
        return write_act(arguments, "test_send", "all")
    if arguments.what == "list":
        return _list_answers(town)
    if arguments.person not in town.people and not _has_enrolled(town, arguments.person):
        return unknown("person", arguments.person, town.people)
    return write_act(arguments, "test_heard", arguments.person)


def _has_enrolled(town: Town, person: str) -> bool:
    from hub.people.enrolment import PERSON_ID  # noqa: PLC0415

    if not PERSON_ID.fullmatch(person):
        return False
    with contextlib.closing(attach(town)) as ledger:
        return person in with_people(town, ledger).people


def _list_answers(town: Town) -> int:
    """Who was asked and has not answered, by person id."""
    from hub.report import local  # noqa: PLC0415
    from hub.state import SITE  # noqa: PLC0415

    with contextlib.closing(attach(town)) as ledger:
        last = rooms_of(ledger)["roll_call"].get(SITE)
    if last is None or not last.sent_at:
        print("no test message was sent yet")
        return OK
    print(f"sent {local(last.sent_at, town.zone_info)} to {len(last.asked)}, answered {len(last.heard)}")
    for person in last.missing:
        print(person)
    return OK
