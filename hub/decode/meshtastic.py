"""Meshtastic JSON: `msh/<region>/2/json/<channel>/<gateway's node id>`; the node that speaks is in `from`."""

from datetime import tzinfo
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from devices.frame import Frame, Measure, Signal
from hub.decode.payload import must_name, number, parse, plain
from hub.decode.times import parse_time
from hub.decode.unit import Envelope

TELEMETRY = {
    "battery_level": "battery_pct",
    "voltage": "battery_v",
    "temperature": "air_c",
    "relative_humidity": "humidity_pct",
    "barometric_pressure": "pressure_hpa",
}

MAINS = 100
"""A battery level above this says that the node runs from the mains."""


Word = Annotated[int, Meta(ge=-(2**31), le=2**32 - 1)]
"""32 bits; old firmware prints them signed."""


class Packet(Struct):
    from_: Word = msgspec.field(name="from")
    id: Word | None = None
    sender: str = ""
    timestamp: float = 0
    type: str = ""
    payload: Any = None
    rssi: float | None = None


_PACKET = msgspec.json.Decoder(Packet)


def read(payload: bytes, zone: tzinfo, gateway: str) -> Envelope:
    """One packet reaches us through every gateway that heard it: node and packet id tell that it is one.

    `timestamp` is when the gateway heard it, 0 where the gateway has no clock. `gateway` is the topic's; the
    payload calls it `sender`.
    """
    packet = parse(_PACKET, payload)
    must_name(gateway, packet.sender)
    node = packet.from_ & 0xFFFFFFFF
    name = f"!{node:08x}"
    content = packet.payload if isinstance(packet.payload, dict) else {}
    taken = content.get("time") if packet.type == "position" else None
    sender = plain(packet.sender)
    return Envelope(
        at=parse_time(taken or packet.timestamp or None, zone),
        identity=f"{name}/{packet.id}" if packet.id is not None else "",
        gateway=sender if sender != name else "",
        rssi_dbm=packet.rssi,
        frame=_frame(packet.type, content),
        addresses=(name, str(node)),
    )


def _frame(kind: str, content: dict[str, Any]) -> Frame:
    """Text that people type is not read as an event."""
    if kind == "telemetry":
        return Frame(tuple(_telemetry(content)))
    if kind == "detection":
        # The module writes "<name> detected", and where it repeats its state "<name> state: 0" or "1".
        idle = str(content.get("text", "")).rstrip().endswith("state: 0")
        return Frame(signals=(Signal("detection", "off" if idle else "on"),))
    if kind == "position":
        return Frame(tuple(_position(content)))
    return Frame()


def _telemetry(content: dict[str, Any]) -> list[Measure]:
    """The firmware prints what it does not have as 0: no zero here is a measurement."""
    measures = []
    for name, quantity in TELEMETRY.items():
        value = number(content.get(name))
        if value and not (quantity == "battery_pct" and value > MAINS):
            measures.append(Measure(quantity, value))
    return measures


def _position(content: dict[str, Any]) -> list[Measure]:
    """Integers of 1e-7 degree; both zero, or none, without a fix."""
    lat, lon = number(content.get("latitude_i")), number(content.get("longitude_i"))
    if not lat and not lon:
        return [Measure("lat_deg", None, why="no fix"), Measure("lon_deg", None, why="no fix")]
    return [
        Measure(quantity, None if value is None else value / 1e7, why="" if value is not None else "missing")
        for quantity, value in (("lat_deg", lat), ("lon_deg", lon))
    ]
