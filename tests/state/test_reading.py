"""Commands that read, where nothing can be written."""

from __future__ import annotations

import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from candle_ml.cli import main
from candle_ml.errors import StateError
from candle_ml.state import StateStore

from ..another_user import another_user
from .conftest import execute
from .test_lost_tables import PIPELINE

READING = (("runs", "list"), ("runs", "list", "--status", "interrupted"), ("runs", "show", "dead"), ("db", "status"))


@pytest.fixture
def project(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project with a finished run and one whose process has died, in a folder that every user may enter."""
    with tempfile.TemporaryDirectory(prefix="candle-ml-") as name:
        root = Path(name).resolve()
        (root / "pipeline.yaml").write_text(PIPELINE, "utf-8")
        monkeypatch.chdir(root)
        with StateStore.open(root) as store:
            for run_id in ("done", "dead"):
                store.begin_run(run_id, "random-forest", "small", "c0ffee", "text")
            store.finish_run("done", {"f1_macro": 0.5})
            store._heartbeat.remove("dead")
        moved = "UPDATE training_runs SET process_started = process_started - 3600"
        execute(f"sqlite:///{root / '.candle-ml' / 'state.db'}", moved)
        root.chmod(0o755)
        yield root


def test_a_folder_that_may_not_be_written(project: Path) -> None:
    """Another user sees every run, the dead one as interrupted, and leaves nothing; what writes says what keeps it."""
    before = {path: path.stat().st_mtime_ns for path in project.rglob("*")}
    with another_user():
        told = [CliRunner().invoke(main, words) for words in READING]
        with StateStore.open(project) as store, pytest.raises(StateError) as caught:
            store.begin_run("new", "random-forest", "small", "c0ffee", "text")
    assert [one.exit_code for one in told] == [0] * len(READING), [one.output for one in told]
    assert [line.split()[:2] for line in told[0].stdout.splitlines()[1:]] == [
        ["dead", "interrupted"],
        ["done", "finished"],
    ]
    assert told[1].stdout.count("\n") == 2
    assert told[3].stdout.endswith("up to date\n")
    assert {path: path.stat().st_mtime_ns for path in project.rglob("*")} == before
    assert str(caught.value) == (
        f"state store {project / '.candle-ml' / 'state.db'}: it is read-only; "
        "let this user write the file and its folder, or set CANDLE_ML_DATABASE_URL"
    )


def test_a_disk_that_takes_nothing(project: Path) -> None:
    """Where not one byte can be written, the runs are listed all the same."""

    def full() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))

    command = [sys.executable, "-B", "-m", "candle_ml", "runs", "list"]
    told = subprocess.run(command, capture_output=True, preexec_fn=full, check=False)
    assert told.returncode == 0, told.stderr
    assert told.stdout.count(b"\n") == 3


def test_a_file_that_is_lost_is_not_made_by_a_service(project: Path) -> None:
    """A store that is not to begin anew refuses where a file is missing beside runs, and makes none."""
    file = project / ".candle-ml" / "state.db"
    (file.parent / "runs" / "done").mkdir(parents=True)
    shutil.move(file, project / "away.db")
    with pytest.raises(StateError) as caught:
        StateStore.open(project, anew=False)
    assert str(caught.value) == (
        f"state store {file}: is not there, though {file.parent / 'runs'} holds runs; "
        "restore it from a backup, or run candle-ml db upgrade for a new one"
    )
    assert not file.exists()
    shutil.move(project / "away.db", file)
    with StateStore.open(project, anew=False) as store:
        assert len(store.runs()) == 2
