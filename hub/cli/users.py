"""`naruko user`: who may use the console. `naruko acts`: who did what, when and from where."""

import argparse
import contextlib
import getpass
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from hub.cli.common import OK, USAGE, Adder, attach, rooms_of, town_of, typed, unknown
from hub.clock import SystemClock
from hub.console.users import ConsoleRole, name_fault, password_fault

if TYPE_CHECKING:
    from hub.ledger import Ledger

FAULTS = {
    "short": "at least 10 characters",
    "long": "at most 1,000 characters",
    "name": "not the user name",
    "common": "not one of the commonest",
}
DAY = 86_400_000


def add(command: Adder) -> None:
    """The commands of this file."""
    made = command("user", user, "who may log in to the console; add one, remove one, a password, a role")
    made.add_argument(
        "what", choices=("list", "add", "password", "role", "remove"), nargs="?", default="list"
    )
    made.add_argument("name", metavar="NAME", nargs="?", default="")
    made.add_argument("--role", choices=tuple(ConsoleRole), help="viewer, operator or admin")
    made.add_argument("--password-file", type=Path, metavar="FILE", help="its first line; else it is asked")
    made.add_argument("--who", default="", help="who does this")
    done = command("acts", acts, "what people did: who, when and from where")
    done.add_argument("--days", type=int, default=7, help="of so many days (7)")
    done.add_argument("--by", default="", metavar="WHO", help="only of this person or user")
    done.add_argument("--kind", default="", help="only of this kind: login, acknowledge, ...")


def user(arguments: argparse.Namespace) -> int:
    town = town_of(arguments)
    with contextlib.closing(attach(town)) as ledger:
        if arguments.what == "list":
            return _list(ledger, town.zone_info)
        if not _is_sound(arguments, _known(ledger)):
            return USAGE
        form = {"role": str(arguments.role)} if arguments.what in ("add", "role") else {}
        if arguments.what in ("add", "password"):
            password = _password(arguments.password_file, arguments.name)
            if not password:
                return USAGE
            from hub.console.passwords import hashed  # noqa: PLC0415

            form["password"] = hashed(password)
        who, name = typed(arguments.who or os.environ.get("USER", "")), arguments.name
        kind = f"user_{arguments.what}"
        ledger.add_act(SystemClock().now(), who=who, source="cli", kind=kind, target=name, form=form)
    print(f"user {name}: {arguments.what} as soon as the hub looks, within a second where it runs")
    if not (town.hub.web and town.hub.web.console):
        print("naruko: hub.yaml has no `web.console`: there is no page to log in to", file=sys.stderr)
    return OK


def _is_sound(arguments: argparse.Namespace, known: list[str]) -> bool:
    """False: it cannot be done, which has been said."""
    name = arguments.name
    if arguments.what != "add" and name not in known:
        unknown("user", name or "without a name", known)
        return False
    if arguments.what == "add" and (name_fault(name) or name in known):
        why = "is there already" if name in known else "small letters, digits and . _ -, at most 32"
        print(f"naruko: user {name}: {why}", file=sys.stderr)
        return False
    if arguments.what in ("add", "role") and arguments.role is None:
        print(f"naruko: user {arguments.what} NAME --role {'|'.join(ConsoleRole)}", file=sys.stderr)
        return False
    return True


def _known(ledger: "Ledger") -> list[str]:
    """Also who was added while the hub does not run."""
    names = set(rooms_of(ledger)["user"])
    for act in ledger.acts_after():
        if act.kind == "user_add":
            names.add(act.target)
        elif act.kind == "user_remove":
            names.discard(act.target)
    return sorted(names)


def _list(ledger: "Ledger", zone: object) -> int:
    rooms = rooms_of(ledger)
    for name, account in sorted(rooms["user"].items()):
        open_ = sum(session.user == name for session in rooms["session"].values())
        print(f"{name}  {account.role}  password of {_when(account.since, zone)}  logged in {open_} times")
    waiting = sum(act.kind.startswith("user_") for act in ledger.acts_after())
    more = f", {waiting} changes wait for the hub" if waiting else ""
    print(f"{len(rooms['user'])} users{more}", file=sys.stderr)
    return OK


def _password(file: Path | None, name: str) -> str | None:
    """From the file, or typed twice without echo. None: it will not do, which has been said."""
    if file is not None:
        password = file.read_text(encoding="utf-8").partition("\n")[0].rstrip("\r")
    else:
        password = getpass.getpass(f"password of {name}: ")
        if getpass.getpass("once more: ") != password:
            print("naruko: they differ", file=sys.stderr)
            return None
    if fault := password_fault(password, name):
        print(f"naruko: no password: {FAULTS[fault]}", file=sys.stderr)
        return None
    return password


def acts(arguments: argparse.Namespace) -> int:
    from hub.acts import HANDLERS  # noqa: PLC0415

    town, until = town_of(arguments), SystemClock().now() + DAY
    kinds = [arguments.kind] if arguments.kind else list(HANDLERS)
    with contextlib.closing(attach(town)) as ledger:
        found = ledger.acts_of(kinds, until - (max(arguments.days, 0) + 1) * DAY, until)
    for act in found:
        if arguments.by in ("", act.who, act.who.removeprefix("user:")):
            origin = f"{act.source} {act.form['from']}" if act.form.get("from") else act.source
            count = f"{act.form['count']} times" if act.kind == "login_failed" else act.detail
            shown = (_when(act.at, town.zone_info), act.who or "-", origin, act.kind, act.target, count)
            print("  ".join(part for part in shown if part))
    return OK


def _when(at: int, zone: object) -> str:
    from hub.report import local  # noqa: PLC0415

    return local(at - at % 1000, zone)  # type: ignore[arg-type]
