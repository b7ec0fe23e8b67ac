"""What the tracking server keeps of one run, how much room that takes, and deleting it for good."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from candle_ml.registry import Registry
from candle_ml.tracking import TrackedRun, TrackingPlace, read_run
from candle_ml.tracking_errors import AnswerError

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import FileInfo

_List = Callable[[str | None], "list[FileInfo]"]


@dataclass(frozen=True, slots=True)
class StoredVersion:
    """A registered version of a run; a `pinned` one has an alias, or a rollback would give it one."""

    model_name: str
    version: int
    pinned: bool


class StoredRun:
    """One run on the tracking server, with its models and registered versions."""

    def __init__(self, tracked: TrackedRun) -> None:
        self._place = tracked.place
        self._client: MlflowClient = tracked.place.client()
        self._id = tracked.tracking_id
        with self._place.guarded():
            self._run = read_run(self._client, self._id)
            wanted = f"source_run_id = '{self._id}'"
            self._models = list(self._client.search_logged_models([self._run.info.experiment_id], wanted))

    @classmethod
    def find(cls, place: TrackingPlace, experiment: str, run_id: str) -> StoredRun | None:
        """What is stored of a run; None where the server does not know it."""
        tracked = TrackedRun.find(place, experiment, run_id)
        return None if tracked is None else cls(tracked)

    def versions(self) -> tuple[StoredVersion, ...]:
        """The registered versions that were made of this run, as they are now."""
        with self._place.guarded():
            found = list(self._client.search_model_versions(f"run_id = '{self._id}'"))
            pinned = {name: Registry(self._place, name).pinned() for name in {version.name for version in found}}
            return tuple(StoredVersion(v.name, int(v.version), int(v.version) in pinned[v.name]) for v in found)

    def size(self) -> int:
        """Bytes of all files that are stored of it."""
        with self._place.guarded():
            files = _size(lambda path: self._client.list_artifacts(self._id, path))
            return files + sum(_size(self._files_of(model.model_id)) for model in self._models)

    def delete(self) -> None:
        """Delete versions, models and run with their files, files first, so that an interrupted deletion leaves none.

        A server keeps their entries, marked as deleted, until `mlflow gc` is run there. Raises `RegistryError`, also
        where the server says that it has deleted something and has not.
        """
        with self._place.guarded():
            for version in self.versions():
                self._client.delete_model_version(version.model_name, str(version.version))
            for location in (*(model.artifact_location for model in self._models), self._run.info.artifact_uri):
                self._delete_files(location)
            if self.versions() or self.size():
                raise AnswerError(200)
            for model in self._models:
                self._client.delete_logged_model(model.model_id)
            self._client.delete_run(self._id)
            if read_run(self._client, self._id).info.lifecycle_stage != "deleted":
                raise AnswerError(200)
            self._forget()

    def _delete_files(self, location: str) -> None:
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
        from mlflow.utils.file_utils import local_file_uri_to_path

        self._place.check_inside(f"run {self._id}", location)
        get_artifact_repository(location, tracking_uri=self._place.uri).delete_artifacts()
        if self._place.artifacts is not None:
            with suppress(OSError):
                Path(local_file_uri_to_path(location)).parent.rmdir()

    def _forget(self) -> None:
        """Take the entries of an embedded store out of its file, as `mlflow gc` would.

        That command would also delete whatever else is marked as deleted there, so what it calls is called here.
        """
        if self._place.artifacts is None:
            return
        from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

        store = SqlAlchemyStore(self._place.uri, self._place.artifacts.as_uri())
        for model in self._models:
            store._hard_delete_logged_model(model.model_id)
        store._hard_delete_run(self._id)

    def _files_of(self, model_id: str) -> _List:
        return lambda path: self._client.list_logged_model_artifacts(model_id, path)


def _size(files_in: _List, path: str | None = None) -> int:
    return sum(_size(files_in, item.path) if item.is_dir else int(item.file_size or 0) for item in files_in(path))
