"""`candle-ml tune` as a user runs it: what is tried, what is kept, what is said."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from candle_ml.cli import main
from candle_ml.config import load_config
from candle_ml.reading import read_dataset
from candle_ml.tuning import study_name

from .conftest import Tune, summary, tried


def test_the_best_values_are_told_and_written(tune: Tune, project: Path) -> None:
    """A search ends with its best trials, their values as `--set` takes them, and a file that has them."""
    shown = tune("--write", "best.yaml")
    assert shown.exit_code == 0, shown.output
    assert shown.stderr == ""
    lines = shown.stdout.splitlines()
    assert lines[0].startswith("study: small-")
    assert lines[1] == "trials: 4 finished, 0 pruned, 0 failed"
    assert re.match(r"note: fold 1: t(rain|est) block, from .*: too few to ", lines[2])
    start = lines.index("") + 1
    assert lines[start].split() == ["TRIAL", "SPAN_F1", "model.max_depth", "model.trees"]
    rows = [line.split() for line in lines[start + 1 : start + 5]]
    assert [row[1] for row in rows] == sorted((row[1] for row in rows), reverse=True)
    best = [line.removeprefix("--set ") for line in lines if line.startswith("--set ")]
    assert best == [f"model.max_depth={rows[0][2]}", f"model.trees={rows[0][3]}"]
    assert lines[-1] == "written: best.yaml"
    written, wanted = load_config(project / "best.yaml"), load_config(project / "config" / "pipeline.yaml", best)
    assert written.hash == wanted.hash
    assert written.root == wanted.root


def test_the_same_seed_tries_the_same(tune: Tune, project: Path) -> None:
    """With one worker a search that begins anew makes the same trials; another seed makes others."""
    first = tried(summary(tune("--json", "--set", "tune.trials=3")))
    (project / ".candle-ml" / "state.db").unlink()
    assert tried(summary(tune("--json", "--set", "tune.trials=3"))) == first
    assert tried(summary(tune("--json", "--set", "tune.trials=2", "--set", "tune.seed=1"))) != first[:2]


def test_what_was_tried_is_not_tried_again(tune: Tune) -> None:
    """The number of trials is that of the search: more are added to those that ended, and what is complete stays so."""
    first = summary(tune("--json", "--set", "tune.trials=2"))
    assert (first["before"], first["again"], first["missing"]) == (0, 0, 0)
    more = summary(tune("--json"))
    assert (more["study"], more["before"], len(more["trials"])) == (first["study"], 2, 4)
    assert more["trials"][:2] == first["trials"]
    assert tune().stdout.splitlines()[1:3] == [
        "goes on: 4 trials had ended, 0 left unfinished and made again",
        "trials: 4 finished, 0 pruned, 0 failed",
    ]


def test_another_configuration_or_other_data_are_another_search(project: Path) -> None:
    """A setting that a score depends on, or another candle, begins anew; where and how long to work does not."""
    path = project / "config" / "pipeline.yaml"
    config = load_config(path)
    dataset = read_dataset(config)
    name = study_name(dataset, config)
    for same in ("tune.trials=9", "tune.timeout=9", "execution.workers=2", "registry.enabled=false"):
        assert study_name(dataset, load_config(path, [same])) == name
    for other in ("labels.window=7", "tune.metric=macro_f1", "split.embargo=9", "seed=1", "name=other"):
        assert study_name(dataset, load_config(path, [other])) != name
    candles = project / "data" / "candles" / "AAPL_1d.csv"
    candles.write_text("\n".join(candles.read_text("utf-8").splitlines()[:-1]) + "\n", "utf-8")
    assert study_name(read_dataset(config), config) != name


def test_a_trial_that_fails_is_told_and_loses_no_other(tune: Tune) -> None:
    """Values that cannot be trained with fail alone, with their reason, and count as tried."""
    search = "tune.search={model.min_samples_per_class: {choice: [2, 100000]}}"
    unfit = ("--set", "model.min_samples_per_class=100000", "--set", search)
    found = tune(*unfit)
    assert found.exit_code == 0, found.output
    kept = summary(tune(*unfit, "--json"))
    failed = [trial for trial in kept["trials"] if trial["status"] == "failed"]
    assert 0 < len(failed) < 4
    assert f"trials: {4 - len(failed)} finished, 0 pruned, {len(failed)} failed" in found.stdout
    for trial in failed:
        assert "model.min_samples_per_class=100000" in trial["overrides"]
        reason = trial["error"].splitlines()[0]
        told = f"trial {trial['number']} failed: {' '.join(trial['overrides'])}: {reason}\n"
        assert told in found.stdout
    assert "; the configuration as it is: no score\n" in found.stdout
    assert kept["best"]["overrides"][0] == "model.min_samples_per_class=2"


def test_a_search_without_a_score_says_why(tune: Tune) -> None:
    """Where every trial fails, the first reason is told."""
    found = tune("--set", "tune.search={model.min_samples_per_class: {choice: [50000, 100000]}}")
    assert found.exit_code == 5
    study, _, told = found.stderr.partition(": no trial of 4 could be scored: ")
    assert study.startswith("study small-")
    reason = r"fold 1 is left out: class 'O': \d+ training samples; at least \d+: annotate more, or lower "
    assert re.fullmatch(f"{reason}min_samples_per_class; search other values, or annotate more\n", told)


def test_no_further_trial_is_begun_after_the_timeout(tune: Tune) -> None:
    """A call that is out of time ends with what it has; the same command makes the rest."""
    first = tune("--set", "tune.timeout=0.000001", "--set", "tune.trials=1")
    assert first.exit_code == 5
    assert first.stderr.endswith(": no trial of 0 could be scored; search other values, or annotate more\n")
    summary(tune("--json", "--set", "tune.trials=1"))
    late = tune("--set", "tune.timeout=0.000001", "--set", "tune.trials=2")
    assert late.exit_code == 0
    assert late.stdout.splitlines()[1] == "goes on: 1 trial had ended, 0 left unfinished and made again"
    assert "tune.timeout: 1 trial missing; the same command goes on\n" in late.stdout


def test_a_dry_run_tells_how_much_there_is_to_do(tune: Tune, project: Path) -> None:
    """`--dry-run` counts trials and folds, says what they take, and keeps nothing."""
    found = summary(tune("--dry-run", "--json", "--set", "execution.workers=2"))
    assert (found["trials"], found["folds"], found["at_once"]) == (4, 2, 2)
    assert found["seconds"] == pytest.approx(found["fold_seconds"] * 2 * 3)
    shown = tune("--dry-run").stdout.splitlines()
    assert shown[0] == "to do: 4 trials of 2 folds, 1 at once"
    assert shown[1].startswith("time: about 0:0")
    assert re.fullmatch(r"memory: about 250\.\d MB a worker before a model is fitted", shown[2])
    assert not (project / ".candle-ml").exists()


WRONG = {
    "nothing to search": (
        ("--set", "tune.search={}"),
        "--set tune.search={}: tune.search: nothing to search; "
        "name keys and their values, such as {model.max_depth: {int: [3, 10]}}",
    ),
    "a value that is refused": (
        ("--set", "tune.search={model.trees: {int: [0, 5]}}"),
        "--set tune.search={model.trees: {int: [0, 5]}}: tune.search.model.trees: 0; at least 1",
    ),
    "other annotations": (
        ("--set", "tune.search={labels.overlap_iou: {choice: [0.5, 0.0]}}"),
        "--set tune.search={labels.overlap_iou: {choice: [0.5, 0.0]}}: tune.search.labels.overlap_iou: "
        "0.0 changes which annotations count; leave this key as it is",
    ),
    "no blocks in time": (
        ("--set", "split.method=random"),
        "--set split.method=random: split.method: random; "
        "write temporal: trials are scored on folds of the train block",
    ),
    "a file that is there": (
        ("--write", "config/pipeline.yaml"),
        "config/pipeline.yaml: is there already; name a new file",
    ),
}


@pytest.mark.parametrize(("words", "message"), WRONG.values(), ids=WRONG.keys())
def test_what_cannot_be_searched_is_refused(tune: Tune, project: Path, words: list[str], message: str) -> None:
    """A wrong search is refused before anything is tried or kept."""
    found = tune(*words)
    assert (found.exit_code, found.stderr) == (2, f"{message}\n")
    assert not (project / ".candle-ml").exists()


def test_the_best_pipeline_is_written_into_its_project_only(tune: Tune, project: Path) -> None:
    """Elsewhere its relative paths would mean other files."""
    (project / "other").mkdir()
    found = tune("--write", "other/best.yaml")
    expected = f"name a file in {project} or {project / 'config'}"
    assert (found.exit_code, found.stderr) == (2, f"other/best.yaml: not in the folder of this project; {expected}\n")


def test_validate_checks_the_search(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`candle-ml validate` names values that the configuration refuses, with their place in the file."""
    path = project / "config" / "pipeline.yaml"
    path.write_text(path.read_text("utf-8").replace("[1, 8]", "[0, 8]"), "utf-8")
    monkeypatch.chdir(project)
    found = CliRunner().invoke(main, ["validate"])
    message = "config/pipeline.yaml:15:22: tune.search.model.max_depth: 0; at least 1\n"
    assert (found.exit_code, found.stderr) == (2, message)


def test_without_optuna_the_extra_is_named(project: Path) -> None:
    """Where optuna is not installed, the command says what to install."""
    code = "import sys; sys.modules['optuna'] = None; from candle_ml.cli import main; main(['tune'])"
    done = subprocess.run([sys.executable, "-c", code], cwd=project, capture_output=True, text=True, check=False)
    message = "tune: import of optuna halted; None in sys.modules; pip install 'candle-ml[tune]'\n"
    assert (done.returncode, done.stderr) == (2, message)
