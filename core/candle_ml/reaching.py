"""One question to what a tracking address names, before MLflow asks.

MLflow takes any JSON for its own, and tries a database that is away or a file that it may not open for minutes.
"""

from __future__ import annotations

import json

from candle_ml.tracking_errors import AnswerError

SERVERS = ("http://", "https://")
_DATABASES = ("sqlite", "postgresql", "mysql", "mssql")
_CONNECT_SECONDS = "10"
_EXPERIMENTS = "/api/2.0/mlflow/experiments/search"


def reach(uri: str) -> None:
    """Ask once whether a server answers as MLflow does, or a database lets in.

    Raises `AnswerError` for what is no MLflow server, and what MLflow, SQLAlchemy and the network raise.
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
    create_engine(url, poolclass=NullPool, hide_parameters=True).connect().close()
