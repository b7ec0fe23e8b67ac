"""Training from end to end on real daily candles."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from mlflow import MlflowClient

from candle_ml.bundle import open_bundle
from candle_ml.config import load_config
from candle_ml.errors import ConfigError, TrainingError
from candle_ml.evaluation import flat_metrics
from candle_ml.inference import load_model
from candle_ml.pipeline import STAGES, run
from candle_ml.registry import Registry
from candle_ml.state import StateStore
from candle_ml.tracking import TrackingPlace

from .conftest import Project


def client_of(root: Path) -> MlflowClient:
    return TrackingPlace.of(None, root).client()


def test_a_run_is_tracked_with_everything_it_was_made_from(demo_project: Project) -> None:
    """MLflow shows the run as finished, with parameters, metrics, report, configuration and the model."""
    client = client_of(demo_project.root)
    (found,) = client.search_runs(["1"], f"tags.`candle_ml.run_id` = '{demo_project.result.run_id}'")
    assert found.info.status == "FINISHED"
    assert found.data.params["model"] == "xgboost"
    assert found.data.params["model.max_depth"] == "4"
    assert found.data.params["seed"] == "0"
    assert demo_project.result.evaluation is not None
    metrics = flat_metrics(demo_project.result.evaluation)
    assert {name: found.data.metrics[name] for name in metrics} == pytest.approx(metrics)
    assert found.data.tags["data_hash"] == demo_project.result.dataset.hash
    names = {item.path for item in client.list_artifacts(found.info.run_id)}
    assert names == {"effective.yaml", "evaluation.json", "pipeline.yaml", "report.html"}
    source = (demo_project.root / "config" / "pipeline.yaml").read_text("utf-8")
    assert (demo_project.result.folder / "pipeline.yaml").read_text("utf-8") == source


def test_the_first_version_takes_the_alias_and_records_the_digest(demo_project: Project) -> None:
    """What the registry anchors is the digest of the bundle that was written."""
    registry = Registry(TrackingPlace.of(None, demo_project.root), "demo")
    version = registry.at_alias("champion")
    assert version is not None
    assert version.digest == open_bundle(demo_project.result.folder / "bundle").digest
    assert version.run_id == demo_project.result.run_id
    assert version.aliases == ("champion",)


def test_a_run_is_recorded_in_the_state_store(demo_project: Project) -> None:
    """The store knows the run as finished, with its metrics and the configuration it was trained with."""
    with StateStore.open(demo_project.root) as store:
        run_of_store = store.run(demo_project.result.run_id)
        assert run_of_store.status == "finished"
        assert run_of_store.metrics == pytest.approx(demo_project.result.measured.metrics())
        assert store.config_text(run_of_store.config_hash) == demo_project.config.text


def test_a_fetched_bundle_loads_with_an_exact_receipt(demo_project: Project, tmp_path: Path) -> None:
    """On the versions it was made with, the golden rows come out bit by bit."""
    registry = Registry(TrackingPlace.of(None, demo_project.root), "demo")
    version = registry.find(version=1)
    loaded = load_model(registry.fetch(version, tmp_path), version.digest)
    assert loaded.receipt.mode == "exact"
    assert loaded.receipt.rows > 0
    assert (loaded.receipt.largest_ulp, loaded.receipt.largest_difference) == (0, 0.0)


def test_pyfunc_gives_the_same_prediction(demo_project: Project) -> None:
    """`mlflow.pyfunc.load_model` goes through the same inference as everything else."""
    import mlflow
    import pandas as pd

    client_of(demo_project.root)
    model = mlflow.pyfunc.load_model("models:/demo@champion")
    candles = next(iter(demo_project.result.dataset.series.values())).candles
    names = ("time", "open", "high", "low", "close", "volume")
    answer = model.predict(pd.DataFrame({name: getattr(candles, name) for name in names}), params=None)
    trained = demo_project.result.trained
    assert trained is not None
    predictor = trained.predictor
    codes, confidence = predictor.predict(candles).labels(predictor.params.thresholds)
    known = codes >= 0
    expected = np.array(predictor.classes, dtype=object)[codes[known]]
    assert answer["label"].to_numpy()[known].tolist() == expected.tolist()
    assert answer["label"][~known].isna().all()
    np.testing.assert_array_equal(answer["confidence"], confidence)


def test_one_seed_gives_one_model(demo_project: Project) -> None:
    """A second run has the same metrics and model hash, and does not take the alias from an equal model."""
    again = run(demo_project.config)
    assert again.model_hash == demo_project.result.model_hash
    assert again.run_id != demo_project.result.run_id
    assert again.evaluation == demo_project.result.evaluation
    assert again.promotion is not None
    assert not again.promotion.promoted
    assert again.promotion.reason.endswith("of version 1 on the same test block")


@pytest.mark.parametrize("stage", STAGES)
def test_a_run_stops_after_the_named_stage(fresh_project: Path, stage: str) -> None:
    """Everything up to the stage is there, nothing after it."""
    result = run(load_config(fresh_project / "config" / "pipeline.yaml"), until=stage)  # type: ignore[arg-type]
    reached = STAGES.index(stage)
    assert (result.prepared is not None) == (reached >= STAGES.index("dataset"))
    assert (result.trained is not None) == (reached >= STAGES.index("train"))
    assert (result.evaluation is not None) == (reached >= STAGES.index("evaluate"))
    assert (result.promotion is not None) == (reached >= STAGES.index("register"))


def test_without_features_the_raw_candles_are_learned(fresh_project: Path) -> None:
    """`features.enabled: false` trains on open, high, low and close."""
    config = load_config(fresh_project / "config" / "pipeline.yaml", ["features.enabled=false"])
    result = run(config, until="evaluate")
    assert result.trained is not None
    assert result.trained.predictor.recipe.plan.candle_columns == ("open", "high", "low", "close")
    assert result.evaluation is not None


def test_programmatic_labels_alone_suffice(fresh_project: Path) -> None:
    """With the annotation files off, TA-Lib's labels and the ranges it scanned make a model."""
    config = load_config(fresh_project / "config" / "pipeline.yaml", ["sources.use.1.enabled=false"])
    result = run(config, until="evaluate")
    assert result.trained is not None
    assert result.trained.predictor.classes == ("O", "bearish_eveningstar", "bullish_morningstar")


