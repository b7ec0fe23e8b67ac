"""Where runs and models are kept: MLflow, embedded in one SQLite file or on a server."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from candle_ml.embedded_store import make_store
from candle_ml.errors import RegistryError

if TYPE_CHECKING:
    from mlflow import MlflowClient

_BATCH = 100
_LONGEST_PARAM = 500
_QUIET_DEFAULTS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
}
_MODEL_CODE = Path(__file__).with_name("mlflow_model.py")


@dataclass(frozen=True, slots=True)
class TrackingPlace:
    """A tracking server or store, and the folder of artifacts of an embedded one (None: the server's own)."""

    uri: str
    artifacts: Path | None

    @classmethod
    def of(cls, uri: str | None, root: Path) -> TrackingPlace:
        """The configured place; without one `mlflow.db` in the project folder."""
        uri = uri or f"sqlite:///{root / 'mlflow.db'}"
        return cls(uri, None if uri.startswith(("http://", "https://")) else root / "mlartifacts")

    @property
    def shown(self) -> str:
        """The address without a password."""
        scheme, _, rest = self.uri.partition("://")
        return f"{scheme}://{rest.rpartition('@')[2]}"

    def client(self) -> MlflowClient:
        """A client for tracking and registry alike. Raises `RegistryError` where MLflow is not installed."""
        for name, value in _QUIET_DEFAULTS.items():
            os.environ.setdefault(name, value)
        try:
            import mlflow
        except ImportError as error:
            raise RegistryError.at("tracking", str(error), "pip install 'candle-ml[tracking]'") from error
        for name in ("mlflow", "alembic"):
            logging.getLogger(name).setLevel(logging.ERROR)
        # Without the second call the registry stays at its default and leaves a stray mlflow.db behind.
        mlflow.set_tracking_uri(self.uri)
        mlflow.set_registry_uri(self.uri)
        make_store(self.uri)
        with self.guarded():
            return mlflow.MlflowClient(self.uri, self.uri)

    def check_inside(self, what: str, location: str) -> None:
        """Refuse artifacts of an embedded store that are kept in another folder: the project was moved or copied.

        Raises `RegistryError`.
        """
        if self.artifacts is not None and not location.startswith(self.artifacts.as_uri()):
            expected = "move the project back, or remove mlflow.db and mlartifacts to begin anew"
            raise RegistryError.at(what, f"its files are kept in {location}, outside this project", expected)

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Turn what MLflow raises into a `RegistryError` that names the place."""
        from mlflow.exceptions import MlflowException
        from sqlalchemy.exc import SQLAlchemyError

        try:
            yield
        except (MlflowException, SQLAlchemyError) as error:
            expected = "check that it is running and reachable" if self.artifacts is None else "check the store"
            raise RegistryError.at(self.shown, _first_line(error), expected) from error


class TrackedRun:
    """One run on the tracking server: parameters and metrics go in one batch each, artifacts as files."""

    def __init__(self, place: TrackingPlace, client: MlflowClient, run_id: str) -> None:
        self.place = place
        self.run_id = run_id
        self._client = client

    @classmethod
    def start(cls, place: TrackingPlace, experiment: str, name: str) -> TrackedRun:
        """Begin a run, making the experiment where it does not exist."""
        client = place.client()
        with place.guarded():
            found = client.get_experiment_by_name(experiment)
            if found:
                place.check_inside(f"experiment {experiment}", found.artifact_location)
            experiment_id = found.experiment_id if found else _create_experiment(client, place, experiment)
            run = client.create_run(experiment_id, run_name=name)
        return cls(place, client, run.info.run_id)

    def log(self, params: Mapping[str, str], metrics: Mapping[str, float], tags: Mapping[str, str]) -> None:
        """Log everything in as few requests as the server allows."""
        from mlflow.entities import Metric, Param, RunTag
        from mlflow.utils.time import get_current_time_millis

        now = get_current_time_millis()
        all_params = [Param(key, value[:_LONGEST_PARAM]) for key, value in params.items()]
        all_metrics = [Metric(key, value, now, 0) for key, value in metrics.items()]
        with self.place.guarded():
            for start in range(0, max(len(all_params), 1), _BATCH):
                batch = all_params[start : start + _BATCH]
                self._client.log_batch(self.run_id, params=batch)
            self._client.log_batch(
                self.run_id, metrics=all_metrics, tags=[RunTag(key, value) for key, value in tags.items()]
            )

    def log_files(self, folder: Path) -> None:
        """Upload the files of a folder, not those of its subfolders."""
        with self.place.guarded():
            for path in sorted(path for path in folder.iterdir() if path.is_file()):
                self._client.log_artifact(self.run_id, str(path))

    def log_model(self, bundle: Path) -> str:
        """Log a bundle as an MLflow model whose code is candle-ml's; returns its URI."""
        import mlflow

        from candle_ml import __version__

        with self.place.guarded(), mlflow.start_run(run_id=self.run_id):
            logged = mlflow.pyfunc.log_model(
                name="model",
                python_model=str(_MODEL_CODE),
                artifacts={"bundle": str(bundle)},
                pip_requirements=[f"candle-ml[all]=={__version__}"],
            )
        return str(logged.model_uri)

    def finish(self) -> None:
        """Close the run as finished."""
        with self.place.guarded():
            self._client.set_terminated(self.run_id, "FINISHED")

    def fail(self, error: BaseException) -> None:
        """Close the run as failed, with the reason; a server that is away must not hide that reason."""
        with suppress(RegistryError), self.place.guarded():
            self._client.set_tag(self.run_id, "error", _first_line(error) or type(error).__name__)
            self._client.set_terminated(self.run_id, "FAILED")


def flatten(values: Any, prefix: str = "") -> dict[str, str]:
    """Nested settings as dotted MLflow parameters."""
    if isinstance(values, Mapping):
        pairs = [(f"{prefix}.{key}" if prefix else str(key), value) for key, value in values.items()]
    elif isinstance(values, (list, tuple)) and any(isinstance(value, (Mapping, list)) for value in values):
        pairs = [(f"{prefix}.{number}", value) for number, value in enumerate(values)]
    else:
        return {prefix: str(values)}
    return {key: text for name, value in pairs for key, text in flatten(value, name).items()}


def _create_experiment(client: MlflowClient, place: TrackingPlace, experiment: str) -> str:
    location = None if place.artifacts is None else (place.artifacts / experiment).as_uri()
    return str(client.create_experiment(experiment, artifact_location=location))


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0][:300]
