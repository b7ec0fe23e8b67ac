"""Predicting a folder of series into Parquet: the values of `predict`, resumable, and no series loses another."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from candle_ml.cli import main
from candle_ml.config import load_config
from candle_ml.pipeline import run

from ..another_user import another_user
from ..small_project import last_candles, write_project

FULL = """
import resource, signal
from candle_ml.cli import main
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
main({arguments})
"""
KILLED = """
import os, signal
from candle_ml.cli import main
sync, synced = os.fsync, []
def deadly(descriptor):
    synced.append(1)
    if len(synced) == {call}:
        os.kill(os.getpid(), signal.SIGKILL)
    sync(descriptor)
os.fsync = deadly
main({arguments})
"""
BAD = "series/B_1d.csv: row 5: open 'abc'; a number such as 101.5"


@dataclass(frozen=True)
class Project:
    root: Path
    bundle: Path

    def arguments(self, into: Path, *more: str) -> list[str]:
        config = str(self.root / "config" / "pipeline.yaml")
        shared = ["-c", config, "--bundle", str(self.bundle), "--into", str(into)]
        return ["predict", str(self.root / "series"), *shared, *more]

    def fill(self, into: Path, *more: str) -> Result:
        return CliRunner().invoke(main, self.arguments(into, *more))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A small project with a model, and a folder of three series that it has not seen."""
    folder = tmp_path_factory.mktemp("backfill")
    candles = last_candles(folder / "demo", 400)
    root = write_project(folder / "project", candles)
    result = run(load_config(root / "config" / "pipeline.yaml", ["tracking.enabled=false"]), until="train")
    header, *rows = candles.splitlines()
    (root / "series" / "C").mkdir(parents=True)
    for number, name in enumerate(("A_1d.csv", "B_1d.csv", "C/1d.csv")):
        (root / "series" / name).write_text("\n".join([header, *rows[number * 10 :]]) + "\n", "utf-8")
    return Project(root, result.folder / "bundle")


@pytest.fixture
def project(trained: Project, tmp_path: Path) -> Project:
    """The same, of which a test may change the series."""
    shutil.copytree(trained.root, tmp_path / "project")
    return Project(tmp_path / "project", trained.bundle)


def files(into: Path) -> dict[str, bytes]:
    """What a reader of the folder sees: hidden files, such as those that a killed process has begun, are none."""
    return {path.relative_to(into).as_posix(): path.read_bytes() for path in sorted(into.rglob("[!.]*.parquet"))}


def spoil(project: Project) -> str:
    path = project.root / "series" / "B_1d.csv"
    good = path.read_text("utf-8")
    lines = good.splitlines()
    time, _, *rest = lines[4].split(",")
    path.write_text("\n".join([*lines[:4], ",".join([time, "abc", *rest]), *lines[5:]]) + "\n", "utf-8")
    return good


def test_files_hold_what_predict_prints(trained: Project, tmp_path: Path) -> None:
    """Every row of the candles and of the spans is that of `candle-ml predict`."""
    done = trained.fill(tmp_path)
    assert (done.exit_code, done.output) == (0, f"{tmp_path}: 3 series predicted, 0 series kept, 0 series failed\n")
    for name, columns in (("candles", ("label", "status")), ("spans", ("label", "candles", "provisional"))):
        arguments = [argument for argument in trained.arguments(tmp_path) if argument not in ("--into", str(tmp_path))]
        printed = CliRunner().invoke(main, [*arguments, *(["--spans"] if name == "spans" else [])]).output
        rows = list(csv.DictReader(io.StringIO(printed)))
        table = pq.read_table(tmp_path / name).to_pylist()
        assert len(table) == len(rows) > 0
        for row, said in zip(table, rows, strict=True):
            assert (row["pair"], row["timeframe"]) == (said["pair"], said["timeframe"])
            assert [str(row[column] or "") for column in columns if column != "provisional"] == [
                said[column] for column in columns if column != "provisional"
            ]
            assert f"{row['confidence']:.6f}" == said["confidence"] if row["confidence"] is not None else True
            start, shown = ("start", said["start"]) if name == "spans" else ("time", said["time"])
            assert row[start].strftime("%Y-%m-%dT%H:%M:%SZ") == shown
            assert str(row["provisional"]) == said["provisional"]


