"""Where runs and models are kept: MLflow, embedded in one SQLite file or on a server."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from candle_ml.embedded_store import make_store, store_file
from candle_ml.errors import RegistryError
from candle_ml.reaching import SERVERS, reach, with_status
from candle_ml.sending import send_files, send_model
from candle_ml.tracking_errors import AnswerError, advice, first_line, is_away, reason

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Experiment, Run

RUN_TAG = "candle_ml.run_id"
"""Leads from a run on the tracking server to the same run in the state store and in the project folder."""

EMBEDDED = "sqlite:///mlflow.db"
"""The address of a project's own store; a relative path starts at the project's folder."""

EndStatus = Literal["FINISHED", "FAILED", "KILLED"]

_BATCH = 100
_LONGEST_PARAM = 6000
_QUIET_DEFAULTS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER": "false",
}


class TrackingAwayError(RegistryError):
    """The tracking server or store does not answer, or not as one does; later it may."""


@dataclass(frozen=True, slots=True)
class TrackingPlace:
    """A tracking server or store, and the folder of artifacts of an embedded one (None: the server's own)."""

    uri: str
    artifacts: Path | None

    @classmethod
    def of(cls, uri: str | None, root: Path) -> TrackingPlace:
        """The configured place; without one `mlflow.db` in the project folder."""
        uri = uri or EMBEDDED
        if uri.startswith((*SERVERS, "databricks")):
            return cls(uri.rstrip("/"), None)
        if uri.startswith("sqlite:///"):
            uri = f"sqlite:///{root / uri.removeprefix('sqlite:///')}"
        return cls(uri, root / "mlartifacts")

    @property
    def is_unmade(self) -> bool:
        """Whether it is an embedded store that was never made: nothing is kept in it, and reading makes none."""
        return self._is_missing and not (self.artifacts is not None and os.path.lexists(self.artifacts))

    @property
    def is_lost(self) -> bool:
        """Whether the file of an embedded store is not there, though the folder of artifacts is."""
        return self._is_missing and not self.is_unmade

    @property
    def _is_missing(self) -> bool:
        file = store_file(self.uri)
        return file is not None and not os.path.lexists(file)

    @property
    def shown(self) -> str:
        """The address without a password."""
        scheme, separator, rest = self.uri.partition("://")
        return f"{scheme}{separator}{rest.rpartition('@')[2]}"

    def client(self, *, anew: bool = False) -> MlflowClient:
        """A client for tracking and registry alike.

        An embedded store that is lost is made again only `anew`. Raises `RegistryError` for that and where MLflow is
        not installed, and `TrackingAwayError` where nothing answers as it does.
        """
        for name, value in _QUIET_DEFAULTS.items():
            os.environ.setdefault(name, value)
        try:
            import mlflow
        except ImportError as error:
            raise RegistryError.at("tracking", str(error), "pip install 'candle-ml[tracking]'") from error
        for name in ("mlflow", "alembic", "urllib3.connectionpool"):
            # What goes wrong is raised as well; MLflow also logs it, with a traceback.
            logging.getLogger(name).setLevel(logging.CRITICAL)
        # Without the second call the registry stays at its default and leaves a stray mlflow.db behind.
        mlflow.set_tracking_uri(self.uri)
        mlflow.set_registry_uri(self.uri)
        if self.is_lost and not anew:
            expected = "restore it from a backup; the next training begins a new one"
            raise RegistryError.at(self.shown, f"is not there, though {self.artifacts} is", expected)
        with self._guarded():
            make_store(self.uri, self.artifacts)
            reach(self.uri)
            return mlflow.MlflowClient(self.uri, self.uri)

    def check_inside(self, what: str, location: str) -> None:
        """Refuse artifacts of an embedded store that are kept in another folder: the project was moved or copied.

        Raises `RegistryError`.
        """
        if self.artifacts is not None and not location.startswith(f"{self.artifacts.as_uri()}/"):
            expected = "move the project back, or remove mlflow.db and mlartifacts to begin anew"
            raise RegistryError.at(what, f"its files are kept in {location}, outside this project", expected)

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Turn what MLflow and the disk raise into a `RegistryError` or `TrackingAwayError` that names the place.

        A file of an embedded store that has gone since is not made again by asking it.
        """
        file = store_file(self.uri)
        if file is not None and not file.exists():
            raise RegistryError.at(str(file), "has gone", "put it back; the next training begins a new one")
        with self._guarded():
            yield

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        from google.protobuf.json_format import ParseError  # type: ignore[import-untyped]
        from mlflow.exceptions import MlflowException
        from sqlalchemy.exc import SQLAlchemyError

        try:
            yield
        except (MlflowException, AnswerError, ParseError, OSError, SQLAlchemyError) as raised:
            raise self._told(with_status(raised, self.uri)) from raised
        except (AttributeError, KeyError, TypeError, ValueError) as raised:
            # What MLflow runs into where a server answers with JSON of another shape.
            if self.artifacts is not None:
                raise
            raise self._told(AnswerError(200)) from raised

    def _told(self, error: Exception) -> RegistryError:
        kind = TrackingAwayError if is_away(error) else RegistryError
        return kind.at(self.shown, reason(error), advice(error, embedded=self.artifacts is not None))


class TrackedRun:
    """One run on the tracking server.

    Each step finds what it has done before and leaves that as it is, so that an interrupted one is taken up again; and
    reads again what it has written, because what answers may keep nothing. Times are Unix milliseconds UTC.
    """

    def __init__(self, place: TrackingPlace, client: MlflowClient, run: Run) -> None:
        self.place = place
        self.tracking_id = str(run.info.run_id)
        self._experiment_id = str(run.info.experiment_id)
        self._client = client

    @classmethod
    def open(
        cls, place: TrackingPlace, experiment: str, name: str, run_id: str, started_at: int, *, anew: bool = False
    ) -> TrackedRun:
        """The run whose tag is `run_id`; it and its experiment are made where they do not exist.

        A store that is lost is made again only `anew`.
        """
        client = place.client(anew=anew)
        with place.guarded():
            experiment_id = _experiment(client, place, experiment)
            if not _runs_of(client, experiment_id, run_id):
                client.create_run(experiment_id, start_time=started_at, tags={RUN_TAG: run_id}, run_name=name)
            # A request that was answered too late is sent again, and has made two.
            runs = _runs_of(client, experiment_id, run_id)
            if not runs:
                raise AnswerError(200)
            for run in runs[1:]:
                client.delete_run(run.info.run_id)
        return cls(place, client, runs[0])

    def log_model(self, bundle: Path) -> str:
        """Log a bundle as an MLflow model whose code is candle-ml's; returns the model's id."""
        with self.place.guarded():
            model = self._logged_model()
            if model.status != "READY":
                send_model(self._client, model.model_id, self.tracking_id, bundle)
                if self._client.finalize_logged_model(model.model_id, "READY").status != "READY":
                    raise AnswerError(200)
        return str(model.model_id)

    def log(
        self,
        params: Mapping[str, str],
        metrics: Mapping[str, float],
        tags: Mapping[str, str],
        at: int,
        model_id: str | None = None,
    ) -> None:
        """Log everything in as few requests as the server allows; the metrics are also those of the model."""
        from mlflow.entities import Metric, Param, RunTag

        all_params = [Param(key, value[:_LONGEST_PARAM]) for key, value in params.items()]
        all_metrics = [Metric(key, value, at, 0, model_id=model_id) for key, value in metrics.items()]
        with self.place.guarded():
            for batch in _batches(all_params):
                self._client.log_batch(self.tracking_id, params=batch)
            for batch in _batches(all_metrics):
                self._client.log_batch(self.tracking_id, metrics=batch)
            self._client.log_batch(self.tracking_id, tags=[RunTag(key, value) for key, value in tags.items()])
            logged = read_run(self._client, self.tracking_id).data
            if not {*params, *metrics, *tags} <= {*logged.params, *logged.metrics, *logged.tags}:
                raise AnswerError(200)

    def log_files(self, folder: Path) -> None:
        """Upload the files of a folder, not those of its subfolders."""
        with self.place.guarded():
            # Without an address MLflow would take a folder of this machine for that of the run.
            read_run(self._client, self.tracking_id)
            send_files(self._client, self.tracking_id, folder)

    @classmethod
    def find(cls, place: TrackingPlace, experiment: str, run_id: str, *, deleted: bool = False) -> TrackedRun | None:
        """The run whose tag is `run_id`, or one that is marked as `deleted`; None where the server has none."""
        if place.is_unmade:
            return None
        client = place.client()
        with place.guarded():
            found = _found(client, experiment)
            runs = _runs_of(client, found.experiment_id, run_id, deleted=deleted) if found else []
        return cls(place, client, runs[0]) if runs else None

    def close(self, status: EndStatus, ended_at: int | None = None) -> None:
        """Close the run."""
        with self.place.guarded():
            self._client.set_terminated(self.tracking_id, status, ended_at)
            if read_run(self._client, self.tracking_id).info.status != status:
                raise AnswerError(200)

    def fail(self, error: BaseException) -> None:
        """Close the run as failed, with the reason; a server that is away must not hide that reason."""
        with suppress(RegistryError), self.place.guarded():
            self._client.set_tag(self.tracking_id, "error", first_line(error) or type(error).__name__)
            self._client.set_terminated(self.tracking_id, "FAILED")

    def _logged_model(self) -> Any:
        """The model of this run, whether or not its files are there."""
        from mlflow.entities import LoggedModelOutput

        wanted = f"source_run_id = '{self.tracking_id}'"
        found = self._client.search_logged_models([self._experiment_id], wanted)
        models = sorted(found, key=lambda model: (model.status != "READY", model.model_id))
        if models:
            return models[0]
        model = self._client.create_logged_model(self._experiment_id, "model", self.tracking_id)
        if not model.model_id:
            raise AnswerError(200)
        self._client.log_outputs(self.tracking_id, [LoggedModelOutput(model.model_id, step=0)])
        return model


def close_left_open(place: TrackingPlace, experiment: str, ended: Mapping[str, EndStatus]) -> tuple[str, ...]:
    """Close the runs that still count as running there though they have ended, each by its id with how; returns ids."""
    if place.is_unmade:
        return ()
    client = place.client()
    with place.guarded():
        found = _found(client, experiment)
        running = client.search_runs([found.experiment_id], "attributes.status = 'RUNNING'") if found else []
        left = [run for run in running if run.data.tags.get(RUN_TAG) in ended]
    for run in left:
        TrackedRun(place, client, run).close(ended[run.data.tags[RUN_TAG]])
    return tuple(run.data.tags[RUN_TAG] for run in left)


def read_run(client: MlflowClient, tracking_id: str) -> Run:
    """A run by the server's own id. Raises `AnswerError` for an answer that holds another, or none."""
    run = client.get_run(tracking_id)
    if run.info.run_id != tracking_id:
        raise AnswerError(200)
    return run


def _experiment(client: MlflowClient, place: TrackingPlace, name: str) -> str:
    """The id of an experiment, which another process may be making at the same time."""
    from mlflow.exceptions import MlflowException

    location = None if place.artifacts is None else (place.artifacts / name).as_uri()
    found = _found(client, name)
    if found is None:
        try:
            client.create_experiment(name, artifact_location=location)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        found = _found(client, name)
    if found is None:
        raise AnswerError(200)
    place.check_inside(f"experiment {name}", found.artifact_location)
    return str(found.experiment_id)


def _found(client: MlflowClient, name: str) -> Experiment | None:
    """The experiment of a name. Raises `AnswerError` for an answer that holds another, or none and does not say so."""
    found = client.get_experiment_by_name(name)
    if found is not None and not (found.experiment_id and found.name == name):
        raise AnswerError(200)
    return found


def _runs_of(client: MlflowClient, experiment_id: str, run_id: str, *, deleted: bool = False) -> list[Run]:
    from mlflow.entities import ViewType

    view = ViewType.DELETED_ONLY if deleted else ViewType.ACTIVE_ONLY
    found = client.search_runs([experiment_id], f"tags.`{RUN_TAG}` = '{run_id}'", view)
    if any(run.data.tags.get(RUN_TAG) != run_id for run in found):
        raise AnswerError(200)
    return sorted(found, key=lambda run: str(run.info.run_id))


def _batches(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (items[start : start + _BATCH] for start in range(0, len(items), _BATCH))
