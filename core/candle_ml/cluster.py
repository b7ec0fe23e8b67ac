"""A Dask cluster: connecting to it, whether its workers compute what this process does, and telling its loss."""

from __future__ import annotations

import sys
from asyncio import timeout
from collections.abc import Iterator
from contextlib import contextmanager
from logging import CRITICAL, getLogger
from pathlib import Path
from ssl import SSLError
from typing import TYPE_CHECKING, Any

from candle_ml.config import PipelineConfig
from candle_ml.errors import CandleMLError, ConfigError, ExecutionError, Problem
from candle_ml.plugins.source_code import COMPUTING_PACKAGES

if TYPE_CHECKING:
    from distributed import Client, Security

_SECONDS_TO_ANSWER = 30
_START = "start one: dask scheduler; or execution.engine: local"
_COMPARED = ("python", "dask", "distributed", "cloudpickle", *COMPUTING_PACKAGES)


@contextmanager
def cluster(config: PipelineConfig) -> Iterator[Client]:
    """A client of the configured cluster, the current one while it is open.

    Raises `ExecutionError` where the cluster does not answer, refuses the connection, has no worker or workers with
    other versions, and where its scheduler goes meanwhile; `ConfigError` where `distributed` is not installed or a file
    for TLS is missing or of no use.
    """
    address = config.execution.scheduler
    with _connected(config, address) as client, _large_parts():
        try:
            _wait_for_worker(client, address)
            _check_versions(client, address)
            yield client
        except Exception as error:
            if isinstance(error, CandleMLError) or not _is_lost(client, error):
                raise
            expected = "start it and its workers again and give the same command: what was finished is kept"
            raise _error(address, "the scheduler has gone in the middle of the work", expected) from error


def check_files(config: PipelineConfig) -> None:
    """Raise `ConfigError` that names every file for TLS which is not there."""
    missing = {name: path for name, path in _tls_files(config).items() if not path.is_file()}
    if missing:
        expected = "a PEM file, its path from the project folder"
        where = {name: config.where(f"execution.tls.{name}") for name in missing}
        raise ConfigError(*(Problem(where[name], f"no file {path}", expected) for name, path in missing.items()))


def _tls_files(config: PipelineConfig) -> dict[str, Path]:
    files = config.execution.tls
    return {} if files is None else {name: config.root / value for name, value in files.model_dump().items()}


def _connected(config: PipelineConfig, address: str | None) -> Client:
    try:
        from distributed import Client
        from distributed.comm import CommClosedError
        from distributed.utils import LoopRunner
    except ImportError as error:
        found = f"needs the package {error.name!r}, which is missing"
        raise ConfigError.at(config.where("execution.engine"), found, "pip install 'candle-ml[dask]'") from error
    # It would print a traceback of what is told here in one line.
    getLogger("distributed.client").setLevel(CRITICAL)
    security = _security(config)
    try:
        kind = LoopRunner().run_sync(_kind, address, security)
        if kind == "Scheduler":
            return Client(address, security=security, timeout=_SECONDS_TO_ANSWER)
    except CommClosedError as error:
        expected = "tls:// with certificates of one authority on both sides, or tcp:// on both"
        raise _error(address, "the scheduler and this side do not accept each other", expected) from error
    except Exception as error:  # Bytes of another protocol break Dask's in many ways.
        raise _error(address, "no scheduler answers", _START) from error
    raise _error(address, f"a Dask {kind.lower()}, no scheduler", "the address that dask scheduler prints")


async def _kind(address: str | None, security: Security | None) -> str:
    """What of Dask answers: a client alone would wait without end for something else that listens there."""
    from distributed.core import rpc

    connection = {} if security is None else security.get_connection_args("client")
    async with timeout(_SECONDS_TO_ANSWER), rpc(address, connection_args=connection) as server:
        return str((await server.identity())["type"])


@contextmanager
def _large_parts() -> Iterator[None]:
    """A part of the work may hold many candles; Dask would advise to keep them on workers, which may die with them."""
    import dask

    with dask.config.set({"distributed.admin.large-graph-warning-threshold": sys.maxsize}):
        yield


def _is_lost(client: Client, error: Exception) -> bool:
    """Whether an error is that of a scheduler that has gone; by now it may be there again, without the work."""
    from distributed.comm import CommClosedError

    lost = getattr(error, "reason", None) == "scheduler-connection-lost"
    return lost or isinstance(error, CommClosedError) or client.status != "running"


def _wait_for_worker(client: Client, address: str | None) -> None:
    try:
        client.wait_for_workers(1, timeout=_SECONDS_TO_ANSWER)
    except TimeoutError as error:
        raise _error(address, "a cluster without workers", f"start some: dask worker {address}") from error


def _check_versions(client: Client, address: str | None) -> None:
    """Other versions of what computes would give other results, or errors that nobody understands."""
    found = client.get_versions(packages=list(COMPUTING_PACKAGES))
    here = _versions(found["client"])
    differing = {
        f"{name} {theirs[name] or 'is missing'} on worker {worker}, {here[name] or 'none'} here"
        for worker, about in found["workers"].items()
        for theirs in [_versions(about)]
        for name in _COMPARED
        if theirs[name] != here[name]
    }
    if differing:
        expected = "the same versions of Python and of every package on all machines"
        raise _error(address, "; ".join(sorted(differing)), expected)


def _versions(about: dict[str, Any]) -> dict[str, str | None]:
    """The versions that count; of Python without the last number."""
    packages = about["packages"]
    return {name: packages[name] for name in _COMPARED} | {"python": ".".join(packages["python"].split(".")[:2])}


def _security(config: PipelineConfig) -> Security | None:
    from distributed.security import Security

    check_files(config)
    paths = _tls_files(config)
    if not paths:
        return None
    security = Security(
        tls_ca_file=str(paths["ca"]),
        tls_client_cert=str(paths["certificate"]),
        tls_client_key=str(paths["key"]),
        require_encryption=True,
    )
    try:
        security.get_connection_args("client")
    except SSLError as error:
        found = f"files that cannot be used together ({error.reason or 'no PEM'})"
        expected = "PEM files of the authority, of a certificate and of that certificate's key"
        raise ConfigError.at(config.where("execution.tls"), found, expected) from error
    return security


def _error(address: str | None, found: str, expected: str) -> ExecutionError:
    return ExecutionError.at(f"execution.scheduler {address}", found, expected)
