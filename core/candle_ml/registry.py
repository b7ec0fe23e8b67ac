"""The model registry: versions, the alias that the service follows, and its history."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from candle_ml.bundle import BundleInfo
from candle_ml.candles import LATEST_TIME
from candle_ml.errors import BundleError, RegistryError
from candle_ml.fetching import fetch_bundle
from candle_ml.tracking import TrackingPlace
from candle_ml.tracking_errors import AnswerError

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion, RegisteredModel

_HISTORY_TAG = "candle_ml.history."
_LONGEST_HISTORY = 20
_RUN_TAG = "run_id"
Number = TypeVar("Number", int, float)


@dataclass(frozen=True, slots=True)
class RegisteredVersion:
    """One registered version.

    `run_id` is candle-ml's, `tracking_id` the tracking server's of the same run; `digest` is that of the bundle's
    manifest; `trained_at` is Unix seconds UTC. A version that candle-ml did not register has no digest, and may have no
    run id (both empty).
    """

    name: str
    version: int
    aliases: tuple[str, ...]
    run_id: str
    tracking_id: str
    source: str
    digest: str
    model_type: str
    trained_at: int
    f1_macro: float | None

    def check(self, info: BundleInfo) -> None:
        """Raise `BundleError` unless a bundle says that it is of this model and run."""
        where = f"model {self.name} version {self.version}"
        for what, found, registered in (("model", info.model_name, self.name), ("run", info.run_id, self.run_id)):
            if found != registered:
                raise BundleError.at(where, f"a bundle of {what} {found}", f"{registered}, as registered")


class Registry:
    """The versions of one registered model."""

    def __init__(self, place: TrackingPlace, name: str) -> None:
        self.place = place
        self.name = name

    @cached_property
    def _client(self) -> MlflowClient:
        return self.place.client()

    def versions(self) -> tuple[RegisteredVersion, ...]:
        """All versions, newest first; none where the model was never registered."""
        model = self._model()
        if model is None:
            return ()
        with self.place.guarded():
            found = []
            token: str | None = None
            while True:
                page = self._client.search_model_versions(f"name = '{self.name}'", page_token=token)
                found.extend(page)
                token = page.token
                if not token:
                    break
            if not found and (model.aliases or model.latest_versions):
                raise AnswerError(200)
            versions = [_registered(version, model) for version in found]
        return tuple(sorted(versions, key=lambda version: version.version, reverse=True))

    def at_alias(self, alias: str) -> RegisteredVersion | None:
        """The version that an alias points to, if any."""
        model = self._model()
        number = None if model is None else model.aliases.get(alias)
        if model is None or number is None:
            return None
        with self.place.guarded():
            return _registered(self._client.get_model_version(self.name, str(number)), model)

    def find(
        self, *, version: int | None = None, alias: str | None = None, run_id: str | None = None
    ) -> RegisteredVersion:
        """The one version that is asked for. Raises `RegistryError` that lists what there is."""
        if alias is not None:
            found = self.at_alias(alias)
        else:
            matching = [v for v in self.versions() if v.version == version or (run_id and v.run_id == run_id)]
            found = matching[0] if matching else None
        if found is None:
            asked = f"version {version}" if version is not None else f"alias {alias!r}" if alias else f"run {run_id!r}"
            there = ", ".join(str(v.version) for v in self.versions()) or "none; train one first"
            raise RegistryError.at(f"model {self.name}", f"no {asked}", f"versions there are: {there}")
        return found

    def select(self, name: str) -> RegisteredVersion:
        """The version that a user names by number, by alias or by run id."""
        if name.isdecimal():
            return self.find(version=int(name))
        by_run = [version for version in self.versions() if version.run_id == name]
        return by_run[0] if by_run else self.find(alias=name)

    def register(self, model_id: str, tracking_id: str, digest: str, info: BundleInfo) -> RegisteredVersion:
        """Make a logged model the next version, or find the one that its run has become already.

        Its digest and summary are written with it, in one step.
        """
        tags = {_RUN_TAG: info.run_id, "digest": digest, "model_type": info.model_type}
        tags |= {"trained_at": str(info.trained_at)}
        if info.metrics.f1_macro is not None:
            tags["f1_macro"] = repr(info.metrics.f1_macro)
        found = self.of_run(info.run_id)
        if not found:
            self._create()
            with self.place.guarded():
                source, ids = f"models:/{model_id}", {"run_id": tracking_id, "model_id": model_id}
                # Waited for, a version that an answer does not hold would be asked for by no name.
                self._client.create_model_version(self.name, source, **ids, tags=tags, await_creation_for=0)
                found = self.of_run(info.run_id)
                if not found:
                    raise AnswerError(200)
        # A request that was answered too late is sent again and makes two. The second stays: it may be served by now.
        return found[0]

    def promote(self, version: int, alias: str) -> None:
        """Point an alias at a version, remembering where it pointed before."""
        self.find(version=version)
        current = self.at_alias(alias)
        if current is not None and current.version == version:
            return
        history = self._history(alias)
        if current is not None:
            self._remember(alias, [*history, current.version])
        self._point(alias, version, current)

    def rollback(self, alias: str) -> RegisteredVersion:
        """Point an alias back at the version it pointed to before. Raises `RegistryError` where there is none."""
        history = self._history(alias)
        current = self.at_alias(alias)
        there = {version.version for version in self.versions()}
        earlier = [number for number in history if number in there and (current is None or number != current.version)]
        if not earlier:
            raise RegistryError.at(f"model {self.name}", f"alias {alias!r} has no earlier version", "promote one")
        self._point(alias, earlier[-1], current)
        self._remember(alias, earlier[:-1])
        return self.find(version=earlier[-1])

    def pinned(self) -> frozenset[int]:
        """The versions that an alias points at or that a rollback would bring back."""
        model = self._model()
        if model is None:
            return frozenset()
        current = {alias: int(number) for alias, number in model.aliases.items()}
        earlier = {alias: [n for n in self._history(alias) if n != number] for alias, number in current.items()}
        return frozenset(current.values()) | {numbers[-1] for numbers in earlier.values() if numbers}

    def fetch(self, version: RegisteredVersion, folder: Path) -> Path:
        """Copy a version's bundle into `folder` (empty) and return where it is; nothing is parsed.

        Raises `BundleError` for links and for files that no bundle has.
        """
        with self.place.guarded():
            return fetch_bundle(f"models:/{version.name}/{version.version}", self.place.uri, folder)

    def _model(self) -> RegisteredModel | None:
        if self.place.is_unmade:
            return None
        from mlflow.exceptions import MlflowException

        client = self._client
        with self.place.guarded():
            try:
                model = client.get_registered_model(self.name)
            except MlflowException as error:
                if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                    return None
                raise
            if model.name != self.name:
                raise AnswerError(200)
        return model

    def _create(self) -> None:
        """Make the registered model, which another process may be making at the same time."""
        from mlflow.exceptions import MlflowException

        with self.place.guarded():
            try:
                if self._client.create_registered_model(self.name).name != self.name:
                    raise AnswerError(200)
            except MlflowException as error:
                if error.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise

    def _point(self, alias: str, version: int, before: RegisteredVersion | None) -> None:
        """Move an alias, and see that it does not stay where it was before."""
        with self.place.guarded():
            self._client.set_registered_model_alias(self.name, alias, str(version))
            after = self.at_alias(alias)
            if after is None or (before is not None and after.version == before.version):
                raise AnswerError(200)

    def of_run(self, run_id: str) -> list[RegisteredVersion]:
        """The versions that a run has become, the oldest first."""
        return [version for version in reversed(self.versions()) if version.run_id == run_id]

    def _history(self, alias: str) -> list[int]:
        model = self._model()
        text = "[]" if model is None else model.tags.get(_HISTORY_TAG + alias, "[]")
        return _numbers(text)

    def _remember(self, alias: str, history: list[int]) -> None:
        with self.place.guarded():
            text = json.dumps(history[-_LONGEST_HISTORY:])
            self._client.set_registered_model_tag(self.name, _HISTORY_TAG + alias, text)
            if history and history[-1] not in self._history(alias):
                raise AnswerError(200)


def _registered(version: ModelVersion, model: RegisteredModel) -> RegisteredVersion:
    """Somebody else may have written the version and its tags: what is missing or not usable is left empty.

    Raises `AnswerError` for a version without a number, which is none of MLflow's.
    """
    if not str(version.version).isdecimal():
        raise AnswerError(200)
    aliases = tuple(sorted(alias for alias, number in model.aliases.items() if str(number) == str(version.version)))
    made = int(version.creation_timestamp or 0) // 1000
    trained_at = _number(version.tags.get("trained_at"), int, LATEST_TIME)
    return RegisteredVersion(
        name=version.name,
        version=int(version.version),
        aliases=aliases,
        run_id=version.tags.get(_RUN_TAG) or version.run_id or "",
        tracking_id=version.run_id or "",
        source=version.source,
        digest=version.tags.get("digest", ""),
        model_type=version.tags.get("model_type", ""),
        trained_at=made if trained_at is None else trained_at,
        f1_macro=_number(version.tags.get("f1_macro"), float, 1.0),
    )


def _number(text: str | None, kind: type[Number], most: Number) -> Number | None:
    """The number from 0 to `most` that a tag holds, if it holds one."""
    with suppress(TypeError, ValueError):
        number = kind(text)  # type: ignore[arg-type]
        return number if 0 <= number <= most else None
    return None


def _numbers(text: str) -> list[int]:
    """The version numbers that a tag holds, if it holds any."""
    with suppress(ValueError, RecursionError):
        held = json.loads(text)
        return [number for number in held if type(number) is int] if isinstance(held, list) else []
    return []
