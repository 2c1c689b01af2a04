"""The peer: a bare paho subscriber, QoS 1, persistent session. Prints messages/s of what was waiting."""

import argparse
import threading
import time

import paho.mqtt.client as paho

CLIENT = "bench-bare"


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--port", type=int, required=True)
    options.add_argument("--count", type=int, required=True)
    options.add_argument("--only-subscribe", action="store_true", help="leave the session at the broker")
    a = options.parse_args()
    done = threading.Event()
    first = [0.0]
    seen = [0]

    def on_message(*_: object) -> None:
        if not seen[0]:
            first[0] = time.perf_counter()
        seen[0] += 1
        if seen[0] == a.count:
            done.set()

    client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=CLIENT, clean_session=False)
    client.on_message = on_message
    client.on_subscribe = lambda *_: done.set() if a.only_subscribe else None
    client.connect("127.0.0.1", a.port)
    if a.only_subscribe:
        client.subscribe("naruko/#", qos=1)
    client.loop_start()
    if not done.wait(120):
        raise SystemExit(f"only {seen[0]} of {a.count} messages came")
    if not a.only_subscribe:
        print((a.count - 1) / (time.perf_counter() - first[0]))
    client.loop_stop()
    client.disconnect()


if __name__ == "__main__":
    main()
