"""ChirpStack v4: `application/<id>/device/<DevEUI>/event/<event>`, JSON without what is zero or empty."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from devices.frame import Frame, Measure
from hub.decode.payload import QuarantineError, must_name, parse, plain
from hub.decode.times import parse_time
from hub.decode.unit import Envelope, Unit

SIGNS_OF_LIFE = ("join", "ack")


class Heard(Struct):
    gatewayId: str = ""  # noqa: N815
    rssi: float | None = None


class DeviceInfo(Struct, rename="camel", frozen=True):
    dev_eui: str = ""


class Up(Struct, rename="camel"):
    device_info: DeviceInfo = DeviceInfo()
    deduplication_id: str = ""
    time: str | None = None
    f_cnt: Annotated[int, Meta(ge=0, le=2**32 - 1)] | None = None
    f_port: int | None = None
    data: bytes | None = None
    object: Any = None
    rx_info: list[Heard] | None = None


class Status(Struct, rename="camel"):
    device_info: DeviceInfo = DeviceInfo()
    deduplication_id: str = ""
    time: str | None = None
    battery_level: float | None = None
    battery_level_unavailable: bool = False
    external_power_source: bool = False


class Log(Struct):
    level: str = ""
    code: str = ""
    description: str = ""


_UP = msgspec.json.Decoder(Up)
_STATUS = msgspec.json.Decoder(Status)
_LOG = msgspec.json.Decoder(Log)


def read(event: str, payload: bytes, unit: Unit, eui: str) -> Envelope:
    """`time` is when the network heard the device: there is no other clock in an uplink.

    `eui` is the topic's.
    """
    if event == "up" or event in SIGNS_OF_LIFE:
        up = parse(_UP, payload)
        must_name(eui, up.device_info.dev_eui)
        return _up(up, unit)
    if event == "status":
        status = parse(_STATUS, payload)
        must_name(eui, status.device_info.dev_eui)
        return _status(status, unit)
    if event == "log":
        log = parse(_LOG, payload)
        raise QuarantineError(
            f"ChirpStack {plain(log.level)} {plain(log.code)}: {plain(log.description, 200)}"
        )
    raise QuarantineError(f"ChirpStack event {plain(event)!r} is no word of the device")


def _up(up: Up, unit: Unit) -> Envelope:
    best = max(
        up.rx_info or (), key=lambda heard: heard.rssi if heard.rssi is not None else -999, default=Heard()
    )
    return Envelope(
        at=parse_time(up.time, unit.zone),
        identity=plain(up.deduplication_id),
        seq=up.f_cnt,
        gateway=plain(best.gatewayId),
        rssi_dbm=best.rssi,
        fport=up.f_port,
        data=up.data or b"",
        document=up.object,
    )


def _status(status: Status, unit: Unit) -> Envelope:
    """Battery in percent comes here, not in `up`."""
    measures: tuple[Measure, ...] = ()
    if (
        status.battery_level is not None
        and not status.battery_level_unavailable
        and not status.external_power_source
    ):
        measures = (Measure("battery_pct", status.battery_level),)
    return Envelope(
        at=parse_time(status.time, unit.zone),
        identity=plain(status.deduplication_id),
        frame=Frame(measures),
    )
