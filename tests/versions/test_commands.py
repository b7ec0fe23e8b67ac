"""`candle-ml data snapshot`, `list` and `checkout` as a user types them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from candle_ml.cli import main
from candle_ml.demo import write_demo

from .conftest import flip


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The demo, with one series only, as the current folder."""
    root = tmp_path / "project"
    write_demo(root)
    for path in (*root.glob("data/*/[A-EG-Z]*"),):
        path.unlink()
    monkeypatch.chdir(root)
    return root


def candle_ml(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def test_snapshot_list_checkout(here: Path) -> None:
    """A snapshot is kept, listed and restored; the same again is told to be the same."""
    made = candle_ml("data", "snapshot")
    assert made.exit_code == 0, made.output
    first, second, third = made.stdout.splitlines()
    name = first.split()[2].rstrip(":")
    assert first.startswith(f"data version {name}: 1 series, 196 candles, ")
    assert second == f"kept: {here / 'data' / 'versions' / name}"
    assert third == f"copies: {here.with_name('project-dvc-remote')}"
    assert candle_ml("data", "snapshot").stdout.splitlines()[1].startswith("kept before, and intact: ")
    shutil.rmtree(here / "data" / "versions" / name)
    header, row = candle_ml("data", "list").stdout.splitlines()
    assert header.split()[-3:] == ["FOLDER", "CACHE", "REMOTE"]
    assert (row.split()[0], row.split()[2], row.split()[-3:]) == (name, "196", ["missing", "there", "there"])
    assert candle_ml("data", "checkout", name).stdout.splitlines()[1].startswith("restored, every file proven: ")
    assert candle_ml("data", "list", "--prove").stdout.splitlines()[1].split()[-3:] == ["intact"] * 3


def test_json(here: Path) -> None:
    """With --json every command prints what it found."""
    made = json.loads(candle_ml("data", "snapshot", "--json").stdout)
    assert (made["new"], made["series"][0]["pair"]) == (True, "FB")
    (row,) = json.loads(candle_ml("data", "list", "--json").stdout)
    assert (row["version"], row["folder"], row["facts"]["data_hash"]) == (
        made["version"],
        "intact",
        made["data_hash"],
    )
    restored = json.loads(candle_ml("data", "checkout", made["version"], "--to", "there", "--json").stdout)
    assert restored["folder"] == "there"
    assert (here / "there" / "manifest.json").is_file()


def test_nothing_kept_yet() -> None:
    """Without a version the list says what makes one, and a checkout fails."""
    assert candle_ml("data", "list").stdout == "no data version is kept; candle-ml data snapshot makes one\n"
    assert json.loads(candle_ml("data", "list", "--json").stdout) == []
    assert candle_ml("data", "checkout", "0123456789ab").exit_code == 3


def test_damage_gives_the_exit_code_of_data(here: Path) -> None:
    """A damaged version ends a command with the exit code of data errors and names the file."""
    name = json.loads(candle_ml("data", "snapshot", "--json").stdout)["version"]
    path = here / "data" / "versions" / name / "annotations.parquet"
    flip(path)
    damaged = candle_ml("data", "checkout", name)
    assert damaged.exit_code == 3
    assert damaged.stderr.startswith(f"{path}: its bytes have changed; ")
