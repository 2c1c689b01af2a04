"""`naruko doctor` and the servers that the config names: their names, a way to them, their certificates."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from aiosmtpd.controller import Controller
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from hub.clock import SystemClock
from hub.doctor import broker, certificates, endpoints, names, network, reach
from hub.doctor.certificates import DAY, SOON_DAYS
from hub.doctor.endpoints import Channels, Endpoint
from hub.doctor.finding import Level
from hub.doctor.network import Certificate, Probe
from tests import servers
from tests.doctors import codes, sockets_left_behind, town_at, written

OK, WARN, BAD = Level
HERE = "127.0.0.1"


class Signed(NamedTuple):
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def signed(name: str, *, days: float = 90, by: Signed | None = None, begun: float = -1) -> Signed:
    """A certificate for a name or an address, by an issuer or by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.fromtimestamp(SystemClock().now() / 1000, UTC)
    other: x509.GeneralName
    try:
        other = x509.IPAddress(ip_address(name))
    except ValueError:
        other = x509.DNSName(name)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.certificate.subject if by else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=min(begun, days - 1)))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=by is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([other]), critical=False)
        .sign(by.key if by else key, hashes.SHA256())
    )
    return Signed(made, key)


def pem(*shown: Signed) -> bytes:
    return b"".join(one.certificate.public_bytes(serialization.Encoding.PEM) for one in shown)


def key_of(one: Signed) -> bytes:
    return one.key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def server_context(folder: Path, one: Signed) -> ssl.SSLContext:
    files = folder / "server.crt", folder / "server.key"
    for file, content in zip(files, (pem(one), key_of(one)), strict=True):
        file.write_bytes(content)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
    return context


@contextmanager
def tls_server(folder: Path, one: Signed) -> Iterator[int]:
    """Shakes hands and hangs up; gives its port."""
    context, listener = server_context(folder, one), socket.create_server((HERE, 0))

    def serve() -> None:
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            with plain, suppress(OSError), context.wrap_socket(plain, server_side=True) as secured:
                secured.recv(1)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


@pytest.fixture(scope="module")
def issuer() -> Signed:
    return signed("Town Issuer", days=900)


@pytest.fixture
def issuer_file(tmp_path: Path, issuer: Signed) -> Path:
    path = tmp_path / "ca.pem"
    path.write_bytes(pem(issuer))
    return path


def probed(port: int, ca_file: Path | None, **more: Any) -> Probe:
    return network.probe(Endpoint("broker", "mqtt.host", HERE, port, "tls", ca_file=ca_file, **more))


def told(probe: Probe) -> dict[str, Level]:
    return codes(certificates.findings([probe], SystemClock().now()))


# --- certificates -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shown", "found"),
    [
        ((HERE, 60), {"certificate.well": OK}),
        ((HERE, 20.5), {"certificate.soon": WARN}),
        ((HERE, -2), {"certificate.over": BAD}),
        (("other.town.test", 60), {"certificate.name": BAD}),
    ],
)
def test_the_end_and_the_name_of_a_certificate_are_told(
    tmp_path: Path, issuer: Signed, issuer_file: Path, shown: tuple[str, float], found: dict[str, Level]
) -> None:
    name, days = shown
    with tls_server(tmp_path, signed(name, days=days, by=issuer)) as port:
        assert told(probed(port, issuer_file)) == found


def test_one_that_nobody_here_believes_is_told_by_who_signed_it(
    tmp_path: Path, issuer: Signed, issuer_file: Path
) -> None:
    with tls_server(tmp_path, signed(HERE, by=issuer)) as port:
        assert told(probed(port, None)) == {"certificate.issuer": BAD}
    own = signed(HERE)
    with tls_server(tmp_path, own) as port:
        assert told(probed(port, None)) == {"certificate.self_signed": BAD}
        assert told(probed(port, issuer_file)) == {"certificate.file": BAD}
        own_file = tmp_path / "own.pem"
        own_file.write_bytes(pem(own))
        assert told(probed(port, own_file)) == {"certificate.well": OK}


def test_one_that_begins_tomorrow_points_to_the_clock(
    tmp_path: Path, issuer: Signed, issuer_file: Path
) -> None:
    made = signed(HERE, days=80, by=issuer, begun=1)
    with tls_server(tmp_path, made) as port:
        (finding,) = certificates.findings([probed(port, issuer_file)], SystemClock().now())
    assert finding.code == "certificate.early"
    assert "clock" in finding.do
    assert "時計" in finding.do_ja


def test_a_server_that_speaks_no_tls_is_told_as_that() -> None:
    with closing(socket.create_server((HERE, 0))) as plain:
        answering = threading.Thread(target=_says_hello, args=(plain,))
        answering.start()
        found = told(probed(plain.getsockname()[1], None))
        answering.join()
    assert found == {"certificate.no_tls": BAD}


