"""A run by folds that is tracked and registered, and `candle-ml reproduce` of it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from candle_ml.bundle import open_bundle, seal
from candle_ml.cli import main
from candle_ml.config import load_config
from candle_ml.errors import DataError
from candle_ml.inference import in_sample, load_model
from candle_ml.pipeline import run
from candle_ml.registry import Registry
from candle_ml.reproduction import reproduce
from candle_ml.tracking import TrackingPlace

from ..registering import register_folder
from .conftest import Registered, write_small


def candle_ml(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def resealed(registered: Registered, folder: Path, name: str, change: Callable[[str], str]) -> Path:
    """A copy of the bundle with one text file changed, sealed again."""
    copied = folder / "bundle"
    shutil.copytree(registered.bundle, copied)
    text = (copied / name).read_text("utf-8")
    assert change(text) != text
    (copied / name).write_text(change(text), "utf-8")
    seal(copied)
    return copied


def test_folds_and_gap_are_logged_and_shown(registered: Registered) -> None:
    """Every fold's scores, their means and the leakage gap are metrics of the run and stand in the report."""
    client = TrackingPlace.of(None, registered.root).client()
    (run_there,) = client.search_runs(["1"], f"tags.`candle_ml.run_id` = '{registered.result.run_id}'")
    metrics = run_there.data.metrics
    for name in ("fold_1_f1_macro", "fold_3_span_f1_macro", "folds_f1_macro", "leakage_gap"):
        assert metrics[name] == pytest.approx(registered.result.measured.metrics()[name])
    assert registered.result.report is not None
    report = registered.result.report.read_text("utf-8")
    assert "Walking forward" in report
    assert "leakage gap " in report
    assert f"{metrics['folds_f1_macro']:.3f}" in report


def test_a_registered_version_answers_for_its_training_range(registered: Registered, tmp_path: Path) -> None:
    """The fetched bundle holds the folds' predictions, also for candles that the served model was fitted on."""
    registry = Registry(TrackingPlace.of(None, registered.root), "small")
    version = registry.find(version=1)
    loaded = load_model(registry.fetch(version, tmp_path), version.digest)
    made = registered.result.measured.out_of_fold
    assert loaded.out_of_fold is not None
    assert made is not None
    (key,) = registered.result.dataset.series
    stored = loaded.out_of_fold.rows(key)
    assert loaded.out_of_fold.origin == "folds"
    np.testing.assert_array_equal(stored.time, made.series[key].time)
    np.testing.assert_allclose(stored.probabilities, made.series[key].probabilities, atol=1e-7)
    seen = in_sample(loaded.info, key, stored.time)
    assert seen.sum() > 200
    own = loaded.predictor.predict(registered.result.dataset.series[key].candles)
    same = own.probabilities[np.isin(own.time, stored.time[seen])]
    assert not np.isclose(same, stored.probabilities[seen]).all(axis=1).any()


def test_a_version_is_reproduced(registered: Registered, monkeypatch: pytest.MonkeyPatch) -> None:
    """Training again gives the same golden probabilities and the same model files."""
    monkeypatch.chdir(registered.root)
    told = candle_ml("reproduce", "1")
    assert told.exit_code == 0, told.output
    lines = told.stdout.splitlines()
    assert lines[0].split() == ["WHAT", "STORED", "HERE", "RESULT"]
    assert lines[1].split() == [
        "data",
        registered.result.dataset.hash[:12],
        registered.result.dataset.hash[:12],
        "same",
    ]
    assert any(line.startswith("golden probabilities") and line.endswith("same") for line in lines)
    assert registered.result.model_hash is not None
    short = registered.result.model_hash[:12]
    assert lines[-2].split() == ["model", "hash", short, short, "same"]
    assert lines[-1] == "version 1 is reproduced"


def test_other_data_is_refused(registered: Registered, tmp_path: Path) -> None:
    """Without the candles that it was trained on, a version cannot be reproduced; both hashes are named."""
    shutil.copytree(registered.root / "data", tmp_path / "data")
    path = tmp_path / "data" / "candles" / "AAPL_1d.csv"
    path.write_text("".join(path.read_text("utf-8").splitlines(keepends=True)[:-1]), "utf-8")
    wanted = registered.result.dataset.hash[:12]
    with pytest.raises(DataError) as caught:
        reproduce(open_bundle(registered.bundle), tmp_path)
    found, _, rest = str(caught.value).partition("..., ")
    assert found.startswith("data: hash ")
    assert wanted not in found
    assert rest == (
        f"but the model was trained on {wanted}...; restore those candles and annotations, "
        "and name --from and --to where it was trained with them"
    )


