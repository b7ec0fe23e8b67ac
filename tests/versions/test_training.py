"""Training with data versions: kept first, learned from, and recorded in run, bundle and state store."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from candle_ml import versions
from candle_ml.bundle import open_bundle
from candle_ml.cli import main
from candle_ml.config import PipelineConfig, load_config
from candle_ml.errors import DataError
from candle_ml.pipeline import read_input, run
from candle_ml.state import StateStore

from .conftest import TRAINED, flip, trainable

KEEPING = TRAINED.replace("data:\n", "data: {enabled: true}\n")


@pytest.fixture
def config(tmp_path: Path) -> PipelineConfig:
    return trainable(tmp_path / "project", KEEPING)


def test_a_training_keeps_its_input_first(config: PipelineConfig) -> None:
    """With the data stage enabled the input is kept, and run, bundle and state store name the version."""
    result = run(config)
    (kept,) = versions.listed(config, prove=True)
    assert (kept.folder, kept.cache, kept.remote) == ("intact", "intact", "intact")
    assert result.data_version == kept.name
    assert kept.facts is not None
    assert kept.facts.data_hash == result.dataset.hash
    assert open_bundle(result.folder / "bundle").info.data_version == kept.name
    with StateStore.open(config.root) as store:
        assert store.run(result.run_id).dataset_version == kept.name


def test_the_tracking_server_names_the_version(config: PipelineConfig) -> None:
    """The run on the tracking server has the version as a tag."""
    from candle_ml.tracking import TrackingPlace

    path = config.root / "config" / "pipeline.yaml"
    result = run(load_config(path, ["tracking.enabled=true", "registry.enabled=false"]))
    client = TrackingPlace.of(None, config.root).client()
    (run_there,) = client.search_runs(["1"], f"tags.`candle_ml.run_id` = '{result.run_id}'")
    assert run_there.data.tags["data_version"] == result.data_version


def test_training_again_on_the_same_data_keeps_nothing_new(config: PipelineConfig) -> None:
    """Two trainings on the same data have one version; another embargo is no other data."""
    first = run(config)
    other = load_config(config.root / "config" / "pipeline.yaml", ["split.embargo=5"])
    assert run(other).data_version == first.data_version
    assert len(versions.listed(config)) == 1


def test_without_the_data_stage_nothing_is_kept(tmp_path: Path) -> None:
    """Where the data stage is disabled a run names no version, and there is no DVC."""
    config = trainable(tmp_path / "project")
    result = run(config)
    assert result.data_version is None
    assert not (config.root / ".dvc").exists()


def test_a_version_trains_the_same_model_as_its_sources(config: PipelineConfig) -> None:
    """From the version alone, its sources deleted and its folder too, the same model is trained."""
    first = run(config)
    assert first.data_version is not None
    shutil.rmtree(config.root / "data" / "candles")
    shutil.rmtree(config.root / "data" / "versions" / first.data_version)
    again = run(config, data_version=first.data_version)
    assert (again.model_hash, again.data_version) == (first.model_hash, first.data_version)
    assert (again.dataset.hash, again.notes) == (first.dataset.hash, first.notes)


def test_a_version_can_be_cut_to_a_time(config: PipelineConfig) -> None:
    """What was known of a time is taken from a version as it is from the sources."""
    kept = versions.snapshot(config, read_input(config))
    found = read_input(config, end=1300000000, data_version=kept.name)
    assert found.hash == read_input(config, end=1300000000).hash != kept.facts.data_hash


def test_nothing_is_trained_on_a_damaged_version(config: PipelineConfig) -> None:
    """A changed bit in the version's folder ends a training before it begins, named; so does one in its remote."""
    kept = versions.snapshot(config, read_input(config))
    path = kept.folder / kept.facts.series[0].file
    content = path.read_bytes()
    flip(path)
    for data_version in (kept.name, None):
        with pytest.raises(DataError) as caught:
            run(config, data_version=data_version)
        assert str(caught.value).startswith(f"{path}: its bytes have changed; delete the folder {kept.folder}")
    path.write_bytes(content)
    stored = next(one for one in kept.remote.rglob("*") if one.is_file() and one.read_bytes() == content)
    flip(stored)
    with pytest.raises(DataError) as caught:
        run(config)
    assert str(caught.value).startswith(f"{stored}: its bytes have changed; it is the remote's copy of {kept.name}/")
    assert not (config.root / ".candle-ml" / "runs").exists()


def test_the_command_tells_the_version(config: PipelineConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    """`candle-ml train` prints the version it has kept, and takes one to learn from."""
    monkeypatch.chdir(config.root)
    name = json.loads(CliRunner().invoke(main, ["data", "snapshot", "--json"]).stdout)["version"]
    shown = CliRunner().invoke(main, ["train", "--stage", "train", "--data-version", name])
    assert f"      version {name}\n" in shown.stdout
    made = CliRunner().invoke(main, ["train", "--stage", "train", "--json"])
    assert json.loads(made.stdout)["data_version"] == name
    unknown = CliRunner().invoke(main, ["train", "--data-version", "0123456789ab"])
    assert unknown.exit_code == 3
    assert unknown.stderr.startswith("data version 0123456789ab: not in ")
