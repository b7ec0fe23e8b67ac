"""What the state store answers with. All times are aware and in UTC, by the clock of the database's machine."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

RunStatus = Literal["running", "finished", "failed", "interrupted"]
LoadOutcome = Literal["loaded", "refused"]
SchemaCondition = Literal["missing", "behind", "current", "unknown"]


@dataclass(frozen=True, slots=True)
class TrainingRun:
    """One training run; `interrupted` says that its process ended without a word.

    `error` says why it failed or was interrupted, and of a finished one that it was given up before it was uploaded.
    `metrics` is empty until the run has finished; a metric that is no finite number is None. `config_hash` leads to
    the configuration's text. `host` and `process_id` say where the run was last alive, at `heartbeat_at`.
    """

    run_id: str
    model_type: str
    experiment_name: str
    config_hash: str
    dataset_version: str | None
    status: RunStatus
    metrics: Mapping[str, float | None]
    error: str | None
    created_at: datetime
    completed_at: datetime | None
    host: str | None
    process_id: int | None
    heartbeat_at: datetime | None

    @property
    def given_up(self) -> bool:
        """Whether it has finished, but was given up before it was uploaded."""
        return self.status == "finished" and self.error is not None


@dataclass(frozen=True, slots=True)
class ModelLoad:
    """One attempt to load a model for serving.

    `version`, `run_id` and `digest` (of the bundle's manifest) are None where they are not known; `receipt` is JSON
    text, None where the bundle was refused before it could be replayed.
    """

    id: int
    model_name: str
    version: int | None
    run_id: str | None
    digest: str | None
    receipt: str | None
    loaded_at: datetime
    outcome: LoadOutcome
    error: str | None


@dataclass(frozen=True, slots=True)
class SchemaStatus:
    """The schema of a database beside the one this version works with.

    `condition` is `missing` (no tables yet), `behind`, `current`, or `unknown`: a revision of a newer candle-ml.
    `revision` is None where there are no tables.
    """

    database: str
    revision: str | None
    newest: str
    condition: SchemaCondition


def finite(metrics: Mapping[str, float]) -> dict[str, float | None]:
    """Metrics as they are kept: one that is no finite number is None."""
    return {name: float(value) if math.isfinite(value) else None for name, value in metrics.items()}
