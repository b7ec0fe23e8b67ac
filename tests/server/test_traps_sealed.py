"""Booby-trapped bundles that were sealed anew and registered: refused by what is in them, and nothing of it runs."""

from __future__ import annotations

import hashlib
import json
import pickle
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from candle_ml.bundle import EFFECTIVE, INFO, MANIFEST, seal
from candle_ml.config import load_config

from ..plugins.models_tree.test_tree_forest_file import Touch, add_function, edited, in_nodes
from .test_traps import FILES, META, MODEL, assert_refused

Trap = Callable[[Path, Path], object]
"""Changes the bundle, the first argument; running what it puts in would make the second."""


def as_json(name: str, **values: Any) -> Trap:
    """Put values into a JSON file; a dotted key leads into an object, and a function makes a value of the old one."""

    def change(bundle: Path, canary: Path) -> None:
        content = json.loads((bundle / name).read_text())
        for key, value in values.items():
            content[key] = value(content[key]) if callable(value) else value
        (bundle / name).write_text(json.dumps(content))

    return change


def model_bytes(change: Callable[[bytes, Path], bytes]) -> Trap:
    """Exchange the trees, and their digest in `meta.json`."""

    def trap(bundle: Path, canary: Path) -> None:
        content = change((bundle / MODEL).read_bytes(), canary)
        (bundle / MODEL).write_bytes(content)
        as_json(META, sha256=hashlib.sha256(content).hexdigest())(bundle, canary)

    return trap


def arrays(name: str, change: Callable[[dict[str, Any], Path], object]) -> Trap:
    """Change the arrays of an `.npz` file."""

    def trap(bundle: Path, canary: Path) -> None:
        with np.load(bundle / name) as stored:
            content = dict(stored)
        change(content, canary)
        buffer = BytesIO()
        np.savez(buffer, **content)
        (bundle / name).write_bytes(buffer.getvalue())

    return trap


def text(name: str, change: Callable[[str, Path], str]) -> Trap:
    return lambda bundle, canary: (bundle / name).write_text(change((bundle / name).read_text(), canary))


def objects(canary: Path) -> Any:
    return np.array([Touch(canary)], dtype=object)


def manifest_names(*names: str) -> Trap:
    """List further files in the manifest, after sealing."""

    def trap(bundle: Path, canary: Path) -> None:
        seal(bundle)
        as_json(MANIFEST, files=lambda files: {**files, **dict.fromkeys(names, "0" * 64)})(bundle, canary)

    return trap


def all_values(value: float) -> Callable[[dict[str, float]], dict[str, float]]:
    return lambda old: dict.fromkeys(old, value)


def longer_golden(content: dict[str, Any], canary: Path) -> None:
    """Twice the candles of the first golden slice."""
    for name in ("time", "open", "high", "low", "close", "volume"):
        column = content[f"0.{name}"]
        before = column - column[-1] + column[0] - 86_400 if name == "time" else column
        content[f"0.{name}"] = np.concatenate([before, column])


def bomb(name: str, size: int) -> Trap:
    """Zeros that are a thousandth of their size in the file."""
    return lambda bundle, canary: np.savez_compressed(bundle / name, x=np.zeros(size, dtype=np.uint8))


