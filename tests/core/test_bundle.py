"""Bundles: what is sealed is what is opened, and nothing is parsed before its hash is proven."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from candle_ml.bundle import BundleInfo, Versions, check_files, model_hash, open_bundle, seal
from candle_ml.errors import BundleError

INFO = BundleInfo(
    model_name="patterns",
    model_type="xgboost",
    experiment_name="patterns",
    run_id="r1",
    trained_at=1_700_000_000,
    seed=0,
    classes=("O", "flag"),
    label_colors={"flag": "#0072b2"},
    thresholds={"flag": 0.5},
    lengths={"flag": 12},
    timeframes=("1d",),
    window=24,
    lookback=100,
    required_history=146,
    delay=22,
    columns=("rsi_14",),
    needs_volume=(),
    config_hash="c",
    data_hash="d",
    versions=Versions(python="3.11.7", packages={}),
)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    folder = tmp_path / "bundle"
    (folder / "model").mkdir(parents=True)
    (folder / "model" / "model.ubj").write_bytes(b"model bytes")
    (folder / "bundle.json").write_text(INFO.model_dump_json(), "utf-8")
    for name in ("pipeline.yaml", "effective.yaml", "calibrator.json", "golden.npz"):
        (folder / name).write_text(name, "utf-8")
    seal(folder)
    return folder


def rewrite_manifest(folder: Path, change: Callable[[dict[str, object]], None]) -> None:
    path = folder / "manifest.json"
    content = json.loads(path.read_text("utf-8"))
    change(content)
    path.write_text(json.dumps(content), "utf-8")


def test_a_sealed_bundle_opens_with_its_digest(bundle: Path) -> None:
    """The digest that sealing returns is the one that opening proves."""
    digest = seal(bundle)
    opened = open_bundle(bundle, digest)
    assert opened.info == INFO
    assert opened.digest == digest == hashlib.sha256((bundle / "manifest.json").read_bytes()).hexdigest()


def test_a_changed_byte_in_any_file_is_named(bundle: Path) -> None:
    """Every file but the manifest is covered by it."""
    for path in sorted(p for p in bundle.rglob("*") if p.is_file() and p.name != "manifest.json"):
        content = path.read_bytes()
        path.write_bytes(bytes([content[0] ^ 1]) + content[1:])
        name = f"bundle/{path.relative_to(bundle).as_posix()}"
        with pytest.raises(BundleError, match=f"^{name}: its bytes have changed; SHA-256 "):
            open_bundle(bundle)
        path.write_bytes(content)


def test_a_changed_manifest_is_caught_by_the_digest_outside(bundle: Path) -> None:
    """Somebody who rewrites a file and the manifest cannot rewrite the registry's digest."""
    digest = seal(bundle)
    (bundle / "model" / "model.ubj").write_bytes(b"other bytes")
    changed = seal(bundle)
    with pytest.raises(BundleError) as caught:
        open_bundle(bundle, digest)
    expected = f"digest {changed[:12]}...; {digest[:12]}..., as recorded when it was registered"
    assert str(caught.value) == f"bundle/manifest.json: {expected}"


def remove_model(folder: Path) -> None:
    (folder / "model" / "model.ubj").unlink()


def remove_info_everywhere(folder: Path) -> None:
    (folder / "bundle.json").unlink()
    seal(folder)


def add_file(folder: Path) -> None:
    (folder / "model" / "extra.py").write_text("print('run me')", "utf-8")


def link_model(folder: Path) -> None:
    target = folder / "model" / "model.ubj"
    outside = folder.parent / "outside"
    target.rename(outside)
    target.symlink_to(outside)


def link_model_folder(folder: Path) -> None:
    (folder / "model").rename(folder.parent / "elsewhere")
    (folder / "model").symlink_to(folder.parent / "elsewhere")


def make_pipe(folder: Path) -> None:
    os.mkfifo(folder / "model" / "pipe")


def name_outside(folder: Path) -> None:
    rewrite_manifest(folder, lambda content: content["files"].update({"../outside": "0" * 64}))  # type: ignore[attr-defined]


def name_absolute(folder: Path) -> None:
    rewrite_manifest(folder, lambda content: content["files"].update({"/etc/passwd": "0" * 64}))  # type: ignore[attr-defined]


def other_format(folder: Path) -> None:
    rewrite_manifest(folder, lambda content: content.update({"format": 2}))


def manifest_not_json(folder: Path) -> None:
    (folder / "manifest.json").write_text("[" * 100_000, "utf-8")


def manifest_huge(folder: Path) -> None:
    (folder / "manifest.json").write_bytes(b" " * (1 << 20) + b"{}")


def huge_configuration(folder: Path) -> None:
    os.truncate(folder / "effective.yaml", (1 << 20) + 1)


def huge_model(folder: Path) -> None:
    os.truncate(folder / "model" / "model.ubj", (2 << 30) + 1)


def no_manifest(folder: Path) -> None:
    (folder / "manifest.json").unlink()


def unknown_info(folder: Path) -> None:
    (folder / "bundle.json").write_text(INFO.model_dump_json().replace('"seed":0', '"seed":0,"evil":1'), "utf-8")
    seal(folder)


def info_of_wrong_type(folder: Path) -> None:
    (folder / "bundle.json").write_text(INFO.model_dump_json().replace('"window":24', '"window":"x"'), "utf-8")
    seal(folder)


