"""DNS: whether each host that the config names has an address, and this machine a way to it."""

from collections.abc import Iterator, Sequence

from hub.doctor.finding import Finding, bad, ok, warn
from hub.doctor.network import Probe


def findings(probes: Sequence[Probe]) -> Iterator[Finding]:
    """One for all that is well, one for each name that nobody knows, one for a name server that is silent."""
    named = [probe for probe in probes if not probe.literal]
    silent = [probe for probe in named if probe.unknown == "silent"]
    if silent:
        yield bad("dns.silent", names=", ".join(map(_said, silent)))
    for probe in named:
        if probe.unknown == "name":
            told = warn if probe.endpoint.kind == "pages" else bad
            yield told("dns.unknown", name=_said(probe), setting=probe.endpoint.setting)
    for probe in probes:
        if probe.families and not probe.routed:
            families = [f"IPv{number}" for number in probe.families]
            yield bad("dns.no_way", name=_said(probe), families=("と".join(families), " and ".join(families)))
    well = [probe for probe in named if probe.routed]
    if well:
        by_6 = sum(6 in probe.routed for probe in well)
        yield ok("dns.known", hosts=len({probe.endpoint.host for probe in well}), by_6=by_6)
    elif not named:
        yield ok("dns.none")


def _said(probe: Probe) -> str:
    return f"{probe.endpoint.host} ({probe.endpoint.setting})"