SHARE = "thresholds.bullish_engulfing: Input should be "
SEALED: dict[str, tuple[Trap, str]] = {
    "a pickle for the trees": (
        model_bytes(lambda content, canary: pickle.dumps(Touch(canary))),
        "model/model.skops: cannot be read (BadZipFile); an archive written by candle-ml",
    ),
    "a pickle in an array of the trees": (
        model_bytes(lambda content, canary: edited(content, arrays=lambda array: objects(canary))),
        "model/model.skops: cannot be read (ValueError); an archive written by candle-ml",
    ),
    "an additional trusted type": (
        model_bytes(lambda content, canary: edited(content, add_function)),
        "model/model.skops: untrusted types os.system; those of a random forest",
    ),
    "a child out of range": (
        model_bytes(lambda content, canary: edited(content, arrays=in_nodes(left_child=9999))),
        "model/model.skops: tree 0: child 9999 of node 0; a later node, below ",
    ),
    "a column out of range": (
        model_bytes(lambda content, canary: edited(content, arrays=in_nodes(feature=9999))),
        "model/model.skops: tree 0: column 9999 in node 0; 0 to ",
    ),
    "a pickle for the golden rows": (
        lambda bundle, canary: (bundle / "golden.npz").write_bytes(pickle.dumps(Touch(canary))),
        "golden.npz: not golden rows; a bundle written by candle-ml",
    ),
    "a pickle in the golden rows": (
        arrays("golden.npz", lambda content, canary: content.update({"0.features": objects(canary)})),
        "golden.npz: not golden rows; a bundle written by candle-ml",
    ),
    "golden candles without closes": (
        arrays("golden.npz", lambda content, canary: content.update({"0.close": content["0.close"][:0]})),
        "golden.npz: not golden rows; a bundle written by candle-ml",
    ),
    "golden candles without end": (
        arrays("golden.npz", longer_golden),
        "golden slice 1 (AAPL 1d): 68 candles; at most 34",
    ),
    "golden rows that unpack to 80 MB": (
        bomb("golden.npz", 80_000_000),
        "golden.npz: 80000128 bytes unpacked; at most 67108864",
    ),
    "predictions that unpack to 300 MB": (
        bomb("out_of_fold.npz", 300_000_000),
        "out_of_fold.npz: 300000128 bytes unpacked; at most 268435456",
    ),
    "no golden rows": (
        arrays("golden.npz", lambda content, canary: content.update(keys=np.frombuffer(b"[]", dtype=np.uint8))),
        "golden.npz: no golden rows; rows that prove what the model computes",
    ),
    "other golden rows": (
        arrays("golden.npz", lambda content, canary: content.update({"0.features": content["0.features"] + 1})),
        "golden rows: features differ by ",
    ),
    "a pickle in the out-of-fold predictions": (
        arrays("out_of_fold.npz", lambda content, canary: content.update({"0.time": objects(canary)})),
        "out_of_fold.npz: not out-of-fold predictions; a bundle written by candle-ml",
    ),
    "examples that unpack to 80 MB": (
        bomb("exemplars.npz", 80_000_000),
        "exemplars.npz: 80000128 bytes unpacked; at most 67108864",
    ),
    "a pickle in the examples": (
        arrays("exemplars.npz", lambda content, canary: content.update(shapes=objects(canary))),
        "exemplars.npz: not annotated spans; a bundle written by candle-ml",
    ),
    "examples without shapes": (
        arrays("exemplars.npz", lambda content, canary: content.update(shapes=content["shapes"][1:])),
        "exemplars.npz: not annotated spans; a bundle written by candle-ml",
    ),
    "a pickle for the suggestions": (
        lambda bundle, canary: (bundle / "suggestions.json").write_bytes(pickle.dumps(Touch(canary))),
        "suggestions.json: not suggestions; a bundle written by candle-ml",
    ),
    "suggestions that nest without end": (
        lambda bundle, canary: (bundle / "suggestions.json").write_bytes(b"[" * 100_000),
        "suggestions.json: not suggestions; a bundle written by candle-ml",
    ),
    "a doubt that ends before it starts": (
        as_json("suggestions.json", review=lambda old: [{**old[0], "end_time": 0}]),
        "suggestions.json: not suggestions; a bundle written by candle-ml",
    ),
    "code in the configuration": (
        text(EFFECTIVE, lambda old, canary: f"{old}\nname: !!python/object/apply:os.system ['touch {canary}']\n"),
        "bundle/effective.yaml:",
    ),
    "a configuration that expands": (
        text(EFFECTIVE, lambda old, canary: f"{old}\na: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"),
        "bundle/effective.yaml:",
    ),
    "another feature count": (
        text(
            EFFECTIVE,
            lambda old, canary: old.replace('"candle-shape"', '"window-shape"\n  - "use": "candle-shape"'),
        ),
        "required history: 27; 19, which bundle.json says",
    ),
    "another column count": (as_json(META, columns=1), "model/model.skops: "),
    "thresholds that are no numbers": (
        as_json(INFO, thresholds=all_values(float("nan"))),
        f"bundle/bundle.json: {SHARE}a finite number",
    ),
    "huge thresholds": (
        as_json(INFO, thresholds=all_values(1e308)),
        f"bundle/bundle.json: {SHARE}less than or equal to 1",
    ),
    "negative thresholds": (
        as_json(INFO, thresholds=all_values(-0.5)),
        f"bundle/bundle.json: {SHARE}greater than or equal to 0",
    ),
    "no thresholds": (as_json(INFO, thresholds={}), "patterns with a threshold: []; ['bearish_engulfing', "),
    "classes in another order": (
        as_json(INFO, classes=lambda old: [old[0], *old[:0:-1]]),
        "classes of the model: ['O', ",
    ),
    "a calibrator of other classes": (
        as_json("calibrator.json", classes=lambda old: [old[0], *old[:0:-1]]),
        "classes of the calibrator: ['O', ",
    ),
    "no delay": (as_json(INFO, delay=0), "delay: "),
    "no required history": (as_json(INFO, required_history=0), "required history: "),
    "a scale that is not its own": (as_json(INFO, window=7), "window: 6; 7, which bundle.json says"),
    "columns that are not its own": (as_json(INFO, columns=lambda old: old[::-1]), "columns: ['"),
    "volume that it does not need": (
        as_json(INFO, needs_volume=["x"]),
        "extractors that need volume: []; ['x'], which ",
    ),
    "another model's name": (
        as_json(INFO, model_name="other"),
        "model served version ",
    ),
    "a name that is a path": (
        as_json(INFO, model_name="../../etc/passwd"),
        "bundle/bundle.json: model_name: String should match pattern",
    ),
    "another run": (as_json(INFO, run_id="0" * 32), "model served version "),
    "no run": (as_json(INFO, run_id=""), "bundle/bundle.json: run_id: String should match pattern"),
    "no timeframe": (
        as_json(INFO, timeframes=[]),
        "bundle/bundle.json: timeframes: Tuple should have at least 1 item after validation, not 0; ",
    ),
    "a timeframe that is none": (
        as_json(INFO, timeframes=["1d", "abc"]),
        "bundle/bundle.json: timeframes.1: String should match pattern",
    ),
    "a colour that is code": (
        as_json(INFO, label_colors={"bullish_engulfing": "javascript:alert(1)"}),
        "bundle/bundle.json: label_colors.bullish_engulfing: String should match pattern",
    ),
    "text that turns": (
        as_json(INFO, experiment_name="a\u202eb"),
        "bundle/bundle.json: experiment_name: String should match pattern",
    ),
    "coverage beyond all calendars": (
        as_json(INFO, coverage=[{"pair": "A", "timeframe": "1d", "ranges": [[-(10**40), 10**40]]}]),
        "bundle/bundle.json: coverage.0.ranges.0.0: ",
    ),
    "a score that is none": (
        as_json(INFO, metrics=lambda old: {**old, "accuracy": 1e9}),
        "bundle/bundle.json: metrics.accuracy: Input should be less than or equal to 1",
    ),
    "a time beyond all calendars": (
        as_json(INFO, trained_at=10**18),
        "bundle/bundle.json: trained_at: Input should be less than or equal to 253402300799",
    ),
    "a name outside": (
        manifest_names("../../../outside"),
        "bundle/manifest.json: the file name '../../../outside'; fixed names and model/ with plain names",
    ),
    "an absolute name": (
        manifest_names("/etc/passwd"),
        "bundle/manifest.json: the file name 'passwd'; fixed names and model/ with plain names",
    ),
    "a name through the model's folder": (
        manifest_names("model/../../outside"),
        "bundle/manifest.json: the file name 'model/../../outside'; fixed names and model/ with plain names",
    ),
}


