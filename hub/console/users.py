"""Who may use the console: users, their roles, and what a name and a password must be. Pure."""

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum

from msgspec import Struct

from devices.frame import Millis

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}")
SHORTEST, LONGEST = 10, 1_000
"""Signs of a password."""
MOST_USERS = 200
COMMONEST = frozenset((
    "1234567890", "0123456789", "0987654321", "9876543210", "1111111111", "0000000000", "12345678910",
    "123456789a", "a123456789", "1q2w3e4r5t", "1qaz2wsx3edc", "qwertyuiop", "asdfghjkl;", "zxcvbnm,./",
    "qwerty1234", "qwerty12345", "abcdefghij", "abcd123456", "abc1234567", "password12", "password123",
    "password1234", "passw0rd123", "p@ssw0rd123", "administrator", "administrator1", "admin12345",
    "adminadmin", "iloveyou12", "letmein123", "welcome123", "changeme123", "raspberrypi", "raspberry1",
    "narukonaruko", "naruko1234", "inoshishi1", "yamanashi1", "kouhounaruko", "bosaibosai", "bosai12345",
    "yakuba1234", "yakubayakuba", "sakura1234", "sakurasakura", "doraemon12", "pokemon1234", "nintendo12",
    "japan12345",
))  # fmt: skip
"""Of ten signs and more, from lists of stolen passwords, and what one would try here first."""
LONGEST_IDENTITY = 64
SIGNED = "user:"
"""With it begins the name of who does something at the console, in what is written down of it."""


class ConsoleRole(StrEnum):
    """What a user may do: look; act on alerts and devices; change users and settings too."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"


class User(Struct, frozen=True):
    """Who is at the page now."""

    name: str
    role: ConsoleRole


class Account(Struct, frozen=True):
    """A user with a password, in the room `user` by name."""

    password: str
    """As argon2 writes it: the way it was made, salt and hash."""
    role: ConsoleRole
    since: Millis
    """When the password was set."""


def may(role: ConsoleRole, needed: ConsoleRole) -> bool:
    """Whether this role is the needed one or above it."""
    order = list(ConsoleRole)
    return order.index(role) >= order.index(needed)


def name_fault(name: str) -> str:
    """Empty where a user can be called so."""
    return "" if NAME.fullmatch(name) else "name"


def password_fault(password: str, name: str) -> str:
    """Why it is no password: `short`, `long`, `name`, `common`; empty where it is one."""
    bare = password.casefold()
    if len(password) < SHORTEST:
        return "short"
    if len(password) > LONGEST:
        return "long"
    if bare == name.casefold():
        return "name"
    return "common" if bare in COMMONEST or len(set(bare)) == 1 else ""


def others_administer(accounts: Mapping[str, Account], name: str) -> bool:
    """Whether there is an admin but this one."""
    return any(one.role is ConsoleRole.ADMIN for other, one in accounts.items() if other != name)


def is_identity(text: str) -> bool:
    """Whether a proxy's header can be the name of somebody: short, and nothing but visible ASCII signs."""
    return 0 < len(text) <= LONGEST_IDENTITY and all("!" <= sign <= "~" for sign in text)


def role_of(groups: Iterable[str], roles: Mapping[str, ConsoleRole]) -> ConsoleRole:
    """The highest that one of the groups has; without any the lowest there is."""
    found = {roles[group] for group in groups if group in roles}
    return max(found, key=list(ConsoleRole).index, default=ConsoleRole.VIEWER)
