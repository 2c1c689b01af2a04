"""A town whose devices are each in another state, for the pages that show them."""

import base64
from dataclasses import replace

import msgspec

from hub.app import Hub
from hub.config.settings import Console, Web
from hub.config.shapes import Battery, Kind, Profile, Quantity
from hub.config.town import Town
from hub.model import Act, Message
from tests.towns import DAY, HOUR, MINUTE, camera, device, gauge, person, pir, siren, square, town, trap

DISTANCE = Profile(
    model="dragino-ldds75",
    name="Dragino LDDS75 ultrasonic distance",
    kind=Kind.RIVER,
    decoder="dragino",
    fport=2,
    heartbeat="20m",
    battery=Battery(low=2.8, ok=3.1),
    quantities={"distance_m": Quantity(min=0.28, max=7.5), "battery_v": Quantity(min=2.0, max=4.5)},
)
LEVELS = {"standby": 2.0, "caution": 3.0}
EUI = "a84041ffff1a2b3c"
FRAME = base64.b64encode(bytes.fromhex("0b45067600 0000 01".replace(" ", ""))).decode()
NASTY = '<script>document.title="hurt"</script>" onmouseover=alert(1) \u202egnp.exe\x00\x1b[31m'
DECAYING = 3.56, 0.008
"""Volts four weeks ago, and what is lost a day."""


def ground() -> Town:
    made = town(
        devices=[
            device("gw-1", "gateway", name="役場の中継機", name_en="Town hall gateway"),
            device("gw-2", "gateway", north=3000, name="上田の中継機", name_en="Ueda gateway"),
            trap("trap-1", owner="hunter", gateway="gw-1", name="一本杉のわな", name_en="Lone cedar trap"),
            trap("trap-2", owner="hunter", gateway="gw-1", name="窯跡のわな", name_en="Old kiln trap"),
            device(
                "lora-1", "dragino-ldds75", gateway="gw-1", address=EUI,
                name="水路の水位", name_en="Canal level",
            ),
            gauge(
                "gauge-1", LEVELS, gateway="gw-2", sensor_height_m=5.0,
                name="上橋の水位計", name_en="Kami bridge gauge",
            ),
            camera("cam-1", gateway="gw-2", name="水口のカメラ", name_en="Inlet camera"),
            siren("siren-1", gateway="gw-2", heartbeat="0s", name="サイレン", name_en="Siren"),
            pir("pir-1", name="尾根のセンサー", name_en="Ridge sensor"),
            pir("pir-2", name="沢のセンサー", name_en="Stream sensor", maintenance=True),
        ],
        zones=[square("paddy", "paddy"), square("hunting", "hunting", size=4000)],
        people=[person("hunter", "hunter"), person("ops", "operator")],
        profiles=[DISTANCE],
    )  # fmt: skip
    return replace(made, hub=made.hub.model_copy(update={"web": Web(port=0, console=Console())}))


async def fill(hub: Hub) -> None:
    """gw-2 with its camera, and pir-1, are silent; trap-1 loses charge, trap-2 is low, lora-1 weak."""
    now = hub.clock.now()
    for days in range(28, 0, -1):
        at = now - days * DAY - 5 * MINUTE
        volts = DECAYING[0] - (28 - days) * DECAYING[1]
        await said(hub, "trap-1", at, battery_v=round(volts, 3))
    await said(hub, "cam-1", now - 9 * HOUR)
    await said(hub, "pir-1", now - 5 * HOUR)
    await said(hub, "gw-2", now - 6 * HOUR)
    for hours in range(20, -1, -1):
        at = now - hours * HOUR - 2 * MINUTE
        await said(hub, "gauge-1", at, distance_m=4.2 - 0.01 * hours, battery_v=3.7)
        await said(hub, "trap-1", at, battery_v=round(DECAYING[0] - 28 * DECAYING[1], 3))
    await said(hub, "gauge-1", now - MINUTE, distance_m=1.0, battery_v=3.7)
    await said(hub, "trap-2", now - 50 * MINUTE, battery_v=3.21)
    await said(hub, "gw-1", now - 2 * MINUTE, battery_v=12.1)
    await hub.handle([chirp(now - 25 * MINUTE, -118.0, -11.5)])
    await hub.handle(
        [
            Message("naruko/test/trap-1/up", b"\x00\x01\xfe\xff not JSON <b>bold</b>", now - 40 * MINUTE),
            Message("naruko/test/trap-1/up", msgspec.json.encode({"v": 7, "who": NASTY}), now - 30 * MINUTE),
            Message("tele/<img src=x onerror=alert(1)>/SENSOR", NASTY.encode(), now - 20 * MINUTE),
        ]
    )
    hub.pipeline.hearing_since = hub.pipeline.health_looked = 0  # as if it had listened all the time
    await hub.tick()


async def said(hub: Hub, device: str, at: int, **measures: float) -> None:
    """One message of a device that came then."""
    payload = {"v": 1, "at": at / 1000} | ({"m": measures} if measures else {})
    await hub.handle([Message(f"naruko/test/{device}/up", msgspec.json.encode(payload), at)])


def chirp(at: int, rssi: float, snr: float, eui: str = EUI) -> Message:
    """As ChirpStack v4 hands on an uplink that two gateways heard."""
    document = {
        "deduplicationId": f"{at}",
        "deviceInfo": {"devEui": eui},
        "fPort": 2,
        "fCnt": at // 1000 % 60_000,
        "data": FRAME,
        "object": {"firmware_version": "1.4.2"},
        "rxInfo": [
            {"gatewayId": "g2", "rssi": rssi - 4, "snr": snr - 3},
            {"gatewayId": "g1", "rssi": rssi, "snr": snr},
        ],
    }
    return Message(f"application/1/device/{eui}/event/up", msgspec.json.encode(document), at)


def maintained(device: str, minutes: int) -> Act:
    form = {"minutes": str(minutes), "reason": "電池の交換"}
    return Act(0, 0, "user:yamada", "console", "maintenance", device, form=form)
