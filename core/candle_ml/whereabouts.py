"""Where a damaged bundle is kept, and what would do: notes of the `BundleError`, which names its files from there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from candle_ml.errors import BundleError, RegistryError
from candle_ml.fetching import bundle_place
from candle_ml.registry import RegisteredVersion, Registry


@contextmanager
def of_version(registry: Registry, version: RegisteredVersion) -> Iterator[None]:
    """Let a `BundleError` about a version say where the registry keeps it; one that does not answer tells nothing."""
    try:
        yield
    except BundleError as error:
        with suppress(RegistryError), registry.place.guarded():
            where = bundle_place(f"models:/{version.name}/{version.version}", registry.place.uri)
            what = f"the bundle of {version.name} version {version.version}"
            error.add_note(f"{where}: {what}; restore it from a backup, use another version or train again")
        raise


@contextmanager
def of_folder(folder: Path) -> Iterator[None]:
    """Let a `BundleError` about the bundle in a folder say which."""
    try:
        yield
    except BundleError as error:
        error.add_note(f"{folder}: the bundle; restore it from a backup, use another one or train again")
        raise
