"""Decentlab protocol 2: a header, then one block of 16-bit words a sensor group. Big-endian."""

import struct
from collections.abc import Callable, Sequence
from typing import NamedTuple

from devices.decoders.layout import by_model, check_port
from devices.frame import BadFrameError, Frame, Measure

PORT = 1
VERSION = 2
HEADER = 5
"""Version, uint16 device id, uint16 flags: bit n is set where group n follows."""

M_WATER_PER_BAR = 1e5 / (1000 * 9.80665)
"""10.197 m: the column of fresh water (1000 kg/m3) that weighs one bar."""

Words = Sequence[int]
Measures = tuple[Measure, ...]


def _ctd10(words: Words) -> Measures:
    """Depth mm + 32768, temperature 0.1 degC + 32768, conductivity, freezing flag."""
    depth = (
        Measure("depth_m", None, why="frozen") if words[3] else Measure("depth_m", (words[0] - 32768) / 1000)
    )
    return (
        depth,
        Measure("water_c", (words[1] - 32768) / 10),
        Measure("conductivity_us_cm", float(words[2])),
    )


def _lid(words: Words) -> Measures:
    """One burst of laser distances in mm: average, minimum, maximum, median, ...; word 9 is their number."""
    return (_distance(words[3], samples=words[9]),)


def _mbx(words: Words) -> Measures:
    return (_distance(words[0], samples=words[1]),)


def _distance(mm: int, *, samples: int) -> Measure:
    if not samples:
        return Measure("distance_m", None, why="no valid sample")
    return Measure("distance_m", mm / 1000)


def _pr26(words: Words) -> Measures:
    """The model with range 0..1 bar. A little below zero is its drift in air, no fault."""
    bar = (words[0] - 16384) / 32768
    return (
        Measure("pressure_bar", bar),
        Measure("depth_m", bar * M_WATER_PER_BAR),
        Measure("water_c", (words[1] - 384) * 0.003125 - 50),
    )


def _tbrg(words: Words) -> Measures:
    """Tips of 0.1 mm in the interval, the interval in s, tips in all (low word first)."""
    return (
        Measure("rain_mm", words[0] / 10),
        Measure("rain_interval_s", float(words[1])),
        Measure("rain_total_mm", (words[2] + (words[3] << 16)) / 10),
    )


class Layout(NamedTuple):
    """The first sensor group; the second is always one word of battery mV."""

    words: int
    read: Callable[[Words], Measures]


MODELS = {
    "dl-ctd10": Layout(4, _ctd10),
    "dl-lid": Layout(11, _lid),
    "dl-mbx": Layout(2, _mbx),
    "dl-pr26": Layout(2, _pr26),
    "dl-tbrg": Layout(4, _tbrg),
}


def decode(model: str, fport: int | None, data: bytes) -> Frame:
    """Raises BadFrameError for another port, version, group or length than the model's."""
    layout = by_model(MODELS, model)
    check_port(fport, PORT)
    if len(data) < HEADER:
        raise BadFrameError(f"{len(data)} bytes, expected a header of {HEADER}")
    version, _, flags = struct.unpack_from(">BHH", data)
    if version != VERSION:
        raise BadFrameError(f"protocol version {version}, expected {VERSION}")
    if flags & ~0b11:
        raise BadFrameError(f"flags {flags:#06x} name a sensor group that {model} does not have")
    expected = HEADER + 2 * ((flags & 1) * layout.words + (flags >> 1 & 1))
    if len(data) != expected:
        raise BadFrameError(f"{len(data)} bytes, expected {expected} for flags {flags:#06x}")
    words = struct.unpack_from(f">{(len(data) - HEADER) // 2}H", data, HEADER)
    measures = layout.read(words) if flags & 1 else ()
    if flags & 2:
        measures += (Measure("battery_v", words[-1] / 1000),)
    return Frame(measures)