def test_a_series_that_fails_loses_no_other_and_is_done_when_it_is_mended(project: Project, tmp_path: Path) -> None:
    """The bad row is named with its series, the others are written; later only what is missing is predicted."""
    good = spoil(project)
    done = project.fill(tmp_path / "out")
    assert done.exit_code == 3
    assert done.stdout.endswith(": 2 series predicted, 0 series kept, 1 series failed\n")
    assert done.stderr == f"B 1d: {project.root}/{BAD}\n"
    before = files(tmp_path / "out")
    (project.root / "series" / "B_1d.csv").write_text(good, "utf-8")
    again = project.fill(tmp_path / "out")
    assert again.stdout.endswith(": 1 series predicted, 2 series kept, 0 series failed\n")
    assert before.items() <= files(tmp_path / "out").items()


def test_other_candles_and_another_threshold_replace_what_was_there(project: Project, tmp_path: Path) -> None:
    """A folder holds each series once, predicted from the candles and by the threshold of the last time."""
    project.fill(tmp_path / "out")
    first = files(tmp_path / "out")
    path = project.root / "series" / "A_1d.csv"
    path.write_text("\n".join(path.read_text("utf-8").splitlines()[:-3]) + "\n", "utf-8")
    assert project.fill(tmp_path / "out").stdout.endswith(": 1 series predicted, 2 series kept, 0 series failed\n")
    second = files(tmp_path / "out")
    assert len(second) == len(first) == 6
    assert {name.split("/")[1].split(".")[0] for name in second.keys() - first.keys()} == {"A_1d"}
    done = project.fill(tmp_path / "out", "--threshold", "0.9")
    assert done.stdout.endswith(": 3 series predicted, 0 series kept, 0 series failed\n")
    assert len(files(tmp_path / "out")) == 6


