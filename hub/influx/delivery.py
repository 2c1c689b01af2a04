"""One batch into a target: in order, halved where it is refused, in pieces where the server is slow."""

from hub.influx.target import BadLinesError, Target, UnavailableError

FEWEST_LINES = 50
"""In a request to a server that is too slow for more."""
MORE = 1.25
"""By so much the next request is larger, after one that such a server has answered in time."""
SUSPECT = 20
"""So many lines refused, and none taken: it may be the server that is wrong, and not the lines."""
PATIENCE = 10
"""Attempts at a batch of which the server takes nothing, over some 5 minutes. Then its lines are let go."""


class Batch:
    """Lines under way. `left` holds them in parts, the next one last; `refused` (line, reason)."""

    def __init__(self, lines: list[str]) -> None:
        self.left = [lines] if lines else []
        self.refused: list[tuple[str, str]] = []
        self.taken = False
        """The server has had something of it, or has shown that it takes what is good."""
        self.doubted = 0
        self._lines = lines

    def again(self) -> None:
        """From the beginning, as nothing of it was taken."""
        self.left, self.refused = [self._lines], []

    def __len__(self) -> int:
        return sum(map(len, self.left))


class Delivery:
    """Writes batches to one target. Blocks: `write` belongs in a thread, one at a time."""

    def __init__(self, target: Target, most: int) -> None:
        self.target = target
        self.stopping = False
        self._limit = most
        self._most = float(most)
        """Lines in one request: fewer after the server was too slow for them."""
        self._good = ""
        """The line that was taken last."""

    def write(self, batch: Batch) -> None:
        """Works off `batch.left`. UnavailableError: not now; what was taken meanwhile is not sent again."""
        while batch.left:
            if self.stopping:
                raise UnavailableError("stopping")
            part = self._next(batch)
            try:
                self.target.write(part)
            except BadLinesError as error:
                self._refused(batch, part, str(error))
            except UnavailableError as error:
                if error.slow:
                    self._most = max(len(part) / 2, min(FEWEST_LINES, self._most))
                raise
            else:
                del batch.left[-1]
                batch.taken = True
                self._good = part[-1]
                self._most = min(self._most * MORE, self._limit)

    def _next(self, batch: Batch) -> list[str]:
        most = round(self._most)
        part = batch.left[-1]
        if len(part) > most:
            batch.left[-1:] = [part[most:], part[:most]]
        return batch.left[-1]

    def _refused(self, batch: Batch, part: list[str], reason: str) -> None:
        """Halves the part; a bad line that stands alone is left behind, unless the server is in doubt."""
        del batch.left[-1]
        if len(part) > 1:
            middle = len(part) // 2
            batch.left += [part[middle:], part[:middle]]
            return
        batch.refused.append((part[0], reason))
        if batch.taken or batch.doubted >= PATIENCE:
            return
        if self._good:
            batch.taken = self._takes(self._good)
        if not batch.taken and (self._good or not batch.left or len(batch.refused) >= SUSPECT):
            batch.doubted += 1
            batch.again()
            raise UnavailableError(f"it refuses every line: {reason}")

    def _takes(self, line: str) -> bool:
        """Whether the server still takes what it took before: the same point, which overwrites itself."""
        try:
            self.target.write([line])
        except BadLinesError:
            return False
        return True
