"""A town in which people enrol and leave, for the tests of both."""

from dataclasses import replace
from pathlib import Path

from pydantic import SecretStr

from hub.config.policy import TrapPolicy
from hub.config.shapes import Person
from hub.config.town import Town
from tests.timeline import Timeline
from tests.towns import camera, person, square, town, trap

MAIL = SecretStr("mailto://127.0.0.1:2525/?from=naruko@example.jp&to={address}")
NTFY = SecretStr("ntfy://127.0.0.1:2586/{address}")
EMI = "e-abcdefghij"
FORM = {"id": EMI, "name": "薄井えみ", "lang": "ja", "mail": "usui.emi@example.jp"}


def place(*others: Person, channels: dict[str, SecretStr] | None = None) -> Town:
    """A paddy with a camera, a trap, a farmer and a hunter of the config, and a mail server."""
    found = town(
        devices=[camera("cam", heartbeat="900d"), trap("box", heartbeat="900d")],
        zones=[square("paddy", "paddy"), square("far", "paddy", north=5000), square("hunt", "hunting")],
        people=[
            person("ops", "operator"),
            person("farmer", "farmer", zones=("paddy",)),
            person("hunter", "hunter"),
            *others,
        ],
        trap=TrapPolicy(patrol_by=None),
    )
    channels = {"mail": MAIL, "ntfy": NTFY} if channels is None else channels
    return replace(found, hub=found.hub.model_copy(update={"channels": channels}))


def invited(t: Timeline, roles: str = "farmer", zones: str = "paddy", **form: str) -> Timeline:
    """The office makes the invitation `inv`."""
    return t.does("invite", "inv", "bosai", roles=roles, zones=zones, **form)


def enrols(t: Timeline, **form: str) -> Timeline:
    """薄井えみ accepts it, or somebody with another id."""
    filled = FORM | form
    return t.does("enrol", "inv", filled["id"], **filled)


def file_bytes(ledger: Path) -> bytes:
    """Of the ledger and of the log beside it."""
    return ledger.read_bytes() + Path(f"{ledger}-wal").read_bytes()
