"""The hub with a wall clock that a test sets: `python -m tests.chaos.clocked_hub run -c FOLDER`.

`NARUKO_WALL` names a file with how many ms the wall clock is off. All but the wall clock is the hub's own.
"""

import os
import sys
from pathlib import Path

from devices.frame import Millis
from hub import __main__, app
from hub.clock import SystemClock

WALL_ENV = "NARUKO_WALL"


class Wall:
    """The test's hand on the clock. `off` in ms."""

    def __init__(self, file: Path, off: Millis = 0) -> None:
        self.file = file
        self.set_off(off)

    def set_off(self, off: Millis) -> None:
        written = self.file.with_suffix(".new")
        written.write_text(str(off))
        written.replace(self.file)

    @property
    def env(self) -> dict[str, str]:
        return {WALL_ENV: str(self.file)}


def main() -> int:
    file, real = Path(os.environ[WALL_ENV]), SystemClock().now

    def wall() -> Millis:
        return real() + int(file.read_text())

    setattr(app, "SystemClock", lambda: SystemClock(wall))  # noqa: B010 (mypy: a class is no lambda)
    return __main__.main()


if __name__ == "__main__":
    sys.exit(main())