def test_another_training_is_not_reproduced(registered: Registered, monkeypatch: pytest.MonkeyPatch) -> None:
    """A version whose configuration says another seed than its model had is told apart, with exit code 1."""
    holder = registered.root / "mlartifacts" / "again"
    bundle = resealed(
        registered, holder / "artifacts", "effective.yaml", lambda text: text.replace('"seed": 0', '"seed": 7', 1)
    )
    made = reproduce(open_bundle(bundle), registered.root)
    assert not made.reproduced
    assert made.largest_difference > 1e-6
    results = {row.what: row.same for row in made.compared}
    assert (results["configuration"], results["golden probabilities"], results["model hash"]) == (False, False, False)

    registry = Registry(TrackingPlace.of(None, registered.root), "small")
    version = register_folder(registry, holder, open_bundle(bundle).digest)
    monkeypatch.chdir(registered.root)
    told = candle_ml("reproduce", str(version), "--json")
    assert told.exit_code == 1
    summary = json.loads(told.stdout)
    assert (summary["version"], summary["reproduced"]) == (version, False)
    assert summary["largest_difference"] == made.largest_difference


def test_other_shapes_are_no_reproduction(registered: Registered, tmp_path: Path) -> None:
    """A training that gives rows of another shape differs without bound."""
    bundle = resealed(
        registered, tmp_path, "effective.yaml", lambda text: text.replace('"scale_candles": 14', '"scale_candles": 30')
    )
    assert reproduce(open_bundle(bundle), registered.root).largest_difference == float("inf")


def test_other_package_versions_excuse_other_model_files(registered: Registered, tmp_path: Path) -> None:
    """With equal golden probabilities a version counts as reproduced; what differs is named."""
    bundle = resealed(registered, tmp_path, "bundle.json", lambda text: text.replace('"numpy": "', '"numpy": "0.'))
    made = reproduce(open_bundle(bundle), registered.root)
    assert made.reproduced
    (versions,) = (row for row in made.compared if row.what == "versions")
    assert versions.same is False
    assert versions.here.startswith("numpy: made with 0.")


def test_code_that_was_edited_is_named(registered: Registered, tmp_path: Path) -> None:
    """A package whose source is not that of the training is named, and excuses other model files."""
    sources = open_bundle(registered.bundle).info.sources
    packages = {"candle_ml", "candle_ml_features_talib", "candle_ml_labels_windowed", "candle_ml_models_tree"}
    assert set(sources) == packages
    bundle = resealed(registered, tmp_path, "bundle.json", lambda text: text.replace(sources["candle_ml"], "0" * 64))
    made = reproduce(open_bundle(bundle), registered.root)
    (source,) = (row for row in made.compared if row.what == "source code")
    assert (source.stored, source.same) == ("", False)
    assert "candle_ml" in source.here.split(", ")
    assert made.reproduced


def test_a_bundle_that_notes_no_source_says_so(registered: Registered, tmp_path: Path) -> None:
    """Where nothing was noted of the source code, nothing is decided by it."""
    bundle = resealed(
        registered, tmp_path, "bundle.json", lambda text: json.dumps({**json.loads(text), "sources": {}}, indent=1)
    )
    (source,) = (row for row in reproduce(open_bundle(bundle), registered.root).compared if row.what == "source code")
    assert (source.stored, source.here, source.same) == ("not noted", "", None)


def test_a_kept_data_version_outlives_its_files(tmp_path: Path, real_candles: str) -> None:
    """A version that names its data is reproduced from it, whatever the sources have become."""
    path = write_small(tmp_path / "project", real_candles, "data: {enabled: true}\ntracking: {enabled: false}\n")
    result = run(load_config(path), until="train")
    (path.parent / "data" / "candles" / "AAPL_1d.csv").unlink()
    made = reproduce(open_bundle(result.folder / "bundle"), path.parent)
    assert made.reproduced
    assert made.largest_difference == 0.0
