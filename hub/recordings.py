"""Recorded messages: one JSON object a line, and the public series that can be turned into them.

A line has `received_at` (ISO 8601 with zone), `topic`, and `payload` (a JSON object, or the text as it was
sent) or `payload_b64`; `retain` and `dup` where they are true. What a reader makes of a published series is
what the gauge or camera would have sent: our own payload on `naruko/<site>/<device>/up`.
"""

import base64
import binascii
import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from math import isfinite
from pathlib import Path
from typing import Any, NoReturn, TextIO

import msgspec

from devices.frame import Millis
from hub.model import Message

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
JST = timezone(timedelta(hours=9), "JST")

CUBIC_FEET_M3 = 0.028316846592
NO_DATA = -999_999.0
"""The value with which the United States Geological Survey says that there is none."""


class RecordingError(ValueError):
    """A recording that cannot be read; the text begins with file and line."""


def read(path: Path) -> Iterator[Message]:
    """The messages of a JSON lines recording, in the order of the file. Empty lines are passed over.

    Raises RecordingError with file and line at the first line that is not a message, OSError where the file
    cannot be opened.
    """
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                yield _message(line, f"{path}:{number}")


def write(messages: Iterable[Message], file: TextIO) -> None:
    """Writes a recording that `read` gives back byte for byte."""
    for message in messages:
        line: dict[str, Any] = {"received_at": iso(message.received_at), "topic": message.topic}
        try:
            line["payload"] = message.payload.decode()
        except UnicodeDecodeError:
            line["payload_b64"] = base64.b64encode(message.payload).decode()
        line |= {key: True for key in ("retain", "dup") if getattr(message, key)}
        file.write(json.dumps(line, ensure_ascii=False) + "\n")


def iso(at: Millis) -> str:
    """UTC with milliseconds: `2026-11-21T12:07:03.250Z`."""
    return (EPOCH + at * MILLISECOND).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def millis(text: str, zone: timezone | None = None) -> Millis:
    """An ISO 8601 time. `zone` is for a time without one; without it such a time is a ValueError."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        if zone is None:
            raise ValueError(f"time without zone: {text}")
        at = at.replace(tzinfo=zone)
    return (at - EPOCH) // MILLISECOND


def _message(line: bytes, where: str) -> Message:
    def refuse(reason: str) -> NoReturn:
        raise RecordingError(f"{where}: {reason}")

    try:
        fields = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        refuse(f"not JSON: {error}")
    if not isinstance(fields, dict):
        refuse("not a JSON object")
    topic, retain, dup = fields.get("topic"), fields.get("retain", False), fields.get("dup", False)
    if not isinstance(topic, str) or not topic:
        refuse("topic is missing")
    if not isinstance(retain, bool) or not isinstance(dup, bool):
        refuse("retain and dup are true or false")
    if ("payload" in fields) == ("payload_b64" in fields):
        refuse("either payload or payload_b64 is needed")
    try:
        received_at = millis(fields["received_at"])
        payload = _payload(fields)
    except KeyError:
        refuse("received_at is missing")
    except (TypeError, ValueError, OverflowError, binascii.Error) as error:
        refuse(str(error))
    return Message(topic, payload, received_at, retain, dup)


def _payload(fields: dict[str, Any]) -> bytes:
    if "payload_b64" in fields:
        return base64.b64decode(fields["payload_b64"], validate=True)
    payload = fields["payload"]
    return payload.encode() if isinstance(payload, str) else msgspec.json.encode(payload)


# --- published series -----------------------------------------------------------------------------


def convert(source: Path, site: str) -> Iterator[Message]:
    """A recording of ours, or a published series told by its columns; a folder is a Camtrap DP data set.

    Devices are named after the station. Raises RecordingError where it is none of these.
    """
    if source.is_dir():
        return camtrap(source, site, slug)
    if source.suffix.lower() != ".csv":
        return read(source)
    columns = _columns(source)
    for needed, reader in READERS:
        if needed <= columns:
            return reader(source, site)
    raise RecordingError(f"{source}:1: no known series has these columns: {', '.join(sorted(columns))}")


def slug(name: str) -> str:
    """`Nagalagam Street` -> `nagalagam-street`: a station's name as device id."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def koto_2023(path: Path, site: str, device: str) -> Iterator[Message]:
    """Stage and rain of the Koto River at Jiseiji, one message each 10 minutes, received when observed."""
    for row, where in _rows(path):
        at = _time(row["time"], where)
        measures = {
            "level_m": _number(row["stage_m"], where),
            "rain_60min_mm": _number(row["rain_60min_mm"], where),
        }
        yield _up(site, device, at, at, measures)


