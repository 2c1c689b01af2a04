"""`naruko link`: a link to the office's list or to the round of the traps, for one person."""

import argparse
import contextlib
import sys

from hub.cli.common import CONFIG, OK, USAGE, Adder, attach, town_of, unknown, with_people
from hub.clock import SystemClock

A_MINUTE, A_DAY = 60_000, 86_400_000
MOST_DAYS = 366


def add(command: Adder) -> None:
    """The command of this file."""
    link = command("link", make, "make a link: the office's list of open alerts, the round of the traps")
    link.add_argument("what", choices=("office", "patrol"))
    link.add_argument("person", metavar="PERSON")
    link.add_argument("--days", type=int, default=7, help="for so long it opens the page (7)")


def make(arguments: argparse.Namespace) -> int:
    """Prints the link, and until when whoever holds it can use it."""
    from hub.app import links_of  # noqa: PLC0415
    from hub.links import Purpose  # noqa: PLC0415
    from hub.report import local  # noqa: PLC0415
    from hub.web.office import MAY  # noqa: PLC0415

    config = town_of(arguments)
    with contextlib.closing(attach(config)) as ledger:
        town, links = with_people(config, ledger), links_of(config, ledger)
    person = town.people.get(arguments.person)
    if person is None:
        return unknown("person", arguments.person, town.people)
    if not 1 <= arguments.days <= MOST_DAYS:
        print(f"naruko: --days is 1 to {MOST_DAYS}", file=sys.stderr)
        return USAGE
    if arguments.what == "office" and not MAY.intersection(person.roles):
        print(f"naruko: {person.id} is neither official nor operator", file=sys.stderr)
        return USAGE
    owners = {device.trap.owner for device in town.devices.values() if device.trap}
    if arguments.what == "patrol" and person.id not in owners:
        return unknown("owner of a trap", person.id, owners)
    if links is None:
        print("naruko: no pages: hub.yaml has no `web` or no `site.hub_url`", file=sys.stderr)
        return CONFIG
    until = SystemClock().now() // A_MINUTE * A_MINUTE + arguments.days * A_DAY
    purpose = Purpose.OFFICE if arguments.what == "office" else Purpose.PATROL
    print(links.of(purpose, person.id, until))
    print(
        f"until {local(until, town.zone_info)}, for {person.name}: whoever holds it can act", file=sys.stderr
    )
    return OK
