"""Databases at `tracking.uri` whose tables are not those that MLflow works with."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from candle_ml.errors import RegistryError
from candle_ml.registry import Registry
from candle_ml.tracking import TrackingPlace

from ..state.conftest import Server, execute
from .conftest import invoke

BEGIN = "restore it from a backup, or name an empty one to begin anew"
WRONG = {
    "foreign": ("CREATE TABLE runs (mine TEXT)", "has a table runs that is not MLflow's; name another by tracking.uri"),
    "newer": (
        "UPDATE alembic_version SET version_num = '9999'",
        "has revision 9999, which this MLflow does not know; update MLflow, or name another by tracking.uri",
    ),
    "older": (
        "UPDATE alembic_version SET version_num = '451aebb31d03'",
        "its tables are of an older MLflow (revision 451aebb31d03); save it, then run mlflow db upgrade",
    ),
    "without its runs": ("DROP TABLE runs", f"has lost its table runs; {BEGIN}"),
    "without its models": ("DROP TABLE logged_model_params", f"has lost its table logged_model_params; {BEGIN}"),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An embedded store that nothing was tracked in."""
    folder = tmp_path_factory.mktemp("made")
    TrackingPlace.of(None, folder).client()
    return folder / "mlflow.db"


@pytest.mark.parametrize("what", WRONG)
def test_other_tables_than_those_of_mlflow(tmp_path: Path, made: Path, what: str) -> None:
    """They are told in words, and stay as they are."""
    statement, told = WRONG[what]
    store = tmp_path / "mlflow.db"
    if what != "foreign":
        shutil.copyfile(made, store)
    execute(f"sqlite:///{store}", statement)
    content = store.read_bytes()
    with pytest.raises(RegistryError) as caught:
        Registry(TrackingPlace.of(None, tmp_path), "small").versions()
    assert str(caught.value) == f"{store}: {told}"
    assert store.read_bytes() == content


def test_a_server_without_its_tables(database_server: Server, project: Path) -> None:
    """A PostgreSQL whose tables of MLflow are gone in part is told the same; in an empty one they are made."""
    url = database_server.url(database_server.create_database())
    uri = f"tracking.uri={url}"
    assert invoke("model", "list", "--set", uri).stdout == "no version is registered; candle-ml train makes one\n"
    execute(url, "DROP TABLE latest_metrics")
    told = invoke("model", "list", "--set", uri)
    assert (told.exit_code, told.stderr) == (7, f"{url}: has lost its table latest_metrics; {BEGIN}\n")


def test_doctor_looks_at_them(project: Path, made: Path) -> None:
    """A registry whose runs are lost is a problem."""
    shutil.copyfile(made, project / "mlflow.db")
    execute(f"sqlite:///{project / 'mlflow.db'}", "DROP TABLE runs")
    told = invoke("doctor", "--json")
    (one,) = (one for one in json.loads(told.stdout) if one["subject"] == "registry")
    assert told.exit_code == 1
    assert (one["status"], one["detail"]) == ("problem", f"{project / 'mlflow.db'}: has lost its table runs; {BEGIN}")
