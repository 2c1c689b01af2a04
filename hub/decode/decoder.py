"""The way of a message from its topic to an `Uplink`."""

from collections.abc import Callable
from hashlib import blake2b
from typing import Any

from msgspec import Struct

from devices.frame import BadFrameError, Frame, Millis
from hub.config.town import Town
from hub.decode import chirpstack, frigate, meshtastic, native, things_stack
from hub.decode.mapping import Mapping
from hub.decode.payload import LIMIT, QuarantineError, must_name, parse_any, plain
from hub.decode.unit import Envelope, Unit
from hub.model import Message, Uplink

ROUTES = 8192
"""Topics remembered; a town has a few for each device."""

PRESENCE = frozenset({"availability", "available", "status", "lwt"})
"""Last segment of a topic on which a device's presence is told."""

BRIDGES = frozenset({"zigbee2mqtt", "tele", "stat"})
"""First segment of a topic that is Zigbee2MQTT's or Tasmota's and no part of the device's name."""


NATIVE = "naruko"
"""The `decoder` of profiles that speak on our own topics."""
NAMES = ("device", "device_id", "deviceId", "dev_eui", "devEui", "sensor_id", "id")
"""Keys by which JSON of any origin names its device. Of another device of the town it is not taken."""
ZIGBEE_NAMES = ("friendlyName", "ieeeAddr")


class Route(Struct, frozen=True):
    """Who speaks on a topic, and how it is read.

    `unit` is None where only the payload names the device. `up` is set for our own readings, the hot path.
    """

    spoken: str
    unit: Unit | None
    read: Callable[[bytes], Envelope]
    up: Unit | None = None


def fingerprint(message: Message, uplink: Uplink | None) -> int:
    """63 bits by which a repeat is known, stable across restarts: of device and identity, else of the bytes.

    Without an identity two equal messages have one fingerprint although both may be meant: there only the
    broker's `dup` says that the second is a repeat.
    """
    if uplink is not None and uplink.identity:
        digest = blake2b(f"{uplink.device}\0{uplink.identity}".encode(), digest_size=8)
    else:
        digest = blake2b(message.topic.encode("utf-8", "replace") + b"\0" + message.payload, digest_size=8)
    return int.from_bytes(digest.digest(), "big") >> 1


