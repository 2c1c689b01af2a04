"""Do devices fit their profiles, their place and each other? What a single value cannot show by itself."""

from itertools import pairwise

from hub.config.parts import Entry, Findings, Parts
from hub.config.shapes import LEVELS, Device, Gauge, Kind, Profile
from hub.config.validate import suggestion
from hub.config.zones import beyond, lies_in, looks_swapped

SMALLEST_GAP_M = 0.05
"""A real river has gaps of 5 cm (綾川 鴨川新橋). Less is next to the resolution of 1 cm."""
LONGEST_HEARTBEAT = 25 * 3_600_000
BLOCKS = {Kind.RIVER: "gauge", Kind.TRAP: "trap", Kind.SLOPE: "slope", Kind.SIREN: "siren"}
OPTIONAL_BLOCKS = frozenset({"siren"})


def check_devices(parts: Parts, findings: Findings) -> None:
    _check_leader(parts, findings)
    _check_addresses(parts, findings)
    _check_gateway_loops(parts, findings)
    for entry in parts.devices:
        _check_references(entry, parts, findings)
        _check_position(entry, parts, findings)
        profile = parts.profile(entry.value)
        if profile:
            _check_blocks(entry, profile, findings)
            _check_siren(entry, profile, findings)
        if entry.value.gauge:
            _check_gauge(entry, entry.value.gauge, profile, findings)
        _check_heartbeat(entry, findings)


def _check_references(entry: Entry[Device], parts: Parts, findings: Findings) -> None:
    device = entry.value
    if device.profile not in parts.profile_ids:
        near = suggestion(device.profile, parts.profile_ids)
        findings.error(entry, ("profile",), f"no profile {device.profile}{near}")
    if device.gateway is not None:
        if device.gateway not in parts.device_ids and "devices" not in parts.unread:
            near = suggestion(device.gateway, parts.device_ids)
            findings.error(entry, ("gateway",), f"no device {device.gateway}{near}")
        elif (gateway := parts.device_by_id.get(device.gateway)) and (
            (profile := parts.profile(gateway.value)) and profile.kind != Kind.GATEWAY
        ):
            findings.error(entry, ("gateway",), f"{device.gateway} is a {profile.kind}, no gateway")
    if device.trap and device.trap.owner not in parts.person_ids and "people" not in parts.unread:
        near = suggestion(device.trap.owner, parts.person_ids)
        findings.error(entry, ("trap", "owner"), f"no person {device.trap.owner}{near}")


def _check_leader(parts: Parts, findings: Findings) -> None:
    leader = parts.policy.value.trap.leader if parts.policy else None
    if parts.policy and leader and leader not in parts.person_ids and "people" not in parts.unread:
        near = suggestion(leader, parts.person_ids)
        findings.error(parts.policy, ("trap", "leader"), f"no person {leader}{near}")


def _check_gateway_loops(parts: Parts, findings: Findings) -> None:
    above = {entry.value.id: entry.value.gateway for entry in parts.devices}
    for entry in parts.devices:
        seen: set[str] = set()
        at = entry.value.gateway
        while at is not None and at not in seen and at != entry.value.id:
            seen.add(at)
            at = above.get(at)
        if at == entry.value.id:
            findings.error(entry, ("gateway",), f"{entry.value.id} hangs on itself")


def _check_addresses(parts: Parts, findings: Findings) -> None:
    """A message must lead to one device: by its address where it has one, else by its id."""
    first: dict[str, Entry[Device]] = {}
    for entry in parts.devices:
        name = (entry.value.address or entry.value.id).lower()
        other = first.setdefault(name, entry)
        if other is not entry and other.value.id != entry.value.id:
            findings.error(entry, ("address",), f"is also the address of {other.value.id} ({other.spot})")


def _check_position(entry: Entry[Device], parts: Parts, findings: Findings) -> None:
    site, device = parts.site, entry.value
    if site is None:
        if looks_swapped(device.lat, device.lon, None):
            findings.error(entry, ("lat",), f"{device.lat}, {device.lon}: lat and lon swapped?")
    elif looks_swapped(device.lat, device.lon, site):
        findings.error(entry, ("lat",), f"{device.lat}, {device.lon}: lat and lon swapped?")
    elif not lies_in(site, device.lat, device.lon):
        findings.error(entry, ("lat",), beyond(site, device.lat, device.lon))


