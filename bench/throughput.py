"""The same messages, waiting at the same broker: taken by the hub, a bare subscriber and a Node-RED flow."""

import json
import time
import urllib.parse
import urllib.request
from pathlib import Path

from bench.peers.node_red import flow
from bench.stage import PYTHON, Figures, Stage, connected_hub, introduce, pace, run, stage, stored, wait_for
from tests.servers import Server, influxd

MESSAGES = 60_000
FLOW_DATABASE = "nodered"
LOOK_EVERY_S = 0.02


class Points:
    """What one InfluxDB has taken. `taken` reads its own counter, `kept` asks for what is there."""

    def __init__(self, server: Server) -> None:
        self._url = server.url

    def taken(self) -> int:
        """Points of all databases since its start."""
        with urllib.request.urlopen(f"{self._url}/debug/vars") as answer:  # noqa: S310 (loopback)
            found = json.load(answer).get("write", {}).get("values", {})
        return int(found.get("pointReq", 0))

    def kept(self, database: str) -> int:
        """Messages: each of ours has an air temperature."""
        answer = self.ask('SELECT count("air_c") FROM /.*/', database)
        series = json.loads(answer)["results"][0].get("series", [])
        return sum(int(row[1]) for part in series for row in part["values"])

    def ask(self, query: str, database: str = "") -> bytes:
        body = urllib.parse.urlencode({"q": query, "db": database}).encode()
        with urllib.request.urlopen(f"{self._url}/query", body) as answer:  # noqa: S310 (loopback)
            return bytes(answer.read())


def throughput(messages: int = MESSAGES) -> Figures:
    """Messages/s from the connection to the last: of the hub when they are in its ledger on disk; of the
    flow, and of the hub with the same InfluxDB, when they are there; of the bare subscriber when it has seen
    them. `durable_to_…`: how many times its peer's, one straight after the other.
    """
    with stage() as at, influxd() as influx:
        points = Points(influx)
        flow_writes = f"{influx.url}/write?db={FLOW_DATABASE}"
        _introduce_flow(at, points, flow_writes)
        alone, forwarding = at.town("alone"), at.town("forwarding", influx=influx.url)
        introduce(alone)
        introduce(forwarding)
        bare = [PYTHON, "-m", "bench.peers.bare_paho", "--port", str(at.broker.port)]
        run([*bare, "--only-subscribe"])
        run(at.load("burst", count=messages))
        figures = _with_influx(forwarding, points, messages)
        rate, cpu = map(float, run([*bare, "--count", str(messages)]).split())
        figures |= {"bare_paho_msgs_per_s": rate, "bare_paho_cpu_us": cpu}
        with connected_hub(alone) as process:
            durable, cpu = pace(process, lambda: stored(alone), messages)
        figures |= {"durable_msgs_per_s": durable, "durable_cpu_us": cpu}
        figures |= _flow(at, points, flow_writes, messages)
        to_peers = {"bare_paho": durable / rate, "node_red": durable / figures["node_red_msgs_per_s"]}
        return figures | {f"durable_to_{peer}": ratio for peer, ratio in to_peers.items()}


def _introduce_flow(at: Stage, points: Points, writes: str) -> None:
    """Leaves its session at the broker: one message has gone all the way."""
    points.ask(f"CREATE DATABASE {FLOW_DATABASE}")
    with flow.running(at.broker.port, writes):
        had = points.taken()
        while points.taken() == had:
            run(at.load("burst", count=1))
            time.sleep(0.5)


def _flow(at: Stage, points: Points, writes: str, messages: int) -> Figures:
    had = points.taken()
    with flow.running(at.broker.port, writes) as process:
        rate, cpu = pace(process, lambda: points.taken() - had, messages)
    _expect_all(points, FLOW_DATABASE, messages)
    return {"node_red_msgs_per_s": rate, "node_red_cpu_us": cpu}


def _with_influx(folder: Path, points: Points, messages: int) -> Figures:
    """The hub with its forwarder at work: when they are in its ledger, and when they are in InfluxDB too."""
    had = points.taken()
    with connected_hub(folder) as process:
        began = time.perf_counter()
        durable, _ = pace(process, lambda: stored(folder), messages)
        wait_for(lambda: points.taken() >= had + messages, every=LOOK_EVERY_S)
        forwarded = messages / (time.perf_counter() - began)
    _expect_all(points, folder.name, messages)
    return {"durable_with_influx_msgs_per_s": durable, "influx_msgs_per_s": forwarded}


def _expect_all(points: Points, database: str, messages: int) -> None:
    kept = points.kept(database)
    if kept < messages:
        raise RuntimeError(f"{database} holds {kept} of {messages} messages")