class Decoder:
    """Decodes the messages of one town. Pure but for its memory of topics; a reload makes a new one."""

    def __init__(self, town: Town) -> None:
        self._site = town.site.id
        self._zone = town.zone_info
        mappings = {model: Mapping(profile) for model, profile in town.profiles.items()}
        self._units = {
            device.id: Unit(device, town.profile(device), mappings[device.profile], self._zone)
            for device in town.devices.values()
        }
        self._by_address = {name: self._units[device.id] for name, device in town.by_address.items()}
        # A device of ours without an address speaks on its own topics alone: a bridge cannot speak for it.
        self._bridged = {
            name: unit
            for name, unit in self._by_address.items()
            if unit.device.address or unit.profile.decoder != NATIVE
        }
        self._routes: dict[str, Route] = {}

    def decode(self, message: Message) -> Uplink:
        """What one device says. Raises QuarantineError, and nothing else, for whatever a broker may carry."""
        payload = message.payload
        if len(payload) > LIMIT:
            raise QuarantineError(f"oversized: {len(payload)} bytes, at most {LIMIT}")
        route = self._routes.get(message.topic) or self._route(message.topic)
        if route.up is not None:
            return native.read_up(payload, route.up)
        envelope = route.read(payload)
        return self._uplink(self._speaker(route, envelope), envelope, payload)

    def is_shared(self, topic: str) -> bool:
        """Whether several devices speak on this topic, so that only the payload tells them apart."""
        try:
            return (self._routes.get(topic) or self._route(topic)).unit is None
        except QuarantineError:
            return False

    def is_strange(self, topic: str) -> bool:
        """Whether nobody of this town speaks on this topic, whatever the payload."""
        try:
            self._routes.get(topic) or self._route(topic)
        except QuarantineError:
            return True
        return False

    def steps(self, message: Message) -> list[str]:
        """What each step found in this message, in words, ending with the reason where it is put aside."""
        told = [f"topic: {plain(message.topic, 200)}", f"payload: {len(message.payload)} bytes"]
        try:
            self._explain(message, told)
        except QuarantineError as reason:
            told.append(f"quarantined: {reason}")
        return told

    def _explain(self, message: Message, told: list[str]) -> None:
        if len(message.payload) <= LIMIT:
            route = self._route(message.topic)
            told.append(f"spoken: {route.spoken}")
            envelope = route.read(message.payload)
            unit = self._speaker(route, envelope)
            told.append(
                f"device: {unit.id} ({unit.device.name}), profile {unit.profile.model} "
                f"({unit.profile.kind}), decoder {unit.profile.decoder}"
            )
            if raw := envelope.data:
                told.append(f"frame: fPort {envelope.fport}, {len(raw)} bytes {raw[:64].hex()}")
        told += _in_words(self.decode(message))
        if route.up is not None:
            told += (f"left out: {reason}" for reason in native.left_out(message.payload))

    # --- topic -> route ---------------------------------------------------------------------------

    def _route(self, topic: str) -> Route:
        parts = topic.split("/")
        match parts:
            case ["naruko", site, device, last]:
                route = self._native(site, device, last)
            case ["naruko", *_]:
                raise QuarantineError("topic is not naruko/<site>/<device>/up, status or done")
            case ["application", _, "device", eui, "event", event]:
                unit = self._unit(eui)
                spoken = f"ChirpStack {plain(event)}"
                route = Route(spoken, unit, lambda b: chirpstack.read(event, b, unit, eui))
            case ["v3", _, "devices", device, *rest] if rest:
                event = "/".join(rest)
                route = Route(
                    f"The Things Stack {plain(event)}",
                    self._bridged.get(device.lower()),
                    lambda b: things_stack.read(event, b, self._zone, device),
                )
            case ["msh", *_, "json", _, gateway]:
                route = Route("Meshtastic", None, lambda b: meshtastic.read(b, self._zone, gateway))
            case ["msh", *_, "e" | "c", _, _]:
                raise QuarantineError(
                    "Meshtastic packet in protobuf: switch on JSON output in the gateway node"
                )
            case ["frigate", "events"]:
                route = Route("Frigate events", None, lambda b: frigate.read(b, self._zone))
            case _:
                route = self._plain(parts)
        if len(self._routes) >= ROUTES:
            self._routes.clear()
        self._routes[topic] = route
        return route

    def _native(self, site: str, device: str, last: str) -> Route:
        if site != self._site:
            raise QuarantineError(f"topic of site {plain(site)!r}, this hub is {self._site!r}")
        unit = self._units.get(device) or self._by_address.get(device.lower())
        if unit is None:
            raise _unknown(device)
        match last:
            case "up":
                return Route("naruko up", unit, lambda _: Envelope(), up=unit)
            case "status":
                return Route("naruko status", unit, lambda b: native.read_status(b, unit))
            case "done":
                return Route("naruko done", unit, lambda b: native.read_done(b, unit))
        raise QuarantineError(f"topic ends in {plain(last)!r}, expected up, status or done")

    def _plain(self, parts: list[str]) -> Route:
        """Zigbee2MQTT, Tasmota, ESPHome and others: the longest part of the topic that is a device's address.

        What follows it names a part of the device: its presence, or a field of its profile.
        """
        skip = 1 if parts[0] in BRIDGES and len(parts) > 1 else 0
        unit, rest = self._longest(parts, 0) or self._longest(parts, skip) or (None, [])
        if unit is None:
            raise _unknown(parts[1] if skip else "/".join(parts))
        mapped = unit.mapping.fields or unit.mapping.signs
        if parts[-1].lower() in PRESENCE and (rest or not mapped):
            return Route("presence", unit, lambda b: native.read_status(b, unit))
        # SENSOR, STATE and RESULT of Tasmota are documents, not fields of one.
        part = "" if parts[0] in ("tele", "stat") else "/".join(rest)
        spoken = f"plain topic, part {plain(part)!r}" if part else "plain topic"
        name = "/".join(parts[: len(parts) - len(rest)])
        return Route(spoken, unit, lambda b: _document(b, part, unit, name))

    def _longest(self, parts: list[str], start: int) -> tuple[Unit, list[str]] | None:
        for end in range(len(parts), start, -1):
            if unit := self._bridged.get("/".join(parts[start:end]).lower()):
                return unit, parts[end:]
        return None

    def _speaker(self, route: Route, envelope: Envelope) -> Unit:
        """The topic's device. The payload's, where the topic names none; never another than the topic's."""
        if route.unit is None:
            return self._unit(*envelope.addresses)
        for name in envelope.addresses:
            if self._by_address.get(name.lower(), route.unit) is not route.unit:
                must_name(route.unit.id, name)
        return route.unit

    def _unit(self, *names: str) -> Unit:
        for name in names:
            if unit := self._bridged.get(name.lower()):
                return unit
        raise _unknown(names[0] if names else "")

    # --- envelope -> uplink -----------------------------------------------------------------------

    def _uplink(self, unit: Unit, envelope: Envelope, payload: bytes) -> Uplink:
        frame = _frame(unit, envelope)
        at = envelope.at if frame.at is None else frame.at
        identity = envelope.identity
        if not identity and at is not None:
            identity = f"{at}#{blake2b(payload, digest_size=8).hexdigest()}"
        gateway = self._by_address.get(envelope.gateway.lower())
        return Uplink(
            unit.id,
            at,
            identity,
            frame.measures,
            unit.signals(frame.signals),
            envelope.seq,
            gateway.id if gateway else envelope.gateway,
            envelope.rssi_dbm,
        )


