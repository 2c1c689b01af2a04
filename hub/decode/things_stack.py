"""The Things Stack v3: `v3/<application>[@<tenant>]/devices/<device id>/<event>`."""

from datetime import tzinfo
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from hub.decode.payload import QuarantineError, must_name, parse, plain
from hub.decode.times import parse_time
from hub.decode.unit import Envelope

SIGNS_OF_LIFE = ("join", "down/ack")


class DeviceIds(Struct, frozen=True):
    device_id: str = ""
    dev_eui: str = ""


class GatewayIds(Struct, frozen=True):
    gateway_id: str = ""
    eui: str = ""


class Heard(Struct):
    gateway_ids: GatewayIds = GatewayIds()
    rssi: float | None = None


class UplinkMessage(Struct):
    session_key_id: str = ""
    f_port: int | None = None
    f_cnt: Annotated[int, Meta(ge=0, le=2**32 - 1)] = 0
    frm_payload: bytes | None = None
    decoded_payload: Any = None
    rx_metadata: list[Heard] | None = None
    received_at: str | None = None


class Up(Struct):
    end_device_ids: DeviceIds = DeviceIds()
    correlation_ids: list[str] | None = None
    received_at: str | None = None
    simulated: bool = False
    uplink_message: UplinkMessage | None = None


_UP = msgspec.json.Decoder(Up)


def read(event: str, payload: bytes, zone: tzinfo, device: str) -> Envelope:
    """The time is that at which the network server had the uplink: there is no other clock in it.

    `device`: the topic's. The payload's DevEUI counts where the config knows that one alone.
    """
    if event != "up" and event not in SIGNS_OF_LIFE:
        raise QuarantineError(f"The Things Stack event {plain(event)!r} is no word of the device")
    up = parse(_UP, payload)
    if up.simulated:
        raise QuarantineError("simulated in the console of The Things Stack: no word of the device")
    ids = up.end_device_ids
    must_name(device, ids.device_id)
    addresses = tuple(plain(name) for name in (ids.device_id, ids.dev_eui) if name)
    message = up.uplink_message
    if message is None:
        return Envelope(at=parse_time(up.received_at, zone), identity=_packet(up), addresses=addresses)
    best = max(
        message.rx_metadata or (),
        key=lambda heard: heard.rssi if heard.rssi is not None else -999,
        default=Heard(),
    )
    return Envelope(
        at=parse_time(message.received_at or up.received_at, zone),
        identity=_packet(up),
        seq=message.f_cnt,
        gateway=plain(best.gateway_ids.gateway_id or best.gateway_ids.eui),
        rssi_dbm=best.rssi,
        fport=message.f_port,
        data=message.frm_payload or b"",
        document=message.decoded_payload,
        addresses=addresses,
    )


def _packet(up: Up) -> str:
    """What this uplink alone has. A frame counter starts again at 0 where a device has no join (ABP), so it
    counts together with the time at which the server received it."""
    for prefix in ("as:up:", "ns:uplink:", "gs:uplink:"):
        for correlation in up.correlation_ids or ():
            if correlation.startswith(prefix):
                return plain(correlation)
    message = up.uplink_message
    if message is None or not message.session_key_id:
        return ""
    return f"{plain(message.session_key_id)}/{message.f_cnt}@{plain(message.received_at or '')}"
