"""MLflow's embedded store, made whole or not at all.

MLflow makes it by a hundred changes of an empty SQLite file: two processes that do so at once destroy each other's
work, and one that is killed leaves a file that no later one can complete.
"""

from __future__ import annotations

import uuid
from pathlib import Path

from candle_ml.errors import RegistryError
from candle_ml.lock_file import held
from candle_ml.unwritable import unwritable

_PATIENCE_SECONDS = 120.0
_PARTIAL = "store.partial"


def make_store(uri: str, artifacts: Path | None) -> None:
    """Make the SQLite file that a URI names where there is none; another process that makes it is waited for.

    Nothing is done for a server and for other databases. Raises `RegistryError` where the file cannot be made, is
    empty though `artifacts` holds what was tracked in it, or is a link that leads nowhere; and what MLflow raises where
    it fails.
    """
    path = store_file(uri)
    if path is None or _is_filled(path):
        return
    if path.is_symlink() and not path.exists():
        expected = "put back what it leads to, or remove the link to begin a new store"
        raise RegistryError.at(str(path), f"a link to {path.readlink()}, where nothing is", expected)
    work = path.parent / ".candle-ml"
    try:
        with held(work / "store.lock", _PATIENCE_SECONDS):
            if not _is_filled(path):
                _refuse_emptied(path, artifacts)
                _made(work).replace(path)
    except OSError as error:
        raise RegistryError(unwritable(path, error)) from error


def _is_filled(path: Path) -> bool:
    return path.exists() and (not path.is_file() or path.stat().st_size > 0)


def _refuse_emptied(path: Path, artifacts: Path | None) -> None:
    if path.exists() and artifacts is not None and artifacts.is_dir() and any(artifacts.iterdir()):
        expected = "restore it from a backup, or move it away to begin a new one"
        raise RegistryError.at(str(path), f"is empty, though {artifacts} holds what was tracked in it", expected)


def _made(work: Path) -> Path:
    import mlflow

    _remove_partial(work)
    # A name of its own: a process makes one store of a name, and takes that for made from then on.
    partial = work / f"{_PARTIAL}-{uuid.uuid4().hex}"
    uri = f"sqlite:///{partial}"
    try:
        mlflow.MlflowClient(uri, uri)
    except BaseException:
        _remove_partial(work)
        raise
    return partial


def _remove_partial(work: Path) -> None:
    for left in work.glob(f"{_PARTIAL}*"):
        left.unlink(missing_ok=True)


def store_file(uri: str) -> Path | None:
    """The file of a SQLite store; None for any other."""
    from sqlalchemy.engine import make_url

    if not uri.startswith("sqlite"):
        return None
    database = make_url(uri).database
    return Path(database) if database and database != ":memory:" else None
