"""Booby-trapped bundles through the running service: refused with a reason, and nothing in them runs."""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

from candle_ml.bundle import EFFECTIVE, INFO, MANIFEST, seal

from ..plugins.models_tree.test_tree_forest_file import Touch

MODEL, META = "model/model.skops", "model/meta.json"
FILES = (
    MANIFEST,
    INFO,
    "pipeline.yaml",
    EFFECTIVE,
    "calibrator.json",
    "golden.npz",
    "out_of_fold.npz",
    "exemplars.npz",
    "suggestions.json",
    META,
    MODEL,
)


def change_byte(bundle: Path, name: str) -> None:
    content = bytearray((bundle / name).read_bytes())
    content[len(content) // 2] ^= 1
    (bundle / name).write_bytes(content)


def add_file(bundle: Path) -> None:
    (bundle / "model" / "more.bin").write_bytes(b"x")


def link_file(bundle: Path) -> None:
    target = bundle / META
    moved = bundle.parent / "elsewhere.json"
    moved.write_bytes(target.read_bytes() + b" ")
    target.unlink()
    target.symlink_to(moved)


def link_nowhere(bundle: Path) -> None:
    (bundle / META).unlink()
    (bundle / META).symlink_to(bundle.parent / "nowhere")


def link_folder(bundle: Path) -> None:
    (bundle / "model" / "more").symlink_to(bundle.parent)


def link_model_folder(bundle: Path) -> None:
    (bundle / "model").rename(bundle.parent / "model")
    (bundle / "model").symlink_to(bundle.parent / "model")


def link_perfect_copy(bundle: Path) -> None:
    (bundle / INFO).rename(bundle.parent / "info.json")
    (bundle / INFO).symlink_to(bundle.parent / "info.json")


def link_bundle(bundle: Path) -> None:
    bundle.rename(bundle.parent / "elsewhere")
    bundle.symlink_to(bundle.parent / "elsewhere")


def link_to_itself(bundle: Path) -> None:
    for name in ("a", "b"):
        (bundle / name).symlink_to(".")


CHANGED: dict[str, Callable[[Path], object]] = {
    **{f"a changed byte in {name}": lambda bundle, name=name: change_byte(bundle, name) for name in FILES},
    **{f"without {name}": lambda bundle, name=name: (bundle / name).unlink() for name in FILES},
    "an additional file": add_file,
    "a link to another file": link_file,
    "a link to nowhere": link_nowhere,
    "a link to a folder": link_folder,
    "a link to a perfect copy of a file": link_perfect_copy,
    "a link to the model's folder": link_model_folder,
    "a link to the whole bundle": link_bundle,
    "links without end": link_to_itself,
    "a pipe": lambda bundle: os.mkfifo(bundle / "pipe"),
    "a file that no bundle has": lambda bundle: (bundle / "setup.py").write_bytes(b"x"),
    "a file of 3 GB": lambda bundle: os.truncate(bundle / MODEL, 3 << 30),
}


def test_a_bundle_has_no_file_that_these_tests_do_not_change(project: Any) -> None:
    """The files above are all there are."""
    bundle = project.bundles[0]
    assert {path.relative_to(bundle).as_posix() for path in bundle.rglob("*") if path.is_file()} == set(FILES)


def assert_refused(client: Any, version: int, tmp_path: Path, name: str) -> str:
    """The reason that `/model/load` gives; `/ready` gives the same, and the old model serves."""
    found = client.post("/model/load", {"version": version})
    assert (found.status, found.json["type"]) == (409, "urn:candle-ml:problem:model-refused"), name
    assert str(tmp_path) not in found.body.decode(), name
    detail: str = found.json["detail"].partition(" (and ")[0]
    ready = client.get("/ready").json
    assert ready["status"] == "degraded", name
    assert f"version {version}: {detail}" in ready["checks"][2]["detail"], name
    assert client.get("/model/info").json["model_info"]["model_version"] == "1", name
    assert "could not be loaded" not in detail, name
    return detail


def test_a_bundle_that_was_changed_is_refused(start: Any, project: Any, tmp_path: Path, body: Any) -> None:
    """A file changed, missing, additional or linked: the old model serves, and every answer says why."""
    client = start().client
    client.wait_until_ready(True)
    for number, (name, trap) in enumerate(CHANGED.items()):
        bundle = project.copied_bundle(tmp_path / str(number))
        trap(bundle)
        assert_refused(client, project.register(bundle), tmp_path, name)
        assert client.post("/predict", body).json["model_version"] == "1", name
    assert client.post("/model/load", {"version": 2}).status == 200
    assert client.get("/ready").json["status"] == "ready"


def test_a_changed_and_sealed_bundle_is_refused_by_its_registered_digest(
    start: Any, project: Any, tmp_path: Path
) -> None:
    """Whoever changes a bundle and its manifest does not know the digest that stands in the registry."""
    client = start().client
    bundle = project.copied_bundle(tmp_path)
    info = json.loads((bundle / INFO).read_text())
    (bundle / INFO).write_text(json.dumps({**info, "model_name": "other"}))
    seal(bundle)
    found = client.post("/model/load", {"version": project.register(bundle)})
    assert found.status == 409
    assert "as recorded when it was registered" in found.json["detail"]


def test_no_byte_reaches_a_parser_before_every_hash_is_proven(start: Any, project: Any, tmp_path: Path) -> None:
    """Of files that no parser could read and one that has changed, whichever it is, the changed one is told."""
    client = start().client
    for number, name in enumerate(FILES[1:]):
        bundle = project.copied_bundle(tmp_path / str(number))
        for other in FILES[1:]:
            (bundle / other).write_bytes(pickle.dumps(Touch(tmp_path / "canary")))
        digest = seal(bundle)
        (bundle / name).write_bytes(b"changed")
        detail = assert_refused(client, project.register_as(bundle, digest), tmp_path, name)
        assert detail.startswith(f"bundle/{name}: its bytes have changed; SHA-256 "), name
    assert not (tmp_path / "canary").exists()