def _frame(unit: Unit, envelope: Envelope) -> Frame:
    """Raw bytes first, where the profile has their decoder; else the JSON which somebody else decoded."""
    if envelope.frame is not None:
        return envelope.frame
    if envelope.data and unit.decode is not None:
        fport = envelope.fport if envelope.fport is not None else unit.fport
        try:
            return unit.decode(unit.profile.model, fport, envelope.data)
        except BadFrameError as error:
            raise QuarantineError(f"{unit.profile.model}: {error}") from None
    if envelope.document is not None and (unit.mapping.fields or unit.mapping.signs):
        return unit.mapping.read(envelope.document)
    if envelope.data:
        raise QuarantineError(f"raw bytes, but profile {unit.profile.model} has neither decoder nor fields")
    if envelope.document:
        raise QuarantineError(f"decoded by others, but profile {unit.profile.model} has no fields for that")
    return Frame()


def _document(payload: bytes, part: str, unit: Unit, name: str) -> Envelope:
    """`part`, the rest of the topic after the address `name`, is then the name of the value."""
    document = parse_any(payload)
    addresses = _names(document, name) if isinstance(document, dict) else ()
    if part:
        document = {part: document}
        if not unit.mapping.touches(document):
            raise QuarantineError(f"profile {unit.profile.model} has no field {plain(part)!r}")
    return Envelope(at=unit.mapping.time(document), document=document, addresses=addresses)


def _names(document: dict[str, Any], spoken: str) -> tuple[str, ...]:
    """What the document calls its device, by the usual keys; Zigbee2MQTT's `device` names it in full."""
    described = document.get("device")
    if isinstance(described, dict):
        # The topic may begin with what stands before the name: `zigbee2mqtt/`.
        names = [name for key in ZIGBEE_NAMES if isinstance(name := described.get(key), str)]
        if not any(f"/{spoken}".lower().endswith(f"/{name}".lower()) for name in names):
            must_name(spoken, *names)
    return tuple(name for key in NAMES if isinstance(name := document.get(key), str))


def _unknown(name: str) -> QuarantineError:
    shown = plain(name, 200)
    return QuarantineError(f"unknown device {shown!r}: add it to devices.yaml with address: {shown}")


def _in_words(uplink: Uplink) -> list[str]:
    told = [f"time: {uplink.at} ms UTC" if uplink.at is not None else "time: none, the receive time counts"]
    for m in uplink.measures:
        value = str(m.value) if m.value is not None else f"none ({m.why or 'null'})"
        told.append(f"reading: {m.quantity} = {value}{_stored(m.at)}")
    for s in uplink.signals:
        sure = f", confidence {s.confidence}" if s.confidence is not None else ""
        told.append(f"signal: {s.type} {s.state or s.species}{sure}{_stored(s.at)}")
    if not uplink.measures and not uplink.signals:
        told.append("a sign of life, nothing more")
    told.append(f"identity: {uplink.identity or 'none, only the broker can say that it repeats'}")
    return told


def _stored(at: Millis | None) -> str:
    return f", stored by the device at {at} ms UTC" if at is not None else ""
