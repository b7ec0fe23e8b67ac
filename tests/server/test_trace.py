"""`GET /model/trace`: what a version was made of."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from candle_ml.bundle import EFFECTIVE, PIPELINE
from candle_ml.config import load_config
from candle_ml.trace import Trace


@pytest.mark.parametrize("version", [1, 2])
def test_a_version_leads_back_to_its_run_data_and_code(client: Any, project: Any, version: int) -> None:
    """Run, annotations, configuration and packages are those of the bundle, of the served version and of another."""
    client.wait_until_ready(True)
    found = client.get(f"/model/trace?version={version}")
    assert found.status == 200
    told = Trace.model_validate_json(found.body)
    info, bundle = project.loaded(version).info, project.bundles[version - 1]
    registered = project.registry.find(version=version)
    assert (told.version, told.run_id, told.digest) == (version, info.run_id, registered.digest)
    assert (told.annotations, told.versions, told.config_hash) == (info.annotations, info.versions, info.config_hash)
    assert told.pipeline == (bundle / PIPELINE).read_text()
    assert told.effective == (bundle / EFFECTIVE).read_text()
    assert (told.run_status, told.mismatches) == ("finished", ())


def test_without_a_version_it_is_the_served_one(client: Any) -> None:
    """The answer is that to the served version's number."""
    client.wait_until_ready(True)
    assert client.get("/model/trace").json == client.get("/model/trace?version=1").json


BAD_QUERIES = {
    "a version there is not": ("version=9999", 404, "model served: no version 9999; a version that GET /models lists"),
    "a path": ("version=../1", 422, 'version: "../1"; a version number'),
    "zero": ("version=0", 422, 'version: "0"; a version number'),
    "nothing": ("version=", 422, 'version: ""; a version number'),
    "an alias": ("version=champion", 422, 'version: "champion"; a version number'),
    "two versions": ("version=1&version=2", 422, "version: given 2 times; once"),
    "an unknown parameter": ("run=1", 422, 'run: "1"; no such key'),
}


@pytest.mark.parametrize(("query", "status", "message"), BAD_QUERIES.values(), ids=BAD_QUERIES.keys())
def test_a_bad_query_says_what_would_do(client: Any, query: str, status: int, message: str) -> None:
    """What is no registered version is told so."""
    found = client.get(f"/model/trace?{query}")
    assert (found.status, found.json["detail"]) == (status, message)


def test_a_damaged_bundle_is_not_traced(client: Any, project: Any, tmp_path: Path) -> None:
    """What a changed bundle says of itself is worth nothing."""
    bundle = project.copied_bundle(tmp_path)
    (bundle / "bundle.json").write_text("{}")
    found = client.get(f"/model/trace?version={project.register(bundle)}")
    assert (found.status, found.json["type"]) == (409, "urn:candle-ml:problem:model-refused")
    assert found.json["detail"].startswith("bundle/bundle.json: its bytes have changed; SHA-256 ")


def test_what_the_registry_says_differently_is_a_mismatch(client: Any, project: Any, tmp_path: Path) -> None:
    """A version whose tags name another model type than its bundle is told as such."""
    version = project.register(project.copied_bundle(tmp_path))
    project.registry.place.client().set_model_version_tag("served", str(version), "model_type", "xgboost")
    found = client.get(f"/model/trace?version={version}").json
    assert found["mismatches"] == ["model type: xgboost in the registry, random-forest in the bundle"]


def test_the_served_version_is_traced_while_registry_and_state_are_away(
    start: Any, own_registry: Path, tmp_path: Path
) -> None:
    """Its own bundle tells all but the state of its run; of other versions the answer is a 503."""
    client = start(load_config(own_registry, ())).client
    whole = client.get("/model/trace").json
    client.wait_until_ready(True)
    (tmp_path / "mlflow.db").write_bytes(b"this is no database" * 1000)
    (tmp_path / ".candle-ml" / "state.db").rename(tmp_path / "moved.db")
    client.wait_until_ready(False)
    end = time.monotonic() + 30
    while client.get("/models").status == 200 and time.monotonic() < end:
        time.sleep(0.05)
    for query in ("", "?version=1"):
        found = client.get(f"/model/trace{query}")
        assert found.status == 200
        assert {**found.json, "missing": [], "run_status": None} == {**whole, "missing": [], "run_status": None}
        assert "run: the state store was not asked" in found.json["missing"]
    other = client.get("/model/trace?version=2")
    assert (other.status, other.json["type"]) == (503, "urn:candle-ml:problem:tracking-away")
    assert other.json["detail"] == "the model registry does not answer; try again later"
    assert str(tmp_path) not in json.dumps(other.json)


def test_without_a_model_there_is_nothing_to_trace(start: Any, own_registry: Path) -> None:
    """The advice is that of every other route."""
    client = start(load_config(own_registry, ("registry.model_name=unseen",)), wait=False).client
    advice = "model: no version of unseen at alias 'champion'; train one with: candle-ml train"
    client.wait_until_ready(False, told=advice)
    assert (client.get("/model/trace").status, client.get("/model/trace").json["detail"]) == (503, advice)
