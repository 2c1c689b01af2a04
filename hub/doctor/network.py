"""One server, seen from here: its addresses, a way to them, whether it listens, the certificate it shows."""

import contextlib
import smtplib
import socket
import ssl
from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from typing import Any, cast

from msgspec import Struct

from devices.frame import Millis
from hub.doctor.at_once import each
from hub.doctor.endpoints import Endpoint

WITHIN_S = 4.0
"""For each of: the name server, a connection, a handshake."""
ALL_WITHIN_S = 13.0
TOO_SLOW, NO_WAY = "timed out", "no way there"
FAULTS = {
    9: "early",
    10: "over",
    62: "name",
    64: "name",
    18: "self_signed",
    19: "issuer",
    20: "issuer",
    21: "issuer",
}
"""OpenSSL's X509_V_ERR codes -> what is wrong."""


class Certificate(Struct, frozen=True):
    """`ends`: when, epoch ms; None where it did not pass. `fault`: early, over, name, self_signed, issuer,
    no_tls, other; empty where it passed. `said`: OpenSSL's own words."""

    ends: Millis | None = None
    fault: str = ""
    said: str = ""


class Probe(Struct, frozen=True):
    """`literal`: the config names an address. `unknown`: why the name has no address: name, silent; then
    nothing else was looked at. `families`: 4, 6; `routed`: those of them to which there is a way from here.
    `refused`: why nobody answers; empty where somebody listens. `certificate`: where it speaks TLS."""

    endpoint: Endpoint
    literal: bool = False
    unknown: str = ""
    families: tuple[int, ...] = ()
    routed: tuple[int, ...] = ()
    refused: str = ""
    certificate: Certificate | None = None


def probes(endpoints: Sequence[Endpoint]) -> list[Probe]:
    """All at the same time. The name server has a limit of its own: whoever is too slow has a name."""
    found = each(probe, endpoints, ALL_WITHIN_S)
    return [
        made or Probe(endpoint, _is_address(endpoint.host), refused=TOO_SLOW)
        for endpoint, made in zip(endpoints, found, strict=True)
    ]


def probe(endpoint: Endpoint) -> Probe:
    """Asks the name server, connects, and shakes hands where it speaks TLS. Sends nothing else."""
    literal = _is_address(endpoint.host)
    (resolved,) = each(_resolved, [endpoint], WITHIN_S)
    if resolved is None or isinstance(resolved, str):
        return Probe(endpoint, literal, unknown=resolved or "silent")
    families = tuple(sorted({_number(family) for family, _ in resolved}))
    ways = [(family, address) for family, address in resolved if _has_way(family, address)]
    routed = tuple(sorted({_number(family) for family, _ in ways}))
    refused = _refusal([address for _, address in ways]) if ways else NO_WAY
    looked_at = endpoint.secure and endpoint.verified and not refused
    certificate = _certificate(endpoint) if looked_at else None
    return Probe(endpoint, literal, "", families, routed, refused, certificate)


def _resolved(endpoint: Endpoint) -> list[tuple[int, Any]] | str:
    """(family, address) of each; or why there is none."""
    try:
        found = socket.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        return "silent" if error.errno == socket.EAI_AGAIN else "name"
    except (UnicodeError, OSError):
        return "name"
    return [(family, address) for family, _, _, _, address in found]


def _is_address(host: str) -> bool:
    try:
        return bool(ip_address(host.partition("%")[0]))
    except ValueError:
        return False


def _number(family: int) -> int:
    return 6 if family == socket.AF_INET6 else 4


def _has_way(family: int, address: Any) -> bool:
    """Whether this machine has a route there. Nothing is sent."""
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as trial:
            trial.connect(address)
    except OSError:
        return False
    return True


def _refusal(addresses: Sequence[Any]) -> str:
    """Empty where somebody listens at one of them."""
    said = each(knock, addresses, WITHIN_S)
    return "" if "" in said else next((one for one in said if one), TOO_SLOW)


def knock(address: Any) -> str:
    """Why nobody answers at (host, port); empty where somebody listens."""
    try:
        with socket.create_connection(address[:2], timeout=WITHIN_S):
            return ""
    except OSError as error:
        return error.strerror or str(error)


def context_of(endpoint: Endpoint) -> ssl.SSLContext:
    """As what speaks to it has it. OSError, ValueError: the file of issuers cannot be used."""
    if endpoint.bundled:
        from requests.utils import DEFAULT_CA_BUNDLE_PATH  # noqa: PLC0415 (only where there are channels)

        return ssl.create_default_context(cafile=DEFAULT_CA_BUNDLE_PATH)
    return ssl.create_default_context(cafile=endpoint.ca_file)


def _certificate(endpoint: Endpoint) -> Certificate:
    try:
        with _secured(endpoint, context_of(endpoint)) as secured:
            shown = secured.getpeercert() or {}
        return Certificate(ends=ssl.cert_time_to_seconds(str(shown["notAfter"])) * 1000)
    except ssl.SSLCertVerificationError as error:
        return Certificate(None, FAULTS.get(error.verify_code, "other"), error.verify_message)
    except (ssl.SSLError, smtplib.SMTPNotSupportedError) as error:
        return Certificate(None, "no_tls", getattr(error, "reason", None) or str(error))
    except TimeoutError:
        return Certificate(None, "other", TOO_SLOW)
    except (OSError, ValueError, KeyError, smtplib.SMTPException) as error:
        return Certificate(None, "other", getattr(error, "strerror", None) or str(error))


@contextlib.contextmanager
def _secured(endpoint: Endpoint, context: ssl.SSLContext) -> Iterator[ssl.SSLSocket]:
    if endpoint.secure == "starttls":
        with smtplib.SMTP(endpoint.host, endpoint.port, local_hostname="naruko", timeout=WITHIN_S) as mail:
            mail.starttls(context=context)
            yield cast(ssl.SSLSocket, mail.sock)
        return
    with (
        socket.create_connection((endpoint.host, endpoint.port), timeout=WITHIN_S) as plain,
        context.wrap_socket(plain, server_hostname=endpoint.host) as secured,
    ):
        yield secured
