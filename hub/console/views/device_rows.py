"""Devices as the pages show them: worst first, gateway by gateway, in the words of one language. Pure."""

import unicodedata
from collections.abc import Collection, Iterable, Sequence
from datetime import tzinfo
from functools import partial
from typing import Any, get_args

from msgspec import Struct

from devices.frame import Millis
from hub.config.town import Town
from hub.console.api.devices import Device, DeviceState
from hub.console.views.battery_life import FURTHEST
from hub.web.words import plain
from hub.wording.values import format_time

SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000
ORDER: tuple[str, ...] = get_args(DeviceState)
WELL = frozenset({"ok", "maintenance"})
KINDS = ("gateway", "river", "rain", "slope", "animal", "trap", "siren", "weather", "tracker")
QUANTITIES = {
    "level": "devices.q_level",
    "water_level": "devices.q_level",
    "rain": "devices.q_rain",
    "distance": "devices.q_distance",
    "air": "devices.q_air",
    "humidity": "devices.q_humidity",
    "battery": "devices.q_battery",
    "tilt": "devices.q_tilt",
    "wind": "devices.q_wind",
    "pressure": "devices.q_pressure",
}
UNITS = {
    "m": "m",
    "mm": "mm",
    "c": "°C",
    "v": "V",
    "pct": "%",
    "dbm": "dBm",
    "deg": "°",
    "hpa": "hPa",
    "db": "dB",
}
LORA = ((-100.0, 0.0), (-115.0, -10.0))
"""(dBm, dB) from which LoRa is strong, and from which it is fair; it is heard down to about -137 and -20."""
WIFI = (-65.0, -78.0)


class Filter(Struct, frozen=True):
    """What is asked for; empty: everything. `gateway` has its children and itself."""

    kind: str = ""
    state: str = ""
    gateway: str = ""
    words: str = ""


class Group(Struct, frozen=True):
    """A gateway with those of its devices that are shown; None: those that hang on none.

    `children` and `bad` count all that hang on it, shown or not.
    """

    gateway: Device | None
    rows: list[Device]
    children: int
    bad: int


def chosen(town: Town, devices: Iterable[Device], asked: Filter) -> list[Device]:
    """Those that the filter lets through, the worst first."""
    words = _folded(asked.words).split()
    kept = [
        one
        for one in devices
        if asked.kind in ("", one.kind)
        and asked.state in ("", one.state)
        and asked.gateway in ("", one.gateway, one.id)
        and _is_named(town, one, words)
    ]
    return sorted(kept, key=rank)


def _is_named(town: Town, one: Device, words: Sequence[str]) -> bool:
    """Whether all of these words stand in what is said of it."""
    if not words:
        return True
    said = _said(town, one)
    return all(word in said for word in words)


def rank(one: Device) -> tuple[int, int, Millis, str]:
    """By state, then what is empty first, then who was heard longest ago."""
    days = one.battery_days if one.battery_days is not None else FURTHEST + 1
    return ORDER.index(one.state), days, one.seen_at or 0, one.id


def groups(every: Sequence[Device], shown: Iterable[Device]) -> list[Group]:
    """Gateway by gateway, in the order in which `shown` first names one of its devices or itself."""
    gateways = {one.id: one for one in every if one.kind == "gateway"}
    rows: dict[str, list[Device]] = {}
    for one in shown:
        at = one.id if one.id in gateways else one.gateway or ""
        listed = rows.setdefault(at if at in gateways else "", [])
        if one.id not in gateways:
            listed.append(one)
    ill = {one.id for one in every if one.state not in WELL}
    hanging: dict[str, list[str]] = {}
    for one in every:
        if one.id not in gateways:
            hanging.setdefault(one.gateway if one.gateway in gateways else "", []).append(one.id)
    return [
        Group(gateways.get(at), listed, len(hanging.get(at, ())), len(ill.intersection(hanging.get(at, ()))))
        for at, listed in rows.items()
    ]


def counts(devices: Iterable[Device]) -> dict[str, int]:
    """State -> how many, worst first; those of which there is one at least."""
    found = dict.fromkeys(ORDER, 0)
    for one in devices:
        found[one.state] += 1
    return {state: count for state, count in found.items() if count}


def strength(rssi_dbm: float | None, snr_db: float | None) -> str:
    """strong, fair or weak; empty where it is not known. Without a ratio to the noise it is no LoRa."""
    if rssi_dbm is None:
        return ""
    if snr_db is None:
        return "strong" if rssi_dbm >= WIFI[0] else "fair" if rssi_dbm >= WIFI[1] else "weak"
    for word, (dbm, db) in zip(("strong", "fair"), LORA, strict=True):
        if rssi_dbm >= dbm and snr_db >= db:
            return word
    return "weak"


