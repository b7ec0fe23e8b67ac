"""The routes about models, and what happens when there is none or its registry is away."""

from __future__ import annotations

import gc
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest

from candle_ml.bundle import INFO, seal
from candle_ml.config import load_config
from candle_ml.registry import Registry
from candle_ml.tracking import TrackingPlace
from candle_ml_server.model_schemas import ModelInfoResponse, ModelsResponse


def test_model_info_has_what_the_front_end_declares(client: Any, project: Any) -> None:
    """Field names are those of the annotator; each label has its colour and threshold."""
    found = client.get("/model/info")
    ModelInfoResponse.model_validate_json(found.body)
    info = project.loaded(1).info
    content = found.json
    expected = {
        "model_name": "served",
        "model_version": "1",
        "model_type": "random-forest",
        "experiment_name": "served",
        "run_id": info.run_id,
        "trained_at": info.trained_at,
        "feature_count": len(info.columns),
        "label_names": [name for name in info.classes if name != "O"],
    }
    beside = {
        "required_history": info.required_history,
        "window": 6,
        "timeframes": ["1d"],
        "data_version": None,
        "config_hash": info.config_hash,
        "follows": "champion",
    }
    assert {name: content[name] for name in beside} == beside
    assert content["model_info"] == expected
    assert [entry["threshold"] for entry in content["label_config"]] == [0.6] * len(expected["label_names"])
    assert all(entry["color"].startswith("#") for entry in content["label_config"])
    assert set(content["metrics"]) == {"accuracy", "f1_macro", "f1_weighted", "per_class"}
    assert (content["receipt"]["mode"], content["receipt"]["largest_difference"]) == ("exact", 0.0)


def test_models_are_listed_newest_first(client: Any) -> None:
    """Every registered version stands in the list, and the served one is active."""
    found = client.get("/models")
    ModelsResponse.model_validate_json(found.body)
    models = found.json["models"]
    versions = [int(model["version"]) for model in models]
    assert versions == sorted(versions, reverse=True)
    by_version = {model["version"]: model for model in models}
    assert by_version["1"]["active"]
    assert by_version["1"]["aliases"] == ["champion"]
    assert not by_version["2"]["active"]


def test_a_version_pins_and_an_alias_is_followed_again(start: Any, project: Any) -> None:
    """A model loaded by version or run id stays when the alias moves; one loaded by alias moves with it."""
    client = start().client
    run_id = project.registry.find(version=2).run_id
    loaded = client.post("/model/load", {"run_id": run_id}).json
    assert loaded == {"model_name": "served", "model_version": "2", "run_id": run_id, "follows": None}
    time.sleep(0.5)
    pinned = client.get("/model/info").json
    assert (pinned["model_info"]["model_version"], pinned["follows"]) == ("2", None)
    assert client.post("/model/load", {"alias": "champion"}).json["follows"] == "champion"
    following = client.get("/model/info").json
    assert (following["model_info"]["model_version"], following["follows"]) == ("1", "champion")
    assert client.post("/model/load", {"version": "2"}).json["follows"] is None
    assert client.post("/model/load", {"version": 1}).json["model_version"] == "1"


def test_moving_the_alias_swaps_the_model(start: Any, project: Any, body: Any) -> None:
    """The service notices by itself, and its answers name the new version."""
    client = start().client
    try:
        project.registry.promote(2, "champion")
        client.wait_for_model("2", seconds=30)
        assert client.post("/predict", body).json["model_version"] == "2"
        assert "candle_ml_model_swaps_total 2.0" in client.get("/metrics").body.decode()
    finally:
        project.registry.promote(1, "champion")
    client.wait_for_model("1", seconds=30)


BAD_LOADS = {
    "no such version": ({"version": 9999}, 404, "model served: no version 9999; a version that GET /models lists"),
    "no such alias": ({"alias": "nobody"}, 404, "model served: no alias 'nobody'; a version that GET /models lists"),
    "no such run": (
        {"run_id": "0" * 32},
        404,
        f"model served: no run {'0' * 32}; a version that GET /models lists",
    ),
    "nothing": ({}, 422, "body: an object of 0 keys; name exactly one of version, alias and run_id"),
    "two things": (
        {"version": 1, "alias": "champion"},
        422,
        "body: an object of 2 keys; name exactly one of version, alias and run_id",
    ),
    "a long body": (
        {"alias": "a" * 5000},
        413,
        "a body of this route may have at most 4096 bytes",
    ),
    "a path as run id": ({"run_id": "../../etc"}, 422, 'run_id: "../../etc"; a run id of 32 hexadecimal digits'),
    "a path as version": ({"version": "../1"}, 422, 'version: "../1"; a version number'),
    "a path as alias": ({"alias": "../x"}, 422, 'alias: "../x"; an alias of lower-case letters, digits, _ and -'),
}


@pytest.mark.parametrize(("request_body", "status", "message"), BAD_LOADS.values(), ids=BAD_LOADS.keys())
def test_a_load_that_names_nothing_is_refused(client: Any, request_body: Any, status: int, message: str) -> None:
    """What is no registered version is told so; nothing changes."""
    found = client.post("/model/load", request_body)
    assert (found.status, found.json["detail"]) == (status, message)
    assert client.get("/model/info").json["model_info"]["model_version"] == "1"


