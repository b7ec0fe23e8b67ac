"""Addresses at which something answers that is no MLflow server, or one that fails, refuses or breaks off."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from candle_ml.registry import Registry
from candle_ml.spool import Spool
from candle_ml.tracking import TrackedRun, TrackingAwayError, TrackingPlace

from .answering import Answer, answering, listening, said
from .conftest import SYNC, invoke

PAGE = "<html>a page</html>"
PASSWORD = "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
OTHER = "correct tracking.uri"
BROKEN = "look into its log, or try again later"
START = "check that it is running and reachable"
ELSE = f"answers, but not as an MLflow server (something else); {OTHER}"
WORDS = {
    200: ELSE,
    400: f"answers, but not as an MLflow server (HTTP 400); {OTHER}",
    401: f"refuses access (HTTP 401); {PASSWORD}",
    403: f"refuses access (HTTP 403); {PASSWORD} of a user who may do that",
    404: f"answers, but not as an MLflow server (HTTP 404); {OTHER}",
    429: "is asked too often (HTTP 429); try again later",
    500: f"answers with an error of its own (HTTP 500); {BROKEN}",
    502: f"answers with an error of its own (HTTP 502); {BROKEN}",
}
"""What is told of an address that answers every request with this status, whatever the body."""
BODIES = {
    401: said({"detail": "Unauthorized"}),
    403: said({"error_code": "PERMISSION_DENIED", "message": "Permission denied"}),
    404: said({"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "no"}),
    429: said({"error_code": "REQUEST_LIMIT_EXCEEDED", "message": "slower"}),
    500: said({"error_code": "INTERNAL_ERROR", "message": "boom"}),
}
"""Errors in JSON, some as MLflow writes them."""
JSON = {
    "nothing": said({}),
    "another key": said({"status": "ok"}),
    "a list": said([]),
    "null": said(None),
    "no text": "",
    "deep": "[" * 100_000,
    "wrong types": said({"experiment": [], "registered_model": "small"}),
    "empty values": said({"experiment": {}, "registered_model": {}}),
}
"""Bodies of answers with status 200."""
MISSING = said({"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "there is none of that name"})
REGISTERED = said({"registered_model": {"name": "small"}})


@pytest.mark.parametrize("status", WORDS)
def test_a_command_tells_what_answers(project: Path, status: int) -> None:
    """A command that needs the server fails with one line: the address, what answers there, and what would do."""
    with answering(Answer(status, PAGE)) as address:
        told = invoke("model", "list", "--set", f"tracking.uri={address}")
    assert (told.exit_code, told.stderr) == (7, f"{address}: {WORDS[status]}\n")


@pytest.mark.parametrize("status", BODIES)
def test_an_error_in_json_is_told_in_the_same_words(project: Path, status: int) -> None:
    """What is told follows from the status, with or without an error code of MLflow."""
    for body in (BODIES[status], said({"type": "about:blank", "title": "no", "status": status})):
        with answering(Answer(status, body)) as address:
            told = invoke("model", "list", "--set", f"tracking.uri={address}")
        assert (told.exit_code, told.stderr) == (7, f"{address}: {WORDS[status]}\n")


@pytest.mark.parametrize("body", JSON.values(), ids=JSON.keys())
def test_other_json_is_not_taken_for_an_empty_registry(spooled: Path, body: str) -> None:
    """Whatever JSON is answered with 200, each command says that it is none of MLflow's, and none goes on with it."""
    reading = (
        "model list",
        "trace champion",
        "model promote 1",
        "runs prune --keep 0",
        "predict data/candles/AAPL_1d.csv",
    )
    with answering(Answer(200, body)) as address:
        for words in reading:
            told = invoke(*words.split(), "--set", f"tracking.uri={address}")
            assert (words, told.exit_code, told.stderr) == (words, 7, f"{address}: {ELSE}\n")
        told = invoke("runs", "sync", "--to", "configured", "--set", f"tracking.uri={address}")
        assert (told.exit_code, told.stderr.endswith(f": not synced: {address}: {ELSE}\n")) == (7, True)
    assert len(Spool(spooled).run_ids()) == 1


