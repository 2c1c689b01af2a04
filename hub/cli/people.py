"""`naruko people`: who is told, who has not answered a test, who may enrol; invite and remove."""

import argparse
import contextlib
import os
import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from hub.cli.common import CONFIG, OK, USAGE, Adder, attach, rooms_of, town_of, typed, unknown
from hub.clock import SystemClock
from hub.config.shapes import Role

if TYPE_CHECKING:
    from hub.config.shapes import Person
    from hub.config.town import Town
    from hub.ledger import Ledger
    from hub.people.enrolment import Invitation
    from hub.people.roll import Said

SIGNS = "abcdefghijklmnopqrstuvwxyz234567"
MOST_DAYS, MOST_USES = 366, 1_000


def add(command: Adder) -> None:
    """The command of this file."""
    made = command("people", people, "who is told, and who has not answered; invite somebody; remove one")
    made.add_argument("what", choices=("list", "invite", "withdraw", "remove"), nargs="?", default="list")
    made.add_argument(
        "id", metavar="ID", nargs="?", help="with remove: a person; with withdraw: an invitation"
    )
    made.add_argument("--missing", action="store_true", help="list only who has not said that it rang")
    made.add_argument(
        "--role", action="append", default=[], metavar="ROLE", help="invite: farmer, hunter, ..."
    )
    made.add_argument("--zones", default="", metavar="ZONE,ZONE", help="invite: fields, home, hunting ground")
    made.add_argument("--name", default="", help="invite: of the one person it is for")
    made.add_argument("--lang", choices=("ja", "ja-easy", "en", "pt", "zh", "vi"), default="")
    made.add_argument("--days", type=int, default=14, help="invite: for so long it can be used (14)")
    made.add_argument("--uses", type=int, default=1, help="invite: by so many people (1)")
    made.add_argument("--html", type=Path, metavar="FILE", help="invite: a sheet of A5 to print")
    made.add_argument("--who", default="", help="who does this")


def people(arguments: argparse.Namespace) -> int:
    town = town_of(arguments)
    with contextlib.closing(attach(town)) as ledger:
        if arguments.what == "invite":
            return _invite(arguments, town, ledger)
        if arguments.what == "list":
            return _list(arguments, town, ledger)
        return _end(arguments, town, ledger)


# --- who is there -----------------------------------------------------------------------------------


def _list(arguments: argparse.Namespace, town: "Town", ledger: "Ledger") -> int:
    """First who has not answered. Names and kinds of channel; never an address."""
    from hub.people.roll import NOTHING, roll  # noqa: PLC0415
    from hub.state import SITE  # noqa: PLC0415

    rooms = rooms_of(ledger)
    called = rooms["roll_call"].get(SITE)
    unheard = frozenset(called.missing if called else ())
    rolled = roll(town, rooms["person"], rooms["said"])
    present = rolled.people
    said = {id: rooms["said"].get(id, NOTHING) for id in present}

    def rank(id: str) -> int:
        return 0 if not said[id].heard_at else 1 if id in unheard else 2

    listed = sorted(present, key=rank)
    if arguments.missing:
        listed = [id for id in listed if rank(id) < 2]
    for id in listed:
        origin = "enrolled" if id in rooms["person"] and id not in town.people else "file"
        print("  ".join(_row(town, present[id], said[id], origin, unheard=id in unheard)))
    for warning in rolled.warnings[len(town.warnings) :]:
        print(warning, file=sys.stderr)
    print(f"{len(present)} people, {sum(rank(id) < 2 for id in present)} have not answered", file=sys.stderr)
    if not arguments.missing:
        for id, invitation in sorted(rooms["invitation"].items()):
            print(f"invitation {id}: {_about(town, invitation)}", file=sys.stderr)
    return OK


def _row(town: "Town", person: "Person", said: "Said", origin: str, *, unheard: bool) -> list[str]:
    rang = f"it rang {_when(said.heard_at, town)}" if said.heard_at else "has never answered"
    if said.heard_at and unheard:
        rang = f"has not answered the last test; {rang}"
    return [
        person.id,
        person.name,
        origin,
        ",".join(channel.kind for channel in person.channels),
        ",".join(person.roles),
        ",".join(person.zones) or "every place",
        person.lang,
        rang,
    ]


