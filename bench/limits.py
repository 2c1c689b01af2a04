"""What a figure is held against: a limit of its own, a peer of the same run, or a straight line."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from bench.console import PAGES
from bench.figures import exponent
from bench.footprint import DEVICES, ZONES
from bench.retention import READINGS

AT_MOST = {
    "smtp_p50_ms_200": 50.0,
    "smtp_p99_ms_200": 250.0,
    "siren_p99_ms_200": 30.0,
    "rss_mb_1000_devices": 120.0,
    "ready_s_1000_devices": 3.0,
    "idle_cpu_pct_1000_devices": 2.0,
    **{f"first_view_kb_{page}": 300.0 for page in PAGES},
    **{f"first_view_ms_{page}": 200.0 for page in PAGES},
}
"""A first view may take a second of a Raspberry Pi, which we take to be five times slower."""

AT_LEAST = {"durable_to_bare_paho": 0.6, "durable_to_node_red": 1.0}
"""Medians of what each round gave, so that a machine which is slower for a minute is so for both."""

LINEAR = 1.1
"""A curve is no steeper than linear: what is above 1 is the noise of two measurements."""
CURVES = {
    "rss_mb_devices": {n: f"rss_mb_{n}_devices" for n in DEVICES},
    "ready_s_devices": {n: f"ready_s_{n}_devices" for n in DEVICES},
    "idle_cpu_pct_devices": {n: f"idle_cpu_pct_{n}_devices" for n in DEVICES},
    "geofence_us": {n: f"geofence_us_{n}" for n in ZONES},
    "rss_mb_zones": {n: f"rss_mb_{n}_zones" for n in ZONES},
    "ready_s_zones": {n: f"ready_s_{n}_zones" for n in ZONES},
    "insert_us_readings": {n: f"insert_us_{n}_readings" for n in READINGS},
    "open_s_readings": {n: f"open_s_{n}_readings" for n in READINGS},
    "ready_s_readings": {n: f"ready_s_{n}_readings" for n in READINGS},
}
"""Name -> size -> figure. The exponent of a curve is `<name>_exponent`."""


class Share(NamedTuple):
    """`figure` is at most so many times its peer."""

    figure: str
    peer: str
    most: float


SHARES = (Share("geofence_us_10000", "geofence_us_1", most=4.0),)

Results = Mapping[str, float]


def exponents(results: Results) -> dict[str, float]:
    """Of every curve that was measured."""
    return {
        f"{name}_exponent": exponent({size: results[figure] for size, figure in curve.items()})
        for name, curve in CURVES.items()
        if all(figure in results for figure in curve.values())
    }


def limits(name: str, results: Results) -> Iterator[tuple[str, bool]]:
    """(what is asked of a figure, whether it is so); for a peer with how it stands to it."""
    if name in AT_MOST:
        yield f"at most {AT_MOST[name]:g}", results[name] <= AT_MOST[name]
    if name in AT_LEAST:
        yield f"at least {AT_LEAST[name]:g}", results[name] >= AT_LEAST[name]
    if name.endswith("_exponent"):
        yield f"at most {LINEAR:g}", results[name] <= LINEAR
    for share in SHARES:
        if share.figure == name and share.peer in results:
            ratio = results[name] / results[share.peer]
            yield f"{ratio:.2f} times {share.peer}, at most {share.most:g}", ratio <= share.most


def missed(results: Results) -> list[str]:
    return [
        f"{name}: {results[name]:,.2f} ({asked})"
        for name in results
        for asked, kept in limits(name, results)
        if not kept
    ]
