"""Each stage alone: together they give what one run gives, and none uses what is damaged or made otherwise."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from candle_ml.bundle import model_hash, open_bundle
from candle_ml.cli import main
from candle_ml.config import PipelineConfig, load_config
from candle_ml.errors import ConfigError, DataError
from candle_ml.inference import load_model
from candle_ml.pipeline import RunResult, read_input, run
from candle_ml.scores import Samples
from candle_ml.stages import StageAlone, run_stage
from candle_ml.stages.prepared_files import read_prepared, write_prepared
from candle_ml.training import prepare
from candle_ml.versions.tables import SamplesLayout, read_samples, write_samples

from .conftest import TRAINED, dataset, flip, trainable

STAGES: tuple[StageAlone, ...] = ("ingest", "dataset", "train", "evaluate")


def run_all(config: PipelineConfig, stages: Sequence[StageAlone] = STAGES) -> None:
    for stage in stages:
        run_stage(config, stage, read_input(config) if stage == "ingest" else None)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[PipelineConfig, RunResult]:
    """A project whose stages have run one after the other, and a run over the same."""
    config = trainable(tmp_path_factory.mktemp("stages") / "project")
    run_all(config)
    return config, run(config)


@pytest.fixture
def config(done: tuple[PipelineConfig, RunResult], tmp_path: Path) -> PipelineConfig:
    """A copy of the project, to change."""
    shutil.copytree(done[0].root, tmp_path / "project")
    return load_config(tmp_path / "project" / "config" / "pipeline.yaml")


def remedy(stage: str) -> str:
    return f"make it again: dvc repro --force {stage}, or candle-ml train --only {stage}"


def same(one: Samples, other: Samples) -> bool:
    pairs = [(getattr(one, field.name), getattr(other, field.name)) for field in fields(Samples)]
    return all(np.array_equal(a, b) and getattr(a, "dtype", 0) == getattr(b, "dtype", 0) for a, b in pairs)


def test_the_stages_give_what_a_run_gives(done: tuple[PipelineConfig, RunResult]) -> None:
    """One after the other, the stages train the same model, bit for bit, with the same scores."""
    config, result = done
    stages = config.root / "data" / "stages" / "evaluate"
    assert model_hash(stages / "run" / "bundle") == result.model_hash
    metrics = json.loads((stages / "metrics.json").read_bytes())
    assert metrics == {name: value if np.isfinite(value) else None for name, value in result.measured.metrics().items()}
    made, expected = (open_bundle(folder / "bundle").info for folder in (stages / "run", result.folder))
    changing = {"run_id": "", "trained_at": 0}
    assert made.model_copy(update=changing) == expected.model_copy(update=changing)
    assert (stages / "run" / "report.html").is_file()


def test_the_bundle_can_be_served(done: tuple[PipelineConfig, RunResult]) -> None:
    """The bundle of the last stage loads and computes its golden rows again."""
    loaded = load_model(done[0].root / "data" / "stages" / "evaluate" / "run" / "bundle")
    assert loaded.receipt.largest_difference == 0


def test_what_is_prepared_comes_back(config: PipelineConfig, tmp_path: Path) -> None:
    """Features, samples, blocks and what was left out are read as they were written, to the last bit."""
    given = prepare(read_input(config), config)
    found = read_prepared(config, given.dataset)
    assert same(found.samples, given.samples)
    for name, samples in given.split.parts().items():
        assert same(found.split.parts()[name], samples)
    assert (found.split.blocks, found.split.removed) == (given.split.blocks, given.split.removed)
    assert (found.split.warnings, found.left_out) == (given.split.warnings, given.left_out)
    for key, features in given.features.items():
        assert features.matrix.tobytes() == found.features[key].matrix.tobytes()


def test_sequences_come_back(tmp_path: Path) -> None:
    """Samples with a class a step, some unknown, are read as they were written; so are none at all."""
    kind, path = "sequence", tmp_path / "samples.parquet"
    series = tuple(dataset().series)
    count = np.arange(3)
    samples = Samples(
        kind=kind,
        width=2,
        series=series,
        classes=("O", "flag"),
        series_code=np.array([0, 1, 1], dtype=np.int32),
        first=count,
        last=count + 1,
        scale=np.full(3, 2, dtype=np.int32),
        known_at=count * 10,
        codes=np.array([[0, 1], [-1, 0], [1, 1]], dtype=np.int32),
        weight=np.array([1, 0.1, 2], dtype=np.float32),
        annotation=np.array([-1, 1, 0]),
        span_length=count,
        annotation_ids=("a", "b"),
    )
    candles = {key: data.candles for key, data in dataset().series.items()}
    for part in (samples, samples.take(count > 5)):
        write_samples(path, part, candles)
        assert same(read_samples(path.read_bytes(), SamplesLayout.of(part)), part)


def test_a_stage_written_twice_has_the_same_bytes(config: PipelineConfig, tmp_path: Path) -> None:
    """The same input gives the same files, so that what depends on them need not run again."""
    stages = config.root / "data" / "stages"
    before = {path: path.read_bytes() for path in stages.rglob("*") if path.is_file()}
    run_all(config, ("ingest", "dataset", "train"))
    for stage in ("ingest", "dataset", "train"):
        found = {path for path in (stages / stage).rglob("*") if path.is_file()}
        assert found == {path for path in before if path.is_relative_to(stages / stage)}
        assert all(path.read_bytes() == before[path] for path in found)


def test_refit_serves_the_refitted_model_with_the_scores_of_the_first(tmp_path: Path) -> None:
    """With refit the stages give the bundle and the notes that a run gives."""
    config = trainable(tmp_path / "project", TRAINED.replace("trees: 20}", "trees: 20, refit: true}"))
    run_all(config)
    result = run(config)
    bundle = config.root / "data" / "stages" / "evaluate" / "run" / "bundle"
    assert model_hash(bundle) == result.model_hash
    info = open_bundle(bundle).info
    assert info.refit
    assert info.metrics == open_bundle(result.folder / "bundle").info.metrics


def test_without_evaluation_the_metrics_are_empty(config: PipelineConfig) -> None:
    """A disabled evaluation leaves a bundle without scores, and an empty file of metrics."""
    config = replace(config, evaluation=config.evaluation.model_copy(update={"enabled": False}))
    run_all(config, ("train", "evaluate"))
    folder = config.root / "data" / "stages" / "evaluate"
    assert json.loads((folder / "metrics.json").read_bytes()) == {}
    assert open_bundle(folder / "run" / "bundle").info.metrics.f1_macro is None


@pytest.mark.parametrize(
    ("stage", "name", "next_stage"),
    [
        ("ingest", "annotations.parquet", "dataset"),
        ("dataset", "features/0000.npy", "train"),
        ("dataset", "test.parquet", "evaluate"),
        ("train", "calibrator.json", "evaluate"),
    ],
)
def test_damage_is_named_before_use(
    config: PipelineConfig, stage: StageAlone, name: str, next_stage: StageAlone
) -> None:
    """One changed bit of a stage's output is named by the stage that needs it, which leaves its own output alone."""
    path = config.root / "data" / "stages" / stage / name
    flip(path)
    with pytest.raises(DataError) as caught:
        run_stage(config, next_stage)
    assert str(caught.value) == f"{path}: its bytes have changed; {remedy(stage)}"
    assert (config.root / "data" / "stages" / next_stage).is_dir()