def koto_2025_arrivals(path: Path, site: str, device: str) -> Iterator[Message]:
    """The same gauge in the order in which a collector received it. Times without a zone are JST.

    A record without observation time has no `at`; one without level has null.
    """
    messages = []
    for row, where in _rows(path, "level_m"):
        received_at = _time(row["received_at_raw"], where, JST)
        at = _time(row["data_time_raw"], where, JST) if row["data_time_raw"] else None
        messages.append(_up(site, device, received_at, at, {"level_m": _number(row["level_m"], where)}))
    return iter(sorted(messages, key=_received))


def lk(path: Path, site: str) -> Iterator[Message]:
    """Stages of many gauges in Sri Lanka, in order of time; the device is the slug of the station."""
    messages = []
    for row, where in _rows(path):
        at = _time(row["time"], where)
        messages.append(_up(site, slug(row["station"]), at, at, {"level_m": _number(row["level_m"], where)}))
    return iter(sorted(messages, key=_received))


USGS_QUANTITIES = {"stage": "level_m", "elevation_navd88": "elevation_m", "discharge": "discharge_m3s"}


def usgs_iv(path: Path, site: str) -> Iterator[Message]:
    """Instantaneous values of the United States Geological Survey, in m and m3/s; device `usgs-<site_no>`.

    One message an instant with all its quantities. -999999, the qualifier Ice and an empty value are null.
    The local times carry their offset, so the hour that comes twice in autumn is two hours.
    """
    instants: dict[tuple[Millis, str], dict[str, float | None]] = {}
    for row, where in _rows(path, "value_si", "value_raw", "qualifiers"):
        quantity = USGS_QUANTITIES.get(row["quantity"])
        if quantity is None:
            raise RecordingError(f"{where}: unknown quantity {row['quantity']!r}")
        value = _number(row["value_si"], where)
        if _number(row["value_raw"], where) in {None, NO_DATA} or "Ice" in row["qualifiers"].split(";"):
            value = None
        device = f"usgs-{row['site_no']}"
        instants.setdefault((_time(row["time_raw"], where), device), {})[quantity] = value
    for (at, device), measures in sorted(instants.items(), key=lambda item: item[0]):
        yield _up(site, device, at, at, measures)


def usgs_stage(path: Path, site: str, device: str) -> Iterator[Message]:
    """Stage and discharge of one site, as its library published them: what it filled in stays null."""
    for row, where in _rows(path, "stage_m"):
        at = _time(row["time"], where)
        discharge = _number(row["discharge_ft3s"], where)
        measures = {
            "level_m": _number(row["stage_m"], where),
            "discharge_m3s": None if discharge is None else round(discharge * CUBIC_FEET_M3, 4),
        }
        yield _up(site, device, at, at, measures)


KOTO = "koto-jiseiji"
READERS: tuple[tuple[set[str], Callable[[Path, str], Iterator[Message]]], ...] = (
    ({"time", "stage_m", "rain_60min_mm"}, lambda path, site: koto_2023(path, site, KOTO)),
    ({"received_at_raw", "data_time_raw"}, lambda path, site: koto_2025_arrivals(path, site, KOTO)),
    ({"station", "time", "level_m"}, lk),
    ({"site_no", "quantity", "time_raw"}, usgs_iv),
    (
        {"time", "gage_height_ft", "discharge_ft3s"},
        lambda path, site: usgs_stage(path, site, slug(path.stem.partition("_20")[0])),
    ),
)
"""By which columns a series is known, and its reader."""


