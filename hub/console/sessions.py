"""A browser that is logged in: how long that holds, and how many there may be. Pure.

The browser holds a random token. The ledger holds its hash, the key in the room `session`: who reads a
backup cannot go on in another's name.
"""

import hmac
from collections.abc import Mapping
from hashlib import sha256

from msgspec import Struct
from msgspec.structs import replace

from devices.frame import Millis
from hub.clock import is_sane

HOUR: Millis = 3_600_000
IDLE: Millis = 12 * HOUR
LONGEST: Millis = 7 * 24 * HOUR
RENEW: Millis = 10 * 60_000
"""No sooner is it written down again that a session is in use."""
MOST = 20
"""Of one user; the one not used for longest ends first."""
TOKEN_BYTES = 32
LONGEST_TOKEN = 100


class ConsoleSession(Struct, frozen=True):
    user: str
    since: Millis
    seen: Millis
    """To RENEW."""
    address: str = ""
    """From where its user logged in."""


def key_of(token: str) -> str:
    """What the ledger knows of a token."""
    return sha256(token.encode()).hexdigest()


def csrf_of(secret: str) -> str:
    """What a form must bring back: only who has the session's token, or this hub, can make it."""
    return hmac.digest(secret.encode(), b"naruko form", sha256).hex()


def is_over(session: ConsoleSession, now: Millis) -> bool:
    """Idle or old. While the clock has not been set nothing ends."""
    return is_sane(now) and (now - session.seen >= IDLE or now - session.since >= LONGEST)


def renewed(session: ConsoleSession, now: Millis) -> ConsoleSession:
    """As it is to be remembered after a request; the same object where that would change next to nothing."""
    return replace(session, seen=now) if now - session.seen >= RENEW else session


def ended_by(sessions: Mapping[str, ConsoleSession], user: str, now: Millis) -> list[str]:
    """Keys of what ends when this user logs in once more: what is over, and what is too much."""
    over = [key for key, one in sessions.items() if is_over(one, now)]
    own = sorted((one.seen, key) for key, one in sessions.items() if one.user == user and key not in over)
    return over + [key for _, key in own[: max(0, len(own) - MOST + 1)]]