def _says_hello(plain: socket.socket) -> None:
    for _ in range(2):  # the look whether somebody listens, and the handshake
        client, _ = plain.accept()
        with client, suppress(OSError):
            client.sendall(b"220 hello\r\n")
            client.recv(1_000)


def test_a_mail_server_shows_its_certificate_after_starttls(
    tmp_path: Path, issuer: Signed, issuer_file: Path
) -> None:
    context = server_context(tmp_path, signed(HERE, days=9, by=issuer))
    mail = Controller(_Nobody(), hostname=HERE, port=servers.free_port(), tls_context=context)
    mail.start()
    try:
        endpoint = Endpoint("mail", "channels.mail", HERE, mail.port, "starttls", ca_file=issuer_file)
        assert told(network.probe(endpoint)) == {"certificate.soon": WARN}
    finally:
        mail.stop()


class _Nobody:
    """Takes no mail."""


def test_verify_no_is_told_and_the_certificate_is_not_asked_for(tmp_path: Path, issuer: Signed) -> None:
    with tls_server(tmp_path, signed(HERE, by=issuer)) as port:
        assert told(probed(port, None, verified=False)) == {"certificate.unverified": WARN}


def test_the_file_of_issuers_is_looked_at_itself(tmp_path: Path) -> None:
    now = SystemClock().now()
    for days, code in ((-1, "certificate.issuer_over"), (5.5, "certificate.issuer_soon")):
        path = tmp_path / "ca.pem"
        path.write_bytes(pem(signed("Old Issuer", days=days)))
        assert list(codes(certificates.issuers(path, now))) == [code]
    path.write_text("no certificate\n")
    assert codes(certificates.issuers(path, now)) == {"certificate.unreadable": BAD}
    assert list(certificates.issuers(None, now)) == []


def test_a_broker_with_a_certificate_of_another_issuer_is_told_at_the_broker_and_at_the_certificate(
    tmp_path: Path, issuer: Signed, issuer_file: Path
) -> None:
    server_context(tmp_path, signed(HERE, by=issuer))
    conf = f"certfile {tmp_path}/server.crt\nkeyfile {tmp_path}/server.key"
    stranger = tmp_path / "stranger.pem"
    stranger.write_bytes(pem(signed("Stranger")))
    with servers.mosquitto(conf) as server, sockets_left_behind():
        for ca_file, level, code in (
            (issuer_file, OK, "certificate.well"),
            (stranger, BAD, "certificate.issuer"),
        ):
            mqtt = {"tls": True, "ca_file": str(ca_file), "host": HERE}
            town = town_at(written(tmp_path / ca_file.stem, server.port, mqtt=mqtt))
            at_broker = codes(broker.broker(town))
            assert at_broker["broker.well" if level is OK else "broker.tls"] is level
            (endpoint, *_) = endpoints.of_hub(town)
            assert told(network.probe(endpoint))[code if level is OK else "certificate.file"] is level


@given(st.integers(-400, 4_000), st.integers(0, DAY - 1))
def test_whole_days_are_counted_and_a_certificate_that_ends_today_has_none(days: int, more: int) -> None:
    assert certificates.days_left(1_800_000_000_000 + days * DAY + more, 1_800_000_000_000) == days


# --- names ------------------------------------------------------------------------------------------


def resolver(monkeypatch: pytest.MonkeyPatch, answers: dict[str, Any]) -> None:
    """What the name server says of each host: a list of (family, address), or what is raised."""

    def ask(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        said = answers.get(host, [(socket.AF_INET, host)])
        if isinstance(said, Exception):
            raise said
        if isinstance(said, threading.Event):
            said.wait(10)
            return []
        return [(family, socket.SOCK_STREAM, 6, "", (address, port)) for family, address in said]

    monkeypatch.setattr(socket, "getaddrinfo", ask)


def named(host: str, kind: str = "mail", setting: str = "channels.mail") -> Endpoint:
    return Endpoint(kind, setting, host, 9)


def test_a_name_that_nobody_knows_is_told_with_the_setting_that_has_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    resolver(monkeypatch, {"mail.town.test": socket.gaierror(socket.EAI_NONAME, "")})
    probes = network.probes([named("mail.town.test")])
    (finding,) = names.findings(probes)
    assert (finding.code, finding.level) == ("dns.unknown", BAD)
    assert "mail.town.test" in finding.said
    assert "channels.mail" in finding.do


def test_a_name_server_that_is_silent_is_told_once_for_all_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "WITHIN_S", 0.2)
    hangs = threading.Event()
    resolver(monkeypatch, {"a.test": socket.gaierror(socket.EAI_AGAIN, ""), "b.test": hangs})
    try:
        (finding,) = names.findings(network.probes([named("a.test"), named("b.test")]))
    finally:
        hangs.set()
    assert finding.code == "dns.silent"
    assert "a.test" in finding.said
    assert "b.test" in finding.said