SPECIES = {
    "sus scrofa": "boar",
    "cervus": "deer",
    "capreolus": "deer",
    "macaca fuscata": "monkey",
    "ursus arctos": "brown_bear",
    "ursus": "bear",
    "paguma": "civet",
    "procyon": "raccoon",
    "capricornis": "serow",
    "nyctereutes": "tanuki",
    "meles": "badger",
    "vulpes": "fox",
    "felis": "pet",
    "canis": "pet",
    "homo sapiens": "person",
    "aves": "bird",
    "anas": "bird",
    "ardea": "bird",
}
"""By species, else by genus or class: the animals of DOMAIN notes 3.4, and the birds of the example data."""


def species_of(kind: str, scientific_name: str) -> str:
    """Our id for an observation of Camtrap DP's `kind` (animal, human, vehicle, ...)."""
    if kind == "human":
        return "person"
    if kind == "vehicle":
        return "vehicle"
    words = scientific_name.lower().split()
    return SPECIES.get(" ".join(words[:2])) or SPECIES.get(words[0] if words else "") or "unknown"


CAMTRAP = (
    "deploymentID", "eventID", "eventStart", "observationLevel", "observationType", "scientificName", "count",
    "classificationProbability",
)  # fmt: skip
"""The columns of `observations.csv` that are read."""


def camtrap(folder: Path, site: str, device_of: Callable[[str], str]) -> Iterator[Message]:
    """The visits of a Camtrap DP data set, one message each, received when they began.

    `device_of` maps deploymentID to device id. Only event-level observations count: those of single media
    are of the same visits. Nothing seen (blank), not looked at (unclassified) is no message. `confidence`
    is there where a machine classified.
    """
    visits: dict[tuple[Millis, str, str], list[dict[str, Any]]] = {}
    for row, where in _rows(folder / "observations.csv", *CAMTRAP):
        kind = row["observationType"]
        if row["observationLevel"] != "event" or kind in {"blank", "unclassified", ""}:
            continue
        count = _number(row["count"], where)
        seen: dict[str, Any] = {"type": "animal", "species": species_of(kind, row["scientificName"])}
        confidence = _number(row["classificationProbability"], where)
        if confidence is not None:
            seen["confidence"] = confidence
        if count is not None and not isfinite(count):
            raise RecordingError(f"{where}: count {row['count']} is no number of animals")
        seen["count"] = 1 if count is None else int(count)
        visit = _time(row["eventStart"], where), device_of(row["deploymentID"]), row["eventID"]
        visits.setdefault(visit, []).append(seen)
    for (at, device, _), seen_together in sorted(visits.items(), key=lambda item: item[0]):
        yield _up(site, device, at, at, {}, events=seen_together)


def _received(message: Message) -> Millis:
    return message.received_at


def _up(
    site: str,
    device: str,
    received_at: Millis,
    at: Millis | None,
    measures: dict[str, float | None],
    *,
    events: Iterable[dict[str, Any]] = (),
) -> Message:
    payload: dict[str, Any] = {"v": 1}
    if at is not None:
        payload["at"] = iso(at)
    if measures:
        payload["m"] = measures
    if events:
        payload["e"] = events
    return Message(f"naruko/{site}/{device}/up", msgspec.json.encode(payload), received_at)


def _columns(path: Path) -> set[str]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        try:
            return set(next(csv.reader(file), []))
        except (UnicodeDecodeError, csv.Error) as error:
            raise RecordingError(f"{path}:1: {_unreadable(error)}") from error


def _rows(path: Path, *needed: str) -> Iterator[tuple[dict[str, str], str]]:
    """The rows of a CSV file with a header, each with its file and line."""
    missing = [column for column in needed if column not in _columns(path)]
    if missing:
        raise RecordingError(f"{path}:1: no column {', '.join(missing)}")
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, restval="")
        try:
            for row in reader:
                yield row, f"{path}:{reader.line_num}"
        except (UnicodeDecodeError, csv.Error) as error:
            raise RecordingError(f"{path}:{reader.line_num + 1}: {_unreadable(error)}") from error


def _unreadable(error: Exception) -> str:
    return "not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)


def _time(text: str, where: str, zone: timezone | None = None) -> Millis:
    try:
        at = millis(text, zone)
        iso(at)  # refuses what is no year in UTC
    except (ValueError, OverflowError) as error:
        raise RecordingError(f"{where}: {error}") from error
    return at


def _number(text: str, where: str) -> float | None:
    try:
        return float(text) if text else None
    except ValueError as error:
        raise RecordingError(f"{where}: {error}") from error
