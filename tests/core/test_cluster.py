"""What is told of a Dask cluster that is not there, not like this process, or gone in the middle of the work."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
import warnings
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import pytest
from benchmarks.scale.engines import started
from click.testing import CliRunner
from distributed import LocalCluster
from distributed.security import Security

from candle_ml import cluster
from candle_ml.cli import main
from candle_ml.config import PipelineConfig, parse_config
from candle_ml.config.models import ExecutionSection, TlsFiles
from candle_ml.errors import ConfigError, ExecutionError
from candle_ml.execution import results

BASE = """name: work
sources: {use: [candle-files]}
features: {use: [candle-shape]}
labels: {use: windowed}
model: {use: random-forest}
"""
TLS = TlsFiles(ca="ca.pem", certificate="client.pem", key="client-key.pem")


def configured(root: Path, address: str, tls: TlsFiles | None = None) -> PipelineConfig:
    section = ExecutionSection(engine="dask", scheduler=address, tls=tls)
    return replace(parse_config(BASE, "p.yaml", root), execution=section)


def address_of(overrides: tuple[str, ...]) -> str:
    return overrides[-1].removeprefix("execution.scheduler=")


def told(config: PipelineConfig) -> str:
    """What a user reads of a cluster that cannot be used."""
    with pytest.raises((ConfigError, ExecutionError)) as caught:
        results(config, abs, [0], "items")
    return str(caught.value)


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cluster has one second to answer."""
    monkeypatch.setattr(cluster, "_SECONDS_TO_ANSWER", 1)


@pytest.fixture(scope="module")
def security() -> Security:
    """Certificates of an authority."""
    return Security.temporary()


def write_pem(folder: Path, ca: Security, own: Security, key: Security) -> None:
    (folder / TLS.ca).write_text(ca.tls_ca_file)
    (folder / TLS.certificate).write_text(own.tls_client_cert)
    (folder / TLS.key).write_text(key.tls_client_key)


def test_a_scheduler_that_dies_in_the_middle_of_the_work_is_told(tmp_path: Path) -> None:
    """One line says what has gone, where, and what to do, whatever Dask raises."""
    with started("dask", 1, tmp_path) as engine:
        address = address_of(engine.overrides)

        def deadly(what: str, done: int, total: int) -> None:
            if done == 2:
                os.kill(engine.processes[0], signal.SIGKILL)

        with pytest.raises(ExecutionError) as caught:
            results(configured(tmp_path, address), time.sleep, [0.1] * 20, "items", deadly)
    assert str(caught.value) == (
        f"execution.scheduler {address}: the scheduler has gone in the middle of the work; "
        "start it and its workers again and give the same command: what was finished is kept"
    )


@pytest.mark.usefixtures("soon")
def test_a_scheduler_that_does_not_answer_is_named(tmp_path: Path) -> None:
    """Without a scheduler at the address the error says how one is started."""
    assert told(configured(tmp_path, "tcp://127.0.0.1:9")) == (
        "execution.scheduler tcp://127.0.0.1:9: no scheduler answers; "
        "start one: dask scheduler; or execution.engine: local"
    )


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize("greeting", [b"", b"SSH-2.0-other\r\n", bytes([16, *bytes(7), *range(64)])])
def test_something_else_that_listens_is_no_scheduler(tmp_path: Path, greeting: bytes) -> None:
    """What is silent, and what says something that is not Dask's, is told as an address where nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as other:

        def greet() -> None:
            connection, _ = other.accept()
            with connection:
                connection.sendall(greeting)
                while connection.recv(1024):
                    pass

        thread = threading.Thread(target=greet)
        thread.start()
        address = f"tcp://127.0.0.1:{other.getsockname()[1]}"
        found = told(configured(tmp_path, address))
        thread.join()
    assert found == (
        f"execution.scheduler {address}: no scheduler answers; start one: dask scheduler; or execution.engine: local"
    )


@pytest.mark.usefixtures("soon")
def test_a_stopped_scheduler_does_not_answer(tmp_path: Path) -> None:
    """A scheduler whose process is stopped takes connections, and is told as one that does not answer."""
    with started("dask", 1, tmp_path) as engine:
        address = address_of(engine.overrides)
        os.kill(engine.processes[0], signal.SIGSTOP)
        try:
            found = told(configured(tmp_path, address))
        finally:
            os.kill(engine.processes[0], signal.SIGCONT)
    assert found.startswith(f"execution.scheduler {address}: no scheduler answers; ")


def test_the_address_of_a_worker_or_its_nanny_is_told(tmp_path: Path) -> None:
    """What answers at the address is named where it is not a scheduler."""
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=":0") as here:
        ((worker, about),) = here.scheduler_info["workers"].items()
        for kind, address in (("worker", worker), ("nanny", about["nanny"])):
            assert told(configured(tmp_path, address)) == (
                f"execution.scheduler {address}: a Dask {kind}, no scheduler; the address that dask scheduler prints"
            )


@pytest.mark.usefixtures("soon")
def test_a_cluster_without_workers_is_named(tmp_path: Path) -> None:
    """Where no worker comes in time the error says how one is started."""
    with LocalCluster(n_workers=0, dashboard_address=":0") as empty:
        address = empty.scheduler_address
        found = told(configured(tmp_path, address))
    assert found == f"execution.scheduler {address}: a cluster without workers; start some: dask worker {address}"


def test_a_worker_with_other_versions_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each package that counts and differs is told with the worker, its version there and its version here."""
    other = tmp_path / "packages" / "skops-0.0.1.dist-info"
    other.mkdir(parents=True)
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: skops\nVersion: 0.0.1\n", "utf-8")
    monkeypatch.setenv("PYTHONPATH", str(other.parent))
    with started("dask", 1, tmp_path) as engine:
        address = address_of(engine.overrides)
        found = told(configured(tmp_path, address))
    where, _, rest = found.partition(": skops 0.0.1 on worker tcp://127.0.0.1:")
    assert where == f"execution.scheduler {address}"
    _, _, rest = rest.partition(", ")
    assert rest == (f"{version('skops')} here; the same versions of Python and of every package on all machines")


