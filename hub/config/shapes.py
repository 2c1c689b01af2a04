"""What may stand in the files of a town. Durations are written as `90s`, `20m`, `6h`, `7d` and held in ms."""

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, WithJsonSchema

from devices.frame import Millis

UNITS_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


def parse_duration(value: Any) -> Any:
    """`90s` -> 90000. A bare number is refused: nobody knows what unit it was meant in."""
    if not isinstance(value, str) or not (
        match := re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,3})?)\s*([smhd])", value)
    ):
        raise ValueError("write a duration with its unit, such as 90s, 20m, 6h or 7d")
    return round(float(match[1]) * UNITS_MS[match[2]])


DURATION_PATTERN = r"^[0-9]{1,9}(\.[0-9]{1,3})?\s*[smhd]$"
Duration = Annotated[
    Millis,
    BeforeValidator(parse_duration),
    WithJsonSchema({"type": "string", "pattern": DURATION_PATTERN, "examples": ["90s", "20m", "6h", "7d"]}),
]


def parse_words(text: str) -> str:
    """Refuses what shows nothing: a message with an empty place could not be told."""
    if not any(sign.isprintable() and not sign.isspace() for sign in text):
        raise ValueError("must hold a sign that can be read")
    return text


def parse_hours(text: str) -> str:
    """`21:00〜6:00` -> `21:00-06:00`. Empty stands for no hours at all."""
    if not text.strip():
        return ""
    found = re.fullmatch(r"(\d{1,2}):([0-5]\d)\s*[-–~〜～]\s*(\d{1,2}):([0-5]\d)", text.strip())
    if not found or int(found[1]) > 23 or int(found[3]) > 23:
        raise ValueError('write hours as "21:00-06:00"')
    hours = [f"{int(found[number]):02}:{found[number + 1]}" for number in (1, 3)]
    if hours[0] == hours[1]:
        raise ValueError("must end at another time than they begin")
    return "-".join(hours)


Words = Annotated[str, AfterValidator(parse_words)]
"""A name or place as it stands in messages."""
Hours = Annotated[str, AfterValidator(parse_hours), Field(examples=["21:00-06:00"])]
"""From when to when, past midnight where the end is the earlier; by the clock on the site's wall."""
Latitude = Annotated[float, Field(ge=-90, le=90)]
Longitude = Annotated[float, Field(ge=-180, le=180)]
Id = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
Metres = float


class Shape(BaseModel):
    """Strict: an unknown key, a NaN or a value of the wrong type is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Kind(StrEnum):
    """What a device is for; the name of its measurement in InfluxDB."""

    RIVER = "river"
    ANIMAL = "animal"
    TRAP = "trap"
    SLOPE = "slope"
    RAIN = "rain"
    WEATHER = "weather"
    TRACKER = "tracker"
    SIREN = "siren"
    GATEWAY = "gateway"


class ZoneKind(StrEnum):
    PADDY = "paddy"
    HUNTING = "hunting"
    DWELLING = "dwelling"
    FLOOD = "flood"
    STREAM = "stream"


class Role(StrEnum):
    FARMER = "farmer"
    HUNTER = "hunter"
    PATROL = "patrol"
    OFFICIAL = "official"
    OPERATOR = "operator"
    CORPS = "corps"
    RESIDENT = "resident"
    WELFARE = "welfare"


LEVELS = ("standby", "caution", "evac_judge", "danger", "overflow")
"""水防団待機, 氾濫注意, 避難判断, 氾濫危険, 氾濫発生: always in this order, any of them may be missing."""


# --- profiles: what a model of device sends -------------------------------------------------------


class Quantity(Shape):
    """Plausible range of one quantity: outside `min`..`max` the sensor cannot be right (flag 4)."""

    min: float
    max: float


class FieldMap(Shape):
    """A JSON field that is a quantity. `path` has dots: `river.water_level`."""

    path: str
    quantity: str
    scale: float = 1.0
    offset: float = 0.0
    missing: tuple[float | str, ...] = ()
    """Values with which the device says that it has none (-999999, "No Sensor")."""


class SignalMap(Shape):
    """A JSON field that tells a happening: where the value at `path` equals `when`, it is `type`/`state`."""

    path: str = ""
    """Empty: the whole payload is the value."""
    when: bool | int | float | str
    type: Literal["animal", "motion", "trap", "contact", "wire", "vibration", "tilt", "status"]
    state: str = ""
    species: str = ""
    """With type animal: what `when` stands for, an id such as boar."""
    confidence: str = ""
    """With type animal: path of a confidence from 0 to 1."""


class TimeMap(Shape):
    """Where the device's own time stands, and the zone of a time without one."""

    path: str
    zone: str = "UTC"


class Battery(Shape):
    """When to change it: `quantity` below `low`; well again above `ok`. `curve`: (value, percent) pairs."""

    quantity: str = "battery_v"
    low: float
    ok: float
    curve: tuple[tuple[float, float], ...] = ()