@pytest.mark.parametrize(
    ("status", "body"),
    [(200, "{}"), (401, BODIES[401]), (403, BODIES[403]), (404, BODIES[404]), (502, PAGE)],
)
def test_a_training_goes_on_whatever_answers(project: Path, status: int, body: str) -> None:
    """The training ends well and its run waits, whatever answers at the address, and says what does."""
    with answering(Answer(status, body)) as address:
        told = invoke("train", "--set", f"tracking.uri={address}")
    assert told.exit_code == 0, told.stderr
    assert f"not yet synced: {address}: {WORDS[status]}\n" in told.stdout
    assert len(Spool(project).run_ids()) == 1


def test_a_busy_server_gets_the_run_later(project: Path) -> None:
    """A run that waits because the server was asked too often is uploaded by `runs sync`, here to another place."""
    with answering(Answer(429, PAGE)) as address:
        told = invoke("train", "--set", f"tracking.uri={address}")
    assert told.exit_code == 0, told.stderr
    assert f"not yet synced: {address}: {WORDS[429]}\n" in told.stdout
    assert invoke(*SYNC).exit_code == 0
    assert Spool(project).run_ids() == frozenset()


def test_a_name_that_mlflow_refuses_ends_a_training(project: Path) -> None:
    """What MLflow itself refuses of the run, here its experiment's name, is an error before anything is trained."""
    refusal = said({"error_code": "INVALID_PARAMETER_VALUE", "message": "Invalid experiment name"})
    others = {"experiments/get-by-name": (404, MISSING), "experiments/create": (400, refusal)}
    with answering(Answer(200, "{}", others=others)) as address:
        told = invoke("train", "--set", f"tracking.uri={address}")
    assert told.stderr == f"{address}: INVALID_PARAMETER_VALUE: Invalid experiment name; {START}\n"
    assert told.exit_code == 7
    assert Spool(project).run_ids() == frozenset()


def test_a_run_that_cannot_be_found_again(project: Path) -> None:
    """A server that makes runs and finds none of them is told as one that is no MLflow server."""
    experiment = said({"experiment": {"experiment_id": "1", "name": "small"}})
    with answering(Answer(200, "{}", others={"experiments/get-by-name": (200, experiment)})) as address:
        place = TrackingPlace.of(address, project)
        with pytest.raises(TrackingAwayError) as caught:
            TrackedRun.open(place, "small", "small", "1234", 0)
    assert str(caught.value) == f"{address}: {ELSE}"


def test_a_version_without_a_number(project: Path) -> None:
    """Versions that have no number are told as none of MLflow's."""
    others = {
        "registered-models/get": (200, REGISTERED),
        "model-versions/search": (200, said({"model_versions": [{"name": "small", "version": "x"}]})),
    }
    with answering(Answer(200, "{}", others=others)) as address:
        told = invoke("model", "list", "--set", f"tracking.uri={address}")
    assert (told.exit_code, told.stderr) == (7, f"{address}: {ELSE}\n")


def test_what_answers_later_is_looked_at_too(project: Path) -> None:
    """A registry that a service goes on asking is not taken for an empty one when something else takes its place."""
    answer = Answer(200, "{}", others={"registered-models/get": (200, REGISTERED)})
    with answering(answer) as address:
        registry = Registry(TrackingPlace.of(address, project), "small")
        assert registry.at_alias("champion") is None
        later = {
            (200, "{}"): ELSE,
            (401, BODIES[401]): WORDS[401],
            (403, BODIES[403]): WORDS[403],
            (404, PAGE): WORDS[404],
            (429, BODIES[429]): WORDS[429],
        }
        for other, words in later.items():
            answer.others, answer.status, answer.body = {}, *other
            with pytest.raises(TrackingAwayError) as caught:
                registry.at_alias("champion")
            assert str(caught.value) == f"{address}: {words}"
        answer.status, answer.body = 404, MISSING
        assert registry.at_alias("champion") is None


def test_an_empty_registry_is_told_as_empty(project: Path) -> None:
    """A server that has nothing, which MLflow says by an empty object and by an error code, has no version."""
    with answering(Answer(404, MISSING, others={"experiments/search": (200, "{}")})) as address:
        told = invoke("model", "list", "--set", f"tracking.uri={address}")
    assert (told.exit_code, told.stdout) == (0, "no version is registered; candle-ml train makes one\n")