def test_without_a_model_stage_nothing_is_trained(fresh_project: Path) -> None:
    """`model.enabled: false` reads the data and stops; no run is recorded."""
    result = run(load_config(fresh_project / "config" / "pipeline.yaml", ["model.enabled=false"]))
    assert result.trained is None
    assert not (fresh_project / "mlflow.db").exists()


def test_without_a_split_everything_is_trained_on(fresh_project: Path) -> None:
    """`split.enabled: false` gives a model without scores, which says so."""
    config = load_config(fresh_project / "config" / "pipeline.yaml", ["split.enabled=false"])
    result = run(config)
    assert result.prepared is not None
    assert len(result.prepared.split.test) == 0
    assert result.evaluation is None
    assert "no calibration block: confidences are the model's own" in result.notes
    assert result.promotion is not None
    assert result.promotion.promoted


def test_without_tracking_the_bundle_is_on_disk_only(default_project: Project) -> None:
    """`tracking.enabled: false` leaves no MLflow store, and the bundle still proves itself."""
    assert not (default_project.root / "mlflow.db").exists()
    assert load_model(default_project.result.folder / "bundle").receipt.mode == "exact"


def test_without_calibration_confidences_are_the_models_own(fresh_project: Path) -> None:
    """`calibration.enabled: false` stores a calibrator that changes nothing."""
    config = load_config(fresh_project / "config" / "pipeline.yaml", ["calibration.enabled=false"])
    result = run(config, until="train")
    assert result.trained is not None
    probabilities = np.array([[0.25, 0.25, 0.1, 0.2, 0.1, 0.1]])
    np.testing.assert_array_equal(result.trained.predictor.calibrator.apply(probabilities), probabilities)