def test_a_server_that_is_too_slow_has_no_silent_name_server(monkeypatch: pytest.MonkeyPatch) -> None:
    hangs = threading.Event()
    monkeypatch.setattr(network, "ALL_WITHIN_S", 0.2)
    monkeypatch.setattr(network, "probe", lambda _: hangs.wait(10))
    try:
        (probe,) = network.probes([named(HERE)])
    finally:
        hangs.set()
    assert (probe.unknown, probe.refused, probe.literal) == ("", "timed out", True)
    assert codes(names.findings([probe])) == {"dns.none": OK}
    (finding,) = reach.channels(Channels((probe.endpoint,), (), {}), [probe])
    assert (finding.code, finding.level) == ("channel.away", BAD)
    assert "時間切れ" in finding.said_ja


def test_what_has_ipv6_alone_needs_a_way_there(monkeypatch: pytest.MonkeyPatch) -> None:
    resolver(monkeypatch, {"six.test": [(socket.AF_INET6, "2001:db8::1")]})
    monkeypatch.setattr(network, "_has_way", lambda *_: False)
    (finding,) = names.findings(network.probes([named("six.test")]))
    assert finding.code == "dns.no_way"
    assert "IPv6" in finding.said
    resolver(monkeypatch, {"both.test": [(socket.AF_INET, HERE), (socket.AF_INET6, "::1")]})
    (finding,) = names.findings(network.probes([named("both.test")]))
    assert ("IPv4 and IPv6" in finding.said, "IPv4とIPv6" in finding.said_ja) == (True, True)


def test_names_that_are_known_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    resolver(monkeypatch, {"a.test": [(socket.AF_INET, HERE)], "b.test": [(socket.AF_INET, HERE)]})
    (finding,) = names.findings(network.probes([named("a.test"), named("b.test")]))
    assert finding.said == "2 names are known, 0 of them by IPv6 too"


def test_every_host_of_the_config_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret")
    folder = written(
        tmp_path / "town",
        1883,
        mqtt={"host": "broker.test"},
        influx={"url": "https://influx.test:8086", "version": 1},
        deadman={"url": "https://ping.test/secret-uuid"},
        grafana={"url": "http://grafana.test:3000/grafana", "token_file": str(tmp_path / "token")},
        pages=8470,
    )
    found = {(e.kind, e.setting, e.host, e.port, e.secure) for e in endpoints.of_hub(town_at(folder))}
    assert found == {
        ("broker", "mqtt.host", "broker.test", 1883, ""),
        ("influx", "influx.url", "influx.test", 8086, "tls"),
        ("deadman", "deadman.url", "ping.test", 443, "tls"),
        ("grafana", "grafana.url", "grafana.test", 3000, ""),
        ("pages", "site.hub_url", "127.0.0.1", 8470, ""),
    }


PROBES = st.builds(
    Probe,
    endpoint=st.builds(
        Endpoint,
        kind=st.sampled_from(["broker", "mail", "pages"]),
        setting=st.just("x"),
        host=st.from_regex(r"[a-z]{3,9}\.test", fullmatch=True),
        port=st.integers(1, 65_535),
        secure=st.sampled_from(["", "tls"]),
        verified=st.booleans(),
    ),
    literal=st.booleans(),
    unknown=st.sampled_from(["", "name", "silent"]),
    families=st.sampled_from([(), (4,), (4, 6)]),
    routed=st.sampled_from([(), (4,)]),
    certificate=st.none()
    | st.builds(
        Certificate, ends=st.none() | st.integers(0, 4 * 10**12), fault=st.sampled_from(["", "over"])
    ),
)


@given(st.lists(PROBES, max_size=6), st.integers(1_767_225_600_000, 2 * 10**12))
def test_whatever_was_found_is_said_of_each_that_is_not_well(probes: list[Probe], now: int) -> None:
    said = list(names.findings(probes))
    wrong = " ".join(finding.said for finding in said if finding.level is not OK)
    for probe in probes:
        if probe.unknown and not probe.literal:
            assert probe.endpoint.host in wrong
    shown = list(certificates.findings(probes, now))
    for probe in probes:
        made = probe.certificate
        if made and (made.fault or (made.ends and made.ends < now + SOON_DAYS * DAY)):
            assert any(f.level is not OK and probe.endpoint.where in f.said for f in shown)
