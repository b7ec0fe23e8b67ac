"""One question to what a tracking address names, before MLflow asks.

MLflow takes any JSON for its own, tries a database that is away or a file that it may not open for minutes, and fills
up whatever tables it finds.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from candle_ml.config.secrets import masked
from candle_ml.embedded_store import store_file
from candle_ml.errors import RegistryError
from candle_ml.tracking_errors import AnswerError

if TYPE_CHECKING:
    from sqlalchemy import Connection

SERVERS = ("http://", "https://")
_DATABASES = ("sqlite", "postgresql", "mysql", "mssql")
_CONNECT_SECONDS = "10"
_BEGIN = "restore it from a backup, or name an empty one to begin anew"
_EXPERIMENTS = "/api/2.0/mlflow/experiments/search"


def reach(uri: str) -> None:
    """Ask once whether a server answers as MLflow does, or a database lets in.

    Raises `AnswerError` for what is no MLflow server, `RegistryError` for a database with other tables than MLflow's,
    and what MLflow, SQLAlchemy and the network raise.
    """
    if uri.startswith(SERVERS):
        _ask(uri)
    elif uri.startswith(_DATABASES):
        _connect(uri)


def with_status(error: Exception, uri: str) -> Exception:
    """An error in JSON that has no code of MLflow's, whose status MLflow drops: with what the server answers now."""
    from mlflow.exceptions import MlflowException, RestException

    if isinstance(error, RestException) and not error.json.get("error_code"):
        try:
            reach(uri)
        except (AnswerError, MlflowException) as now:
            return now
    return error


def _ask(uri: str) -> None:
    """Ask for an experiment, which every MLflow server answers with 200, whether or not it has one."""
    from mlflow.utils.credentials import get_default_host_creds
    from mlflow.utils.rest_utils import http_request

    asked = {"max_results": 1}
    answer = http_request(get_default_host_creds(uri), _EXPERIMENTS, "POST", raise_on_status=False, json=asked)
    if answer.status_code != 200 or not _is_mapping(answer.text):
        raise AnswerError(answer.status_code, answer.text)


def _is_mapping(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def _connect(uri: str) -> None:
    from sqlalchemy import NullPool, create_engine
    from sqlalchemy.engine import make_url

    url = make_url(uri)
    if url.get_dialect().driver.startswith("psycopg") and "connect_timeout" not in url.query:
        url = url.update_query_dict({"connect_timeout": _CONNECT_SECONDS})
    with create_engine(url, poolclass=NullPool, hide_parameters=True).connect() as connection:
        _check_tables(connection, str(store_file(uri) or masked(uri)))


def _check_tables(connection: Connection, where: str) -> None:
    """Raise a `RegistryError` for tables that this MLflow does not work with; where there are none, it makes them."""
    from alembic.migration import MigrationContext
    from alembic.script import ScriptDirectory
    from mlflow.store import db_migrations
    from mlflow.store.db.utils import Base
    from sqlalchemy import inspect

    revision = MigrationContext.configure(connection).get_current_revision()
    if revision is None:
        _refuse_foreign(connection, where)
        return
    lost = sorted(Base.metadata.tables.keys() - {*inspect(connection).get_table_names()})
    scripts = ScriptDirectory(str(Path(db_migrations.__file__).parent))
    if revision not in {one.revision for one in scripts.walk_revisions()}:
        expected = "update MLflow, or name another by tracking.uri"
        raise RegistryError.at(where, f"has revision {revision}, which this MLflow does not know", expected)
    is_newest = revision in scripts.get_heads()
    if lost and is_newest:
        raise RegistryError.at(where, f"has lost its table {lost[0]}", _BEGIN)
    if not lost and not is_newest:
        found = f"its tables are of an older MLflow (revision {revision})"
        raise RegistryError.at(where, found, "save it, then run mlflow db upgrade")


def _refuse_foreign(connection: Connection, where: str) -> None:
    """Raise a `RegistryError` for a table of something else under a name of MLflow's."""
    from mlflow.store.db.utils import InitialBase
    from sqlalchemy import inspect

    found = inspect(connection)
    for name, table in InitialBase.metadata.tables.items():
        if found.has_table(name) and {*table.columns.keys()} - {one["name"] for one in found.get_columns(name)}:
            raise RegistryError.at(where, f"has a table {name} that is not MLflow's", "name another by tracking.uri")
