"""A registered version leads back to its run, data, annotations, configuration, code and packages."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from candle_ml.bundle import seal
from candle_ml.config import load_config, parse_config
from candle_ml.dataset import Dataset, SeriesData
from candle_ml.errors import RegistryError
from candle_ml.inference.receipt import current_versions
from candle_ml.pipeline import run
from candle_ml.state import StateStore
from candle_ml.trace import Trace, trace
from candle_ml.versions import find_version

from ..registering import register_folder
from .conftest import Traced, registry, write_project

NO_GIT = "code commit: the project was not under git"


def traced_with_all(traced: Traced, name: str = "1") -> Trace:
    with StateStore.open(traced.root) as store:
        return trace(traced.registry, name, store, partial(find_version, traced.config))


def copied_state(traced: Traced, folder: Path, *statements: str) -> StateStore:
    """A copy of the project's state store in which something was changed."""
    shutil.copy(traced.root / ".candle-ml" / "state.db", folder / "state.db")
    with sqlite3.connect(folder / "state.db") as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()
    return StateStore.open(folder, f"sqlite:///{folder / 'state.db'}")


def test_a_version_leads_to_everything(traced: Traced) -> None:
    """The trace names the run, data, configuration and packages of the training, and nothing disagrees."""
    made, result = traced_with_all(traced), traced.whole
    assert (made.model_name, made.version, made.aliases) == ("traced", 1, ())
    assert (made.run_id, made.run_status, made.experiment_name) == (result.run_id, "finished", "traced")
    assert (made.data_version, made.data_hash) == (result.data_version, result.dataset.hash)
    assert made.digest == traced.registry.find(version=1).digest
    assert made.pipeline == (traced.root / "config" / "pipeline.yaml").read_text("utf-8")
    effective = parse_config(made.effective, "effective.yaml", traced.root)
    assert effective.hash == made.config_hash == traced.config.hash
    assert made.versions == current_versions(tuple(made.versions.packages))
    assert {"candle-ml", "numpy", "TA-Lib"} <= set(made.versions.packages)
    assert (made.commit, made.missing, made.mismatches) == (None, (NO_GIT,), ())


def test_every_annotation_is_named_once(traced: Traced) -> None:
    """By series, each annotation of the data set is either among the fitted ones or among the others."""
    made = traced_with_all(traced)
    dataset = traced.whole.dataset
    found = {(one.pair, one.timeframe): sorted(one.fitted + one.others) for one in made.annotations}
    assert found == {
        (key.pair, key.timeframe): sorted(item.id for item in data.annotations) for key, data in dataset.series.items()
    }
    assert any(name.startswith("span:") for one in made.annotations for name in one.fitted)


def test_what_was_only_tested_was_not_fitted(traced: Traced) -> None:
    """The fitted annotations are those of samples before the test block; those of the test block are others."""
    assert traced.whole.prepared is not None
    split = traced.whole.prepared.split
    names = {}
    for block in ("train", "validation", "calibration", "test"):
        samples = split.parts()[block]
        chosen = np.unique(samples.annotation[samples.annotation >= 0])
        names[block] = {samples.annotation_ids[number] for number in chosen}
    made = traced_with_all(traced)
    fitted = {f"{one.pair} {one.timeframe} {name}" for one in made.annotations for name in one.fitted}
    others = {f"{one.pair} {one.timeframe} {name}" for one in made.annotations for name in one.others}
    assert fitted == names["train"] | names["validation"] | names["calibration"]
    assert names["test"] <= others


@pytest.mark.parametrize("alike", [True, False])
def test_number_alias_and_run_name_the_same(traced: Traced, alike: bool) -> None:
    """A version is found by its number, by an alias and by its run; of another number another is."""
    names = ("2", "champion", traced.part.run_id) if alike else ("1",)
    runs = {trace(traced.registry, name).run_id for name in names}
    assert runs == {traced.part.run_id if alike else traced.whole.run_id}


def test_an_unknown_version(traced: Traced) -> None:
    """What is not registered is told, with what is."""
    with pytest.raises(RegistryError) as caught:
        trace(traced.registry, "9")
    assert str(caught.value) == "model traced: no version 9; versions there are: 2, 1"


def test_a_part_of_the_data_is_told(traced: Traced) -> None:
    """A version that learned from a part of its data version says that the hashes cannot be compared."""
    made = traced_with_all(traced, "2")
    assert made.missing == (
        NO_GIT,
        f"data version {traced.whole.data_version}: the model learned from a part of it, by --from or --to, "
        "so that the data hashes cannot be compared",
    )
    assert made.mismatches == ()


def test_what_was_not_asked_is_told(traced: Traced) -> None:
    """Without state store and data the bundle alone answers, and the trace says what was not looked at."""
    made = trace(traced.registry, "1")
    assert made.missing == (
        "run: the state store was not asked",
        NO_GIT,
        f"data version {traced.whole.data_version}: it was not looked at; candle-ml trace does",
    )
    assert (made.run_status, made.annotations) == (None, traced_with_all(traced).annotations)


def test_a_version_of_data_that_is_not_here(traced: Traced, tmp_path: Path) -> None:
    """A run that the state store does not know, and a data version that is not kept here, are told as missing."""
    elsewhere = load_config(traced.root / "config" / "pipeline.yaml", ["data.path=elsewhere"])
    with StateStore.open(tmp_path) as store:
        made = trace(traced.registry, "1", store, partial(find_version, elsewhere))
    expected = f"data version {traced.whole.data_version}: it is not kept here"
    assert made.missing == ("run: the state store does not know it", NO_GIT, expected)
    assert not (traced.root / "elsewhere").exists()


