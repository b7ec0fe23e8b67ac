"""A study: the trials of one search, kept by optuna in the state database, where a killed search goes on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from sqlalchemy import Connection, NullPool, create_engine, text
from sqlalchemy.exc import SQLAlchemyError

from candle_ml.config import SearchSpace
from candle_ml.errors import CandleMLError, ConfigError, RegistryError, StateError
from candle_ml.lock_file import held
from candle_ml.state import DATABASE_URL_VARIABLE, DatabasePlace, StateStore
from candle_ml.state.database import PATIENCE_SECONDS
from candle_ml.state.failures import guarded
from candle_ml.tuning_trial import Asked, TrialScores

try:
    import optuna
    from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
    from optuna.trial import FrozenTrial, TrialState
except ImportError as error:
    raise ConfigError.at("tune", str(error), "pip install 'candle-ml[tune]'") from error

SCHEMA = "candle_ml_tuning"
"""Of PostgreSQL. Elsewhere optuna's table of its revision would be MLflow's, where both share a database."""

_ERROR, _UNCHANGED = "error", "unchanged"
TrialStatus = Literal["finished", "pruned", "failed"]


@dataclass(frozen=True, slots=True)
class Trial:
    """A trial that has ended: `means` are the scores up to each fold, `value` that of all; None where it failed."""

    number: int
    status: TrialStatus
    overrides: tuple[str, ...]
    means: tuple[float, ...]
    value: float | None
    error: str | None


class Study:
    """The trials of a search; every method raises `StateError` where the database is away or refuses."""

    def __init__(self, study: optuna.Study, spaces: Mapping[str, SearchSpace], seed: int) -> None:
        self._study = study
        self._spaces = spaces
        self._seed = seed
        self._running: dict[int, optuna.Trial] = {}

    def begin_again(self) -> int:
        """Mark trials as failed that a process which died has left, to be made anew first; how many there are."""
        left = self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        for trial in left:
            self._study.enqueue_trial(trial.params)
            self._study.tell(trial.number, state=TrialState.FAIL)
        return len(left)

    @property
    def unchanged(self) -> float | None:
        """The score of the configuration as it is; None where that is not known."""
        found: float | None = self._study.user_attrs.get(_UNCHANGED)
        return found

    def keep_unchanged(self, score: float) -> None:
        """Keep the score of the configuration as it is."""
        self._study.set_user_attr(_UNCHANGED, score)

    def ended(self) -> tuple[Trial, ...]:
        """The trials that have ended, in their order, without those that were left by a process that died."""
        ended = self._study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL))
        return tuple(self._trial(one) for one in ended if one.state != TrialState.FAIL or _ERROR in one.user_attrs)

    def ask(self, place: int) -> Asked:
        """The next trial, which is to be the one at a place (from 0) among all.

        Each is drawn with a seed of its own, so that a search that was killed and goes on tries the same.
        """
        seed = int(np.random.SeedSequence([self._seed, place]).generate_state(1)[0])
        self._study.sampler = optuna.samplers.TPESampler(seed=seed)
        trial = self._study.ask({key: _distribution(space) for key, space in self._spaces.items()})
        self._running[trial.number] = trial
        return Asked(trial.number, self._overrides(trial.params))

    def tell(self, asked: Asked, outcome: TrialScores | CandleMLError) -> None:
        """Record how a trial ended."""
        trial = self._running.pop(asked.number)
        if isinstance(outcome, CandleMLError):
            trial.set_user_attr(_ERROR, str(outcome))
            self._study.tell(trial, state=TrialState.FAIL)
            return
        for step, mean in enumerate(outcome.means):
            trial.report(mean, step)
        if outcome.pruned:
            self._study.tell(trial, state=TrialState.PRUNED)
        else:
            self._study.tell(trial, outcome.means[-1])

    def _overrides(self, params: Mapping[str, Any]) -> tuple[str, ...]:
        """Values in the order of the search; a choice is kept as the text that `--set` takes."""
        texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in params.items()}
        return tuple(f"{key}={texts[key]}" for key in self._spaces)

    def _trial(self, one: FrozenTrial) -> Trial:
        statuses: dict[TrialState, TrialStatus] = {TrialState.COMPLETE: "finished", TrialState.PRUNED: "pruned"}
        means = tuple(mean for _, mean in sorted(one.intermediate_values.items()))
        value = one.value if one.state == TrialState.COMPLETE else None
        error = one.user_attrs.get(_ERROR)
        return Trial(one.number, statuses.get(one.state, "failed"), self._overrides(one.params), means, value, error)


@contextmanager
def opened(root: Path, name: str, spaces: Mapping[str, SearchSpace], seed: int) -> Iterator[Study]:
    """The study of a name in the state database of a project, made where there is none; no other process works on it.

    Raises `StateError` where the database is away, is none of candle-ml's, or another process works on the study.
    """
    place = DatabasePlace.of(root)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    # First, as optuna's tables would hide that those of the state store are lost.
    StateStore.open(root).close()
    with _alone(place, name), _told(place):
        storage = _storage(place)
        try:
            study = optuna.create_study(storage=storage, study_name=name, direction="maximize", load_if_exists=True)
            yield Study(study, spaces, seed)
        finally:
            storage.engine.dispose()


def _distribution(space: SearchSpace) -> BaseDistribution:
    if space.whole is not None:
        return IntDistribution(space.whole[0], space.whole[1], log=space.log, step=space.step)
    if space.number is not None:
        return FloatDistribution(space.number[0], space.number[1], log=space.log)
    return CategoricalDistribution(space.texts)


def _storage(place: DatabasePlace) -> optuna.storages.RDBStorage:
    url, options = place.url, {"hide_parameters": True}
    if place.file is not None:
        connecting: dict[str, Any] = {"timeout": PATIENCE_SECONDS}
    else:
        given = url.query.get("options", "")
        connecting = {"options": f"{given} -c search_path={SCHEMA}".strip()}
        options["pool_pre_ping"] = True
    text = url.render_as_string(hide_password=False)
    try:
        return optuna.storages.RDBStorage(text, {**options, "connect_args": connecting})
    except RuntimeError as error:
        found = "its tables of trials are of another version of optuna, or the table alembic_version is not optuna's"
        expected = f"install that version, or name another database by {DATABASE_URL_VARIABLE}"
        raise StateError.at(place.where, found, expected) from error


@contextmanager
def _alone(place: DatabasePlace, name: str) -> Iterator[None]:
    """One search at a time in an embedded database, and one of a study on a server; a process that dies lets go."""
    with ExitStack() as stack:
        if place.file is not None:
            try:
                stack.enter_context(held(place.file.with_name("tune.lock"), patience=0))
            except RegistryError as error:
                raise StateError(*error.problems) from error
        else:
            with guarded(place):
                _take(stack.enter_context(_connected(place)), place, name)
        yield


@contextmanager
def _connected(place: DatabasePlace) -> Iterator[Connection]:
    engine = create_engine(place.url, poolclass=NullPool, hide_parameters=True, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection


def _take(connection: Connection, place: DatabasePlace, name: str) -> None:
    """Take the lock of a study, which the connection holds, and make optuna's schema."""
    key = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)
    if not connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": key}).scalar_one():
        found = f"the study {name} is worked on by another candle-ml"
        raise StateError.at(place.where, found, "wait until that has ended")
    connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}"))


@contextmanager
def _told(place: DatabasePlace) -> Iterator[None]:
    """What optuna raises of a database, as the errors of the state store."""
    with guarded(place):
        try:
            yield
        except optuna.exceptions.StorageInternalError as error:
            if isinstance(error.__cause__, SQLAlchemyError):
                raise error.__cause__ from error
            raise
