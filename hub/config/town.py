"""The town as the pipeline sees it: the whole config, indexed. Immutable: a reload makes a new one."""

from dataclasses import dataclass, field
from functools import cached_property
from zoneinfo import ZoneInfo

from shapely.geometry.base import BaseGeometry

from hub.config.contacts import Contact
from hub.config.policy import Policy
from hub.config.roster import Turn
from hub.config.settings import Hub, Site
from hub.config.shapes import Device, Kind, Person, Profile, Role, Zone
from hub.config.terrain import TerrainFeature


@dataclass(frozen=True)
class Town:
    """Devices, zones, people and policy of one site. `geometry` maps zone id -> polygon in lon/lat."""

    hub: Hub
    policy: Policy
    profiles: dict[str, Profile]
    devices: dict[str, Device]
    zones: dict[str, Zone]
    geometry: dict[str, BaseGeometry]
    people: dict[str, Person]
    contacts: dict[str, Contact] = field(default_factory=dict)
    """Species -> whom to call, and what to do, where it is in a trap and must not be."""
    warnings: tuple[str, ...] = field(default=())
    roster: tuple[Turn, ...] = ()
    """In the order of time."""
    terrain: tuple[TerrainFeature, ...] = ()
    """What the map shows beside the zones."""

    @property
    def site(self) -> Site:
        return self.hub.site

    @property
    def has_pages(self) -> bool:
        """Phones can reach the hub's pages."""
        return self.hub.web is not None and bool(self.site.hub_url)

    @cached_property
    def zone_info(self) -> ZoneInfo:
        return ZoneInfo(self.hub.site.timezone)

    @cached_property
    def own_device(self) -> Device:
        """The hub itself where a device is asked for: without id, at the centre of the site."""
        site = self.hub.site
        return Device.model_construct(
            id="",
            name=site.name,
            name_en=site.name_en,
            profile="",
            lat=site.lat,
            lon=site.lon,
            place=site.name,
            place_en=site.name_en,
        )

    @cached_property
    def by_address(self) -> dict[str, Device]:
        """Device by what its messages call it: address where it has one (lower case), else id."""
        return {(d.address or d.id).lower(): d for d in self.devices.values()}

    def profile(self, device: Device) -> Profile:
        return self.profiles[device.profile]

    def kind(self, device: Device) -> Kind:
        return self.profiles[device.profile].kind

    @cached_property
    def children(self) -> dict[str, tuple[str, ...]]:
        """Gateway id -> ids of the devices that hang on it."""
        found: dict[str, list[str]] = {}
        for device in self.devices.values():
            if device.gateway:
                found.setdefault(device.gateway, []).append(device.id)
        return {gateway: tuple(ids) for gateway, ids in found.items()}

    @cached_property
    def sirens(self) -> tuple[Device, ...]:
        """Sirens and flashes that may be told to act."""
        return tuple(d for d in self.devices.values() if d.siren is not None and not d.maintenance)

    @cached_property
    def by_role(self) -> dict[Role, tuple[Person, ...]]:
        return {role: tuple(p for p in self.people.values() if role in p.roles) for role in Role}
