"""`candle-ml runs prune`: what old runs have left goes, what is served or may be again stays."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from mlflow.entities import ViewType

from candle_ml.config import load_config
from candle_ml.spool import Spool
from candle_ml.state import StateStore
from candle_ml.tracking import TrackingPlace

from ..small_project import write_project
from ..state.conftest import execute
from .conftest import AWAY, SYNC, client, invoke, size_of, tracked

ELSEWHERE = "belongs to sqlite:///{}/mlflow.db, which was not asked"


@dataclass(frozen=True)
class Pruned:
    """A project with five runs, by what became of each."""

    root: Path
    first: str
    served: str
    unserved: str
    unregistered: str
    waiting: str


def train(*words: str) -> str:
    """The id of a new run."""
    told = invoke("train", "--json", *words)
    assert told.exit_code == 0, told.stderr
    return str(json.loads(told.stdout)["run_id"])


@pytest.fixture(scope="module")
def five_runs(tmp_path_factory: pytest.TempPathFactory, candles: str) -> Pruned:
    """Version 1 had the alias, version 2 has it, version 3 never had; one run has no version, one is not yet synced."""
    root = write_project(tmp_path_factory.mktemp("prune") / "project", candles)
    with pytest.MonkeyPatch.context() as environment:
        environment.chdir(root)
        environment.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        first = train()
        served = train("--set", "registry.promote=always")
        unserved = train("--set", "registry.promote=never")
        unregistered = train("--stage", "evaluate")
        waiting = train("--set", f"tracking.uri={AWAY}")
    shutil.copytree(root, root.with_name("copy"))
    return Pruned(root, first, served, unserved, unregistered, waiting)


@pytest.fixture
def project(five_runs: Pruned, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pruned]:
    """The project, as the current folder; put back afterwards, where MLflow's absolute paths lead to it."""
    monkeypatch.chdir(five_runs.root)
    yield five_runs
    put_back(five_runs.root, five_runs.root.with_name("copy"))


def put_back(root: Path, copy: Path) -> None:
    """Make a project what it was; its open database keeps its file."""
    for name in ("mlartifacts", ".candle-ml"):
        shutil.rmtree(root / name)
        shutil.copytree(copy / name, root / name)
    with closing(sqlite3.connect(copy / "mlflow.db")) as was, closing(sqlite3.connect(root / "mlflow.db")) as now:
        was.backup(now)


def stored(root: Path) -> int:
    """Bytes of what runs have left."""
    return size_of(root / "mlartifacts") + size_of(root / ".candle-ml" / "runs")


def plan(*words: str) -> dict[str, str | None]:
    """Why each run that is old enough is kept, None where it is to go."""
    told = invoke("runs", "prune", "--dry-run", "--json", *words)
    assert told.exit_code == 0, told.stderr
    return {run["run_id"]: run["kept"] for run in json.loads(told.stdout)["runs"]}


def test_a_dry_run_removes_nothing(project: Pruned) -> None:
    """`--dry-run` says what would go, why the rest is kept and how much is freed; every byte stays."""
    before = stored(project.root)
    told = invoke("runs", "prune", "--keep", "0", "--dry-run").stdout
    assert re.search(r"\nwould free \d+\.\d kB of 2 runs\n$", told)
    assert plan("--keep", "0") == {
        project.first: "small version 1 is served or a rollback away",
        project.served: "small version 2 is served or a rollback away",
        project.unserved: None,
        project.unregistered: None,
        project.waiting: "not yet synced",
    }
    assert stored(project.root) == before


def test_a_state_is_called_as_in_the_list(project: Pruned) -> None:
    """A run that waits is `finished, spooled` here as in `runs list`, also where the state store missed its end."""
    state = f"sqlite:///{project.root}/.candle-ml/state.db"
    execute(state, f"UPDATE training_runs SET status = 'interrupted' WHERE run_id = '{project.waiting}'")
    for command in (("list",), ("prune", "--keep", "0", "--dry-run")):
        (line,) = (line for line in invoke("runs", *command).stdout.splitlines() if line.startswith(project.waiting))
        assert line.removeprefix(project.waiting).split("  ")[1] == "finished, spooled"


def test_the_newest_and_the_young_stay(project: Pruned) -> None:
    """`--keep` counts the newest runs, `--older-than` is an age; a run must be beyond both to go."""
    assert set(plan("--keep", "2")) == {project.first, project.served, project.unserved}
    assert plan("--older-than", "1h") == {}
    assert plan("--keep", "0", "--older-than", "1d") == {}
    assert invoke("runs", "prune", "--older-than", "1w").stdout == "nothing to prune\n"


