"""Traffic: messages as real devices send them, published over loopback by a process of its own."""

import argparse
import json
import sys
import threading
import time
from datetime import UTC, datetime

import paho.mqtt.client as paho

from bench.town import KINDS, device_id

WINDOW = 1_000


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


class Publisher:
    """A QoS 1 publisher with a window of messages under way."""

    def __init__(self, port: int) -> None:
        self.window = threading.Semaphore(WINDOW)
        self.client = paho.Client(paho.CallbackAPIVersion.VERSION2)
        self.client.max_inflight_messages_set(WINDOW)
        self.client.on_publish = lambda *_: self.window.release()
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()

    def publish(self, topic: str, payload: bytes) -> None:
        self.window.acquire()
        self.client.publish(topic, payload, qos=1)

    def close(self) -> None:
        """Returns when the broker has acknowledged everything."""
        for _ in range(WINDOW):
            self.window.acquire()
        self.client.loop_stop()
        self.client.disconnect()


def burst(port: int, count: int, devices: int) -> None:
    """`count` messages as fast as the broker takes them; device times spread over the last minute."""
    publisher = Publisher(port)
    began = time.time()
    rounds = max(1, count // devices)
    for n in range(count):
        seq = n // devices
        topic, payload = message(n % devices, seq, began - 60 * (1 - seq / rounds))
        publisher.publish(topic, payload)
    publisher.close()


def steady(port: int, rate: float, seconds: float, devices: int, alarms_per_s: float) -> None:
    """`rate` messages a second, among them `alarms_per_s` sprung traps; prints `trap at` for each of those.

    Each trap springs once: their number bounds the alarms.
    """
    publisher = Publisher(port)
    traps = [i for i in range(devices) if KINDS[i % len(KINDS)] == "naruko-trap"]
    began = time.monotonic()
    sent = alarms = 0
    while (elapsed := time.monotonic() - began) < seconds:
        while sent < elapsed * rate:
            topic, payload = message(sent % devices, sent // devices, time.time())
            publisher.publish(topic, payload)
            sent += 1
        if alarms < min(elapsed * alarms_per_s, len(traps)):
            trap = device_id(traps[alarms])
            event = {
                "v": 1,
                "seq": 1_000_000,
                "at": stamp(time.time()),
                "e": [{"type": "trap", "state": "sprung"}],
            }
            print(f"T-{traps[alarms]} {time.time()}", flush=True)
            publisher.publish(f"naruko/bench/{trap}/up", json.dumps(event).encode())
            alarms += 1
        time.sleep(0.0005)
    publisher.close()


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("what", choices=("burst", "steady"))
    options.add_argument("--port", type=int, required=True)
    options.add_argument("--count", type=int, default=60_000)
    options.add_argument("--devices", type=int, default=1_000)
    options.add_argument("--rate", type=float, default=200)
    options.add_argument("--seconds", type=float, default=30)
    options.add_argument("--alarms", type=float, default=5)
    a = options.parse_args()
    if a.what == "burst":
        burst(a.port, a.count, a.devices)
    else:
        steady(a.port, a.rate, a.seconds, a.devices, a.alarms)
    sys.stdout.flush()


if __name__ == "__main__":
    main()
