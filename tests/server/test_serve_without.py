"""`candle-ml serve` as a process without a model, with one of other versions, and without its registry."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from candle_ml.bundle import INFO, seal

from .services import free_port


def copy_registry(project: Any, folder: Path) -> None:
    (folder / "mlflow.db").write_bytes((project.root / "mlflow.db").read_bytes())


def test_without_a_model_it_starts_and_waits_for_one(
    serve_process: Any, own_registry: Path, project: Any, tmp_path: Path, body: Any
) -> None:
    """It says to train one, picks up the first that is registered, and ends with 0."""
    process, client = serve_process(root=tmp_path, overrides=("registry.alias=first",), wait=False)
    advice = "model: no version of served at alias 'first'; train one with: candle-ml train"
    assert client.wait_until_ready(False, told=advice).json["type"] == "urn:candle-ml:problem:not-ready"
    found = client.post("/predict", body)
    assert (found.status, found.json["type"]) == (503, "urn:candle-ml:problem:no-model")
    assert client.get("/health").status == 200
    project.registry_at(tmp_path).promote(2, "first")
    client.wait_for_model("2")
    assert client.post("/predict", body).json["model_version"] == "2"
    process.process.send_signal(signal.SIGTERM)
    assert process.end() == 0


def add_to_golden(bundle: Path, difference: float) -> None:
    """Move the recorded probabilities of a bundle."""
    with np.load(bundle / "golden.npz") as stored:
        content = dict(stored)
    content["0.probabilities"] = content["0.probabilities"] + difference
    buffer = BytesIO()
    np.savez(buffer, **content)
    (bundle / "golden.npz").write_bytes(buffer.getvalue())


def of_other_versions(project: Any, folder: Path, change: Callable[[Path], object]) -> int:
    """A version that says that another Python and another numpy made it."""
    bundle = project.copied_bundle(folder)
    info = json.loads((bundle / INFO).read_text())
    info["versions"]["python"] = "3.9.0"
    info["versions"]["packages"]["numpy"] = "1.0"
    (bundle / INFO).write_text(json.dumps(info))
    change(bundle)
    version: int = project.register_as(bundle, seal(bundle))
    return version


def test_a_model_of_other_versions_is_proven_equal_or_refused(
    serve_process: Any, own_registry: Path, project: Any, tmp_path: Path, body: Any
) -> None:
    """Further off than 1e-6 it is refused, with what differs; within that it is served, and the receipt says so."""
    refused = of_other_versions(project, tmp_path / "refused", lambda bundle: add_to_golden(bundle, 1e-5))
    equal = of_other_versions(project, tmp_path / "equal", lambda bundle: add_to_golden(bundle, 1e-8))
    copy_registry(project, tmp_path)
    registry = project.registry_at(tmp_path)
    registry.promote(refused, "champion")
    _, client = serve_process(root=tmp_path, wait=False)
    told = f"model: refused: version {refused}: golden rows: features differ by 0 ulp, probabilities by 1e-05; at most"
    detail = client.wait_until_ready(False, told=told).json["detail"]
    assert "at most 4 ulp and 1e-06 (Python: made with 3.9.0, here 3." in detail
    assert "; numpy: made with 1.0, here 2." in detail
    assert client.post("/predict", body).status == 503
    registry.promote(equal, "champion")
    client.wait_for_model(str(equal))
    receipt = client.get("/model/info").json["receipt"]
    assert receipt["mode"] == "equal"
    assert 0 < receipt["largest_difference"] <= 1e-6
    assert receipt["differing"][0].startswith("Python: made with 3.9.0, here 3.")


def test_a_registry_that_goes_away_and_one_that_never_was(
    serve_process: Any, own_registry: Path, project: Any, tmp_path: Path, body: Any
) -> None:
    """What is loaded keeps serving and `/ready` is 200 and `degraded`; without a model the reason is told; both end."""
    address = f"tracking.uri=http://127.0.0.1:{free_port()}"
    early, waiting = serve_process(root=tmp_path, overrides=(address,), wait=False)
    process, client = serve_process(root=tmp_path)
    client.wait_until_ready(True)
    (tmp_path / "mlflow.db").write_bytes(b"this is no database" * 1000)
    client.wait_until_ready(True, status="degraded")
    assert client.post("/predict", body).json["model_version"] == "1"
    assert client.get("/models").status == 503
    advice = "model: the model registry does not answer; start it; the log of the service says more"
    waiting.wait_until_ready(False, told=advice)
    assert waiting.get("/health").status == 200
    for ended in (early, process):
        ended.process.send_signal(signal.SIGTERM)
        assert ended.end() == 0
    events = [json.loads(line)["event"] for line in process.lines]
    told = [event for event in events if event.startswith("registry ")]
    assert told[-1] == "registry away"
    assert all(event != following for event, following in pairwise(told))
    assert events[-1] == "stopped"
