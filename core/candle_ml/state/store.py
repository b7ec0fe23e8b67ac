"""The state store: training runs, their configurations, and model loads, in SQLite or PostgreSQL."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from candle_ml.errors import CandleMLError, StateError
from candle_ml.state import queries, schema
from candle_ml.state.database import PATIENCE_SECONDS, Database
from candle_ml.state.liveness import HEARTBEAT_SECONDS, Heartbeat, ProcessIdentity
from candle_ml.state.place import DatabasePlace
from candle_ml.state.queries import NewLoad, NewRun, RunEnd
from candle_ml.state.records import LoadOutcome, ModelLoad, RunStatus, TrainingRun, finite
from candle_ml.state.tables import model_loads, training_runs

if TYPE_CHECKING:
    from candle_ml.inference import Receipt

_LONGEST_ERROR = 4_000
_CLOSED = "the state store was closed before the run had ended"

_log = logging.getLogger(__name__)


class StateStore:
    """Every method may be called from any thread and raises `StateError` where the database is away or refuses."""

    def __init__(self, database: Database, heartbeat_seconds: float = HEARTBEAT_SECONDS) -> None:
        self._database = database
        self._heartbeat = Heartbeat(self._beat, heartbeat_seconds)

    @classmethod
    def open(
        cls,
        root: Path,
        url: str | None = None,
        *,
        anew: bool = True,
        patience: float = PATIENCE_SECONDS,
        heartbeat_seconds: float = HEARTBEAT_SECONDS,
    ) -> Self:
        """Open the store of a project folder.

        Without `url` it is what `CANDLE_ML_DATABASE_URL` names, else `.candle-ml/state.db` in `root`. A SQLite file is
        made (without `anew` not where there are runs already) and migrated where it needs that; of PostgreSQL the
        schema is only checked. `patience` is how many seconds a write waits for other processes, and the end of a run
        for a server. Raises `ConfigError` for a wrong URL, and `StateError`.
        """
        database = Database(DatabasePlace.of(root, url), patience)
        try:
            if database.place.file is not None:
                schema.upgrade(database, anew)
            schema.check(database)
        except BaseException:
            database.close()
            raise
        return cls(database, heartbeat_seconds)

    def begin_run(
        self,
        run_id: str,
        model_type: str,
        experiment_name: str,
        config_hash: str,
        config_text: str,
        dataset_version: str | None = None,
        began_at: datetime | None = None,
    ) -> None:
        """Record a run of this process as running, and its configuration; of equal hashes the first text is kept.

        It begins now, unless `began_at` says when it did. The run is kept alive until it ends or the store is closed.
        Raises `StateError` where the id is taken.
        """
        run = NewRun(run_id, model_type, experiment_name, config_hash, dataset_version)
        process = ProcessIdentity.current()
        taken = run_id in self._heartbeat.runs or not self._database.write(
            lambda connection: queries.insert_run(connection, run, config_text, process, began_at), repeatable=True
        )
        if taken:
            raise self._error(f"run {run_id!r} is there already", "give each run an id of its own")
        self._heartbeat.add(run_id)

    def finish_run(self, run_id: str, metrics: Mapping[str, float], took: timedelta | None = None) -> None:
        """Close a run as finished, now or `took` after it had begun; a metric that is no finite number becomes None."""
        summary = json.dumps(finite(metrics), allow_nan=False)
        self._end(run_id, RunEnd("finished", metrics_summary=summary), took)

    def fail_run(self, run_id: str, error: BaseException | str) -> None:
        """Close a run as failed, with the reason."""
        self._end(run_id, RunEnd("failed", error=_reason(error)))

    def give_up_run(self, run_id: str, reason: str) -> None:
        """Note why a run waits no more to be uploaded; one that has not ended is interrupted by that."""
        self._database.write(lambda connection: queries.give_up_run(connection, run_id, reason), repeatable=True)

    def runs(self, limit: int | None = None, status: RunStatus | None = None) -> tuple[TrainingRun, ...]:
        """The runs, newest first; only those of one status where it is given.

        A running run counts as interrupted once its process has died: seen by the process itself on this machine,
        elsewhere by a heartbeat that is more than a minute old. One that beats or ends later is put right by that.
        """
        found = self._database.read(queries.runs)
        return tuple(run for run in found if status in (None, run.status))[:limit]

    def run(self, run_id: str) -> TrainingRun:
        """One run. Raises `StateError` where there is none of that id."""
        found = self.find_run(run_id)
        if found is None:
            raise self._error(f"no run {run_id!r}", "candle-ml runs list shows those there are")
        return found

    def find_run(self, run_id: str) -> TrainingRun | None:
        """One run, if there is one of that id."""
        wanted = (training_runs.c.run_id == run_id,)
        found = self._database.read(lambda connection: queries.runs(connection, wanted))
        return found[0] if found else None

    def config_text(self, config_hash: str) -> str:
        """The text of a configuration. Raises `StateError` where no run had one of that hash."""
        found = self._database.read(lambda connection: queries.config_text(connection, config_hash))
        if found is None:
            raise self._error(f"no configuration {config_hash!r}", "candle-ml runs show tells the hash of a run")
        return found

    def record_load(
        self,
        model_name: str,
        outcome: LoadOutcome,
        *,
        version: int | None = None,
        run_id: str | None = None,
        digest: str | None = None,
        receipt: Receipt | None = None,
        error: BaseException | str | None = None,
    ) -> int:
        """Record that a model was loaded for serving or refused, and why; returns the record's id."""
        shown = None if receipt is None else json.dumps(asdict(receipt), allow_nan=False)
        reason = None if error is None else _reason(error)
        load = NewLoad(model_name, outcome, version, run_id, digest, shown, reason)
        return self._database.write(lambda connection: queries.insert_load(connection, load))

    def loads(self, limit: int | None = None) -> tuple[ModelLoad, ...]:
        """The model loads, newest first."""
        return self._database.read(lambda connection: queries.loads(connection, limit=limit))

    def last_loaded(self, model_name: str) -> int | None:
        """The version of a model that a service has loaded last, if any has."""
        wanted = (model_loads.c.model_name == model_name, model_loads.c.outcome == "loaded")
        found = self._database.read(lambda connection: queries.loads(connection, wanted, 1))
        return found[0].version if found else None

    def ping(self) -> None:
        """Raises `StateError` where the database does not answer or its schema is not this version's."""
        schema.check(self._database)

    def close(self) -> None:
        """Close the store; what is still running of its runs becomes interrupted."""
        self._heartbeat.stop()
        left = self._heartbeat.runs
        try:
            if left:
                self._database.write(lambda connection: queries.interrupt_runs(connection, left, _CLOSED))
        except StateError as error:
            # Not raised over what ended the work; the next start finds these runs without a process.
            _log.warning("runs left running: %s", error)
        finally:
            self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _end(self, run_id: str, end: RunEnd, took: timedelta | None = None) -> None:
        self._heartbeat.remove(run_id)
        ended = self._database.write(lambda connection: queries.end_run(connection, run_id, end, took), repeatable=True)
        if ended is None:
            found = f"run {run_id!r} is not known here any more: the store was exchanged while it went on"
            raise self._error(found, "put the earlier one back, or go on with this one")
        if ended != end:
            raise self._error(f"run {run_id!r} is {ended.status} already", "a run ends once")

    def _beat(self, run_ids: frozenset[str]) -> None:
        self._database.write(lambda connection: queries.touch_runs(connection, run_ids))

    def _error(self, found: str, expected: str) -> StateError:
        return StateError.at(self._database.place.where, found, expected)


def _reason(error: BaseException | str) -> str:
    """A reason that both engines can keep: neither takes half a character, and PostgreSQL no NUL."""
    told = isinstance(error, CandleMLError | str)
    text = str(error) if told else f"{type(error).__name__}: {error}".removesuffix(": ")
    return text[:_LONGEST_ERROR].encode("utf-8", "replace").decode("utf-8").replace("\0", "\N{REPLACEMENT CHARACTER}")
