"""Files on their way to a tracking server, and whether they are there: one that takes them well may keep nothing."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from candle_ml.tracking_errors import AnswerError

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import FileInfo

_MODEL_CODE = Path(__file__).with_name("mlflow_model.py")


def send_model(client: MlflowClient, model_id: str, tracking_id: str, bundle: Path) -> None:
    """Send a bundle as an MLflow model whose code is candle-ml's.

    Raises `AnswerError` where a file is not there afterwards, and what MLflow raises.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model"
        _save_model(path, bundle, tracking_id, model_id)
        client.log_model_artifacts(model_id, str(path))
        files_in = partial(client.list_logged_model_artifacts, model_id)
        for local in (path, *(inside for inside in path.rglob("*") if inside.is_dir())):
            _check(_files(local), files_in(local.relative_to(path).as_posix() if local != path else None))


def send_files(client: MlflowClient, tracking_id: str, folder: Path) -> None:
    """Send the files of a folder, not those of its subfolders; raises as `send_model` does."""
    for path in _files(folder):
        client.log_artifact(tracking_id, str(path))
    _check(_files(folder), client.list_artifacts(tracking_id))


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file())


def _check(sent: list[Path], listed: list[FileInfo]) -> None:
    """Raise `AnswerError` unless each file is listed; a size that is not told is taken for the right one."""
    sizes = {PurePosixPath(item.path).name: item.file_size for item in listed if not item.is_dir}
    for path in sent:
        if path.name not in sizes or sizes[path.name] not in (None, path.stat().st_size):
            raise AnswerError(200)


def _save_model(path: Path, bundle: Path, tracking_id: str, model_id: str) -> None:
    import mlflow
    from mlflow.models import Model

    from candle_ml import __version__

    mlflow.pyfunc.save_model(
        path,
        python_model=str(_MODEL_CODE),
        artifacts={"bundle": str(bundle)},
        pip_requirements=[f"candle-ml[all]=={__version__}"],
        mlflow_model=Model(run_id=tracking_id, model_id=model_id),
    )
