"""Servers and databases that answer as themselves, and refuse whom they do not know."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path

import pytest
from distributed.security import Security

from ..state.conftest import STRICT_USER, Server
from .answering import listening
from .conftest import invoke

START = "check that it is running and reachable"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate with its key that nobody has signed."""
    made = Security.temporary()
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    path.write_text(f"{made.tls_scheduler_key}\n{made.tls_scheduler_cert}", "utf-8")
    return path


def told_of(certificate: Path, *, asks: bool) -> str:
    """What is told of a server with a certificate, which may ask for one itself, after its address."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    if asks:
        # In TLS 1.3 a client is refused only after it has sent its request.
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.verify_mode = ssl.CERT_REQUIRED

    def serve(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secure:
            secure.recv(65536)

    with listening(serve) as (address, _):
        told = invoke("model", "list", "--set", f"tracking.uri=https://{address}")
        assert told.exit_code == 7
        return told.stderr.removeprefix(f"https://{address}: ")


def test_a_certificate_that_is_not_trusted(project: Path, certificate: Path) -> None:
    """A server whose certificate nobody known has signed is told, with the setting that names the authority."""
    expected = "name its authority in MLFLOW_TRACKING_SERVER_CERT_PATH"
    assert told_of(certificate, asks=False) == f"its certificate is not trusted; {expected}\n"


def test_a_server_that_asks_for_a_certificate(
    project: Path, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that breaks the handshake off is told in words."""
    monkeypatch.setenv("MLFLOW_TRACKING_INSECURE_TLS", "true")
    expected = "check its certificate and the versions of TLS it takes"
    assert told_of(certificate, asks=True) == f"no TLS connection comes about; {expected}\n"


def test_a_host_that_is_unknown(project: Path) -> None:
    """A host name that leads nowhere is told as such."""
    told = invoke("model", "list", "--set", "tracking.uri=http://nowhere.invalid:5000")
    assert told.stderr == f"http://nowhere.invalid:5000: cannot be reached: its host is unknown; {START}\n"


def test_a_database_that_refuses(project: Path, database_server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user, a database and a socket that are not there, and a wrong password, are told in words."""
    folder = database_server.folder
    of_user = "refuses the user or the password; correct the user in tracking.uri, or set PGPASSWORD"
    monkeypatch.setenv("PGPASSWORD", "s3cret")
    for address, words in {
        f"{STRICT_USER}@/postgres?host={folder}": of_user,
        f"nobody@/postgres?host={folder}": of_user,
        f"postgres@/nothing?host={folder}": "has no such database; create it, or correct tracking.uri",
        f"postgres@/postgres?host={project}": f"cannot be reached: nothing listens there; {START}",
    }.items():
        told = invoke("model", "list", "--set", f"tracking.uri=postgresql+psycopg://{address}")
        shown = address.partition("@")[2]
        assert told.stderr == f"postgresql+psycopg://{shown}: {words}\n"
    monkeypatch.delenv("PGPASSWORD")
    told = invoke("model", "list", "--set", f"tracking.uri=postgresql+psycopg://{STRICT_USER}@/postgres?host={folder}")
    assert told.stderr == f"postgresql+psycopg:///postgres?host={folder}: {of_user}\n"


def test_databricks_that_is_not_set_up(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without credentials of Databricks nothing is asked, and what is missing is told in words."""
    monkeypatch.setenv("DATABRICKS_CONFIG_FILE", str(project / "none"))
    for name in ("DATABRICKS_HOST", "DATABRICKS_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    expected = "install databricks-sdk and give it credentials, or correct tracking.uri"
    for address in ("databricks", "databricks://desk"):
        told = invoke("model", "list", "--set", f"tracking.uri={address}")
        assert (told.exit_code, told.stderr) == (7, f"{address}: Databricks is not set up here; {expected}\n")
