"""What was read of a town, each piece with its place in its file, before it is known to fit together."""

from dataclasses import dataclass, field
from typing import Generic, TypeVar

from shapely.geometry.base import BaseGeometry

from hub.config.document import Document, KeyPath, Problem
from hub.config.policy import Policy
from hub.config.settings import Hub, Site
from hub.config.shapes import Device, Person, Profile, Zone

T = TypeVar("T")


@dataclass(frozen=True)
class Entry(Generic[T]):
    """One piece and where it stands."""

    value: T
    document: Document
    at: KeyPath

    @property
    def spot(self) -> str:
        """`config/devices.yaml:12`"""
        return f"{self.document.file}:{self.document.line(self.at)}"


@dataclass
class Findings:
    """Errors end the loading; warnings are foolish but legal."""

    errors: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)

    def error(self, entry: Entry[T], path: KeyPath, message: str) -> None:
        self.errors.append(entry.document.problem(entry.at + path, message))

    def warn(self, entry: Entry[T], path: KeyPath, message: str) -> None:
        self.warnings.append(entry.document.problem(entry.at + path, message))


@dataclass
class Parts:
    """Everything whose shape is right. The `*_ids` also name what is wrong in itself, so that a reference to
    it is not reported a second time."""

    hub: Entry[Hub] | None = None
    policy: Entry[Policy] | None = None
    profiles: dict[str, Profile] = field(default_factory=dict)
    devices: list[Entry[Device]] = field(default_factory=list)
    device_by_id: dict[str, Entry[Device]] = field(default_factory=dict)
    zones: list[Entry[Zone]] = field(default_factory=list)
    people: list[Entry[Person]] = field(default_factory=list)
    geometry: dict[str, BaseGeometry] = field(default_factory=dict)
    profile_ids: set[str] = field(default_factory=set)
    device_ids: set[str] = field(default_factory=set)
    zone_ids: set[str] = field(default_factory=set)
    person_ids: set[str] = field(default_factory=set)
    complete: set[str] = field(default_factory=set)
    """Kinds of piece (devices, zones, people) of which all could be read."""
    unread: set[str] = field(default_factory=set)
    """Kinds of which a whole file could not be read: what refers to one of them may be right."""

    @property
    def site(self) -> Site | None:
        return self.hub.value.site if self.hub else None

    def profile(self, device: Device) -> Profile | None:
        return self.profiles.get(device.profile)
