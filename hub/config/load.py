"""A folder of files -> a Town, or every error of all of its files at once."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from pydantic import BaseModel
from shapely.geometry.base import BaseGeometry

from hub.config import (
    contacts,
    coverage,
    cross_check,
    csv_files,
    profiles,
    roster,
    settings_check,
    tell_check,
    terrain,
    zones,
)
from hub.config.document import (
    ConfigError,
    Document,
    KeyPath,
    Problem,
    UnreadableError,
    decode_utf8,
    read_bytes,
    shown,
)
from hub.config.parts import Entry, Findings, Parts
from hub.config.policy import Policy
from hub.config.secret import Secrets, Templates, fill_hub, fill_person
from hub.config.settings import Hub
from hub.config.shapes import Device, Kind, Person, Profile, Siren, Zone
from hub.config.terrain import Terrain, TerrainFeature
from hub.config.town import Town
from hub.config.validate import suggestion, validate
from hub.config.yaml_lines import read_yaml

__all__ = ["ConfigError", "Problem", "load"]

FILES = (
    "hub.yaml", "policy.yaml", "devices.yaml", "devices.csv", "people.yaml", "people.csv", "roster.csv",
    "contacts.csv", "zones.geojson", "terrain.geojson",
)  # fmt: skip
READ_SUFFIXES = frozenset({".yaml", ".yml", ".csv", ".geojson"})

Model = TypeVar("Model", bound=BaseModel)
Reader = Callable[[bytes, str], tuple[Document, list[Problem]]]
"""(content, name of the file) -> what it holds and what is wrong with it. Raises UnreadableError."""


class Item(NamedTuple):
    """One raw device, person or zone."""

    document: Document
    at: KeyPath
    value: Any


@dataclass(frozen=True)
class Reading:
    """One loading under way: from where, what was read so far, and what was found wrong."""

    folder: Path
    secrets: Secrets
    parts: Parts = field(default_factory=Parts)
    findings: Findings = field(default_factory=Findings)

    def has(self, name: str) -> bool:
        return (self.folder / name).exists()

    def document(self, name: str, read: Reader) -> Document | None:
        """The file as read, or None, with what is wrong noted."""
        file = str(self.folder / name)
        try:
            document, problems = read(read_bytes(self.folder / name, file), file)
        except UnreadableError as error:
            self.findings.errors.append(error.problem)
            return None
        self.findings.errors += problems
        return document

    def settings(self, name: str, model: type[Model]) -> Entry[Model] | None:
        """A file that is one shape."""
        document = self.document(name, _yaml)
        if document is None:
            return None
        return self.entry(model, Item(document, (), {} if document.value is None else document.value))

    def entry(self, model: type[Model], item: Item) -> Entry[Model] | None:
        """One shape; of what is wrong in it only the rest, or None."""
        value, problems = validate(
            model, item.document, item.at, item.value, from_text=bool(item.document.columns)
        )
        self.findings.errors += problems
        return Entry(value, item.document, item.at) if value else None


def load(folder: Path, env: Mapping[str, str]) -> Town:
    """The town whose files stand in `folder`; `${NAME}` in a URL, password or token is looked up in `env`.

    Raises ConfigError with every problem of every file. `Town.warnings` holds what is legal and foolish.
    """
    if not folder.is_dir():
        raise ConfigError([Problem(str(folder), 1, "no such folder")])
    reading = Reading(folder, Secrets(folder, env))
    parts, findings = reading.parts, reading.findings
    templates: Templates | None = None
    parts.hub = reading.settings("hub.yaml", Hub)
    if parts.hub:
        parts.hub, templates = fill_hub(parts.hub, reading.secrets, findings)
    if reading.has("policy.yaml"):
        parts.policy = reading.settings("policy.yaml", Policy)
    _read_profiles(reading)
    _read_devices(reading)
    _read_zones(reading)
    _read_people(reading, templates)
    turns = _read_roster(reading)
    book = _read_contacts(reading)
    ground = _read_terrain(reading)
    _check(reading)
    if findings.errors or parts.hub is None:
        raise ConfigError(findings.errors)
    return Town(
        hub=parts.hub.value,
        policy=parts.policy.value if parts.policy else Policy(),
        profiles=parts.profiles,
        devices={entry.value.id: _with_siren(entry.value, parts.profiles) for entry in parts.devices},
        zones={entry.value.id: entry.value for entry in parts.zones},
        geometry=parts.geometry,
        people={entry.value.id: entry.value for entry in parts.people},
        warnings=tuple(map(str, sorted(set(findings.warnings)))),
        roster=turns,
        contacts=book,
        terrain=ground,
    )


def _with_siren(device: Device, known: dict[str, Profile]) -> Device:
    """A siren or flash of which the file says no more deters animals."""
    if device.siren is None and known[device.profile].kind is Kind.SIREN:
        return device.model_copy(update={"siren": Siren()})
    return device


def _check(reading: Reading) -> None:
    parts, findings = reading.parts, reading.findings
    if parts.hub:
        settings_check.check_hub(parts.hub, findings)
    if parts.policy:
        settings_check.check_policy(parts.policy, findings)
        tell_check.check(parts.policy, parts, findings)
    cross_check.check_devices(parts, findings)
    coverage.check_people(parts, findings)
    coverage.check_zones(parts, findings)
    for path in sorted(reading.folder.iterdir()):
        if path.suffix in READ_SUFFIXES and path.is_file() and path.name not in FILES:
            near = suggestion(path.name, FILES)
            findings.warnings.append(Problem(str(path), 1, f"this file is not read{near}"))


# --- the files ------------------------------------------------------------------------------------


def _yaml(raw: bytes, file: str) -> tuple[Document, list[Problem]]:
    return read_yaml(decode_utf8(raw, file), file)


def _geojson(raw: bytes, file: str) -> tuple[Document, list[Problem]]:
    return zones.read_features(decode_utf8(raw, file), file)


def _read_profiles(reading: Reading) -> None:
    """The profiles of the package, and the town's own in `profiles/`, which replace those of one model."""
    parts = reading.parts
    parts.profiles = profiles.load_profiles()
    for path in sorted((reading.folder / "profiles").glob("*.yaml")):
        if path.name.endswith(".examples.yaml"):
            continue
        parts.profile_ids.add(path.stem)
        before = len(reading.findings.errors)
        entry = reading.settings(f"profiles/{path.name}", Profile)
        if entry is None or len(reading.findings.errors) > before:
            continue
        _, faults = profiles.read_profile(path)
        for fault in faults:
            reading.findings.error(entry, (), fault)
        parts.profiles[entry.value.model] = entry.value
    parts.profile_ids |= set(parts.profiles)


