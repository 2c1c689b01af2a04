"""The services that carry alerts: whether the channels of all people load, and their servers are reached."""

from collections.abc import Iterator, Sequence

from hub.doctor.endpoints import Channels
from hub.doctor.finding import Finding, bad, ok, warn
from hub.doctor.network import Probe


def channels(found: Channels, probes: Sequence[Probe]) -> Iterator[Finding]:
    """`probes`: of the channels' endpoints. Nothing was sent."""
    for one in found.unusable:
        yield bad("channel.unusable", one.kind, person=one.person, number=one.number, reason=one.reason)
    for kind, people in sorted(found.examples.items()):
        yield warn("channel.example", kind, people=people)
    for probe in probes:
        endpoint = probe.endpoint
        named = {"where": endpoint.where, "people": endpoint.people}
        if probe.unknown:
            yield bad("channel.unknown", endpoint.kind, **named)
        elif probe.refused:
            yield bad("channel.away", endpoint.kind, **named, reason=probe.refused)
        else:
            yield ok("channel.reached", endpoint.kind, **named)