class Profile(Shape):
    """One model of device: written once, used by every device of that model."""

    model: Id
    name: str
    kind: Kind
    decoder: str = "json"
    """Payload family in `devices/decoders/`; `json`: by `fields` and `signals` below; `naruko`: our own."""
    fport: int | None = None
    heartbeat: Duration
    """A sign of life is due at least this often."""
    flood_heartbeat: Duration | None = None
    """The same while a river gauge stands above caution."""
    quantities: dict[str, Quantity] = {}
    battery: Battery | None = None
    fields: tuple[FieldMap, ...] = ()
    signals: tuple[SignalMap, ...] = ()
    time: TimeMap | None = None
    sound: bool = False
    light: bool = False


# --- devices --------------------------------------------------------------------------------------


class LevelNames(Shape):
    """The town's own words for one of its levels."""

    ja: Words
    en: Words


class Gauge(Shape):
    """A river gauge. Heights in m above the gauge's zero unless the name says `_tp`."""

    river: Words
    river_en: Words
    station: Words
    station_en: Words
    sensor_height_m: Metres | None = None
    """Height of a down-looking sensor above gauge zero: level = this - distance."""
    probe_height_m: Metres | None = None
    """Height of a submerged probe above gauge zero: level = this + depth."""
    zero_tp_m: Metres | None = None
    """Elevation of the gauge zero above T.P."""
    bed_m: Metres | None = None
    bank_m: Metres | None = None
    levels_m: dict[Literal["standby", "caution", "evac_judge", "danger", "overflow"], Metres] = {}
    official: bool = True
    """Levels set by the river's manager. False drops 「警戒レベル○相当」 from the words."""
    names: dict[Literal["standby", "caution", "evac_judge", "danger", "overflow"], LevelNames] = {}
    assumed_air_c: float | None = None
    """Air temperature which an ultrasonic sensor assumes; set, distance is corrected by air_c."""
    max_rise_m_per_10min: Metres = 0.5
    """Faster is suspect (flag 3), never false."""
    flat_suspect: Duration = 6 * 3_600_000
    flat_fail: Duration = 24 * 3_600_000
    late_after: Duration = 3_600_000


class Trap(Shape):
    """A trap. Its position is for hunters and officials only."""

    no: Words
    type: Literal["box", "snare", "corral"]
    owner: Id
    """Person id."""
    tag_no: str = ""
    sprung_when: Literal["open", "closed"] = "open"
    """State of a door contact on this trap when it has sprung: depends on how the magnet is mounted."""


class Slope(Shape):
    """A debris-flow sensor: all sensors of one stream judge together."""

    stream: Words
    stream_en: Words


class Siren(Shape):
    """A siren or flash. `use` deter: against animals; warn: for people (debris flow)."""

    use: tuple[Literal["deter", "warn"], ...] = ("deter",)
    sound_near_dwelling: bool = False
    """The town's explicit opt-in to sound within 200 m of a dwelling, outside quiet hours."""


class Device(Shape):
    """One physical unit."""

    id: Id
    name: Words
    name_en: Words
    profile: Id
    lat: Latitude
    lon: Longitude
    place: Words
    """字 and landmark, as people say it."""
    place_en: Words
    gateway: Id | None = None
    """Device id of the gateway it hangs on."""
    address: str = ""
    """How its messages name it where that is not `id`: DevEUI, node id, or a topic."""
    heartbeat: Duration | None = None
    """Its own interval, where it differs from the profile's; it then holds in a flood too ..."""
    flood_heartbeat: Duration | None = None
    """... unless this is set."""
    gauge: Gauge | None = None
    trap: Trap | None = None
    slope: Slope | None = None
    siren: Siren | None = None
    maintenance: bool = False


# --- zones and people -----------------------------------------------------------------------------

ChannelKind = Literal["mail", "ntfy", "line", "sms", "telegram", "push", "other"]


class Zone(Shape):
    """Properties of one GeoJSON feature; its geometry is a Polygon or MultiPolygon, [lon, lat]."""

    id: Id
    kind: ZoneKind
    name: Words
    name_en: Words
    rivers: tuple[str, ...] = ()
    """Flood zones: ids of the gauges that speak for them. Stream zones: the streams' names."""


class Channel(Shape):
    """One address of one person: `url`, `url_file` or `address`. Loaded, `url` is always there.

    Of kind push it is no URL but the browser's subscription, as JSON.
    """

    kind: ChannelKind
    url: SecretStr | None = None
    """An Apprise URL, and a secret."""
    url_file: Path | None = None
    address: SecretStr | None = None
    """Put into the URL that hub.yaml has for this kind under `channels`."""


class Person(Shape):
    """Somebody who is told."""

    id: Id
    name: Words
    lang: Literal["ja", "ja-easy", "en", "pt", "zh", "vi"] = "ja"
    """pt, zh, vi: what saves lives in Portuguese, simplified Chinese or Vietnamese, the rest as ja-easy."""
    roles: tuple[Role, ...]
    zones: tuple[Id, ...] = ()
    """Fields, homes or hunting grounds; empty for those who are told of every place."""
    duty: tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...] = (
        "mon", "tue", "wed", "thu", "fri", "sat", "sun",
    )  # fmt: skip
    """Days on which a hunter or patrol is on duty, from 06:00 to 06:00 the next morning, in a week that
    roster.csv does not hold."""
    quiet: Hours = ""
    """Quiet hours of this person's own, in place of the town's."""
    channels: tuple[Channel, ...]