def _read_devices(reading: Reading) -> None:
    parts, findings = reading.parts, reading.findings
    before = len(findings.errors)
    first: dict[str, Item] = {}
    for item in _listed(reading, "devices", csv_files.COLUMNS_OF_DEVICES):
        _note_id(item, parts.device_ids, first, findings)
        entry = reading.entry(Device, item)
        if entry:
            parts.devices.append(entry)
            parts.device_by_id.setdefault(entry.value.id, entry)
    if len(findings.errors) == before:
        parts.complete.add("devices")


def _read_people(reading: Reading, templates: Templates | None) -> None:
    parts, findings = reading.parts, reading.findings
    before = len(findings.errors)
    first: dict[str, Item] = {}
    for item in _listed(reading, "people", csv_files.COLUMNS_OF_PEOPLE):
        _note_id(item, parts.person_ids, first, findings)
        value = csv_files.channels_of(item.value) if item.document.columns else item.value
        entry = reading.entry(Person, item._replace(value=value))
        if entry:
            parts.people.append(fill_person(entry, templates, reading.secrets, findings))
    if len(findings.errors) == before:
        parts.complete.add("people")


def _read_roster(reading: Reading) -> tuple[roster.Turn, ...]:
    def table(raw: bytes, file: str) -> tuple[Document, list[Problem]]:
        return csv_files.read_table(raw, file, "roster", csv_files.COLUMNS_OF_ROSTER)

    document = reading.document("roster.csv", table) if reading.has("roster.csv") else None
    if document is None:
        return ()
    rows = (Item(document, ("roster", n), row) for n, row in enumerate(document.value["roster"]))
    turns = [entry for row in rows if (entry := reading.entry(roster.Turn, row))]
    return roster.check(turns, reading.parts, reading.findings)


def _read_contacts(reading: Reading) -> dict[str, contacts.Contact]:
    def table(raw: bytes, file: str) -> tuple[Document, list[Problem]]:
        return csv_files.read_table(raw, file, "contacts", contacts.COLUMNS)

    document = reading.document("contacts.csv", table) if reading.has("contacts.csv") else None
    if document is None:
        return {}
    rows = (Item(document, ("contacts", n), row) for n, row in enumerate(document.value["contacts"]))
    entries = [entry for row in rows if (entry := reading.entry(contacts.Contact, row))]
    return contacts.check(entries, reading.parts, reading.findings)