def test_damage_of_the_model_is_named_before_it_is_parsed(config: PipelineConfig) -> None:
    """One changed bit of the model's file is named before the model is loaded."""
    path = next(path for path in (config.root / "data" / "stages" / "train" / "model").iterdir())
    flip(path)
    with pytest.raises(DataError) as caught:
        run_stage(config, "evaluate")
    assert str(caught.value) == f"{path}: its bytes have changed; {remedy('train')}"


@pytest.mark.parametrize(("missing", "asked"), [("ingest", "dataset"), ("dataset", "train"), ("train", "evaluate")])
def test_a_stage_that_has_not_run_is_asked_for(config: PipelineConfig, missing: StageAlone, asked: StageAlone) -> None:
    """A stage without the files of the one before it says which one to run."""
    folder = config.root / "data" / "stages" / missing
    shutil.rmtree(folder)
    with pytest.raises(DataError) as caught:
        run_stage(config, asked)
    assert str(caught.value) == f"{folder / 'manifest.json'}: missing or unreadable; {remedy(missing)}"


def test_a_stage_made_from_other_data_is_refused(config: PipelineConfig) -> None:
    """Samples of other candles are not trained on."""
    run_stage(config, "ingest", read_input(config, end=1300000000))
    with pytest.raises(DataError) as caught:
        run_stage(config, "train")
    folder = config.root / "data" / "stages" / "dataset"
    assert str(caught.value) == f"{folder}: made from other data than that of the ingest stage; {remedy('dataset')}"