def test_certificates_of_another_authority_are_told(tmp_path: Path, security: Security) -> None:
    """Two sides that do not know each other's authority are told apart from a scheduler that is away."""
    other = Security.temporary()
    write_pem(tmp_path, other, other, other)
    with LocalCluster(n_workers=0, security=security, dashboard_address=":0", protocol="tls") as secured:
        address = secured.scheduler_address
        found = told(configured(tmp_path, address, TLS))
    assert found == (
        f"execution.scheduler {address}: the scheduler and this side do not accept each other; "
        "tls:// with certificates of one authority on both sides, or tcp:// on both"
    )


def test_a_key_of_another_certificate_is_told(tmp_path: Path, security: Security) -> None:
    """Files that do not belong together are told before anything is asked."""
    write_pem(tmp_path, security, security, Security.temporary())
    assert told(configured(tmp_path, "tls://127.0.0.1:9", TLS)) == (
        "p.yaml:1:1: execution.tls: files that cannot be used together (KEY_VALUES_MISMATCH); "
        "PEM files of the authority, of a certificate and of that certificate's key"
    )


def test_a_file_that_is_no_pem_is_told(tmp_path: Path, security: Security) -> None:
    """A certificate file with something else in it is told too."""
    write_pem(tmp_path, security, security, security)
    (tmp_path / TLS.certificate).write_text("not a certificate", "utf-8")
    assert told(configured(tmp_path, "tls://127.0.0.1:9", TLS)) == (
        "p.yaml:1:1: execution.tls: files that cannot be used together (no PEM); "
        "PEM files of the authority, of a certificate and of that certificate's key"
    )


def test_a_missing_file_for_tls_is_named(tmp_path: Path, security: Security) -> None:
    """A PEM file that is not there is named by its key and path."""
    write_pem(tmp_path, security, security, security)
    (tmp_path / TLS.ca).unlink()
    assert told(configured(tmp_path, "tls://127.0.0.1:9", TLS)) == (
        f"p.yaml:1:1: execution.tls.ca: no file {tmp_path / 'ca.pem'}; a PEM file, its path from the project folder"
    )


@pytest.mark.parametrize(
    "address", ["http://host:8786", "tcp://host:abc", "tcp://host:99999", "tcp://host:0", "tcp://host", "host", ""]
)
def test_an_address_that_is_none_is_refused(tmp_path: Path, address: str) -> None:
    """What Dask could make no sense of is refused with the configuration, in plain words."""
    with pytest.raises(ConfigError) as caught:
        parse_config(f"{BASE}execution: {{engine: dask, scheduler: '{address}'}}\n", "p.yaml", tmp_path)
    assert str(caught.value) == (
        f"p.yaml:6:38: execution.scheduler: {address!r}; "
        "an address such as tls://host:8786, or without encryption tcp://host:8786"
    )


@pytest.mark.parametrize("address", ["host:8786", "tcp://10.0.0.1:8786", "tcp://[::1]:8786"])
def test_an_address_is_taken(tmp_path: Path, address: str) -> None:
    """Names, numbers of both kinds, and addresses without a scheme."""
    config = parse_config(f"{BASE}execution: {{scheduler: '{address}'}}\n", "p.yaml", tmp_path)
    assert config.execution.scheduler == address


def test_validate_names_missing_files_for_tls_beside_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`candle-ml validate` names every PEM file that is not there, and what is wrong with the search, at once."""
    tls = "execution: {scheduler: 'tls://h:1', tls: {ca: ca.pem, certificate: client.pem, key: client-key.pem}}"
    search = "tune: {search: {model.trees: {int: [0, 5]}}}"
    (tmp_path / "pipeline.yaml").write_text(f"{BASE}{tls}\n{search}\n", "utf-8")
    (tmp_path / "client.pem").touch()
    monkeypatch.chdir(tmp_path)
    found = CliRunner().invoke(main, ["validate"])
    expected = "a PEM file, its path from the project folder"
    assert found.exit_code == 2
    assert found.stderr.splitlines() == [
        f"pipeline.yaml:6:47: execution.tls.ca: no file {tmp_path}/ca.pem; {expected}",
        f"pipeline.yaml:6:85: execution.tls.key: no file {tmp_path}/client-key.pem; {expected}",
        "pipeline.yaml:7:30: tune.search.model.trees: 0; at least 1",
    ]


def test_large_parts_are_sent_without_advice(tmp_path: Path) -> None:
    """Dask's warning about what is sent, which no user can follow, does not appear."""
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=":0") as started_here:
        config = configured(tmp_path, started_here.scheduler_address)
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            assert results(config, len, [bytes(11_000_000)], "items") == [11_000_000]
    assert [one for one in told if "large graph" in str(one.message)] == []


def test_the_missing_package_is_named_with_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without distributed the error says what to install."""
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert told(configured(tmp_path, "tcp://127.0.0.1:9")) == (
        "p.yaml:1:1: execution.engine: needs the package 'distributed', which is missing; pip install 'candle-ml[dask]'"
    )
