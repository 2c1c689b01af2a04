"""Profile -> what simulates it. A profile that is not known here sends the native heartbeat."""

from collections.abc import Callable

from devices.frame import Millis
from firmware_sim import frames, voices
from firmware_sim.device import Firmware
from firmware_sim.gateway import Gateway, Radio
from firmware_sim.river_rain import FineRainGauge, Gauge, RainGauge, WatchfulGauge, WeatherStation
from firmware_sim.siren import Siren
from firmware_sim.slopes import Tilt, Vibration, Wire
from firmware_sim.voices import Voice
from firmware_sim.wildlife import Camera, DoorTrap, MotionSensor, SlowMotionSensor, Trap
from firmware_sim.world import World
from hub.config.shapes import Device
from hub.config.town import Town

Speech = Callable[[Town, Device], Voice]


def by_lorawan(encode: frames.Encode) -> Speech:
    return lambda town, device: voices.lorawan(town, device, encode)


MODELS: dict[str, tuple[type[Firmware], Speech]] = {
    "naruko-gauge": (WatchfulGauge, voices.native),
    "naruko-animal": (Camera, voices.native),
    "naruko-trap": (Trap, voices.native),
    "naruko-wire": (Wire, voices.native),
    "naruko-vibration": (Vibration, voices.native),
    "naruko-tilt": (Tilt, voices.native),
    "naruko-rain": (RainGauge, voices.native),
    "naruko-weather": (WeatherStation, voices.native),
    "naruko-siren": (Siren, voices.native),
    "naruko-flash": (Siren, voices.native),
    "naruko-gateway": (Gateway, voices.native),
    "decentlab-dl-mbx": (Gauge, by_lorawan(frames.decentlab_mbx)),
    "decentlab-dl-tbrg": (FineRainGauge, by_lorawan(frames.decentlab_tbrg)),
    "milesight-em310-udl": (Gauge, by_lorawan(frames.milesight(frames.udl))),
    "milesight-ws202": (MotionSensor, by_lorawan(frames.milesight(frames.ws202))),
    "milesight-em300-mcs": (DoorTrap, by_lorawan(frames.milesight(frames.mcs))),
    "milesight-em320-tilt": (Tilt, by_lorawan(frames.milesight(frames.tilt))),
    "browan-tbms100": (SlowMotionSensor, by_lorawan(frames.browan_tbms100)),
    "dragino-lds02": (DoorTrap, by_lorawan(frames.dragino_lds02)),
    "zigbee2mqtt-pir": (SlowMotionSensor, voices.zigbee2mqtt_pir),
    "meshtastic-node": (Radio, voices.meshtastic),
}


def simulated(device: Device, town: Town, world: World, boots_at: Millis) -> Firmware:
    """The firmware of one device, ready to be switched on at `boots_at`."""
    kind, speech = MODELS.get(device.profile, (Firmware, voices.native))
    firmware = kind(device, town, world, speech(town, device), boots_at)
    firmware.announces = device.profile.startswith("milesight-")
    return firmware
