"""The peer: a bare paho subscriber, QoS 1, persistent session. Prints messages/s, and CPU us a message."""

import argparse
import threading
import time

import paho.mqtt.client as paho

CLIENT = "bench-bare"


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--port", type=int, required=True)
    options.add_argument("--count", type=int, default=60_000)
    options.add_argument("--only-subscribe", action="store_true", help="leave the session at the broker")
    a = options.parse_args()
    done = threading.Event()
    seen = [0]

    def on_message(*_: object) -> None:
        seen[0] += 1
        if seen[0] == a.count:
            done.set()

    client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=CLIENT, clean_session=False)
    client.on_message = on_message
    client.on_subscribe = lambda *_: done.set() if a.only_subscribe else None
    client.connect("127.0.0.1", a.port)
    began = time.perf_counter(), time.process_time()
    if a.only_subscribe:
        client.subscribe("naruko/#", qos=1)
    client.loop_start()
    if not done.wait(120):
        raise SystemExit(f"only {seen[0]} of {a.count} messages came")
    if not a.only_subscribe:
        took, used = time.perf_counter() - began[0], time.process_time() - began[1]
        print(a.count / took, used / a.count * 1e6)
    client.loop_stop()
    client.disconnect()


if __name__ == "__main__":
    main()