def trapped(project: Any, folder: Path, trap: Trap) -> int:
    """The version of a bundle changed by somebody who can seal it anew and write the registry's tag, too."""
    bundle = project.copied_bundle(folder)
    trap(bundle, folder / "canary")
    manifest = (bundle / MANIFEST).read_bytes()
    listed = set(json.loads(manifest)["files"]) <= set(FILES)
    digest = seal(bundle) if listed else hashlib.sha256(manifest).hexdigest()
    version: int = project.register_as(bundle, digest)
    return version


def test_a_consistent_trap_is_refused_by_what_is_in_it(start: Any, project: Any, tmp_path: Path, body: Any) -> None:
    """Where manifest and registered digest were changed along, the contents are refused; no code in them has run."""
    client = start().client
    client.wait_until_ready(True)
    before = client.post("/predict", body).json
    for number, (name, (trap, reason)) in enumerate(SEALED.items()):
        folder = tmp_path / str(number)
        detail = assert_refused(client, trapped(project, folder, trap), tmp_path, name)
        assert detail.startswith(reason), (name, detail)
        assert not (folder / "canary").exists(), name
        assert client.post("/predict", body).json == before, name


@pytest.mark.parametrize("name", ["a pickle for the trees", "a pickle in the golden rows", "huge thresholds"])
def test_a_trap_at_the_start_is_refused(
    start: Any, own_registry: Path, project: Any, tmp_path: Path, body: Any, name: str
) -> None:
    """With the alias at a trap the service starts without a model, says why and serves the next good one."""
    trap, reason = SEALED[name]
    version = trapped(project, tmp_path / "trap", trap)
    (tmp_path / "mlflow.db").write_bytes((project.root / "mlflow.db").read_bytes())
    config = load_config(own_registry, ())
    registry = project.registry_at(tmp_path)
    registry.promote(version, "champion")
    client = start(config, wait=False).client
    expected = f"model: refused: version {version}: {reason}"
    found = client.wait_until_ready(False, told=expected)
    assert client.post("/predict", body).json["detail"] == found.json["detail"]
    assert client.get("/health").status == 200
    assert not (tmp_path / "trap" / "canary").exists()
    registry.promote(1, "champion")
    client.wait_for_model("1")