def test_what_is_freed_is_gone(project: Pruned) -> None:
    """As many bytes go as were announced, with MLflow's entries; what is left is served and rolled back as before."""
    announced = json.loads(invoke("runs", "prune", "--keep", "0", "--dry-run", "--json").stdout)["freed"]
    before = stored(project.root)
    told = invoke("runs", "prune", "--keep", "0")
    assert told.exit_code == 0, told.stderr
    assert " of 2 runs\n" in told.stdout
    assert before - stored(project.root) == announced > 0
    experiments = [one.experiment_id for one in client().search_experiments()]
    everything = client().search_runs(experiments, run_view_type=ViewType.ALL)
    assert {run.data.tags["candle_ml.run_id"] for run in everything} == {project.first, project.served}
    assert len(client().search_logged_models(experiments)) == 2
    folders = {path.name for path in (project.root / ".candle-ml" / "runs").iterdir()}
    assert folders == {project.first, project.served, project.waiting}
    versions = json.loads(invoke("model", "list", "--json").stdout)
    assert [(one["version"], one["aliases"]) for one in versions] == [(2, ["champion"]), (1, [])]
    assert invoke("predict", "data/candles/AAPL_1d.csv").exit_code == 0
    assert invoke("model", "rollback").stdout == "small: alias 'champion' points at version 1 again\n"
    assert len(json.loads(invoke("runs", "list", "--json").stdout)) == 5
    assert project.unserved not in plan("--keep", "0")


def test_a_running_run_stays(project: Pruned) -> None:
    """A run that is running is never old."""
    config = load_config(project.root / "config" / "pipeline.yaml")
    folder = project.root / ".candle-ml" / "runs" / "alive"
    folder.mkdir()
    with StateStore.open(project.root) as store:
        store.begin_run("alive", "random-forest", "small", config.hash, config.text)
        assert "alive" not in plan("--keep", "0")
        assert invoke("runs", "prune", "--keep", "0").exit_code == 0
        assert folder.exists()
        store.finish_run("alive", {})
    assert plan("--keep", "0")["alive"] is None


def test_a_version_without_an_alias_that_is_served_stays(project: Pruned) -> None:
    """The version that a service has loaded last, as it was told by number, is kept."""
    with StateStore.open(project.root) as store:
        store.record_load("small", "loaded", version=3)
    assert plan("--keep", "0")[project.unserved] == "small version 3 is served or a rollback away"
    assert invoke("runs", "prune", "--keep", "0").exit_code == 0
    assert invoke("predict", "-m", "3").exit_code == 0


def test_an_alias_is_not_moved_while_runs_are_pruned(project: Pruned) -> None:
    """A promotion by hand waits until pruning, which holds the spool, has ended, and finds no version half gone."""
    with Spool(project.root).held():
        code = "from candle_ml.cli import main; main(['model', 'promote', '3'])"
        promoting = subprocess.Popen([sys.executable, "-c", code], cwd=project.root, stderr=subprocess.PIPE, text=True)
        with pytest.raises(subprocess.TimeoutExpired):
            promoting.wait(timeout=5)
        assert json.loads(invoke("model", "list", "--json").stdout)[0]["aliases"] == []
        client().delete_model_version("small", "3")
    assert "no version 3" in promoting.communicate()[1]
    assert promoting.returncode == 7


def test_a_rollback_skips_what_is_gone(project: Pruned) -> None:
    """Once the version before the last is pruned, a second rollback says that there is no earlier one."""
    assert invoke("model", "promote", "3").exit_code == 0
    assert project.first in {run for run, kept in plan("--keep", "0").items() if kept is None}
    assert invoke("runs", "prune", "--keep", "0").exit_code == 0
    assert invoke("model", "rollback").stdout == "small: alias 'champion' points at version 2 again\n"
    told = invoke("model", "rollback")
    assert (told.exit_code, told.stderr) == (7, "model small: alias 'champion' has no earlier version; promote one\n")


def test_an_interrupted_prune_is_gone_on_with(project: Pruned) -> None:
    """Where only the local files of a run are left, the next prune removes those."""
    (run,) = [run for run in tracked() if run.data.tags["candle_ml.run_id"] == project.unregistered]
    client().delete_run(run.info.run_id)
    assert plan("--keep", "0")[project.unregistered] is None
    assert invoke("runs", "prune", "--keep", "0").exit_code == 0
    assert not (project.root / ".candle-ml" / "runs" / project.unregistered).exists()


def test_runs_of_another_place_stay(project: Pruned, tmp_path: Path) -> None:
    """Without tracking, or with another place than the runs are at, nothing goes of them: that place alone can tell."""
    other, before = f"sqlite:///{tmp_path}/other.db", stored(project.root)
    TrackingPlace.of(other, project.root).client(anew=True)
    for setting in ("tracking.enabled=false", f"tracking.uri={other}"):
        elsewhere = dict.fromkeys(plan("--keep", "0"), ELSEWHERE.format(project.root))
        assert plan("--keep", "0", "--set", setting) == elsewhere | {project.waiting: "not yet synced"}
        assert invoke("runs", "prune", "--keep", "0", "--set", setting).stdout.endswith("\nfreed 0 bytes of 0 runs\n")
    assert stored(project.root) == before


