"""`dvc repro`, `dvc metrics diff` and `dvc exp run` as DVC users expect them, under git."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from candle_ml import versions

from .conftest import dvc, edit, git, reproducible, stages_run


@pytest.mark.slow
def test_from_nothing_to_an_experiment(tmp_path: Path) -> None:
    """Only what depends on a change runs again; metrics compare with the last commit, experiments stand in a table."""
    project = reproducible(tmp_path / "project")
    root = project.root
    git(root, "init", "--quiet", "--initial-branch", "main")
    dvc(root, "init", "--quiet")
    assert stages_run(dvc(root, "repro")) == ["ingest", "dataset", "train", "evaluate"]
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "first")
    tracked = git(root, "ls-files").split()
    assert "data/stages/evaluate/metrics.json" in tracked
    assert [name for name in tracked if name.endswith((".parquet", ".npy", ".skops"))] == []

    edit(project, "tracking: {enabled: false}", "tracking: {enabled: false}\ninference: {port: 9000}")
    assert stages_run(dvc(root, "repro")) == ["evaluate"]
    edit(project, "trees: 20", "trees: 5")
    assert stages_run(dvc(root, "repro")) == ["train", "evaluate"]
    shown = dvc(root, "metrics", "diff", "--all")
    assert re.search(r"^data/stages/evaluate/metrics.json +f1_macro +0\.\d+ +0\.\d+ +\S+$", shown, re.MULTILINE)

    shown = dvc(root, "exp", "run", "--name", "wide", "--set-param", "config/pipeline.yaml:labels.window=8")
    assert stages_run(shown) == ["dataset", "train", "evaluate"]
    header, *rows = dvc(root, "exp", "show", "--csv").splitlines()
    assert {"labels.window", "f1_macro"} <= set(header.split(","))
    assert [tuple(row.split(",")[:2]) for row in rows][:2] == [("", "workspace"), ("", "main")]
    assert rows[2].startswith("wide,")
    assert len(versions.listed(project)) == 2


@pytest.mark.slow
def test_a_temporary_experiment_leaves_no_version_behind(tmp_path: Path) -> None:
    """`dvc exp run --temp` trains in a workspace of its own and stores no version beside it."""
    project = reproducible(tmp_path / "project")
    root = project.root
    git(root, "init", "--quiet", "--initial-branch", "main")
    dvc(root, "init", "--quiet")
    edit(project, "data: {enabled: true}", "data: {enabled: false}")
    dvc(root, "repro")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "first")
    shown = dvc(
        root, "exp", "run", "--temp", "--name", "aside", "--set-param", "config/pipeline.yaml:data.enabled=true"
    )
    assert stages_run(shown) == ["train", "evaluate"]
    assert "is not kept from a temporary experiment" in shown
    assert not list(tmp_path.rglob("*-dvc-remote"))
    assert "aside" in dvc(root, "exp", "show", "--csv")