def _read_zones(reading: Reading) -> None:
    parts, findings = reading.parts, reading.findings
    before = len(findings.errors)
    if not reading.has("zones.geojson"):
        file = str(reading.folder / "zones.geojson")
        findings.warnings.append(Problem(file, 1, "is missing: who is told follows from roles alone"))
        return
    document = reading.document("zones.geojson", _geojson)
    if document is None:
        parts.unread.add("zones")
        return
    first: dict[str, Item] = {}
    for index, feature in enumerate(document.value["features"]):
        at: KeyPath = ("features", index)
        item = Item(document, (*at, "properties"), zones.properties_of(feature))
        _note_id(item, parts.zone_ids, first, findings)
        entry = reading.entry(Zone, item)
        geometry = _geometry(reading, document, at, feature)
        if entry and geometry is not None:
            parts.zones.append(entry)
            parts.geometry[entry.value.id] = geometry
    if len(findings.errors) == before:
        parts.complete.add("zones")


def _geometry(reading: Reading, document: Document, at: KeyPath, feature: Any) -> BaseGeometry | None:
    geometry = zones.geometry_of(feature)
    faults = (
        [geometry.message] if isinstance(geometry, zones.Bad) else zones.faults(geometry, reading.parts.site)
    )
    reading.findings.errors += [document.problem((*at, "geometry"), fault) for fault in faults]
    return None if isinstance(geometry, zones.Bad) else geometry


def _read_terrain(reading: Reading) -> tuple[TerrainFeature, ...]:
    document = reading.document("terrain.geojson", _geojson) if reading.has("terrain.geojson") else None
    if document is None:
        return ()
    found: list[TerrainFeature] = []
    for index, feature in enumerate(document.value["features"]):
        at: KeyPath = ("features", index)
        entry = reading.entry(Terrain, Item(document, (*at, "properties"), zones.properties_of(feature)))
        geometry = terrain.shape_of(feature, entry.value.kind) if entry else None
        if isinstance(geometry, zones.Bad):
            reading.findings.errors.append(document.problem((*at, "geometry"), geometry.message))
        elif entry and geometry is not None:
            faults = terrain.faults(geometry, reading.parts.site)
            reading.findings.errors += [document.problem((*at, "geometry"), fault) for fault in faults]
            found.append(TerrainFeature(entry.value, geometry))
    if (many := terrain.positions(found)) > terrain.MOST_POSITIONS:
        said = f"holds {many} positions, more than {terrain.MOST_POSITIONS}: simplify it, or the map is slow"
        reading.findings.warnings.append(document.problem((), said))
    return tuple(found)


def _listed(reading: Reading, kind: str, columns: tuple[csv_files.Column, ...]) -> Iterator[Item]:
    """Every device or person of `<kind>.yaml` and `<kind>.csv`: one of the two must be there."""
    listed, table = f"{kind}.yaml", f"{kind}.csv"
    if not reading.has(listed) and not reading.has(table):
        file = str(reading.folder / listed)
        reading.findings.errors.append(Problem(file, 1, f"there is neither {listed} nor {table}"))
    readers: dict[str, Reader] = {
        listed: _yaml,
        table: lambda raw, file: csv_files.read_table(raw, file, kind, columns),
    }
    for name, read in readers.items():
        document = reading.document(name, read) if reading.has(name) else None
        if reading.has(name) and (document is None or not _is_list_of(kind, document, reading.findings)):
            reading.parts.unread.add(kind)
        elif document is not None:
            for index, value in enumerate(document.value[kind]):
                yield Item(document, (kind, index), value)


def _is_list_of(key: str, document: Document, findings: Findings) -> bool:
    """There is a list under `key`, the one key that the file may have."""
    value = document.value
    for other in value if isinstance(value, dict) else ():
        if other != key:
            findings.errors.append(document.problem((other,), f"unknown key{suggestion(other, (key,))}"))
    if isinstance(value, dict) and isinstance(value.get(key), list):
        return True
    findings.errors.append(document.problem((), f"must hold a list under `{key}:`"))
    return False


def _note_id(item: Item, known: set[str], first: dict[str, Item], findings: Findings) -> None:
    name = item.value.get("id") if isinstance(item.value, dict) else None
    if not isinstance(name, str):
        return
    known.add(name)
    other = first.setdefault(name, item)
    if other is not item:
        spot = f"{other.document.file}:{other.document.line(other.at)}"
        problem = item.document.problem((*item.at, "id"), f"{shown(name)} stands twice, first in {spot}")
        findings.errors.append(problem)
