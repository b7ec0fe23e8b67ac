"""Damage of a trained project, wherever it is: named by training and trace before anything is used."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from candle_ml.cli import main
from candle_ml.errors import BundleError
from candle_ml.inference import load_model

from .conftest import Traced

Damage = Callable[[bytes], bytes]
DAMAGES: dict[str, Damage] = {
    "first byte": lambda content: bytes([content[0] ^ 1]) + content[1:],
    "middle byte": lambda content: flipped(content, len(content) // 2, 0x80),
    "last byte": lambda content: flipped(content, len(content) - 1, 4),
    "cut": lambda content: content[:-1],
    "grown": lambda content: content + b"\0",
    "zeros": lambda content: bytes(len(content)),
}
PLACES = ("folder", "cache", "remote")
KEPT_FILES = ("candles/0001_IBM_1d.parquet", "annotations.parquet", "manifest.json")
BUNDLE_FILES = ("model/model.skops", "bundle.json", "golden.npz", "effective.yaml")


def flipped(content: bytes, position: int, bit: int) -> bytes:
    return content[:position] + bytes([content[position] ^ bit]) + content[position + 1 :]


@contextmanager
def damaged(path: Path, damage: Damage) -> Iterator[None]:
    """A file with other bytes for a while."""
    content, mode = path.read_bytes(), path.stat().st_mode
    path.chmod(0o644)
    path.write_bytes(damage(content))
    try:
        yield
    finally:
        path.write_bytes(content)
        path.chmod(mode)


def kept_copy(traced: Traced, place: str, name: str) -> Path:
    """Where the version's folder, DVC's cache or the remote has one of a data version's files."""
    own = traced.root / "data" / "versions" / str(traced.whole.data_version) / name
    if place == "folder":
        return own
    cache, remote = traced.root / ".dvc" / "cache", traced.root.with_name(f"{traced.root.name}-dvc-remote")
    objects = (cache if place == "cache" else remote).rglob("*")
    return next(path for path in objects if path.is_file() and path.read_bytes() == own.read_bytes())


def candle_ml(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


@pytest.mark.parametrize(
    ("place", "damage", "name"),
    [(*case, KEPT_FILES[number % 3]) for number, case in enumerate(product(PLACES, DAMAGES))],
)
def test_damaged_data(traced: Traced, monkeypatch: pytest.MonkeyPatch, place: str, damage: str, name: str) -> None:
    """Training on a damaged version ends before a run begins, and trace has a mismatch; both name the damaged file."""
    monkeypatch.chdir(traced.root)
    path = kept_copy(traced, place, name)
    runs = sorted((traced.root / ".candle-ml" / "runs").iterdir())
    with damaged(path, DAMAGES[damage]):
        trained = candle_ml("train", "--data-version", str(traced.whole.data_version))
        shown = candle_ml("trace", "1")
    assert trained.exit_code == 3
    assert trained.stderr.startswith(f"{path}: its bytes have changed; ")
    assert sorted((traced.root / ".candle-ml" / "runs").iterdir()) == runs
    assert shown.exit_code == 1
    assert f"\nmismatch       {path}: its bytes have changed; " in shown.stdout


@pytest.mark.parametrize(("damage", "name"), list(product(DAMAGES, BUNDLE_FILES)))
def test_a_damaged_bundle(traced: Traced, monkeypatch: pytest.MonkeyPatch, damage: str, name: str) -> None:
    """A bundle that is damaged where the registry keeps it is named by trace and by loading, and by no file more."""
    monkeypatch.chdir(traced.root)
    version = traced.registry.find(version=1)
    with damaged(registered_bundle(traced) / name, DAMAGES[damage]):
        shown = candle_ml("trace", "1")
        with pytest.raises(BundleError) as caught:
            load_model(registered_bundle(traced), version.digest)
    assert (shown.exit_code, shown.stdout) == (6, "")
    assert shown.stderr == f"{caught.value}\n{kept_in(traced)}"
    assert str(caught.value).startswith(f"bundle/{name}: its bytes have changed; SHA-256 ")


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_manifest(traced: Traced, monkeypatch: pytest.MonkeyPatch, damage: str) -> None:
    """A bundle's damaged manifest is named with the digest that the registry has."""
    monkeypatch.chdir(traced.root)
    version = traced.registry.find(version=1)
    with damaged(registered_bundle(traced) / "manifest.json", DAMAGES[damage]):
        shown = candle_ml("trace", "1")
    assert shown.exit_code == 6
    assert shown.stderr.startswith("bundle/manifest.json: digest ")
    recorded = f"; {version.digest[:12]}..., as recorded when it was registered\n"
    assert shown.stderr.endswith(recorded + kept_in(traced))


@pytest.mark.parametrize("command", ["predict", "reproduce"])
def test_where_a_damaged_bundle_is(traced: Traced, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    """What works with a registered version tells, after the damaged file, where the bundle is and what would do."""
    monkeypatch.chdir(traced.root)
    words = {"predict": ("predict", "-m", "1"), "reproduce": ("reproduce", "1")}[command]
    with damaged(registered_bundle(traced) / "golden.npz", DAMAGES["cut"]):
        told = candle_ml(*words)
    assert told.exit_code == 6
    first, second = told.stderr.splitlines(keepends=True)
    assert first.startswith("bundle/golden.npz: its bytes have changed; SHA-256 ")
    assert second == kept_in(traced)


def test_where_a_damaged_folder_is(traced: Traced, tmp_path: Path) -> None:
    """A bundle that is named by its folder is told by that."""
    bundle = shutil.copytree(traced.whole.folder / "bundle", tmp_path / "copy")
    (bundle / "golden.npz").unlink()
    told = candle_ml("predict", "--bundle", str(bundle), "-c", str(traced.root / "config" / "pipeline.yaml"))
    assert (told.exit_code, told.stderr) == (
        6,
        "copy/golden.npz: missing; the file that the manifest lists\n"
        f"{bundle}: the bundle; restore it from a backup, use another one or train again\n",
    )


def kept_in(traced: Traced) -> str:
    """How it is told where version 1 is."""
    what = f"the bundle of {traced.registry.name} version 1"
    return f"{registered_bundle(traced)}: {what}; restore it from a backup, use another version or train again\n"


def registered_bundle(traced: Traced) -> Path:
    """Where version 1's bundle is kept for the registry."""
    digest = (traced.whole.folder / "bundle" / "manifest.json").read_bytes()
    found = (traced.root / "mlartifacts").rglob("bundle")
    return next(folder for folder in found if (folder / "manifest.json").read_bytes() == digest)
