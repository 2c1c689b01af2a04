"""From the publish of an alarm to the mail in the hands of an SMTP server, and to the siren's command.

The loop is open: alarms are published at instants fixed beforehand, whatever the hub does, so that a slow
answer cannot thin out what is asked (coordinated omission). How late the publisher itself was is a figure.
"""

import contextlib
import re
import subprocess
import time
from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from bench.figures import LATENCIES, percentile
from bench.stage import PYTHON, ROOT, Figures, Stage, connected_hub, run, stage, wait_for
from firmware_sim.phones import Phones, Received

POSTS = 100
SAID_FIRST = re.compile(r"【(?:わな作動|イノシシ(?: 再来)?)】([TC]-\d+) ")
"""The title of the first mail about an alarm: what ends a visit has another."""


class Load(NamedTuple):
    """A steady load, `alarms` of its messages a second being alarms; s."""

    rate: float
    devices: int
    alarms: float
    seconds: float


LOADS = (Load(10, 1_000, 4, 80), Load(200, 1_000, 10, 140), Load(2_000, 10_000, 10, 140))
"""1,400 alarms: a percentile of 99.9 stands on one or two of them, at 10 messages/s on less than one."""

QUIET_S = 10.0
"""Before the first alarm: at 200 and 2,000 messages/s every device has been heard, and is no longer new."""

Instants = dict[str, list[float]]
"""By place, in order."""


def latency(loads: tuple[Load, ...] = LOADS) -> Figures:
    figures: Figures = {}
    for load in loads:
        figures |= _under(load)
    return figures


def _under(load: Load) -> Figures:
    mails: Instants = {}

    def note(received: Received) -> None:
        if found := SAID_FIRST.match(received.title):
            mails.setdefault(found[1], []).append(time.monotonic())

    with stage() as at, Phones(arrived=note) as phones:
        folder = at.town("latency", devices=load.devices, posts=POSTS, mail_port=phones.mail_port)
        with connected_hub(folder), ear(at, folder) as commands:
            time.sleep(1)
            options = {"rate": load.rate, "devices": load.devices, "alarms": load.alarms, "posts": POSTS}
            options |= {"seconds": QUIET_S + load.seconds, "quiet": QUIET_S}
            lines = run(at.load("steady", **options)).splitlines()
            published, late = _published(lines)
            wait_for(lambda: _count(mails) >= _count(published), 30)
        sirens = _commanded(commands)
    boars = {place: at for place, at in published.items() if place.startswith("C-")}
    name = f"{load.rate:.0f}"
    return (
        _named("smtp", name, _took(published, mails))
        | _named("siren", name, _took(boars, sirens))
        | {f"publisher_late_p99_ms_{name}": percentile(late, 0.99) * 1_000}
    )


@contextlib.contextmanager
def ear(at: Stage, folder: Path) -> Iterator[Path]:
    """Somebody listens to what the sirens are told; the file that it writes."""
    heard = folder / "commands.txt"
    with heard.open("wb") as out:
        command = [PYTHON, "-m", "bench.ear", "--port", str(at.broker.port)]
        child = subprocess.Popen(command, stdout=out, cwd=ROOT)
        try:
            wait_for(lambda: heard.stat().st_size > 0)
            yield heard
        finally:
            child.terminate()
            child.wait(30)


def _published(lines: list[str]) -> tuple[Instants, list[float]]:
    """When each alarm was published, and how late that was."""
    published: Instants = {}
    late = []
    for line in lines:
        place, due, at = line.split()
        published.setdefault(place, []).append(float(at))
        late.append(float(at) - float(due))
    return published, late


def _commanded(heard: Path) -> Instants:
    commanded: Instants = {}
    for line in heard.read_text().splitlines()[1:]:
        topic, at = line.split()
        number = int(topic.split("/")[2].removeprefix("siren-"))
        commanded.setdefault(f"C-{number}", []).append(float(at))
    return commanded


def _took(published: Instants, arrived: Instants) -> list[float]:
    """ms from each publish to the first arrival after it, before the next. RuntimeError: one is missing."""
    took = []
    for place, instants in published.items():
        came = arrived.get(place, [])
        for at, following in zip(instants, [*instants[1:], float("inf")], strict=True):
            first = bisect_right(came, at)
            if first == len(came) or came[first] > following:
                raise RuntimeError(f"nothing came of an alarm at {place}")
            took.append((came[first] - at) * 1_000)
    return took


def _count(instants: Instants) -> int:
    return sum(map(len, list(instants.values())))


def _named(what: str, load: str, took: list[float]) -> Figures:
    figures = {f"{what}_{name}_ms_{load}": percentile(took, share) for name, share in LATENCIES.items()}
    return figures | {f"{what}_{'mails' if what == 'smtp' else 'commands'}_{load}": float(len(took))}
