"""What MLflow, its server and the disk raise: whether it may pass, what happened in a line, and what would do."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class _Told:
    """What happened, and what would do."""

    found: str
    expected: str


_AWAY = (
    (r"[Cc]onnection refused", "cannot be reached: nothing listens there"),
    (r"[Nn]ame or service|[Nn]ame resolution|nodename|getaddrinfo", "cannot be reached: its host is unknown"),
    (r"No route|unreachable", "cannot be reached: there is no way to its host"),
    (r"timed out|[Tt]imeout", "does not answer in time"),
    (r"closed connection|[Cc]onnection reset|[Cc]onnection aborted", "broke the connection off"),
)
"""What long messages of a failed request hold, and how that is told."""
_RESTORE = "restore it from a backup, or move it away to begin a new one"
_DISK = (
    (r"sqlite3\.\w+\) (database disk image is )?malformed", _Told("the database is damaged", _RESTORE)),
    (r"sqlite3\.\w+\) file is not a database", _Told("not a SQLite database", _RESTORE)),
    (r"disk is full|No space left", _Told("the disk is full", "free some space")),
    (
        r"sqlite3\.\w+\) disk I/O error",
        _Told("the disk is full or does not answer", "free some space or check the disk"),
    ),
    (r"readonly database", _Told("it is read-only", "let this user write the file and its folder")),
)
"""What SQLite and the system say of the files of a store, and how that is told."""
_ANSWERS = (
    r"failed with error code (\d{3})",
    r"too many (\d{3}) error responses",
    r"\b(401|403|5\d\d) (?:Client|Server) Error",
    r"was (successful) but the response body was not",
)
"""What is said of an answer that is none of MLflow's; its status, where that is not 200, is in the group."""


def advice(error: Exception, *, embedded: bool) -> str:
    """What would do about it."""
    if "Invalid Host header" in str(error):
        return "name this host in MLFLOW_SERVER_ALLOWED_HOSTS where the server is started"
    if (told := _of_disk(error) or _answer(error)) is not None:
        return told.expected
    return "check the store" if embedded else "check that it is running and reachable"


def is_away(error: Exception) -> bool:
    """Whether the store does not answer or not as one does, so that it may later."""
    from mlflow.exceptions import MlflowException
    from requests.exceptions import HTTPError
    from sqlalchemy.exc import OperationalError

    if _answer(error) is not None:
        return True
    if isinstance(error, MlflowException):
        return int(error.get_http_status_code()) >= 500
    if isinstance(error, HTTPError) and error.response is not None:
        return error.response.status_code >= 500
    # What is missing on the disk does not come back by itself.
    return isinstance(error, (OSError, OperationalError)) and not isinstance(error, FileNotFoundError)


def reason(error: Exception) -> str:
    """What happened, in a line."""
    if (told := _of_disk(error) or _answer(error)) is not None:
        return told.found
    said = first_line(error)
    return next((told for pattern, told in _AWAY if re.search(pattern, str(error))), said) if is_away(error) else said


def _answer(error: Exception) -> _Told | None:
    """What answered, where that is no MLflow server or one that fails; None for what MLflow says or nobody."""
    from mlflow.exceptions import RestException

    matches = (re.search(pattern, str(error)) for pattern in _ANSWERS)
    match = None if isinstance(error, RestException) else next(filter(None, matches), None)
    if match is None:
        return None
    status = match[1]
    if status in ("401", "403"):
        return _Told(f"refuses access (HTTP {status})", "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD")
    if status.startswith("5"):
        return _Told(f"answers with an error of its own (HTTP {status})", "look into its log, or try again later")
    what = "something else" if status == "successful" else f"HTTP {status}"
    return _Told(f"answers, but not as an MLflow server ({what})", "correct tracking.uri")


def _of_disk(error: Exception) -> _Told | None:
    return next((told for pattern, told in _DISK if re.search(pattern, str(error))), None)


def first_line(error: BaseException) -> str:
    """The beginning of its text; of what the system says without its number."""
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.filename}: {error.strerror}"
    return str(error).strip().partition("\n")[0][:300]
