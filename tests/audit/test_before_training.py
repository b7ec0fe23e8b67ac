"""The audit that every training begins with."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from mlflow import MlflowClient

from candle_ml.audit import AuditReport, AuditRow, audit_before_training, audit_plugins
from candle_ml.audit.blocks import APART, LABELS_INSIDE, ONCE, Part, block_rows
from candle_ml.audit.key import audit_key
from candle_ml.audit.store import keep, kept
from candle_ml.config import load_config
from candle_ml.errors import AuditError, PluginError
from candle_ml.inference import build_recipe
from candle_ml.pipeline import audit_line, run
from candle_ml.plugins import PluginManager
from candle_ml.plugins.records import Offer, Provider
from candle_ml.reading import read_dataset
from candle_ml.registry import Registry
from candle_ml.tracking import TrackingPlace
from candle_ml.training import Prepared, prepare

from .conftest import Configs, write_small
from .plants import extractor


def client_of(root: Path) -> MlflowClient:
    return TrackingPlace.of(None, root).client()


def test_a_leak_stops_the_training(small_project: Path, planted_manager: PluginManager) -> None:
    """The error names extractor, column and candle; the run is closed as failed with it and nothing is registered."""
    config = load_config(small_project, ["features.use=[candle-shape, shifted-back]"], planted_manager)
    with pytest.raises(AuditError) as caught:
        run(config)
    message = str(caught.value)
    assert message.startswith("shifted-back: shifted_back at candle ")
    assert "; a value needs no later candle: mend it" in message
    assert caught.value.exit_code == 9
    assert not (config.root / ".candle-ml" / "runs").exists()
    client = client_of(config.root)
    experiment = client.get_experiment_by_name("small")
    assert experiment is not None
    (recorded,) = client.search_runs([experiment.experiment_id])
    assert (recorded.info.status, recorded.data.tags["error"]) == ("FAILED", message.partition("\n")[0][:300])
    assert Registry(TrackingPlace.of(None, config.root), "small").versions() == ()


def test_a_clean_run_says_so(small_project: Path) -> None:
    """Tag, report and result carry one line; the audit is kept beside the runs for the next training."""
    config = load_config(small_project)
    result = run(config, until="evaluate")
    assert result.audit is not None
    line = audit_line(result.audit)
    assert line == f"no leak in 13 checks (audit {result.audit.key[:12]})"
    (run_there,) = client_of(config.root).search_runs(["1"], f"tags.`candle_ml.run_id` = '{result.run_id}'")
    tags = run_there.data.tags
    assert tags["audit"] == line
    assert result.report is not None
    assert line in result.report.read_text("utf-8")
    audits = {path.name for path in (config.root / ".candle-ml" / "audits").iterdir()}
    assert f"{result.audit.key[:24]}.json" in audits
    assert len(audits) == 2


def test_a_kept_audit_is_believed(small_project: Path, planted_manager: PluginManager) -> None:
    """A training looks the audit of its features, labels and split up; one that found a leak still refuses."""
    config = load_config(small_project, ["tracking.enabled=false"], planted_manager)
    prepared = prepare(read_dataset(config), config)
    key = audit_key(config, prepared.recipe)
    row = AuditRow(check="c", subject="s", outcome="leak", looked_at=1, unit="candles", found="f")
    keep(config.root, AuditReport(key=key, seconds=1.0, rows=(row,)))
    with pytest.raises(AuditError, match=r"^s: f; c: mend it$"):
        audit_before_training(config, prepared)
    keep(config.root, AuditReport(key=key, seconds=123.0, rows=()))
    assert audit_before_training(config, prepared).seconds == 123.0


def test_a_damaged_audit_file_is_no_audit(tmp_path: Path) -> None:
    """What is not the audit of that key is made again."""
    report = AuditReport(key="5" * 64, seconds=1.0, rows=())
    folder = tmp_path / ".candle-ml" / "audits"
    folder.mkdir(parents=True)
    path = folder / f"{report.key[:24]}.json"
    path.write_text(report.model_dump_json(), "utf-8")
    assert kept(tmp_path, report.key) == report
    for text in (report.model_dump_json().replace(report.key, "5" * 63 + "0"), "{", '{"format": 1}'):
        path.write_text(text, "utf-8")
        assert kept(tmp_path, report.key) is None


def test_an_audit_of_another_project_serves_too(tmp_path: Path) -> None:
    """The key says everything that an audit depends on, so that one process makes it once."""
    report = AuditReport(key="6" * 64, seconds=1.0, rows=())
    keep(tmp_path / "one", report)
    assert kept(tmp_path / "other", report.key) == report


def test_the_key_follows_what_is_audited(configs: Configs) -> None:
    """Another seed or model needs no new audit; other features, labels or blocks do."""
    plain = configs()

    def key(*overrides: str) -> str:
        config = configs("candle-shape", "windowed", *overrides)
        return audit_key(config, build_recipe(config))

    assert key("seed=1", "model.trees=9") == audit_key(plain, build_recipe(plain))
    changed = {key(), key("labels.window=12"), key("split.embargo=3"), key("features.use=[window-shape]")}
    assert len(changed) == 4


def test_a_plugin_that_is_edited_in_place_is_audited_again(
    configs: Configs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The key covers the source of a plugin, not only its version."""
    config = configs("past-rolling")
    recipe = build_recipe(config)
    before = audit_key(config, recipe)
    folder = tmp_path / "edited_plugin"
    folder.mkdir()
    (folder / "__init__.py").write_text("", "utf-8")
    (folder / "feature.py").write_text("class Feature:\n    pass\n", "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    feature = import_module("edited_plugin.feature").Feature
    (named,) = recipe.plan.candle_extractors
    plan = replace(recipe.plan, candle_extractors=(replace(named, extractor=feature()),))
    edited = replace(recipe, plan=plan)
    first = audit_key(config, edited)
    (folder / "feature.py").write_text("class Feature:\n    ahead = 1\n", "utf-8")
    assert len({before, first, audit_key(config, edited)}) == 3


def test_a_disabled_audit_says_so(small_project: Path) -> None:
    """`audit: {enabled: false}` trains without, and the report says that nothing was looked at."""
    overrides = ["audit.enabled=false", "tracking.enabled=false", "registry.enabled=false"]
    result = run(load_config(small_project, overrides), until="evaluate")
    assert result.audit is None
    assert result.report is not None
    assert "not made: the audit stage is disabled" in result.report.read_text("utf-8")
    assert not (small_project.parent / ".candle-ml" / "audits").exists()


def test_a_random_split_may_be_trained_on(small_project: Path) -> None:
    """It leaks by its own account, so that the audit is of everything else."""
    overrides = ["split.method=random", "tracking.enabled=false", "registry.enabled=false"]
    result = run(load_config(small_project, overrides), until="train")
    assert result.audit is not None
    assert {row.subject for row in result.audit.rows} == {"candle-shape", "features", "windowed"}


@pytest.mark.figure("planted leaks caught")
def test_the_same_candles_under_another_name_are_found(small_project: Path, planted_manager: PluginManager) -> None:
    """A source that repeats a series later in time puts training samples into the test block, and is refused."""
    sources = (
        "[{use: candle-files, path: data/candles}, {use: talib-patterns, functions: [CDLENGULFING]}, shifted-copies]"
    )
    overrides = [f"sources.use={sources}", "tracking.enabled=false", "registry.enabled=false"]
    with pytest.raises(AuditError) as caught:
        run(load_config(small_project, overrides, planted_manager))
    message = str(caught.value)
    assert message.startswith("the data at hand: ")
    assert " samples stand in train too, such as that of AAPL 1d from " in message
    assert " and that of AAPL-again 1d from " in message
    assert message.endswith(f"; {ONCE}: mend it")


@pytest.fixture(scope="module")
def small_prepared(tmp_path_factory: pytest.TempPathFactory, real_candles: str) -> Prepared:
    """Samples and blocks of the small project."""
    config = load_config(write_small(tmp_path_factory.mktemp("small"), real_candles))
    return prepare(read_dataset(config), config)


def found_in(prepared: Prepared, train: tuple[int, int], test: tuple[int, int]) -> dict[str, str]:
    """What is found where these ranges of samples are the blocks."""
    samples = prepared.samples
    parts = [
        Part(name, samples.take(np.arange(first, last + 1)), 2**40)
        for name, (first, last) in (("train", train), ("test", test))
    ]
    return {row.check: row.found for row in block_rows("made", [parts], prepared.dataset)}


def test_blocks_that_are_apart_are_clean(small_prepared: Prepared) -> None:
    """Samples with a stretch of time between them share nothing."""
    assert set(found_in(small_prepared, (0, 40), (60, 99)).values()) == {""}


def test_blocks_that_touch_are_found(small_prepared: Prepared) -> None:
    """Two samples that stand in both blocks are found as shared candles and as the same samples."""
    touching = found_in(small_prepared, (0, 61), (60, 99))
    assert " test samples share candles with train, such as that of AAPL 1d from " in touching[APART]
    assert touching[ONCE].startswith("2 test samples stand in train too, such as that of AAPL 1d from ")


def test_a_test_block_that_starts_early_is_found(small_prepared: Prepared) -> None:
    """Samples of the later block that start before the earlier one is known are counted, candles shared or not."""
    assert found_in(small_prepared, (60, 99), (0, 40))[APART].startswith("41 test samples start before ")


@pytest.mark.figure("planted leaks caught")
def test_a_label_that_ends_after_its_block_is_found(small_prepared: Prepared) -> None:
    """A block that ends before the annotation of one of its samples does names the annotation."""
    samples = small_prepared.samples
    labelled = samples.take(np.flatnonzero(samples.annotation >= 0)[:5])
    parts = [Part("train", labelled, int(labelled.known_at.max()))]
    found = {row.check: row.found for row in block_rows("made", [parts], small_prepared.dataset)}
    assert found[LABELS_INSIDE].startswith("1 train samples have a label that ends after ")
    assert ", such as AAPL 1d " in found[LABELS_INSIDE]


def test_an_extractor_that_raises_is_named(configs: Configs, planted_manager: PluginManager) -> None:
    """What an extractor raises during the audit, an exit of Python included, becomes an error of that plugin."""

    def broken(candles: object) -> object:
        raise SystemExit(0)

    offer = Offer(Provider("broken", "broken-plugins", "1"), extractor("broken", 0, broken))  # type: ignore[arg-type]
    manager = replace(planted_manager, offers=(*planted_manager.offers, offer))
    config = configs.over(manager, "broken")
    with pytest.raises(PluginError) as caught:
        audit_plugins(config)
    expected = "broken: raised SystemExit: 0; the contract is features of any number of candles"
    assert str(caught.value) == expected


def test_the_audit_comes_back_from_json(configs: Configs) -> None:
    """A kept audit is equal to the one that was made."""
    report = audit_plugins(configs("past-rolling"))
    assert AuditReport.model_validate_json(json.dumps(report.model_dump(mode="json"))) == report


def test_a_run_notes_what_has_no_effect(small_project: Path) -> None:
    """A disabled plugin that is not installed stands among the notes of the run."""
    config = load_config(small_project, ["plugins.disabled=[of-elsewhere]"])
    assert run(config, until="dataset").notes[0] == (
        "--set plugins.disabled=[of-elsewhere]: plugins.disabled.0: "
        "no plugin 'of-elsewhere' is installed here; it disables nothing"
    )
