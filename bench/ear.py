"""The sirens' side, a process of its own: prints topic and instant (CLOCK_MONOTONIC, s) of each command."""

import argparse
import time

from bench.wire import Ear


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--port", type=int, required=True)
    a = options.parse_args()
    with Ear(a.port, "bench-ear", "naruko/bench/+/cmd") as ear:
        print("listening", flush=True)
        for topic, _ in ear.heard():
            print(topic, f"{time.monotonic():.6f}", flush=True)


if __name__ == "__main__":
    main()
