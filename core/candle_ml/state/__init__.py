"""The state store: which configurations were trained when, how that ended, and which models were loaded.

One schema in SQLite (embedded, the default) or PostgreSQL; Alembic migrations in `migrations`.
"""

from candle_ml.errors import StateError

try:
    from candle_ml.state.database import Database
    from candle_ml.state.place import DATABASE_URL_VARIABLE, DatabasePlace
    from candle_ml.state.records import LoadOutcome, ModelLoad, RunStatus, SchemaStatus, TrainingRun
    from candle_ml.state.store import StateStore
except ImportError as error:
    raise StateError.at("state store", str(error), "pip install 'candle-ml[state]'") from error

__all__ = [
    "DATABASE_URL_VARIABLE",
    "Database",
    "DatabasePlace",
    "LoadOutcome",
    "ModelLoad",
    "RunStatus",
    "SchemaStatus",
    "StateStore",
    "TrainingRun",
]
