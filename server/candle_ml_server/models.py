"""Loading registered models: fetch into a private folder, prove, warm up."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from candle_ml.bundle import GOLDEN, SealedBundle
from candle_ml.errors import BundleError
from candle_ml.inference import Golden, LoadedModel, answer, load_model
from candle_ml.registry import RegisteredVersion, Registry
from candle_ml.trace import Trace, trace, trace_bundle
from candle_ml.tracking import TrackingPlace
from candle_ml.whereabouts import of_version
from candle_ml_server.folders import make_folder, remove_folder
from candle_ml_server.workers import IMPORTING

if TYPE_CHECKING:
    from candle_ml.state import StateStore


class ServedModel:
    """A proven, warm model. Its private folder is removed when the last request that uses it has ended."""

    def __init__(self, version: RegisteredVersion, loaded: LoadedModel, folder: Path, bundle: Path) -> None:
        self.version = version
        self.loaded = loaded
        self._bundle = bundle
        self._remove = weakref.finalize(self, remove_folder, folder)

    def trace(self, version: RegisteredVersion, states: StateStore | None) -> Trace:
        """What it was made of, from its own bundle; `version` is what the registry says of it."""
        sealed = SealedBundle(self._bundle, self.loaded.digest, self.loaded.info)
        return trace_bundle(sealed, version, states)


@dataclass(frozen=True, slots=True)
class Selection:
    """A registered version by its number, by the run that made it or by an alias; an alias is followed."""

    version: int | None = None
    run_id: str | None = None
    alias: str | None = None

    def names(self, version: RegisteredVersion) -> bool:
        """Whether its number or its run is the selected one."""
        return version.version == self.version if self.version is not None else version.run_id == self.run_id

    def __str__(self) -> str:
        if self.alias is not None:
            return f"alias {self.alias!r}"
        return f"version {self.version}" if self.version is not None else f"run {self.run_id}"


class ModelStore:
    """The registry as the service uses it; every method may take long and belongs in a thread."""

    def __init__(self, place: TrackingPlace, model_name: str) -> None:
        self.model_name = model_name
        self._place = place
        self._registry: Registry | None = None

    def find(self, selection: Selection) -> RegisteredVersion | None:
        """The selected version, if there is one. Raises `RegistryError` where the registry does not answer."""
        if selection.alias is not None:
            return self._connected().at_alias(selection.alias)
        return next((version for version in self.versions() if selection.names(version)), None)

    def versions(self) -> tuple[RegisteredVersion, ...]:
        """All versions, newest first. Raises `RegistryError` where the registry does not answer."""
        return self._connected().versions()

    def load(self, version: RegisteredVersion) -> ServedModel:
        """A version that is proven and warm. Raises a `CandleMLError` and leaves nothing behind."""
        if not version.digest:
            where = f"model {version.name} version {version.version}"
            raise BundleError.at(where, "no digest recorded", "a version that candle-ml registered")
        folder = make_folder()
        try:
            with of_version(self._connected(), version):
                bundle = self._connected().fetch(version, folder)
                loaded = load_model(bundle, version.digest)
                version.check(loaded.info)
            _warm_up(loaded, bundle)
        except BaseException:
            remove_folder(folder)
            raise
        return ServedModel(version, loaded, folder, bundle)

    def trace(self, version: RegisteredVersion, states: StateStore | None) -> Trace:
        """What a version was made of. Raises `RegistryError`, and `BundleError` where its bundle is damaged."""
        return trace(self._connected(), str(version.version), states)

    def _connected(self) -> Registry:
        # Connecting imports MLflow, which takes seconds, so it waits for the first use in a thread.
        if self._registry is None:
            with IMPORTING:
                import_module("sqlalchemy.orm")
            self._registry = Registry(self._place, self.model_name)
        return self._registry


def _warm_up(loaded: LoadedModel, bundle: Path) -> None:
    for part in Golden.load(bundle / GOLDEN).slices:
        answer(loaded, part.candles)