def change_byte(bundle: Path, name: str) -> None:
    content = bytearray((bundle / name).read_bytes())
    content[len(content) // 2] ^= 1
    (bundle / name).write_bytes(content)


def test_a_model_of_other_package_versions_is_served_where_it_is_proven_equal(
    start: Any, project: Any, tmp_path: Path
) -> None:
    """The receipt names the versions that differ."""
    client = start().client
    bundle = project.copied_bundle(tmp_path)
    info = json.loads((bundle / INFO).read_text())
    info["versions"]["packages"]["numpy"] = "1.0"
    (bundle / INFO).write_text(json.dumps(info))
    version = project.register_as(bundle, seal(bundle))
    assert client.post("/model/load", {"version": version}).status == 200
    receipt = client.get("/model/info").json["receipt"]
    assert receipt["mode"] == "equal"
    assert receipt["differing"][0].startswith("numpy: made with 1.0, here ")


def test_a_refused_version_at_the_alias_leaves_the_old_one(start: Any, project: Any, tmp_path: Path) -> None:
    """The alias points at a damaged version: the service keeps its model, and recovers when the alias moves on."""
    client = start().client
    bundle = project.copied_bundle(tmp_path)
    change_byte(bundle, "calibrator.json")
    version = project.register(bundle)
    try:
        project.registry.promote(version, "champion")
        end = time.monotonic() + 30
        while client.get("/ready").json["status"] == "ready" and time.monotonic() < end:
            time.sleep(0.1)
        detail = client.get("/ready").json["checks"][2]["detail"]
        assert detail.startswith(f"version {version}: bundle/calibrator.json: its bytes have changed")
        assert client.get("/model/info").json["model_info"]["model_version"] == "1"
        project.registry.promote(2, "champion")
        client.wait_for_model("2", seconds=30)
        assert client.get("/ready").json["status"] == "ready"
    finally:
        project.registry.promote(1, "champion")


def test_versions_that_somebody_else_registered(start: Any, own_registry: Path, tmp_path: Path) -> None:
    """A version without candle-ml's tags, or with useless ones, is listed and refused; it hides no other."""
    client = start(load_config(own_registry, ())).client
    registry = Registry(TrackingPlace.of(None, tmp_path), "served").place.client()
    useless = {"f1_macro": "nan", "trained_at": "-5", "run_id": "<b>"}
    numbers = [registry.create_model_version("served", "file:///x", tags=tags).version for tags in ({}, useless)]
    listed = client.get("/models")
    assert listed.status == 200
    models = {model["version"]: model for model in listed.json["models"]}
    assert [models[str(number)]["f1_macro"] for number in numbers] == [None, None]
    assert client.post("/model/load", {"version": 1}).json["model_version"] == "1"
    for number in numbers:
        refused = client.post("/model/load", {"version": int(number)})
        detail = f"model served version {number}: no digest recorded; a version that candle-ml registered"
        assert (refused.status, refused.json["detail"]) == (409, detail)


def test_without_a_model_the_service_says_to_train_one(
    start: Any, own_registry: Path, body: Any, project: Any, tmp_path: Path
) -> None:
    """It starts, answers 503 with advice, and picks up the first model that appears."""
    config = load_config(own_registry, ("registry.model_name=unseen",))
    client = start(config, wait=False).client
    advice = "model: no version of unseen at alias 'champion'; train one with: candle-ml train"
    end = time.monotonic() + 60
    while client.get("/ready").json["detail"] != advice and time.monotonic() < end:
        time.sleep(0.1)
    for found in (client.post("/predict", body), client.get("/model/info"), client.get("/ready")):
        assert (found.status, found.json["detail"]) == (503, advice)
    assert client.get("/health").status == 200
    assert client.get("/models").json == {"model_name": "unseen", "models": []}
    registry = Registry(TrackingPlace.of(None, tmp_path), "unseen")
    registry.place.client().create_registered_model("unseen")
    bundle = project.copied_bundle(tmp_path / "kept")
    (bundle / INFO).write_text((bundle / INFO).read_text().replace('"model_name": "served"', '"model_name": "unseen"'))
    project.register_as(bundle, seal(bundle), registry)
    registry.promote(1, "champion")
    client.wait_for_model("1")
    assert client.post("/predict", body).status == 200


def test_a_registry_that_goes_away_leaves_the_model_serving(
    start: Any, own_registry: Path, tmp_path: Path, body: Any
) -> None:
    """Predictions go on, `/ready` is degraded with 200, and what needs the registry says that it does not answer."""
    client = start(load_config(own_registry, ())).client
    (tmp_path / "mlflow.db").write_bytes(b"this is no database" * 1000)
    end = time.monotonic() + 30
    while client.get("/ready").json["status"] == "ready" and time.monotonic() < end:
        time.sleep(0.1)
    ready = client.get("/ready")
    assert (ready.status, ready.json["status"]) == (200, "degraded")
    assert ready.json["checks"][1] == {
        "name": "tracking",
        "ok": False,
        "detail": "does not answer; see the log of the service",
    }
    assert client.post("/predict", body).status == 200
    details = (
        "the model registry does not answer; try again later",
        "the model registry does not answer; the model that is loaded keeps serving",
    )
    asked = (client.get("/models"), client.post("/model/load", {"version": 2}))
    for found, detail in zip(asked, details, strict=True):
        assert (found.status, found.json["type"]) == (503, "urn:candle-ml:problem:tracking-away")
        assert found.json["detail"] == detail
        assert str(tmp_path) not in found.body.decode()


def test_folders_of_dropped_models_are_removed(start: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After several swaps only the served model has a folder, and none when the service has ended."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def folders() -> set[Path]:
        gc.collect()
        return set(tmp_path.glob("candle-ml-model-*"))

    before = folders()
    service = start()
    for version in (2, 1, 2):
        assert service.client.post("/model/load", {"version": version}).status == 200
    assert len(folders() - before) == 1