BROKEN = {
    remove_model: "bundle/model/model.ubj: missing; the file that the manifest lists",
    remove_info_everywhere: "bundle/bundle.json: missing; a complete bundle",
    add_file: "bundle/model/extra.py: not in the manifest; only the files that were sealed",
    link_model: "bundle/model/model.ubj: a link or a special file; a regular file",
    link_model_folder: "bundle/model: a link or a special file; a regular file",
    make_pipe: "bundle/model/pipe: a link or a special file; a regular file",
    name_outside: "bundle/manifest.json: the file name '../outside'; fixed names and model/ with plain names",
    name_absolute: "bundle/manifest.json: the file name '/etc/passwd'; fixed names and model/ with plain names",
    other_format: "bundle/manifest.json: format 2; format 1; train again with this version",
    manifest_not_json: "bundle/manifest.json: not a manifest; a bundle written by candle-ml",
    manifest_huge: "bundle/manifest.json: 1048578 bytes; at most 1048576",
    huge_configuration: "bundle/effective.yaml: 1048577 bytes; at most 1048576",
    huge_model: "bundle/model/model.ubj: 2147483649 bytes; at most 2147483648",
    no_manifest: "bundle/manifest.json: missing; a bundle written by candle-ml",
    unknown_info: "bundle/bundle.json: evil: Extra inputs are not permitted; a bundle of this version of candle-ml",
    info_of_wrong_type: (
        "bundle/bundle.json: window: Input should be a valid integer, unable to parse string as an integer; "
        "a bundle of this version of candle-ml"
    ),
}


@pytest.mark.parametrize("spoil", BROKEN, ids=lambda spoil: spoil.__name__)
def test_a_spoilt_bundle_is_refused_with_the_reason(bundle: Path, spoil: Callable[[Path], None]) -> None:
    """Missing, additional, linked and badly named files are refused by name."""
    spoil(bundle)
    with pytest.raises(BundleError) as caught:
        open_bundle(bundle)
    assert str(caught.value) == BROKEN[spoil]


def link_the_bundle(folder: Path) -> None:
    folder.rename(folder.parent / "elsewhere")
    folder.symlink_to(folder.parent / "elsewhere")


def circle(folder: Path) -> None:
    (folder / "again").symlink_to(".")


def other_name(folder: Path) -> None:
    (folder / "setup.py").write_text("print('run me')", "utf-8")


STRANGE: dict[Callable[[Path], None], str] = {
    link_the_bundle: "bundle: a link or a special file; a folder",
    circle: "bundle/again: a link or a special file; a regular file",
    link_model: "bundle/model/model.ubj: a link or a special file; a regular file",
    link_model_folder: "bundle/model: a link or a special file; a regular file",
    make_pipe: "bundle/model/pipe: a link or a special file; a regular file",
    other_name: "bundle/setup.py: not a file of a bundle; fixed names and model/ with plain names",
    huge_model: "bundle/model/model.ubj: 2147483649 bytes; at most 2147483648",
}


@pytest.mark.parametrize("spoil", STRANGE, ids=lambda spoil: spoil.__name__)
def test_what_no_bundle_has_is_not_copied(bundle: Path, spoil: Callable[[Path], None]) -> None:
    """A place that a bundle is fetched from is looked at, and not one file opened, before it is copied."""
    check_files(bundle)
    spoil(bundle)
    with pytest.raises(BundleError) as caught:
        check_files(bundle)
    assert str(caught.value) == STRANGE[spoil]


def test_no_huge_file_is_sealed(bundle: Path) -> None:
    """What could not be opened again is an error where it is written."""
    huge_configuration(bundle)
    with pytest.raises(BundleError, match=r"^bundle/effective.yaml: 1048577 bytes; at most 1048576$"):
        seal(bundle)


def test_the_model_hash_covers_model_and_calibrator_only(bundle: Path) -> None:
    """Run ids and times in bundle.json do not change it; a byte of the model does."""
    before = model_hash(bundle)
    (bundle / "bundle.json").write_text("anything", "utf-8")
    assert model_hash(bundle) == before
    (bundle / "model" / "model.ubj").write_bytes(b"other bytes")
    assert model_hash(bundle) != before


def positions(folder: Path) -> list[tuple[Path, int]]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return [(path, position) for path in files for position in range(path.stat().st_size)]


def test_a_flipped_bit_at_every_position_is_caught(bundle: Path) -> None:
    """One bit of any byte of any file, the manifest included, is caught with the digest and named by its file."""
    digest = seal(bundle)
    for path, position in positions(bundle):
        content = path.read_bytes()
        changed = bytes([content[position] ^ (1 << position % 8)])
        path.write_bytes(content[:position] + changed + content[position + 1 :])
        with pytest.raises(BundleError, match=f"^bundle/{path.relative_to(bundle).as_posix()}: "):
            open_bundle(bundle, digest)
        path.write_bytes(content)


def test_a_flipped_bit_of_the_manifest_is_caught_without_a_digest(bundle: Path) -> None:
    """Where no digest is kept outside, no single bit of the manifest can change unnoticed."""
    path = bundle / "manifest.json"
    content = path.read_bytes()
    for position in range(len(content)):
        changed = bytes([content[position] ^ (1 << position % 8)])
        path.write_bytes(content[:position] + changed + content[position + 1 :])
        with pytest.raises(BundleError, match=r"^bundle/"):
            open_bundle(bundle)