def test_a_run_that_was_led_elsewhere_belongs_there(project: Pruned) -> None:
    """A run belongs to the place that it was uploaded to, not to the one that it was trained for."""
    assert invoke(*SYNC).exit_code == 0
    assert plan("--keep", "0", "--set", "tracking.enabled=false")[project.waiting] == ELSEWHERE.format(project.root)
    assert plan("--keep", "0")[project.waiting] is None


def test_a_run_tells_where_it_belongs_without_its_record(project: Pruned) -> None:
    """Without the record of its upload a run belongs to where its bundle was trained for; untold, it stays."""
    shutil.rmtree(project.root / ".candle-ml" / "spool" / "uploaded")
    kept = plan("--keep", "0", "--set", "tracking.enabled=false")
    assert (kept[project.first], kept[project.unserved]) == (ELSEWHERE.format(project.root),) * 2
    (project.root / ".candle-ml" / "runs" / project.unserved / "bundle" / "effective.yaml").write_text("{", "utf-8")
    assert plan("--keep", "0")[project.unserved] == "its bundle does not tell where it is tracked"
    assert invoke("runs", "prune", "--keep", "0").exit_code == 0
    assert (project.root / ".candle-ml" / "runs" / project.unserved).exists()


def test_a_place_that_was_lost_whole_needs_its_runs(project: Pruned) -> None:
    """Without the store and its artifacts nothing tells what was served, and every run that was there stays."""
    names = ("mlflow.db", "mlartifacts")
    for name in names:
        (project.root / name).rename(project.root / f"away-{name}")
    try:
        assert set(plan("--keep", "0").values()) == {"not yet synced", ELSEWHERE.format(project.root)}
    finally:
        for name in names:
            (project.root / f"away-{name}").rename(project.root / name)


def test_a_new_store_does_not_tell_what_a_lost_one_served(project: Pruned, tmp_path: Path) -> None:
    """Where another store has taken the place of the one that a run was uploaded to, the run stays."""
    spool, other = Spool(project.root), f"sqlite:///{tmp_path}/other.db"
    TrackingPlace.of(other, project.root).client(anew=True)
    record = spool.uploaded(project.served)
    assert record is not None
    spool.finish(record.model_copy(update={"tracking": other}))
    kept = plan("--keep", "0", "--set", f"tracking.uri={other}")
    assert kept[project.served] == f"was uploaded to {other}, which knows nothing of it"


def test_a_run_stays_where_neither_the_store_nor_a_record_tells_of_it(project: Pruned, tmp_path: Path) -> None:
    """Without the spool the only copy of a run may be here: what the place it was trained for does not know stays."""
    other = f"sqlite:///{tmp_path}/other.db"
    TrackingPlace.of(other, project.root).client(anew=True)
    shutil.rmtree(project.root / ".candle-ml" / "spool")
    effective = project.root / ".candle-ml" / "runs" / project.waiting / "bundle" / "effective.yaml"
    effective.write_text(effective.read_text("utf-8").replace(AWAY, other), "utf-8")
    kept = plan("--keep", "0", "--set", f"tracking.uri={other}")
    assert kept[project.waiting] == f"was trained for {other}, which knows nothing of it"


def test_a_run_that_was_never_tracked_goes(project: Pruned) -> None:
    """A run without tracking is needed by nothing, whatever is configured later."""
    untracked = train("--set", "tracking.enabled=false")
    for setting in ("tracking.enabled=true", "tracking.enabled=false"):
        assert plan("--keep", "0", "--set", setting)[untracked] is None


def test_a_run_that_was_led_elsewhere_and_half_pruned_goes(project: Pruned) -> None:
    """Where the deletion of a run that was uploaded elsewhere than it was trained for was interrupted, it goes on."""
    assert invoke(*SYNC).exit_code == 0
    Spool(project.root).prune(project.waiting)
    (run,) = [run for run in tracked() if run.data.tags["candle_ml.run_id"] == project.waiting]
    for deleted in (False, True):
        if deleted:
            client().delete_run(run.info.run_id)
        assert plan("--keep", "0")[project.waiting] is None
    assert invoke("runs", "prune", "--keep", "0").exit_code == 0
    assert not Spool(project.root).owns(project.waiting)


def test_without_a_limit_nothing_is_old(project: Pruned) -> None:
    """Neither `--keep` nor `--older-than` is a usage error, as is an age that is none."""
    told = invoke("runs", "prune")
    assert told.exit_code == 2
    assert told.stderr.endswith("Error: say which runs are old: --keep, --older-than or both\n")
    told = invoke("runs", "prune", "--older-than", "30")
    assert told.stderr.endswith("'30' is no age; write 12h, 30d or 8w\n")
