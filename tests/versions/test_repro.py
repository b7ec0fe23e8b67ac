"""`dvc repro` over the `dvc.yaml` of a project, with the real `dvc` command, and what that file promises."""

from __future__ import annotations

from importlib.resources import files as resources
from pathlib import Path

import pytest
import yaml

from candle_ml import versions
from candle_ml.bundle import open_bundle
from candle_ml.config import PipelineConfig
from candle_ml.stages.places import stage_folder

from .conftest import DVC_YAML, dvc, edit, reproducible, stages_run

ROOT = Path(__file__).parents[2]
STAGES = ["ingest", "dataset", "train", "evaluate"]


@pytest.fixture
def project(tmp_path: Path) -> PipelineConfig:
    """A project that keeps data versions too."""
    return reproducible(tmp_path / "project")


def test_a_second_repro_does_nothing(project: PipelineConfig) -> None:
    """All stages run once, without git; then none, nor for a comment, and the version kept on the way is intact."""
    dvc(project.root, "init", "--no-scm", "--quiet")
    assert stages_run(dvc(project.root, "repro")) == STAGES
    again = dvc(project.root, "repro")
    assert (stages_run(again), again.splitlines()[-1]) == ([], "Data and pipelines are up to date.")
    edit(project, "seed: 3", "# Another comment, and the same seed.\nseed: 3")
    assert stages_run(dvc(project.root, "repro")) == []
    (kept,) = versions.listed(project, prove=True)
    assert (kept.folder, kept.cache, kept.remote) == ("intact", "intact", "intact")
    bundle = stage_folder(project, "evaluate") / "run" / "bundle"
    assert open_bundle(bundle).info.data_version == kept.name


def test_the_stages_stand_where_the_file_says() -> None:
    """Outputs, dependencies and commands of `dvc.yaml` are those of the stages."""
    stages = yaml.safe_load(DVC_YAML)["stages"]
    assert list(stages) == STAGES
    for name, stage in stages.items():
        assert stage["cmd"] == f"candle-ml train --only {name}"
        assert all(out.startswith(f"data/stages/{name}") for out in stage["outs"])
    outputs = [stages[name]["outs"][0] for name in STAGES[:-1]]
    assert stages["evaluate"]["deps"] == outputs
    assert not any(out.startswith("data/versions") for stage in stages.values() for out in stage["outs"])


def test_the_folders_are_those_of_the_code(project: PipelineConfig) -> None:
    """The code writes into the folders that `dvc.yaml` names."""
    for name in ("ingest", "dataset", "train", "evaluate"):
        assert stage_folder(project, name).relative_to(project.root).as_posix() == f"data/stages/{name}"


def test_the_project_itself_has_the_same_file() -> None:
    """The file at the root is the one that `candle-ml init` writes."""
    assert (ROOT / "dvc.yaml").read_text("utf-8") == DVC_YAML


@pytest.mark.parametrize("package", ["candle_ml.defaults", "candle_ml.demo"])
def test_every_named_section_stands_in_the_shipped_pipelines(package: str) -> None:
    """The sections that `dvc.yaml` depends on stand in each pipeline that a project begins with."""
    pipeline = yaml.safe_load(resources(package).joinpath("pipeline.yaml").read_text("utf-8"))
    for stage in yaml.safe_load(DVC_YAML)["stages"].values():
        for sections in stage["params"][0].values():
            assert set(sections or ()) <= set(pipeline)


def test_every_section_that_shapes_a_stage_is_named() -> None:
    """What a stage checks of the configuration is what `dvc.yaml` watches for it."""
    from candle_ml.stages.places import _SECTIONS

    stages = yaml.safe_load(DVC_YAML)["stages"]
    for name, sections in _SECTIONS.items():
        watched = set(stages[name]["params"][0]["config/pipeline.yaml"])
        assert set(sections) <= watched