def test_damaged_files_are_made_again(trained: Project, tmp_path: Path) -> None:
    """A file with a changed bit, one that was cut and an empty one are not kept, and become what they were."""
    trained.fill(tmp_path)
    good = files(tmp_path)
    of_a, of_b, of_c, *_ = (tmp_path / name for name in good)
    content = bytearray(of_a.read_bytes())
    content[len(content) // 3] ^= 1
    of_a.write_bytes(content)
    of_b.write_bytes(of_b.read_bytes()[:500])
    assert trained.fill(tmp_path).output.endswith(": 2 series predicted, 1 series kept, 0 series failed\n")
    of_c.write_bytes(b"")
    assert trained.fill(tmp_path).output.endswith(": 1 series predicted, 2 series kept, 0 series failed\n")
    assert files(tmp_path) == good


def test_files_that_others_have_written_are_made_again(trained: Project, tmp_path: Path) -> None:
    """A column renamed in the footer, a copy of another series and the same rows written anew are not kept."""
    trained.fill(tmp_path)
    good = files(tmp_path)
    of_a, of_b, of_c, *_ = (tmp_path / name for name in good)
    of_a.write_bytes(of_a.read_bytes().replace(b"confidence", b"confidenze"))
    shutil.copyfile(of_c, of_b)
    pq.write_table(pq.read_table(of_c), of_c)
    assert pq.read_schema(of_a).names[4] == "confidenze"
    assert trained.fill(tmp_path).output.endswith(": 3 series predicted, 0 series kept, 0 series failed\n")
    assert files(tmp_path) == good


def test_files_of_series_that_are_gone_or_fail_are_told(project: Project, tmp_path: Path) -> None:
    """What stays from before, of no series that was predicted or kept now, is counted and named."""
    into = tmp_path / "out"
    project.fill(into)
    before = files(into)
    spoil(project)
    (project.root / "series" / "C" / "1d.csv").unlink()
    shown = project.fill(into, "--threshold", "0.9").stdout.splitlines()
    others = [name for name in before if "/A_1d." not in name]
    assert shown == [
        f"{into}: 1 series predicted, 0 series kept, 1 series failed",
        "left as before, of series that failed or are not given: 4 files",
        *(f"  {name}" for name in others),
    ]
    for number in range(18):
        (into / "spans" / f"Z{number}.parquet").touch()
    shown = project.fill(into, "--threshold", "0.9").stdout.splitlines()
    assert shown[1] == "left as before, of series that failed or are not given: 22 files"
    assert (len(shown), shown[-1]) == (2 + 20 + 1, "  and 2 more")
    told = json.loads(project.fill(into, "--threshold", "0.9", "--json").stdout)
    assert len(told["others"]) == 22
    assert {str(into / name) for name in others} < set(told["others"])


def test_a_series_does_not_replace_another_that_begins_with_its_name(project: Project, tmp_path: Path) -> None:
    """The files of pair `A_1d.B` stay when those of pair `A` are made again."""
    series = project.root / "series"
    (series / "B_1d.csv").rename(series / "A_1d.B_1d.csv")
    project.fill(tmp_path / "out")
    (series / "A_1d.csv").write_text("\n".join((series / "A_1d.csv").read_text("utf-8").splitlines()[:-3]), "utf-8")
    project.fill(tmp_path / "out")
    again = project.fill(tmp_path / "out").output
    assert again.endswith(": 0 series predicted, 3 series kept, 0 series failed\n")


def test_a_file_of_no_known_series_loses_no_other(project: Project, tmp_path: Path) -> None:
    """A file whose name says no pair and timeframe is named after all others are predicted."""
    (project.root / "series" / "notes.csv").write_text("time,open,high,low,close\n", "utf-8")
    done = project.fill(tmp_path / "out")
    assert done.exit_code == 3
    assert done.stdout.endswith(": 3 series predicted, 0 series kept, 0 series failed\n")
    assert done.stderr == (
        f"{project.root}/series/notes.csv: a name without pair and timeframe; "
        "name it like AAPL_1d.csv or AAPL/1d.csv, or list it under files\n"
    )


def test_what_cannot_be_read_as_a_file_loses_no_other(project: Project, tmp_path: Path) -> None:
    """Links that lead nowhere and a pipe are named as failed series, by a dry run too, and the others are written."""
    series = project.root / "series"
    (series / "LOOP_1d.csv").symlink_to("LOOP_1d.csv")
    (series / "NOPE_1d.csv").symlink_to("/nonexistent/NOPE_1d.csv")
    os.mkfifo(series / "PIPE_1d.csv")
    message = (
        f"LOOP 1d: {series}/LOOP_1d.csv: cannot be read (Too many levels of symbolic links); a readable file\n"
        f"NOPE 1d: {series}/NOPE_1d.csv: cannot be read (No such file or directory); a readable file\n"
        f"PIPE 1d: {series}/PIPE_1d.csv: not a regular file; a readable file\n"
    )
    planned = project.fill(tmp_path / "out", "--dry-run")
    assert (planned.exit_code, planned.stderr) == (3, message)
    done = project.fill(tmp_path / "out")
    assert (done.exit_code, done.stderr) == (3, message)
    assert done.stdout.endswith(": 3 series predicted, 0 series kept, 3 series failed\n")


def test_a_folder_in_the_place_of_a_file_loses_no_other(trained: Project, tmp_path: Path) -> None:
    """The series whose file cannot be written is named with the place; a folder of an older file's name stays."""
    trained.fill(tmp_path)
    of_a, of_b, *_ = (tmp_path / name for name in files(tmp_path))
    of_a.unlink()
    of_a.mkdir()
    older = of_b.with_name(f"B_1d.{'0' * 16}.parquet")
    older.mkdir()
    of_b.unlink()
    message = f"A 1d: {of_a}: a folder where a file is to be written; remove it\n"
    planned = trained.fill(tmp_path, "--dry-run")
    assert (planned.exit_code, planned.stderr) == (3, message)
    done = trained.fill(tmp_path)
    assert (done.exit_code, done.stderr) == (3, message)
    assert done.stdout.splitlines()[0].endswith(": 1 series predicted, 1 series kept, 1 series failed")
    assert of_b.is_file()
    assert f"  candles/{older.name}" in done.stdout.splitlines()


def test_another_execution_makes_files_of_the_same_names(trained: Project, tmp_path: Path) -> None:
    """A model that was trained again, its features in files, is the same model: what it has predicted is kept."""
    trained.fill(tmp_path)
    overrides = ["tracking.enabled=false", "execution.memory=0"]
    result = run(load_config(trained.root / "config" / "pipeline.yaml", overrides), until="train")
    again = Project(trained.root, result.folder / "bundle").fill(tmp_path)
    assert again.output.endswith(": 0 series predicted, 3 series kept, 0 series failed\n")


def test_a_disk_that_takes_no_more_is_named(trained: Project, tmp_path: Path) -> None:
    """The message says where there was no room, and nothing is left half-written."""
    code = FULL.format(arguments=trained.arguments(tmp_path))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    message = f"{tmp_path}/spans: File too large\n"
    assert (done.returncode, done.stderr) == (74, message)
    assert not list(tmp_path.rglob(".partial-*"))


def test_a_dry_run_tells_what_there_is_to_do(trained: Project, tmp_path: Path) -> None:
    """Series, candles, memory and disk are told, and nothing is written."""
    shown = trained.fill(tmp_path, "--dry-run")
    assert shown.exit_code == 0
    assert shown.output == (
        "to predict: 3 series, 1170 candles, the largest 400; kept: 0\n"
        "memory: about 285.3 MB a worker\n"
        "disk: about 14.0 kB\n"
    )
    assert files(tmp_path) == {}
    trained.fill(tmp_path)
    plan = json.loads(trained.fill(tmp_path, "--dry-run", "--json").output)
    assert (plan["series"], plan["kept"], plan["candles"], plan["disk"]) == (0, 3, 0, 0)


def test_a_dry_run_tells_figures_and_what_is_wrong(project: Project, tmp_path: Path) -> None:
    """A series with a bad row and one of another timeframe are named after the figures of the others."""
    spoil(project)
    (project.root / "series" / "C" / "1d.csv").rename(project.root / "series" / "C" / "1h.csv")
    shown = project.fill(tmp_path / "out", "--dry-run")
    assert shown.exit_code == 3
    assert shown.stdout.splitlines()[0] == "to predict: 1 series, 400 candles, the largest 400; kept: 0"
    assert shown.stderr == (
        f"B 1d: {project.root}/{BAD}\n"
        "C 1h: C 1h: timeframe 1h; 1d, which the model was trained on; "
        "inference.allow_other_timeframes allows others\n"
    )
    told = json.loads(project.fill(tmp_path / "out", "--dry-run", "--json").stdout)
    assert told["failed"] == [{"pair": "B", "timeframe": "1d"}, {"pair": "C", "timeframe": "1h"}]


def test_a_dry_run_names_a_folder_that_may_not_be_written(trained: Project) -> None:
    """It is told after the figures, and only where there is something to write."""
    # Not pytest's folder: pytest closes that to other users.
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        project = Project(folder / "project", folder / "bundle")
        shutil.copytree(trained.root, project.root)
        shutil.copytree(trained.bundle, project.bundle)
        with another_user():
            shown = project.fill(folder / "out", "--dry-run")
        assert (shown.exit_code, shown.stdout.splitlines()[0][:20]) == (3, "to predict: 3 series")
        rights = "this user may not write there; let this user write the file and its folder"
        assert shown.stderr == f"{folder}: cannot be written: {rights}\n"
        project.fill(folder / "out")
        with another_user():
            assert project.fill(folder / "out", "--dry-run").exit_code == 0


@pytest.mark.slow
def test_two_processes_write_the_same_bytes(trained: Project, tmp_path: Path) -> None:
    """The files do not depend on how many workers write them."""
    trained.fill(tmp_path / "one")
    trained.fill(tmp_path / "two", "--set", "execution.workers=2")
    assert files(tmp_path / "one") == files(tmp_path / "two")


@pytest.mark.slow
@pytest.mark.parametrize("call", [1, 2, 4])
def test_a_killed_back_fill_goes_on_where_it_was(trained: Project, tmp_path: Path, call: int) -> None:
    """After SIGKILL while a file is written the same command ends with the files of a run that nothing has killed."""
    trained.fill(tmp_path / "whole")
    arguments = trained.arguments(tmp_path / "out")
    died = subprocess.run([sys.executable, "-c", KILLED.format(call=call, arguments=arguments)], check=False)
    assert died.returncode == -signal.SIGKILL
    assert len(list((tmp_path / "out").rglob(".partial-*"))) == 1
    kept = (call - 1) // 2
    done = trained.fill(tmp_path / "out")
    assert done.output.endswith(f": {3 - kept} series predicted, {kept} series kept, 0 series failed\n")
    assert files(tmp_path / "out") == files(tmp_path / "whole")
