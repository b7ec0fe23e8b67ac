"""Copying a registered bundle out of the tracking store: only what a bundle consists of, and no link is followed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from candle_ml.bundle import MODEL_FOLDER, check_file, check_files
from candle_ml.errors import BundleError

if TYPE_CHECKING:
    from mlflow.store.artifact.artifact_repo import ArtifactRepository

_PLACE = PurePosixPath("artifacts/bundle")
"""Where a logged model keeps the bundle."""


def fetch_bundle(model_uri: str, store: str, folder: Path) -> Path:
    """Copy the bundle of a `models:/` address into `folder` and return where it is; nothing is parsed.

    Raises `BundleError` before anything is copied where the store has a link, a file of another name or one of absurd
    size there, and what MLflow raises.
    """
    repository = _repository(model_uri, store)
    _check_source(repository)
    # A local store would answer with its live path, so the destination is always named.
    return Path(repository.download_artifacts(str(_PLACE), str(folder)))


def bundle_place(model_uri: str, store: str) -> str:
    """Where the bundle of a `models:/` address is kept: a folder, or an address. Raises what MLflow raises."""
    from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository

    repository = _repository(model_uri, store)
    local = isinstance(repository, LocalArtifactRepository)
    return f"{repository.artifact_dir if local else repository.artifact_uri}/{_PLACE}"


def _repository(model_uri: str, store: str) -> ArtifactRepository:
    """The store's own files: a version leads to a logged model, and that to a place."""
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
    from mlflow.store.artifact.models_artifact_repo import ModelsArtifactRepository

    repository = get_artifact_repository(model_uri, store, store)
    while isinstance(repository, ModelsArtifactRepository):
        repository = repository.repo
    return repository


def _check_source(repository: ArtifactRepository) -> None:
    from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository

    if isinstance(repository, LocalArtifactRepository):
        place = Path(repository.artifact_dir) / _PLACE
        if place.parent.is_symlink():
            raise BundleError.at(place.parent.name, "a link or a special file", "a folder")
        check_files(place)
        return
    for name, size in _listed(repository, _PLACE):
        check_file(_PLACE.name, name, size)


def _listed(repository: ArtifactRepository, place: PurePosixPath) -> Iterator[tuple[str, int]]:
    """Names and sizes as the store tells them; of folders only the model's is looked into."""
    for found in repository.list_artifacts(str(place)):
        name = PurePosixPath(found.path).relative_to(_PLACE).as_posix()
        if found.is_dir and name == MODEL_FOLDER:
            yield from _listed(repository, _PLACE / MODEL_FOLDER)
        else:
            yield name, found.file_size or 0