def _about(town: "Town", invitation: "Invitation") -> str:
    where = ",".join(invitation.zones) or "every place"
    until = _when(invitation.until, town)
    return (
        f"{','.join(invitation.roles)}  {where}  used {invitation.used} of {invitation.uses}  until {until}"
    )


# --- who may come, and who goes ---------------------------------------------------------------------


def _invite(arguments: argparse.Namespace, town: "Town", ledger: "Ledger") -> int:
    from hub.app import links_of  # noqa: PLC0415
    from hub.links import Purpose  # noqa: PLC0415
    from hub.people.enrolment import DAY  # noqa: PLC0415

    zones = arguments.zones.replace(",", " ").split()
    for kind, names, known in (("role", arguments.role, list(Role)), ("zone", zones, town.zones)):
        if strange := [name for name in names if name not in known]:
            return unknown(kind, strange[0], known)
    if not arguments.role or not 1 <= arguments.days <= MOST_DAYS or not 1 <= arguments.uses <= MOST_USES:
        print(
            f"naruko: people invite --role ROLE, for 1 to {MOST_DAYS} --days and 1 to {MOST_USES} --uses",
            file=sys.stderr,
        )
        return USAGE
    if arguments.name and arguments.uses > 1:
        print("naruko: an invitation with a name is for one person", file=sys.stderr)
        return USAGE
    links = links_of(town, ledger)
    if links is None:
        print("naruko: no pages: hub.yaml has no `web` or no `site.hub_url`", file=sys.stderr)
        return CONFIG
    if not town.hub.channels:
        print("naruko: no channels: hub.yaml has no URL under `channels`", file=sys.stderr)
        return CONFIG
    now, id = SystemClock().now(), _random_id()
    form = {
        "roles": " ".join(arguments.role),
        "zones": " ".join(zones),
        "days": str(arguments.days),
        "uses": str(arguments.uses),
        "name": typed(arguments.name),
        "lang": arguments.lang,
    }
    ledger.add_act(now, who=_who(arguments), source="cli", kind="invite", target=id, form=form)
    url = links.of(Purpose.JOIN, id, now + arguments.days * DAY)
    _show(arguments, town, url, now + arguments.days * DAY)
    print(f"invitation {id}; take it back with: naruko people withdraw {id}", file=sys.stderr)
    return OK


def _show(arguments: argparse.Namespace, town: "Town", url: str, until: int) -> None:
    """The link, the same as a QR code, and where that is asked for as a sheet of paper."""
    import segno  # noqa: PLC0415

    print(url)
    segno.make_qr(url, error="m").terminal(compact=True)
    if arguments.html:
        from hub.web.sheet import sheet  # noqa: PLC0415

        arguments.html.write_text(sheet(town, url, until), encoding="utf-8")
        print(f"{arguments.html}: open it in a browser and print it on A5", file=sys.stderr)


def _end(arguments: argparse.Namespace, town: "Town", ledger: "Ledger") -> int:
    from hub.people.roll import roll  # noqa: PLC0415

    rooms = rooms_of(ledger)
    if arguments.what == "withdraw":
        kind, known, act, form = "invitation", list(rooms["invitation"]), "invite", {"uses": "0"}
    else:
        known = list(roll(town, rooms["person"], rooms["said"]).people)
        kind, act, form = "person", "leave_town", {}
    if arguments.id not in known:
        return unknown(kind, arguments.id or "without an ID", known)
    now = SystemClock().now()
    ledger.add_act(now, who=_who(arguments), source="cli", kind=act, target=arguments.id, form=form)
    print(f"{kind} {arguments.id}: gone as soon as the hub looks, within a second where it runs")
    if arguments.id in town.people and act == "leave_town":
        print(f"take the line of {arguments.id} out of people.csv or people.yaml too", file=sys.stderr)
    return OK


def _when(at: int, town: "Town") -> str:
    from hub.report import local  # noqa: PLC0415

    return local(at - at % 1000, town.zone_info)


def _who(arguments: argparse.Namespace) -> str:
    return typed(arguments.who or os.environ.get("USER", ""))


def _random_id() -> str:
    return "".join(secrets.choice(SIGNS) for _ in range(8))