def test_disabled_sources_are_an_error(fresh_project: Path) -> None:
    """Without a source there is nothing to read."""
    with pytest.raises(ConfigError):
        run(load_config(fresh_project / "config" / "pipeline.yaml", ["sources.enabled=false"]))


def test_a_time_range_leaves_the_rest_out(fresh_project: Path) -> None:
    """`start` keeps earlier candles as history only; `end` withholds everything after it."""
    config = load_config(fresh_project / "config" / "pipeline.yaml")
    start, end = 1_104_537_600, 1_293_839_999  # 2005 to 2010
    result = run(config, until="dataset", start=start, end=end)
    for data in result.dataset.series.values():
        assert data.candles.time[-1] <= end
        assert all(start <= a.start_time and a.end_time <= end for a in data.annotations)
        assert all(start <= r.start_time and r.end_time <= end for r in data.reviewed)


def test_a_failed_training_is_recorded_with_its_reason(fresh_project: Path) -> None:
    """The run is closed as failed and names the error; nothing is registered."""
    config = load_config(
        fresh_project / "config" / "pipeline.yaml", ["model.min_samples_per_class=100000", "calibration.enabled=false"]
    )
    with pytest.raises(TrainingError) as caught:
        run(config)
    client = client_of(fresh_project)
    experiment = client.get_experiment_by_name("demo")
    assert experiment is not None
    (recorded,) = client.search_runs([experiment.experiment_id])
    assert recorded.info.status == "FAILED"
    assert recorded.data.tags["error"] == str(caught.value).partition("\n")[0][:300]
    assert Registry(TrackingPlace.of(None, fresh_project), "demo").versions() == ()
    with StateStore.open(fresh_project) as store:
        (run_of_store,) = store.runs()
        assert (run_of_store.status, run_of_store.error) == ("failed", str(caught.value))


def test_refit_says_whose_scores_they_are(fresh_project: Path) -> None:
    """With `refit: true` the served model is another than the measured one, and notes and bundle say so."""
    result = run(load_config(fresh_project / "config" / "pipeline.yaml", ["model.refit=true"]), until="evaluate")
    note = "refit: the served model was fitted on every block but validation; its scores are those of the model before"
    assert note in result.notes
    assert open_bundle(result.folder / "bundle").info.refit
    assert result.report is not None
    assert "the served model has not been measured" in result.report.read_text("utf-8")


def test_a_random_split_carries_its_warning(fresh_project: Path) -> None:
    """`split.method: random` is allowed, and the notes say that it leaks."""
    result = run(load_config(fresh_project / "config" / "pipeline.yaml", ["split.method=random"]), until="dataset")
    assert result.prepared is not None
    assert any("every score is too good" in warning for warning in result.prepared.split.warnings)


def test_the_bundle_knows_what_it_was_trained_on(demo_project: Project) -> None:
    """Coverage ranges are disjoint, ordered, and end before the test block."""
    info = open_bundle(demo_project.result.folder / "bundle").info
    prepared = demo_project.result.prepared
    assert prepared is not None
    test_block = prepared.split.block("test")
    assert test_block is not None
    assert {(one.pair, one.timeframe) for one in info.coverage} <= {
        (key.pair, key.timeframe) for key in demo_project.result.dataset.series
    }
    for one in info.coverage:
        flat = [time for pair in one.ranges for time in pair]
        assert flat == sorted(flat)
        assert flat[-1] < test_block.start


def test_evaluation_json_is_the_evaluation(demo_project: Project) -> None:
    """The file beside the report holds the same numbers."""
    content = json.loads((demo_project.result.folder / "evaluation.json").read_text("utf-8"))
    assert demo_project.result.evaluation is not None
    assert content["f1_macro"] == demo_project.result.evaluation.f1_macro