def test_a_stage_made_with_another_configuration_is_refused(config: PipelineConfig) -> None:
    """Samples and models that the configuration no longer gives are not used."""
    path = config.root / "config" / "pipeline.yaml"
    other_split = load_config(path, ["split.embargo=11"])
    with pytest.raises(DataError) as caught:
        run_stage(other_split, "train")
    folder = config.root / "data" / "stages"
    sections = "features, labels, split, seed"
    expected = f"made with another configuration of {sections}; {remedy('dataset')}"
    assert str(caught.value) == f"{folder / 'dataset'}: {expected}"
    with pytest.raises(DataError) as caught:
        run_stage(load_config(path, ["model.trees=21"]), "evaluate")
    sections = "model, calibration, evaluation, audit, execution, seed"
    expected = f"made with another configuration of {sections}; {remedy('train')}"
    assert str(caught.value) == f"{folder / 'train'}: {expected}"


def test_without_a_model_there_is_nothing_to_train(config: PipelineConfig) -> None:
    """A disabled model stage is an error of the stages that need it."""
    path = config.root / "config" / "pipeline.yaml"
    disabled = load_config(path, ["model.enabled=false"])
    with pytest.raises(ConfigError) as caught:
        run_stage(disabled, "train")
    assert str(caught.value).endswith("model: disabled; enable the model stage to train one")


def test_a_kept_version_can_be_ingested(config: PipelineConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    """By command a stage runs alone; what is read is chosen for ingest, and for no other."""
    monkeypatch.chdir(config.root)
    kept = json.loads(CliRunner().invoke(main, ["data", "snapshot", "--json"]).stdout)
    made = CliRunner().invoke(main, ["train", "--only", "ingest", "--data-version", kept["version"]])
    assert made.stdout.splitlines() == [
        "2 series, 5418 candles",
        f"ingest: {config.root / 'data' / 'stages' / 'ingest'}",
    ]
    shown = json.loads(CliRunner().invoke(main, ["train", "--only", "dataset", "--json"]).stdout)
    assert (shown["stage"], shown["folder"]) == ("dataset", str(config.root / "data" / "stages" / "dataset"))
    wrong = CliRunner().invoke(main, ["train", "--only", "train", "--to", "2012-01-01"])
    assert wrong.exit_code == 2
    expected = "--from, --to and --data-version choose what is read: with --only, of ingest alone"
    assert expected in " ".join(wrong.stderr.split())


def test_a_training_stage_keeps_its_data(config: PipelineConfig) -> None:
    """With the data stage enabled the stage that trains keeps its input, and the bundle names the version."""
    enabled = load_config(config.root / "config" / "pipeline.yaml", ["data.enabled=true"])
    run_all(enabled, ("train", "evaluate"))
    (pointer,) = (config.root / "data" / "versions").glob("*.dvc")
    bundle = config.root / "data" / "stages" / "evaluate" / "run" / "bundle"
    assert open_bundle(bundle).info.data_version == pointer.stem


def test_a_temporary_experiment_keeps_nothing(config: PipelineConfig, tmp_path: Path) -> None:
    """In the workspace of a temporary experiment the version is named and not kept, and that is said."""
    root = tmp_path / ".dvc" / "tmp" / "exps" / "standalone" / "project"
    shutil.copytree(config.root, root)
    enabled = load_config(root / "config" / "pipeline.yaml", ["data.enabled=true"])
    result = run_stage(enabled, "train")
    told = next(line for line in result.lines if "data version" in line)
    name = told.split()[3]
    expected = "is not kept from a temporary experiment; candle-ml data snapshot keeps it"
    assert told == f"note: data version {name} {expected}"
    assert not (root / "data" / "versions").exists()
    assert not root.with_name("project-dvc-remote").exists()


def test_writing_what_is_prepared_needs_an_empty_folder(config: PipelineConfig, tmp_path: Path) -> None:
    """What is prepared is written into the folder that is given, and counted by block."""
    given = prepare(read_input(config), config)
    facts = write_prepared(tmp_path, given, config)
    assert facts.counts == {name: len(samples) for name, samples in given.split.parts().items()}
