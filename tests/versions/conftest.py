"""Small projects whose data is kept by a real DVC."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.resources import files as resources
from pathlib import Path

import numpy as np
import pytest

from candle_ml import versions
from candle_ml.annotations import Annotation, RejectedRow, ReviewedRange
from candle_ml.candles import Candles, SeriesKey
from candle_ml.config import PipelineConfig, load_config
from candle_ml.dataset import Dataset, SeriesData, content_hash
from candle_ml.demo import write_demo
from candle_ml.versions import KeptVersion

DAY = 86400
FIRST = 1704153600  # 2024-01-02T00:00:00Z
EURUSD, BTC = SeriesKey("EURUSD", "1d"), SeriesKey("BTC/USDT", "1d")
PIPELINE = """name: small
sources:
  use: [{use: candle-files, path: data/candles}]
features: {enabled: false}
labels: {use: windowed, window: 8}
model: {enabled: false}
"""


DVC_YAML = resources("candle_ml.defaults").joinpath("dvc.yaml").read_text("utf-8")
TRAINED = """name: stages
seed: 3
sources:
  use:
    - {use: candle-files, path: data/candles}
    - {use: talib-patterns, functions: [CDLMORNINGSTAR, CDLEVENINGSTAR, CDLPIERCING]}
features: {use: [{use: candle-shape}]}
labels: {use: windowed, window: 6}
split:
model: {use: random-forest, trees: 20}
audit: {enabled: false}
calibration:
evaluation: {report: true}
tracking: {enabled: false}
data:
execution:
"""


@pytest.fixture(autouse=True)
def apart(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """DVC and git know nothing of this machine's user, and git commits have an author."""
    home = tmp_path_factory.mktemp("home")
    for name in ("DVC_SITE_CACHE_DIR", "DVC_GLOBAL_CONFIG_DIR", "DVC_SYSTEM_CONFIG_DIR"):
        monkeypatch.setenv(name, str(home / name.lower()))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "tester")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "tester@example.org")


def project(root: Path, text: str = PIPELINE) -> PipelineConfig:
    """A project folder with a configuration."""
    path = root / "config" / "pipeline.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return load_config(path)


def trainable(root: Path, text: str = TRAINED) -> PipelineConfig:
    """A project with the candles of two stocks."""
    write_demo(root)
    for path in (*root.glob("data/candles/[AFM]*"), *root.glob("data/annotations/*")):
        path.unlink()
    (root / "config" / "pipeline.yaml").write_text(text, "utf-8")
    return load_config(root / "config" / "pipeline.yaml")


def reproducible(root: Path) -> PipelineConfig:
    """A project with the candles of two stocks and the `dvc.yaml` of every project, that keeps data versions too."""
    config = trainable(root, TRAINED.replace("data:\n", "data: {enabled: true}\n"))
    (root / "dvc.yaml").write_text(DVC_YAML, "utf-8")
    (root / ".gitignore").write_text(".candle-ml/\n", "utf-8")
    (root / "data" / "annotations" / ".gitkeep").touch()
    return config


def edit(config: PipelineConfig, old: str, new: str) -> None:
    """Replace a text that stands once in a project's configuration."""
    path = config.root / "config" / "pipeline.yaml"
    text = path.read_text("utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), "utf-8")


def stages_run(shown: str) -> list[str]:
    """The stages that ran, in their order, by what `dvc` prints."""
    return re.findall(r"Running stage '(\w+)'", shown)


def candles(key: SeriesKey, seed: int, volume: bool) -> Candles:
    """60 candles of a random walk."""
    steps = np.random.default_rng(seed).normal(0, 0.01, (60, 2))
    close = 100 * np.exp(np.cumsum(steps[:, 0]))
    open_ = close * np.exp(steps[:, 1])
    high, low = np.maximum(open_, close) * 1.001, np.minimum(open_, close) * 0.999
    time = FIRST + DAY * np.arange(60, dtype=np.int64)
    return Candles(key, time, open_, high, low, close, close * 10 if volume else None)


def day(number: int) -> int:
    return FIRST + DAY * number


def dataset(label: str = "flag") -> Dataset:
    """Two series, one without volume, with every kind of value that can be missing; `label` of the last annotation."""
    eur = SeriesData(
        candles(EURUSD, 1, volume=False),
        (Annotation("span:1", EURUSD, day(10), day(16), "flag"), Annotation("point:1", EURUSD, day(30), day(30), "O")),
        (ReviewedRange(EURUSD, day(0), day(50)), ReviewedRange(EURUSD, day(51), day(59), "scanned", frozenset())),
    )
    full = Annotation(
        "span:1", BTC, day(20), day(26), label, "model", 0.1, "#26a69a", "won", "näh", '[{"label": "pole"}]', "{}"
    )
    btc = SeriesData(
        candles(BTC, 2, volume=True),
        (full,),
        (ReviewedRange(BTC, day(5), day(55), "assumed", frozenset({"flag", "wedge"})),),
    )
    series = {BTC: btc, EURUSD: eur}
    rejected = (RejectedRow("a.csv:7", "close is 'abc'", "a number is needed"),)
    return Dataset(series, {"flag": "#26a69a"}, rejected, ("assumed something",), content_hash(series))


@dataclass(frozen=True)
class Kept:
    """A project, the data set it has kept, and where."""

    config: PipelineConfig
    dataset: Dataset
    version: KeptVersion

    @property
    def root(self) -> Path:
        return self.config.root

    @property
    def pointer(self) -> Path:
        return self.version.folder.with_name(f"{self.version.name}.dvc")

    def copies(self, name: str) -> tuple[Path, Path]:
        """The copy of one of the version's files in the cache and in the remote."""
        content = (self.version.folder / name).read_bytes()
        cached, stored = (
            [path for path in sorted(folder.rglob("*")) if path.is_file() and path.read_bytes() == content]
            for folder in (self.root / ".dvc" / "cache" / "files", self.version.remote / "files")
        )
        assert len(cached) == len(stored) == 1
        return cached[0], stored[0]

    def again(self) -> KeptVersion:
        """Check the version out."""
        return versions.checkout(self.config, self.version.name)


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    """A project without git that has kept its data set."""
    config = project(tmp_path / "project")
    return Kept(config, dataset(), versions.snapshot(config, dataset()))


def with_colors(given: Dataset, colors: dict[str, str]) -> Dataset:
    return replace(given, label_colors=colors)


def flip(path: Path, seed: int = 0) -> None:
    """Change one bit of a file, wherever the seed says, whatever its mode."""
    content = bytearray(path.read_bytes())
    draw = np.random.default_rng(seed)
    content[int(draw.integers(len(content)))] ^= 1 << int(draw.integers(8))
    mode = path.stat().st_mode
    path.chmod(0o644)
    path.write_bytes(content)
    path.chmod(mode)


def files(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def dvc(root: Path, *arguments: str, expected: int | Sequence[int] = 0) -> str:
    """What the `dvc` command prints in a folder, as a user types it."""
    return _run([sys.executable, "-m", "dvc", *arguments], root, expected)


def git(root: Path, *arguments: str) -> str:
    """What `git` prints in a folder."""
    return _run(["git", *arguments], root, 0)


def _run(command: list[str], root: Path, expected: int | Sequence[int]) -> str:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command, cwd=root, env=os.environ | {"PATH": path, "DVC_NO_ANALYTICS": "1"}, capture_output=True, text=True
    )
    assert done.returncode in ([expected] if isinstance(expected, int) else expected), done.stdout + done.stderr
    return done.stdout + done.stderr