def test_a_server_behind_a_path_is_asked_there(project: Path) -> None:
    """The first question goes below the path of the address, as all others do."""
    answer = Answer(401, PAGE)
    with answering(answer) as address:
        told = invoke("model", "list", "--set", f"tracking.uri={address}/team/mlflow/")
    assert told.stderr == f"{address}/team/mlflow: {WORDS[401]}\n"
    assert answer.asked == ["/team/mlflow/api/2.0/mlflow/experiments/search"]


def test_an_hour_to_wait_is_not_waited(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that asks to come back in an hour is asked again at once, and told as too busy."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    answer = Answer(429, PAGE, {"Retry-After": "3600"})
    with answering(answer) as address:
        told = invoke("model", "list", "--set", f"tracking.uri={address}")
    assert told.stderr == f"{address}: {WORDS[429]}\n"
    assert len(answer.asked) == 2


def test_https_where_no_tls_is_spoken(project: Path) -> None:
    """An address with https at a plain port is told in words."""
    with answering(Answer(200, "{}")) as address:
        secure = address.replace("http:", "https:")
        told = invoke("model", "list", "--set", f"tracking.uri={secure}")
    assert told.stderr == f"{secure}: cannot be reached by https: what listens there speaks no TLS; {OTHER}\n"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", f"broke the connection off; {START}"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{", f"broke the connection off; {START}"),
        (b"", f"broke the connection off; {START}"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", ELSE),
    ],
    ids=["cut", "cut chunk", "nothing", "another protocol"],
)
def test_an_answer_that_is_cut(project: Path, content: bytes, words: str) -> None:
    """A connection that ends within the answer, or speaks something else, is told in words."""

    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(content)

    with listening(serve) as (address, _):
        told = invoke("model", "list", "--set", f"tracking.uri=http://{address}")
    assert (told.exit_code, told.stderr) == (7, f"http://{address}: {words}\n")


def test_a_database_that_is_away_is_asked_once(project: Path) -> None:
    """A PostgreSQL that breaks off is asked once and not for minutes; a training goes on without it."""
    with listening(lambda connection: None) as (address, callers):
        uri = f"postgresql+psycopg://{address}/mlflow"
        told = invoke("model", "list", "--set", f"tracking.uri={uri}")
        assert (told.exit_code, told.stderr) == (7, f"{uri}: broke the connection off; {START}\n")
        assert len(callers) == 1
        told = invoke("train", "--set", f"tracking.uri={uri}")
        assert len(callers) == 3
    assert told.exit_code == 0, told.stderr
    assert f"not yet synced: {uri}: broke the connection off; {START}\n" in told.stdout


def test_a_database_that_says_nothing(project: Path) -> None:
    """A PostgreSQL that takes the connection and does not answer is told after `connect_timeout`."""
    ended = threading.Event()
    with listening(lambda connection: ended.wait(30)) as (address, callers):
        uri = f"postgresql+psycopg://{address}/mlflow?connect_timeout=2"
        told = invoke("model", "list", "--set", f"tracking.uri={uri}")
        ended.set()
    assert (told.exit_code, told.stderr) == (7, f"{uri}: does not answer in time; {START}\n")
    assert len(callers) == 1


def test_a_database_that_is_something_else(project: Path) -> None:
    """What answers at the address of a PostgreSQL and is none is told as such."""
    with listening(lambda connection: connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as (address, _):
        uri = f"postgresql+psycopg://{address}/mlflow"
        told = invoke("model", "list", "--set", f"tracking.uri={uri}")
    assert told.stderr == f"{uri}: answers, but not as PostgreSQL; {OTHER}\n"


def test_a_database_that_nobody_listens_for(project: Path) -> None:
    """A PostgreSQL that is not there is told in words."""
    uri = "postgresql+psycopg://127.0.0.1:9/mlflow"
    told = invoke("model", "list", "--set", f"tracking.uri={uri}")
    assert told.stderr == f"{uri}: cannot be reached: nothing listens there; {START}\n"