def _check_blocks(entry: Entry[Device], profile: Profile, findings: Findings) -> None:
    needed = BLOCKS.get(profile.kind)
    for block in BLOCKS.values():
        given = getattr(entry.value, block) is not None
        if given and block != needed:
            findings.error(entry, (block,), f"is not for a device of kind {profile.kind} ({profile.model})")
        elif not given and block == needed and block not in OPTIONAL_BLOCKS:
            findings.error(entry, (), f"a {profile.kind} device ({profile.model}) needs `{block}`")


def _check_gauge(entry: Entry[Device], gauge: Gauge, profile: Profile | None, findings: Findings) -> None:
    if profile and profile.kind == Kind.RIVER:
        _check_heights(entry, gauge, profile, findings)
    ordered = [(level, gauge.levels_m[level]) for level in LEVELS if level in gauge.levels_m]
    for (below, low), (level, high) in pairwise(ordered):
        path = ("gauge", "levels_m", level)
        if high <= low:
            findings.error(entry, path, f"{high:.2f} m is not above {below}, {low:.2f} m")
        elif high - low < SMALLEST_GAP_M - 1e-9:
            findings.warn(
                entry,
                path,
                f"is only {(high - low) * 100:.0f} cm above {below}: they will be told almost together",
            )
    if not ordered:
        findings.warn(entry, ("gauge",), "has no levels_m: it is recorded, and nobody is told")
    for level in gauge.names:
        if level not in gauge.levels_m:
            findings.warn(entry, ("gauge", "names", level), "names a level that levels_m does not have")
    if gauge.bed_m is not None and gauge.bank_m is not None and gauge.bed_m >= gauge.bank_m:
        findings.error(
            entry, ("gauge", "bank_m"), f"{gauge.bank_m:.2f} m is not above bed_m, {gauge.bed_m:.2f} m"
        )
    if gauge.sensor_height_m is not None and ordered and ordered[-1][1] >= gauge.sensor_height_m:
        findings.warn(
            entry,
            ("gauge", "sensor_height_m"),
            f"the level {ordered[-1][0]}, {ordered[-1][1]:.2f} m, drowns the sensor",
        )


def _check_heights(entry: Entry[Device], gauge: Gauge, profile: Profile, findings: Findings) -> None:
    """A distance or a depth becomes a level only by the height of its sensor."""
    knows_level = "level_m" in profile.quantities
    looks_down = "distance_m" in profile.quantities and gauge.sensor_height_m is None
    submerged = "depth_m" in profile.quantities and gauge.probe_height_m is None
    wanted = " or ".join(
        name for name, needed in (("sensor_height_m", looks_down), ("probe_height_m", submerged)) if needed
    )
    if not wanted and not knows_level and gauge.sensor_height_m is None and gauge.probe_height_m is None:
        wanted = "sensor_height_m or probe_height_m"
    if wanted and knows_level:
        findings.warn(entry, ("gauge",), f"has no {wanted}: only a level_m sent by the device counts")
    elif wanted:
        findings.error(entry, ("gauge",), f"needs {wanted}: {profile.model} sends no level of its own")


def _check_siren(entry: Entry[Device], profile: Profile, findings: Findings) -> None:
    if profile.kind != Kind.SIREN:
        return
    if not profile.sound and not profile.light:
        findings.error(entry, ("profile",), f"{profile.model} has neither sound nor light")
    siren = entry.value.siren
    if siren is None:
        return
    if not siren.use:
        findings.warn(entry, ("siren", "use"), "is empty: it is never switched on")
    if "warn" in siren.use and not profile.sound:
        findings.warn(entry, ("siren", "use"), f"{profile.model} has no sound: it warns nobody who sleeps")


def _check_heartbeat(entry: Entry[Device], findings: Findings) -> None:
    heartbeat = entry.value.heartbeat
    if heartbeat is None:
        return
    if heartbeat == 0:
        findings.error(entry, ("heartbeat",), "must be more than nothing")
    elif heartbeat > LONGEST_HEARTBEAT:
        findings.warn(
            entry,
            ("heartbeat",),
            f"{heartbeat / 3_600_000:.0f} h: its death is noticed only after several of these",
        )
