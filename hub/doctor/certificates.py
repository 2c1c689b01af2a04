"""Certificates of the servers that the config names: how long they last, and whether they are believed."""

import ssl
from collections.abc import Iterator, Sequence
from pathlib import Path

from devices.frame import Millis
from hub.doctor.finding import Finding, bad, ok, warn
from hub.doctor.network import Probe

DAY: Millis = 86_400_000
SOON_DAYS = 21
"""Let's Encrypt's are renewed 30 days before their end: what has fewer was not."""


def findings(probes: Sequence[Probe], now: Millis) -> Iterator[Finding]:
    """One for all that are well, one for each that is not."""
    well = []
    for probe in probes:
        endpoint, certificate = probe.endpoint, probe.certificate
        named = {"where": endpoint.where, "setting": endpoint.setting}
        if endpoint.secure and not endpoint.verified:
            yield warn("certificate.unverified", **named)
        if certificate is None:
            continue
        if certificate.fault:
            issuers = endpoint.ca_file.name if endpoint.ca_file else ""
            code = "file" if certificate.fault in ("issuer", "self_signed") and issuers else certificate.fault
            yield bad(f"certificate.{code}", **named, file=issuers, said=certificate.said)
        elif certificate.ends is not None:
            left = days_left(certificate.ends, now)
            if left < SOON_DAYS:
                yield warn("certificate.soon", **named, days=left)
            else:
                well.append((left, endpoint.where))
    if well:
        left, first = min(well)
        yield ok("certificate.well", number=len(well), days=left, where=first)


def issuers(path: Path | None, now: Millis) -> Iterator[Finding]:
    """The file of issuers that the broker is believed by: its own certificates end too."""
    if path is None:
        return
    try:
        held = ssl.create_default_context(cafile=path).get_ca_certs()
        left = min(days_left(ssl.cert_time_to_seconds(str(one["notAfter"])) * 1000, now) for one in held)
    except (OSError, ValueError, KeyError):
        yield bad("certificate.unreadable", file=path.name)
        return
    if left < 0:
        yield bad("certificate.issuer_over", file=path.name)
    elif left < SOON_DAYS:
        yield warn("certificate.issuer_soon", file=path.name, days=left)


def days_left(ends: Millis, now: Millis) -> int:
    """Whole days; negative where it is over."""
    return (ends - now) // DAY