def test_a_state_store_that_is_away(traced: Traced, tmp_path: Path) -> None:
    """A state store that does not answer keeps nothing but the run's status from being told."""
    with copied_state(traced, tmp_path) as store:
        (tmp_path / "state.db").write_bytes(b"damaged" * 1000)
        made = trace(traced.registry, "1", store)
    assert made.missing[0] == "run: the state store does not answer; candle-ml db status says why"
    assert made.run_id == traced.whole.run_id


def test_a_project_under_git_that_keeps_no_data(tmp_path: Path) -> None:
    """The commit is that of the project; without the data stage the missing data version is told."""
    config = write_project(tmp_path / "project", "data.enabled=false")
    author = ("-c", "user.name=tester", "-c", "user.email=tester@example.org")
    for command in (("init", "-q"), ("add", "-A"), (*author, "commit", "-q", "-m", "first")):
        subprocess.run(["git", *command], cwd=config.root, check=True)
    commit = subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=config.root, text=True).strip()
    run(config)
    with StateStore.open(config.root) as store:
        made = trace(registry(config), "1", store, partial(find_version, config))
    assert (made.commit, made.data_version, made.mismatches) == (commit, None, ())
    told = "data version: none was kept, the data stage was disabled; the data hash alone tells the data"
    assert made.missing == (told,)


RECORDED = {
    "pipeline_config_hash = (SELECT hash FROM pipeline_configs WHERE hash = 'c0ffee')": (
        "configuration hash: c0ffee in the state store, {config_hash} in the bundle"
    ),
    "dataset_version = NULL": "data version: none in the state store, {data_version} in the bundle",
    "experiment_name = 'other'": "experiment: other in the state store, traced in the bundle",
    "model_type = 'xgboost'": "model type: xgboost in the state store, random-forest in the bundle",
    "status = 'interrupted'": "run: interrupted in the state store, although its model is registered",
}


@pytest.mark.parametrize("change", RECORDED)
def test_a_run_that_is_recorded_otherwise(traced: Traced, tmp_path: Path, change: str) -> None:
    """Whatever the state store says differently of the run is a mismatch that names both."""
    config = "INSERT INTO pipeline_configs VALUES ('c0ffee', 'name: other', '2026-01-02 03:04:05')"
    with copied_state(traced, tmp_path, config, f"UPDATE training_runs SET {change}") as store:
        made = trace(traced.registry, "1", store)
    facts = {"config_hash": traced.config.hash, "data_version": traced.whole.data_version}
    assert made.mismatches == (RECORDED[change].format(**facts),)


def without_first(data: SeriesData) -> SeriesData:
    return replace(data, annotations=data.annotations[1:])


def test_data_that_lacks_an_annotation(traced: Traced) -> None:
    """An annotation of the bundle that the kept data does not have is a mismatch that names it."""
    dataset = traced.whole.dataset
    key, data = next(iter(dataset.series.items()))

    def other(name: str) -> Dataset:
        return replace(dataset, series={**dataset.series, key: without_first(data)}, hash="other")

    made = trace(traced.registry, "1", None, other)
    gone = f"annotation {key} {data.annotations[0].id}: in the bundle, not in data version {made.data_version}"
    assert made.mismatches == (gone,)


Change = Callable[[dict[str, object]], None]


@pytest.fixture
def register_otherwise(traced: Traced, tmp_path: Path) -> Iterator[Callable[[Change], int]]:
    """Registers, for one test, version 1's bundle with something changed in what it says of itself."""
    made: list[int] = []

    def register(change: Change) -> int:
        bundle = tmp_path / "artifacts" / "bundle"
        shutil.copytree(traced.whole.folder / "bundle", bundle)
        content = json.loads((bundle / "bundle.json").read_text("utf-8"))
        change(content)
        (bundle / "bundle.json").write_text(json.dumps(content), "utf-8")
        made.append(register_folder(traced.registry, tmp_path, seal(bundle)))
        return made[-1]

    yield register
    for number in made:
        traced.registry.place.client().delete_model_version(traced.registry.name, str(number))


def test_a_registry_that_says_otherwise(traced: Traced, register_otherwise: Callable[[Change], int]) -> None:
    """A version that the registry has under another run or model type than its bundle says is a mismatch."""
    number = register_otherwise(lambda content: content.update(run_id="r9", model_type="xgboost"))
    assert trace(traced.registry, str(number)).mismatches == (
        f"run: {traced.whole.run_id} in the registry, r9 in the bundle",
        "model type: random-forest in the registry, xgboost in the bundle",
    )


def test_a_bundle_of_before(traced: Traced, register_otherwise: Callable[[Change], int]) -> None:
    """A bundle that an earlier version wrote is traced without its annotations, and the trace says so."""

    def before(content: dict[str, object]) -> None:
        content["annotation_ids"] = ["IBM 1d span:26"]
        del content["annotations"]

    made = trace(traced.registry, str(register_otherwise(before)))
    assert made.annotations == ()
    assert "annotations: an earlier candle-ml wrote this bundle, without their ids by series" in made.missing
    assert (made.data_version, made.mismatches) == (traced.whole.data_version, ())


def test_a_service_traces_without_data_or_training_packages(traced: Traced) -> None:
    """Where DVC and the models' packages are not installed a version is traced, and no training code is imported."""
    code = f"""
import sys
for name in ("dvc", "pyarrow", "xgboost"):
    sys.modules[name] = None
from candle_ml.trace import trace
from candle_ml.registry import Registry
from candle_ml.tracking import TrackingPlace
from pathlib import Path
print(trace(Registry(TrackingPlace.of(None, Path({str(traced.root)!r})), "traced"), "1").data_version)
print([name for name in sys.modules if name in ("candle_ml.training", "candle_ml.pipeline", "candle_ml.versions")])
"""
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.splitlines() == [str(traced.whole.data_version), "[]"]
