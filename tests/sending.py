"""Addresses on the phones of the tests, and messages for them."""

from msgspec.structs import replace

from firmware_sim.phones import Phones, Received
from hub import maps
from hub.config.shapes import Channel, Person
from hub.model import Notification
from hub.wording import render
from tests.chaos.lines import Lines
from tests.test_outbox import notification

LINK = maps.google_link(36.11512, 137.95432)
FIELDS = {
    "time": "21:07",
    "place": "上田神社の東",
    "species": "boar",
    "deterrent": "light",
    "lat": 36.11512,
    "lon": 137.95432,
}


def mail_to(address: str, phones: Phones | Lines, more: str = "") -> Channel:
    url = f"mailto://127.0.0.1:{phones.mail_port}?from=naruko@town.example&to={address}{more}"
    return Channel(kind="mail", url=url)


def ntfy_to(topic: str, phones: Phones | Lines, more: str = "&rto=10") -> Channel:
    return Channel(kind="ntfy", url=f"ntfy://127.0.0.1:{phones.http_port}/{topic}?{more}")


def owner(*channels: Channel, id: str = "tanaka", lang: str = "ja") -> Person:
    return Person(id=id, name="田中", lang=lang, roles=("farmer",), channels=channels)


def about(channel: int = 0, kind: str = "mail", recipient: str = "tanaka", **more: object) -> Notification:
    """A boar, in the words of the town, for one channel."""
    title, body = render("animal_detected", "ja", kind, FIELDS)
    base = notification(f"n-{recipient}-{channel}", recipient=recipient)
    texts = {"title": title, "body": body, "channel": channel, "channel_kind": kind}
    return replace(base, **(texts | more))


def only(phones: Phones) -> Received:
    assert phones.wait_until(lambda: bool(phones.inbox))
    (received,) = phones.inbox
    return received
