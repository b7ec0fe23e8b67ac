"""Finding the annotator's host and proving who it is end in time, and say what went wrong."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from .failing import failure, read

NAMED = "http://annotator.invalid:3000"
LATE = "not read within the deadline of 0.4 s; a longer deadline, or fewer charts"


@pytest.mark.parametrize("host", ["annotator.invalid", "a" * 70])
def test_a_host_without_an_address(tmp_path: Path, host: str) -> None:
    """A name that nobody knows, or that can be none, is told as such."""
    expected = f"the host {host} has no address; the name of a host that is there"
    assert failure(f"http://{host}", tmp_path) == f"http://{host}/api/charts: {expected}"


@pytest.fixture
def silent_resolver(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A name server that does not answer while the test lasts."""
    done = threading.Event()

    def waiting(*_: object, **__: object) -> list[Any]:
        done.wait(30)
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", waiting)
    yield
    done.set()


@pytest.mark.usefixtures("silent_resolver")
def test_a_name_server_that_says_nothing(tmp_path: Path) -> None:
    """Looking a name up is given up after the time-out, and tried again."""
    found = "no address of the host annotator.invalid within 0.1 s (2 attempts)"
    expected = f"{NAMED}/api/charts: {found}; a longer timeout, or a host that is quicker to find"
    assert failure(NAMED, tmp_path, timeout=0.1, retries=1) == expected


@pytest.mark.usefixtures("silent_resolver")
def test_a_name_server_and_the_deadline(tmp_path: Path) -> None:
    """Looking a name up counts towards the deadline."""
    assert failure(NAMED, tmp_path, deadline=0.4, retries=5) == f"{NAMED}/api/charts: {LATE}"


def test_the_next_address_of_a_host(annotator: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the first address of a host takes no connection the next one is asked."""
    known = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0)) for address in ("127.0.0.9", "127.0.0.1")]
    found = socket.getaddrinfo

    def two(host: str, *more: Any, **named: Any) -> object:
        return known if host == "desk" else found(host, *more, **named)

    monkeypatch.setattr(socket, "getaddrinfo", two)
    assert len(read(annotator.url.replace("127.0.0.1", "desk"), tmp_path).candles) == 2


@contextmanager
def serving(talk: Callable[[socket.socket], object], times: int = 1) -> Iterator[str]:
    """The https address of a server that so talks with its first callers."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            for _ in range(times):
                connected, _ = server.accept()
                with connected, suppress(OSError):
                    talk(connected)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"https://127.0.0.1:{server.getsockname()[1]}"
        thread.join()


def dripping(connected: socket.socket) -> None:
    """A handshake's first record, a byte at a time."""
    connected.sendall(b"\x16\x03\x03\x40\x00")
    connected.settimeout(0.02)
    while True:
        connected.sendall(b"\x02")
        with suppress(TimeoutError):
            if not connected.recv(4096):
                return


def test_a_handshake_that_never_ends(tmp_path: Path) -> None:
    """A TLS handshake that comes in drops is cut at the deadline."""
    with serving(dripping) as url:
        assert failure(url, tmp_path, deadline=0.4, retries=5) == f"{url}/api/charts: {LATE}"


def test_a_handshake_that_never_begins(tmp_path: Path) -> None:
    """A server that says nothing to a TLS handshake is given up after the time-out."""
    with serving(lambda connected: [*iter(lambda: connected.recv(4096), b"")], times=2) as url:
        expected = "no answer within 0.1 s (2 attempts); a longer timeout"
        assert failure(url, tmp_path, timeout=0.1, retries=1) == f"{url}/api/charts: {expected}"


def test_a_handshake_that_breaks_off(tmp_path: Path) -> None:
    """A server that hangs up during a TLS handshake is asked again."""
    with serving(lambda connected: connected.recv(4096), times=2) as url:
        found = "the connection broke or the answer is damaged (2 attempts)"
        assert failure(url, tmp_path, retries=1) == f"{url}/api/charts: {found}; an annotator that answers in full"


def test_a_server_without_tls(annotator: Any, tmp_path: Path) -> None:
    """A server that speaks plain HTTP on a port that is asked by https is told as untrusted, once."""
    url = annotator.url.replace("http:", "https:")
    expected = "no trusted connection (WRONG_VERSION_NUMBER); a certificate that this machine trusts"
    assert failure(url, tmp_path, retries=3) == f"{url}/api/charts: {expected}"


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate of this machine's address that it signed itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "annotator")])
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, now - timedelta(1), now + timedelta(1))
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    signed = made.add_extension(here, critical=False).sign(key, hashes.SHA256())
    file = tmp_path / "certificate.pem"
    file.write_bytes(signed.public_bytes(serialization.Encoding.PEM) + secret)
    return file


@pytest.fixture
def secured(annotator: Any, certificate: Path) -> str:
    """The https address of an annotator that shows the certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    annotator.socket = context.wrap_socket(annotator.socket, server_side=True, do_handshake_on_connect=False)
    return str(annotator.url.replace("http:", "https:"))


def test_a_certificate_that_nobody_vouches_for(secured: str, annotator: Any, tmp_path: Path) -> None:
    """A server that cannot prove who it is is asked nothing, once."""
    expected = "no trusted connection (self-signed certificate); a certificate that this machine trusts"
    assert failure(secured, tmp_path, retries=3) == f"{secured}/api/charts: {expected}"
    assert annotator.requests == []


def test_a_trusted_certificate(
    secured: str, certificate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its certificate among those that OpenSSL looks up, an annotator is read by https."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert len(read(secured, tmp_path).candles) == 2


def test_a_certificate_of_another_host(
    secured: str, certificate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trusted certificate that names another host proves nothing."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    url = secured.replace("127.0.0.1", "localhost")
    found = "no trusted connection (Hostname mismatch, certificate is not valid for 'localhost'.)"
    assert failure(url, tmp_path) == f"{url}/api/charts: {found}; a certificate that this machine trusts"
