"""Traffic: messages as real devices send them, published over loopback by a process of its own.

An open loop: what is to be sent at which instant is fixed beforehand, and nobody waits for the hub.
"""

import argparse
import heapq
import json
import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from bench.town import KINDS, camera_id, device_id
from bench.wire import Mouth

SEED = 20_261_121
A_TRAP_IN = 4
"""One alarm of so many is a sprung trap, the others are boars before a camera."""
WRITE_AT_ONCE = 200


def stamp(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")


def message(i: int, seq: int, at: float) -> tuple[str, bytes]:
    """The routine report of device `i`: two quantities, some 90 bytes."""
    kind = KINDS[i % len(KINDS)]
    wobble = (i * 31 + seq * 17) % 20 / 1000
    measured = {
        "naruko-gauge": {"distance_m": round(3.4 + wobble, 3), "air_c": 18.2},
        "naruko-weather": {"air_c": round(18.2 + wobble, 2), "humidity_pct": 71},
    }.get(kind, {"battery_v": round(3.6 + wobble, 3), "air_c": 18.2})
    payload = {"v": 1, "seq": seq, "at": stamp(at), "m": measured}
    return f"naruko/bench/{device_id(i)}/up", json.dumps(payload, separators=(",", ":")).encode()


class Alarm(NamedTuple):
    """`place` is what the mail about it says: the trap's number, or where the camera stands."""

    place: str
    device: str
    happened: dict[str, object]

    def message(self, seq: int, at: float) -> tuple[str, bytes]:
        payload = {"v": 1, "seq": seq, "at": stamp(at), "e": [self.happened]}
        return f"naruko/bench/{self.device}/up", json.dumps(payload, separators=(",", ":")).encode()


def alarms(devices: int, posts: int) -> Iterator[Alarm]:
    """Each trap springs once; the cameras take turns for ever."""
    traps = iter([i for i in range(devices) if KINDS[i % len(KINDS)] == "naruko-trap"])
    number = 0
    while True:
        trap = next(traps, None) if number % A_TRAP_IN == 0 else None
        if trap is not None:
            yield Alarm(f"T-{trap}", device_id(trap), {"type": "trap", "state": "sprung"})
        else:
            i = number % posts
            boar = {"type": "animal", "species": "boar", "confidence": 0.9}
            yield Alarm(f"C-{i}", camera_id(i), boar)
        number += 1


def burst(port: int, count: int, devices: int) -> None:
    """`count` messages as fast as the broker takes them; device times spread over the last minute."""
    with Mouth(port, "bench-burst") as mouth:
        began = time.time()
        rounds = max(1, count // devices)
        for start in range(0, count, WRITE_AT_ONCE):
            numbers = range(start, min(start + WRITE_AT_ONCE, count))
            at = [began - 60 * (1 - n // devices / rounds) for n in numbers]
            mouth.publish([message(n % devices, n // devices, at[n - start]) for n in numbers])
        mouth.finish()


def instants(rate: float, seconds: float, chance: random.Random | None = None) -> Iterator[float]:
    """Seconds from the start: evenly, or with `chance` at random as independent senders do (Poisson)."""
    at = 0.0
    while rate and at < seconds:
        yield at
        at += chance.expovariate(rate) if chance else 1 / rate


class Plan(NamedTuple):
    """`rate` messages a second from so many devices and posts; `alarms` of them alarms, after `quiet` s."""

    rate: float
    seconds: float
    devices: int
    alarms: float
    posts: int
    quiet: float


def steady(port: int, plan: Plan) -> None:
    """What is planned, each message at its instant.

    Prints of each alarm its place, when it was to be published and when it was (CLOCK_MONOTONIC, s).
    """
    chance = random.Random(SEED)  # noqa: S311 (the same alarms in every run)
    routine = ((at, None) for at in instants(plan.rate - plan.alarms, plan.seconds))
    alarmed = (plan.quiet + at for at in instants(plan.alarms, plan.seconds - plan.quiet, chance))
    told = zip(alarmed, alarms(plan.devices, plan.posts), strict=False)
    said: list[str] = []
    with Mouth(port, "bench-steady") as mouth:
        began = time.monotonic()
        sent = 0
        for at, alarm in heapq.merge(routine, told, key=lambda due: due[0]):
            while (early := began + at - time.monotonic()) > 0:
                time.sleep(early)
            if alarm is None:
                mouth.publish([message(sent % plan.devices, sent // plan.devices, time.time())])
                sent += 1
            else:
                made = alarm.message(len(said), time.time())
                now = time.monotonic()
                mouth.publish([made])
                said.append(f"{alarm.place} {began + at:.6f} {now:.6f}")
        mouth.finish()
    print("\n".join(said))


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("what", choices=("burst", "steady"))
    options.add_argument("--port", type=int, required=True)
    options.add_argument("--count", type=int, default=60_000)
    options.add_argument("--devices", type=int, default=1_000)
    options.add_argument("--rate", type=float, default=200)
    options.add_argument("--seconds", type=float, default=30)
    options.add_argument("--alarms", type=float, default=0)
    options.add_argument("--posts", type=int, default=100)
    options.add_argument("--quiet", type=float, default=0)
    a = options.parse_args()
    if a.what == "burst":
        burst(a.port, a.count, a.devices)
    else:
        steady(a.port, Plan(a.rate, a.seconds, a.devices, a.alarms, a.posts, a.quiet))


if __name__ == "__main__":
    main()
