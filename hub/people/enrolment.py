"""Invitations, and what somebody fills in who accepts one. Pure."""

import re
import unicodedata
from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType

from msgspec import Struct

from devices.frame import Millis
from hub.people.browsers import read_subscription

DAY: Millis = 86_400_000
LANGS = ("ja", "ja-easy", "en", "pt", "zh", "vi")
TYPED = ("mail", "ntfy", "line", "sms")
KINDS = ("push", *TYPED)
"""Channels by which one can enrol, in the order of the page; all but a browser have an address."""
LONGEST_NAME = 20
NAME_SIGNS = re.compile(r"[\w .,'’・ー－\-()（）]+")
"""No quotes or tags: a name stands in messages, in JSON and in a list at the town hall."""
MAIL = re.compile(r"[A-Za-z0-9._+\-]{1,64}@([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,24}")
"""Two dots in a row and one before the @ are in use at Japanese carriers."""
MOBILE = re.compile(r"0[5-9]0\d{8}|\+\d{8,15}")
LINE_USER = re.compile(r"U[0-9a-f]{32}")
TOPIC = re.compile(r"naruko-[a-z2-7]{16}")
"""80 random bits: whoever knows the name of a topic can read it."""
PERSON_ID = re.compile(r"e-[a-z2-7]{10}")


class Invitation(Struct, frozen=True, omit_defaults=True):
    """Whoever has its link may enrol with these roles and zones: so many people, until its end."""

    until: Millis
    roles: tuple[str, ...]
    zones: tuple[str, ...] = ()
    uses: int = 1
    used: int = 0
    name: str = ""
    """Of the one person it is for; empty once that person has enrolled."""
    lang: str = ""
    """Empty: as the phone prefers."""


class Address(Struct, frozen=True):
    """One channel of one person. `kind` as in the config."""

    kind: str
    address: str


class Filled(Struct, frozen=True):
    """The form of an enrolment, tidied: full-width signs made narrow, hyphens out of numbers.

    `faults`: name of the field -> `missing`, `wrong` or `long`. Empty: it may be taken.
    """

    id: str
    name: str
    lang: str
    addresses: tuple[Address, ...]
    browser: str
    """Its subscription, or empty."""
    faults: dict[str, str]

    def as_form(self) -> dict[str, str]:
        """The fields of the act `enrol`."""
        form = {"id": self.id, "name": self.name, "lang": self.lang}
        form |= {address.kind: address.address for address in self.addresses}
        return form | ({"push": self.browser} if self.browser else {})


def state_of(invitation: Invitation | None, now: Millis) -> str:
    """`open`; else why nobody can enrol by it any more: `over`, `used`, or `gone` where there is none."""
    if invitation is None:
        return "gone"
    if now >= invitation.until:
        return "over"
    return "used" if invitation.used >= invitation.uses else "open"


def read_form(form: Mapping[str, str], kinds: Collection[str], services: Collection[str] = ()) -> Filled:
    """What was filled in, with everything that is wrong with it. `kinds`: what the town has channels for;
    `services`: the push services that browsers may name.

    Fields: `id` and `topic`, made by the page; `name`, `lang`, `yes`; `mail`, `sms`, `line` an address each,
    `ntfy` ticked or not; `push` what the browser gave to the page.
    """
    faults: dict[str, str] = {}
    name = _plain(form.get("name", ""))
    if not name:
        faults["name"] = "missing"
    elif len(name) > LONGEST_NAME:
        faults["name"] = "long"
    elif not NAME_SIGNS.fullmatch(name):
        faults["name"] = "wrong"
    given = {kind: form.get(kind, "") for kind in TYPED if kind in kinds}
    if given.get("ntfy"):
        given["ntfy"] = form.get("topic", "")
    addresses = []
    for kind, text in given.items():
        if not text.strip():
            continue
        address = _TIDY[kind](_plain(text))
        if not _FORMS[kind].fullmatch(address):
            faults[kind] = "wrong"
        addresses.append(Address(kind, address))
    subscription = form.get("push", "") if "push" in kinds else ""
    browser = read_subscription(subscription, services)
    if subscription and not browser:
        faults["push"] = "wrong"
    elif not addresses and not browser:
        faults["channel"] = "missing"
    if not form.get("yes"):
        faults["yes"] = "missing"
    if not PERSON_ID.fullmatch(form.get("id", "")):
        faults["id"] = "wrong"
    lang = form.get("lang", "")
    return Filled(
        form.get("id", ""), name, lang if lang in LANGS else "ja", tuple(addresses), browser, faults
    )


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text[:400]).split())


def _mail(text: str) -> str:
    local, at, host = text.replace(" ", "").rpartition("@")
    return f"{local}{at}{host.lower()}"


def _number(text: str) -> str:
    return re.sub(r"[\s()\-‐‑–—―−ー]", "", text)


_FORMS: Mapping[str, re.Pattern[str]] = MappingProxyType(
    {"mail": MAIL, "sms": MOBILE, "line": LINE_USER, "ntfy": TOPIC}
)
_TIDY: Mapping[str, Callable[[str], str]] = MappingProxyType(
    {"mail": _mail, "sms": _number, "line": str, "ntfy": str}
)
