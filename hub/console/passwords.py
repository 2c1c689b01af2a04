"""Passwords are hashed in one thread of their own, one at a time, and give way to everything else."""

import asyncio
import os
import threading
import unicodedata
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

MEMORY_KIB, PASSES, LANES = 19_456, 2, 1
"""19 MiB and 30 ms on a PC, some 0.2 s on a Raspberry Pi 4."""
NOBODY = "$argon2id$v=19$m=19456,t=2,p=1$ETXrCM0LErefLzilB1ZmqQ$10on+sTMJjoJD3SdBKKSVM5le28Pno5azlx25Xay1Oo"
"""Compared with where there is no such user, so that it takes the same time."""
NICE = 10

_hasher = PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES, type=Type.ID)


def hashed(password: str) -> str:
    """With a salt of its own. What looks the same typed on another keyboard is the same."""
    return _hasher.hash(unicodedata.normalize("NFKC", password))


def matches(stored: str, password: str) -> bool:
    """Whether it is the password; as slow where it is not."""
    try:
        return _hasher.verify(stored, unicodedata.normalize("NFKC", password))
    except (VerificationError, InvalidHashError):
        return False


class Passwords:
    """Off the event loop. A flood of logins waits in a line, and no alert waits behind it."""

    def __init__(self) -> None:
        self._line = ThreadPoolExecutor(1, "naruko.passwords", initializer=_give_way)

    async def hashed(self, password: str) -> str:
        return await asyncio.get_running_loop().run_in_executor(self._line, hashed, password)

    async def matches(self, stored: str | None, password: str) -> bool:
        """None: there is no such user, which takes as long as a wrong password."""
        loop = asyncio.get_running_loop()
        right = await loop.run_in_executor(self._line, matches, stored or NOBODY, password)
        return right and stored is not None


def _give_way() -> None:
    """A thread is a process to Linux: this one alone becomes nice."""
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
