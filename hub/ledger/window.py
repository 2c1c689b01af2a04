"""The fingerprints of the messages that came last, in memory: a repeat is known without touching the disk."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

AS_STORED = np.dtype("<i8")

WINDOW = 500_000
"""Messages by which a repeat is known: a week of 50 a minute, in 4 MB. What is older is still caught by the
key of its readings and the id of its events."""
FRESH = 8_192


class Window:
    """From `size` / 2 to 1.5 `size` fingerprints, the last: a small set, and blocks of doubling length."""

    def __init__(self, size: int = WINDOW) -> None:
        self.size = size
        self._fresh: set[int] = set()
        self._blocks: list[NDArray[np.int64]] = []

    def known(self, fingerprints: Sequence[int]) -> set[int]:
        """Those of `fingerprints` that are within the window."""
        found = self._fresh.intersection(fingerprints)
        if self._blocks and fingerprints:
            wanted = np.fromiter(fingerprints, np.int64, len(fingerprints))
            for block in self._blocks:
                at = np.searchsorted(block, wanted)
                at[at == block.size] = 0
                found.update(wanted[block[at] == wanted].tolist())
        return found

    def add(self, fingerprints: Iterable[int]) -> bytes | None:
        """Remembers them as the newest. Where that filled a block: its bytes, for `of` at the next start."""
        self._fresh.update(fingerprints)
        if len(self._fresh) < FRESH:
            return None
        block = np.fromiter(self._fresh, np.int64, len(self._fresh))
        self._fresh = set()
        self._push(np.sort(block))
        return block.astype(AS_STORED).tobytes()

    def _push(self, block: NDArray[np.int64]) -> None:
        while self._blocks and self._blocks[-1].size <= block.size and 2 * block.size <= self.size:
            block = np.sort(np.concatenate((self._blocks.pop(), block)), kind="stable")
        self._blocks.append(block)
        while len(self._blocks) > 1 and sum(b.size for b in self._blocks[1:]) >= self.size // 2:
            del self._blocks[0]

    @classmethod
    def of(cls, blocks: Iterable[bytes], size: int = WINDOW) -> "Window":
        """The window as it stood, from the blocks that `add` gave, the oldest first."""
        window = cls(size)
        for block in blocks:
            window._push(np.sort(np.frombuffer(block, AS_STORED).astype(np.int64)))
        return window