def split(quantity: str) -> tuple[str, str]:
    """(the key of its word, its unit) of `level_m`; empty where there is none."""
    stem, _, unit = quantity.rpartition("_")
    return QUANTITIES.get(stem, ""), UNITS.get(unit, "")


class Told:
    """Times, states and numbers in the words of one language, with the time on the site's wall."""

    def __init__(self, lang: str, now: Millis, zone: tzinfo) -> None:
        self.say = partial(plain, lang)
        self.is_english = lang == "en"
        self.now = now
        self.zone = zone

    def row(self, one: Device, place: tuple[str, str]) -> dict[str, Any]:
        """What the template shows of a device. `place`: in Japanese and English."""
        word = strength(one.rssi_dbm, one.snr_db)
        return {
            "id": one.id,
            "name": self.either(one.name, one.name_en),
            "place": self.either(*place),
            "kind": self.say(f"devices.{one.kind}"),
            "state": one.state,
            "state_word": self.say(f"devices.{one.state}"),
            "seen": self.time(one.seen_at) if one.seen_at else "",
            "ago": self.ago(one.seen_at),
            "every": self.every(one.expected_by - one.seen_at if one.expected_by and one.seen_at else 0),
            "is_late": one.state in ("late", "silent"),
            "charge": self.charge(one),
            "days": self.days(one.battery_days),
            "is_low": one.battery_days == 0,
            "signal": self.say(f"devices.{word}") if word else "",
            "heard": self.heard(one),
            "is_weak": word == "weak",
            "rate": f"{one.messages_per_hour:g}",
            "firmware": one.firmware,
            "active": self.say("devices.active", time=self.time(one.active_until))
            if one.active_until
            else "",
            "until": self.say("devices.until", time=self.time(one.maintenance_until))
            if one.maintenance_until
            else "",
        }

    def either(self, japanese: str, english: str) -> str:
        return english if self.is_english else japanese

    def time(self, at: Millis) -> str:
        return format_time(at, self.now, self.zone)

    def ago(self, at: Millis | None) -> str:
        """`30分前`; from two hours on in hours, from two days on in days."""
        if at is None:
            return self.say("devices.never")
        past = max(0, self.now - at)
        for word, unit in (("devices.ago_days", DAY), ("devices.ago_hours", HOUR)):
            if past >= 2 * unit:
                return self.say(word, n=past // unit)
        return (
            self.say("devices.ago_minutes", n=past // MINUTE)
            if past >= MINUTE
            else self.say("devices.ago_now")
        )

    def every(self, beat: Millis) -> str:
        if not beat:
            return self.say("devices.every_none")
        for word, unit in (("devices.every_days", DAY), ("devices.every_hours", HOUR)):
            if beat >= 2 * unit and beat % unit == 0:
                return self.say(word, n=beat // unit)
        if beat % MINUTE == 0:
            return self.say("devices.every_minutes", n=beat // MINUTE)
        return self.say("devices.every_seconds", n=beat // SECOND)

    def charge(self, one: Device) -> str:
        """`58 %・3.62 V`, or what of it is known."""
        said = []
        if one.battery_pct is not None:
            said.append(self.say("devices.percent", percent=round(one.battery_pct)))
        if one.battery_v is not None:
            said.append(self.say("devices.volts", volts=f"{one.battery_v:.2f}"))
        return " · ".join(said)

    def days(self, days: int | None) -> str:
        if days is None:
            return ""
        if days == 0:
            return self.say("devices.days_low")
        return self.say("devices.days_year") if days >= FURTHEST else self.say("devices.days_left", days=days)

    def heard(self, one: Device) -> str:
        said = []
        if one.rssi_dbm is not None:
            said.append(self.say("devices.dbm", dbm=f"{one.rssi_dbm:.0f}"))
        if one.snr_db is not None:
            said.append(self.say("devices.snr", db=f"{one.snr_db:g}"))
        return " · ".join(said)

    def quantity(self, quantity: str) -> str:
        key, _ = split(quantity)
        return self.say(key) if key else quantity

    def value(self, quantity: str, value: float | None) -> str:
        """With its unit; empty for none."""
        if value is None:
            return ""
        number = (
            f"{value:.2f}".replace("-0.00", "0.00") if quantity.endswith(("_m", "_v")) else f"{value:.6g}"
        )
        return f"{number} {split(quantity)[1]}".rstrip()


def _said(town: Town, one: Device) -> str:
    device = town.devices[one.id]
    return _folded(
        f"{one.id} {one.name} {one.name_en} {device.place} {device.place_en} {device.address} {one.profile}"
    )


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def hourly(measured: Collection[Any]) -> list[Any]:
    """Of readings, the newest first, the last of every hour."""
    by_hour: dict[int, Any] = {}
    for one in measured:
        by_hour.setdefault(one.at // HOUR, one)
    return list(by_hour.values())
