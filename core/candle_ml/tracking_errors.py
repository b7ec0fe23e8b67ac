"""What MLflow, its server and the disk raise: whether it may pass, what happened in a line, and what would do."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from typing import Any


class AnswerError(Exception):
    """An answer that no MLflow server gives, by its HTTP status; its text is what it says."""

    def __init__(self, status: int, text: str = "") -> None:
        super().__init__(text)
        self.status = status


@dataclass(frozen=True, slots=True)
class _Told:
    """What happened, and what would do."""

    found: str
    expected: str


_START = "check that it is running and reachable"
_CORRECT = "correct tracking.uri"
_AWAY = (
    (
        r"Databricks credential configuration failed",
        _Told(
            "Databricks is not set up here", "install databricks-sdk and give it credentials, or correct tracking.uri"
        ),
    ),
    (r"WRONG_VERSION_NUMBER", _Told("cannot be reached by https: what listens there speaks no TLS", _CORRECT)),
    (
        r"CERTIFICATE_VERIFY_FAILED",
        _Told("its certificate is not trusted", "name its authority in MLFLOW_TRACKING_SERVER_CERT_PATH"),
    ),
    (r"SSLError", _Told("no TLS connection comes about", "check its certificate and the versions of TLS it takes")),
    (r"BadStatusLine", _Told("answers, but not as an MLflow server (something else)", _CORRECT)),
    (r"invalid response to SSL negotiation", _Told("answers, but not as PostgreSQL", _CORRECT)),
    (
        r"password authentication failed|no password supplied|role .* does not exist",
        _Told("refuses the user or the password", "correct the user in tracking.uri, or set PGPASSWORD"),
    ),
    (r"database .* does not exist", _Told("has no such database", f"create it, or {_CORRECT}")),
    (r"[Cc]onnection refused|on socket .* failed: No such", _Told("cannot be reached: nothing listens there", _START)),
    (
        r"[Nn]ame or service|[Nn]ame resolution|nodename|getaddrinfo",
        _Told("cannot be reached: its host is unknown", _START),
    ),
    (r"No route|unreachable", _Told("cannot be reached: there is no way to its host", _START)),
    (r"timed out|[Tt]imeout", _Told("does not answer in time", _START)),
    (
        r"closed (the )?connection|[Cc]onnection (reset|aborted|broken)|IncompleteRead",
        _Told("broke the connection off", _START),
    ),
)
"""What long messages of a failed request or connection hold, and how that is told."""
_RESTORE = "restore it from a backup, or move it away to begin a new one"
_DISK = (
    (r"sqlite3\.\w+\) (database disk image is )?malformed", _Told("the database is damaged", _RESTORE)),
    (r"sqlite3\.\w+\) file is not a database", _Told("not a SQLite database", _RESTORE)),
    (
        r"unable to open database file",
        _Told("the file cannot be opened", "check that it is a file, and that this user may read it"),
    ),
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
    r"\b(401|403|429|5\d\d) (?:Client|Server) Error",
    r"was (successful) but the response body was not",
)
"""What is said of an answer that is none of MLflow's; its status, where that is not 200, is in the group."""


def advice(error: Exception, *, embedded: bool) -> str:
    """What would do about it."""
    if "Invalid Host header" in str(error):
        return "name this host in MLFLOW_SERVER_ALLOWED_HOSTS where the server is started"
    if (told := _told(error)) is not None:
        return told.expected
    return "check the store" if embedded else _START


def is_away(error: Exception) -> bool:
    """Whether the store does not answer or not as one does, so that it may later."""
    from mlflow.exceptions import MlflowException
    from requests.exceptions import HTTPError
    from sqlalchemy.exc import OperationalError

    if _status(error) is not None:
        return True
    if isinstance(error, MlflowException):
        return int(error.get_http_status_code()) >= 500
    if isinstance(error, HTTPError) and error.response is not None:
        return error.response.status_code >= 500
    # What is missing on the disk does not come back by itself.
    return isinstance(error, (OSError, OperationalError)) and not isinstance(error, FileNotFoundError)


def reason(error: Exception) -> str:
    """What happened, in a line."""
    told = _told(error)
    return first_line(error) if told is None else told.found


def first_line(error: BaseException) -> str:
    """The beginning of its text; of what the system says without its number."""
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.filename}: {error.strerror}"
    return textwrap.shorten(str(error).strip().partition("\n")[0], 300, placeholder=" ...")


def _told(error: Exception) -> _Told | None:
    if (told := _in(_DISK, error)) is not None:
        return told
    if (status := _status(error)) is not None:
        return _of_answer(status)
    return _in(_AWAY, error) if is_away(error) else None


def _in(known: tuple[tuple[str, _Told], ...], error: Exception) -> _Told | None:
    return next((told for pattern, told in known if re.search(pattern, str(error))), None)


def _of_answer(status: int) -> _Told:
    if status in (401, 403):
        of_whom = " of a user who may do that" if status == 403 else ""
        expected = f"set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD{of_whom}"
        return _Told(f"refuses access (HTTP {status})", expected)
    if status == 429:
        return _Told("is asked too often (HTTP 429)", "try again later")
    if status >= 500:
        return _Told(f"answers with an error of its own (HTTP {status})", "look into its log, or try again later")
    what = "something else" if status == 200 else f"HTTP {status}"
    return _Told(f"answers, but not as an MLflow server ({what})", _CORRECT)


def _status(error: Exception) -> int | None:
    """The HTTP status of an answer that is none of MLflow's, or refuses whatever is asked; None for any other error."""
    from google.protobuf.json_format import ParseError  # type: ignore[import-untyped]
    from mlflow.exceptions import RestException
    from requests.exceptions import JSONDecodeError

    if isinstance(error, AnswerError):
        return error.status
    if isinstance(error, (ParseError, JSONDecodeError)):
        return 200
    if isinstance(error, RestException):
        return _status_of_json(error)
    match = next(filter(None, (re.search(pattern, str(error)) for pattern in _ANSWERS)), None)
    if match is None:
        return None
    return 200 if match[1] == "successful" else int(match[1])


def _status_of_json(error: Any) -> int | None:
    """The same of an error in JSON; MLflow keeps no status of one that has no code of its own."""
    if not error.json.get("error_code"):
        return 200
    status = int(error.get_http_status_code())
    return status if status in (401, 403, 429) or error.error_code == "ENDPOINT_NOT_FOUND" else None
