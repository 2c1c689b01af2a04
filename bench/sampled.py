"""`naruko run` which is asked every millisecond what it is doing: `python -m bench.sampled run -c FOLDER`.

Writes `samples.json` into the folder when it ends: how often it was at each step of the path. A signal is
served between two instructions of the interpreter: what a library does in C counts for who has called it.
"""

import json
import signal
import sys
from collections import Counter
from pathlib import Path
from types import FrameType

from hub.__main__ import main

EVERY_S = 0.001
START, WAITING, LOOP, OTHER = "start", "waiting", "loop", "other"

CALLS = (
    ("acknowledge", "hub/ingest.py", ("acknowledge",)),
    ("commit", "hub/ledger/writes.py", ("commit", "commit_off_loop")),
    ("insert", "hub/ledger/writes.py", ("insert",)),
    ("known", "hub/ledger/", ("known",)),
)
"""(step, file, functions): whatever these call is theirs."""
ROOMS = (
    ("decode", ("hub/decode/", "devices/")),
    (
        "health",
        (
            "hub/detect/health.py",
            "hub/detect/silent_devices.py",
            "hub/detect/babbling.py",
            "hub/detect/battery.py",
        ),
    ),
    ("quality", ("hub/quality/",)),
    ("detect", ("hub/detect/", "hub/alerts/", "hub/telling/", "hub/deterrent.py", "hub/geofence.py")),
    ("path", ("hub/pipeline.py", "hub/state.py", "hub/model/", "hub/app.py", "hub/rounds.py")),
    ("network", ("hub/ingest.py", "hub/readahead.py", "/paho/", "/aiomqtt/")),
    ("upkeep", ("hub/ledger/",)),
    (LOOP, ("/asyncio/", "/selectors.py")),
)
"""(step, files): whoever of these is the innermost of the stack."""
STEPS = (*(step for step, *_ in CALLS), *(step for step, _ in ROOMS), OTHER)

samples: Counter[str] = Counter()


def step_of(stack: list[tuple[str, str]]) -> str:
    """The step at which a thread is; `stack` of (file, function), the innermost first."""
    for step, file, functions in CALLS:
        if any(file in where and name in functions for where, name in stack):
            return step
    for where, name in stack:
        if name == "select":
            return WAITING
        for step, files in ROOMS:
            if any(file in where for file in files):
                return step
    return OTHER


def look(_: int, frame: FrameType | None) -> None:
    stack = calls(frame)
    step = step_of(stack) if any(name == "_run_once" for _, name in stack) else START
    if step == WAITING and any(
        step_of(calls(thread)) == "commit" for thread in sys._current_frames().values()
    ):
        step = "commit"
    samples[step] += 1


def calls(frame: FrameType | None) -> list[tuple[str, str]]:
    found = []
    while frame:
        found.append((frame.f_code.co_filename, frame.f_code.co_name))
        frame = frame.f_back
    return found


if __name__ == "__main__":
    signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, EVERY_S, EVERY_S)
    try:
        code = main()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        folder = Path(sys.argv[sys.argv.index("-c") + 1])
        (folder / "samples.json").write_text(json.dumps(samples))
    sys.exit(code)
