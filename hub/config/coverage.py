"""Do zones and people fit together, and is there a place or a day of which nobody is told?"""

from hub.config.channels import faults, is_example, oddities
from hub.config.document import shown
from hub.config.parts import Entry, Findings, Parts
from hub.config.shapes import Device, Kind, Person, Role, Zone, ZoneKind
from hub.config.validate import reveal, suggestion

WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
ON_CALL = frozenset({Role.HUNTER, Role.PATROL})
TOLD = {
    ZoneKind.PADDY: frozenset({Role.FARMER}),
    ZoneKind.HUNTING: frozenset({Role.HUNTER}),
    ZoneKind.FLOOD: frozenset({Role.RESIDENT, Role.CORPS, Role.WELFARE}),
    ZoneKind.STREAM: frozenset({Role.RESIDENT, Role.CORPS, Role.WELFARE}),
    ZoneKind.DWELLING: frozenset({Role.RESIDENT}),
}
"""One of these roles is expected in a zone of the kind."""


def check_people(parts: Parts, findings: Findings) -> None:
    for entry in parts.people:
        _check_zones_of(entry, parts, findings)
        _check_channels(entry, parts, findings)
    _check_shared_addresses(parts, findings)
    if "people" in parts.complete:
        _check_duty(parts, findings)
        _check_officials(parts, findings)


def check_zones(parts: Parts, findings: Findings) -> None:
    gauges = {entry.value.id for entry in parts.devices if _is_river(entry, parts)}
    streams = {entry.value.slope.stream for entry in parts.devices if entry.value.slope}
    told = {kind: _zones_of(roles, parts) for kind, roles in TOLD.items()}
    for entry in parts.zones:
        _check_rivers(entry, gauges, streams, parts, findings)
        known = told[entry.value.kind]
        if "people" in parts.complete and known is not None and entry.value.id not in known:
            roles = " or ".join(sorted(TOLD[entry.value.kind]))
            findings.warn(entry, (), f"no {roles} has the zone {entry.value.id}")
    if "zones" in parts.complete:
        _check_unspoken(parts, findings)


def _check_zones_of(entry: Entry[Person], parts: Parts, findings: Findings) -> None:
    person = entry.value
    for index, zone in enumerate(person.zones):
        if zone not in parts.zone_ids and "zones" not in parts.unread:
            near = suggestion(zone, parts.zone_ids)
            findings.error(entry, ("zones", index), f"no zone {zone}{near}")
    if not person.roles:
        findings.error(entry, ("roles",), f"is empty: {person.id} is told of nothing")
    if not person.duty and ON_CALL.intersection(person.roles):
        findings.warn(entry, ("duty",), f"{person.id} is on duty on no day")


def _check_channels(entry: Entry[Person], parts: Parts, findings: Findings) -> None:
    person = entry.value
    if not person.channels:
        findings.error(entry, ("channels",), f"is empty: {person.id} cannot be told of anything")
    for index, channel in enumerate(person.channels):
        url = reveal(channel.url)
        wrong = list(faults(channel.kind, url)) if url else []
        for fault in wrong:
            findings.error(entry, ("channels", index, "url"), f"{channel.kind}: {fault}")
        for oddity in oddities(channel.kind, url) if url and not wrong else ():
            findings.warn(entry, ("channels", index, "url"), f"{channel.kind}: {oddity}")
        if channel.kind == "push" and parts.hub and parts.hub.value.web_push is None:
            findings.error(entry, ("channels", index), "push: hub.yaml has no web_push")


def _check_shared_addresses(parts: Parts, findings: Findings) -> None:
    first: dict[str, Entry[Person]] = {}
    examples: list[Entry[Person]] = []
    for entry in parts.people:
        urls = [reveal(channel.url) for channel in entry.value.channels if channel.url]
        for url in urls:
            other = first.setdefault(url, entry)
            if other is not entry:
                message = f"{entry.value.id} has an address of {other.value.id}: told twice"
                findings.warn(entry, ("channels",), message)
            elif urls.count(url) > 1 and urls[0] == url:
                findings.warn(entry, ("channels",), f"{entry.value.id} has one address twice")
        if any(is_example(url) for url in urls):
            examples.append(entry)
    if examples:
        who = f"{len(examples)} people have" if len(examples) > 1 else f"{examples[0].value.id} has"
        message = f"{who} the address of an example: nothing reaches it"
        findings.warnings.append(examples[0].document.problem((), message))


def _check_duty(parts: Parts, findings: Findings) -> None:
    hunters = [entry for entry in parts.people if Role.HUNTER in entry.value.roles]
    missing = [day for day in WEEK if not any(day in entry.value.duty for entry in hunters)]
    if hunters and missing:
        message = f"no hunter is on duty on {', '.join(missing)}: all of them are told on these days"
        findings.warn(hunters[0], ("duty",), message)


def _check_officials(parts: Parts, findings: Findings) -> None:
    if parts.people and not any(Role.OFFICIAL in entry.value.roles for entry in parts.people):
        message = "nobody has the role official: doubtful floods (要確認) are told to nobody"
        findings.warnings.append(parts.people[0].document.problem((), message))


def _is_river(entry: Entry[Device], parts: Parts) -> bool:
    profile = parts.profile(entry.value)
    return entry.value.gauge is not None or (profile is not None and profile.kind == Kind.RIVER)


def _zones_of(roles: frozenset[Role], parts: Parts) -> frozenset[str] | None:
    """Zones of the people with one of these roles; None where one of them is told of every place."""
    people = [entry.value for entry in parts.people if roles.intersection(entry.value.roles)]
    if any(not person.zones for person in people):
        return None
    return frozenset(zone for person in people for zone in person.zones)


def _check_rivers(
    entry: Entry[Zone], gauges: set[str], streams: set[str], parts: Parts, findings: Findings
) -> None:
    zone = entry.value
    path = ("rivers",)
    if zone.kind == ZoneKind.FLOOD:
        broken = parts.device_ids - parts.device_by_id.keys()
        for gauge in zone.rivers:
            if gauge not in gauges and gauge not in broken and "devices" not in parts.unread:
                findings.error(entry, path, f"no river gauge {shown(gauge)}{suggestion(gauge, gauges)}")
    elif zone.kind == ZoneKind.STREAM:
        for stream in zone.rivers:
            if stream not in streams and "devices" in parts.complete:
                findings.error(
                    entry, path, f"no device watches a stream {shown(stream)}{suggestion(stream, streams)}"
                )
    elif zone.rivers:
        findings.error(entry, path, f"is not for a zone of kind {zone.kind}")
    if zone.kind in (ZoneKind.FLOOD, ZoneKind.STREAM) and not zone.rivers:
        findings.warn(entry, path, f"is empty: nothing is ever told of {zone.id}")


def _check_unspoken(parts: Parts, findings: Findings) -> None:
    spoken = {river for entry in parts.zones for river in entry.value.rivers}
    streams: set[str] = set()
    for entry in parts.devices:
        device = entry.value
        if device.gauge and device.gauge.levels_m and device.id not in spoken:
            findings.warn(entry, (), f"{device.id} is in no flood zone's rivers: nobody along it is told")
        stream = device.slope.stream if device.slope else ""
        if stream and stream not in spoken and stream not in streams:
            streams.add(stream)
            findings.warn(
                entry, ("slope", "stream"), f"no stream zone names {shown(stream)}: nobody below it is told"
            )
