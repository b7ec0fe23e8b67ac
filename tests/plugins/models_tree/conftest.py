"""Small labelled matrices, in the form that trainers are given."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from candle_ml.components import FitContext
from candle_ml.errors import BundleError
from candle_ml_models_tree import random_forest, xgboost_model
from candle_ml_models_tree.options import RandomForestOptions, XgboostOptions

CLASSES = ("O", "bear_flag", "bull_flag")


class ArrayMatrix:
    """A `SampleMatrix` over an array; it has no dense form where `lazy` says so."""

    def __init__(self, values: NDArray[np.float32], codes: NDArray[np.int32], lazy: bool = False) -> None:
        self.values = np.ascontiguousarray(values, dtype=np.float32)
        self.shape = self.values.shape
        self.dtype = self.values.dtype
        self.columns = tuple(f"column_{number}" for number in range(self.shape[-1]))
        self.codes = np.asarray(codes, dtype=np.int32)
        self.weights = np.ones(len(self.codes), dtype=np.float32)
        self.lazy = lazy

    def batches(self, rows: int) -> Iterator[NDArray[np.float32]]:
        for start in range(0, len(self.values), rows):
            yield self.values[start : start + rows]

    def dense(self) -> NDArray[np.float32]:
        assert not self.lazy, "a lazy matrix was made dense"
        return self.values


@dataclass
class Kind:
    """A trainer with small options, and what loads its model."""

    name: str
    file: str
    train: Callable[..., object]
    load: Callable[[Path], object]


def forest(**options: object) -> random_forest.RandomForestTrainer:
    return random_forest.RandomForestTrainer(RandomForestOptions(**({"trees": 12} | options)))


def boosted(**options: object) -> xgboost_model.XgboostTrainer:
    return xgboost_model.XgboostTrainer(XgboostOptions(**({"rounds": 12, "learning_rate": 0.5} | options)))


class SavedModel:
    """A folder that a model was saved into, and what somebody might do to it."""

    def __init__(self, kind: Kind, folder: Path) -> None:
        self.kind = kind
        self.folder = folder

    @property
    def file(self) -> Path:
        return self.folder / self.kind.file

    def change_meta(self, **changes: object) -> None:
        path = self.folder / "meta.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    def replace(self, content: bytes) -> None:
        """What an attacker does who knows of the checksum in `meta.json`."""
        self.file.write_bytes(content)
        self.change_meta(sha256=hashlib.sha256(content).hexdigest())

    def load(self) -> object:
        return self.kind.load(self.folder)

    def refusal(self) -> str:
        """The message that loading fails with."""
        with pytest.raises(BundleError) as error:
            self.load()
        return str(error.value)


KINDS = (
    Kind("random-forest", "model.skops", forest, random_forest.load),
    Kind("xgboost", "model.ubj", boosted, xgboost_model.load),
)


def flags(rows: int = 240, seed: int = 0, lazy: bool = False) -> ArrayMatrix:
    """Column 0 tells bear flags, column 1 bull flags, the other columns are noise."""
    values = np.random.default_rng(seed).standard_normal((rows, 6)).astype(np.float32)
    codes = np.where(values[:, 0] > 0.8, 1, np.where(values[:, 1] > 0.8, 2, 0))
    return ArrayMatrix(values, codes, lazy)


def save_one(kind: Kind, train: ArrayMatrix, context: FitContext, folder: Path) -> SavedModel:
    folder.mkdir()
    kind.train().fit(train, None, context).save(folder)
    return SavedModel(kind, folder)


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest) -> Kind:
    """Each trainer in turn."""
    return request.param


@pytest.fixture
def forest_kind() -> Kind:
    return KINDS[0]


@pytest.fixture
def xgboost_kind() -> Kind:
    return KINDS[1]


@pytest.fixture
def matrix() -> type[ArrayMatrix]:
    return ArrayMatrix


@pytest.fixture
def patterns() -> Callable[..., ArrayMatrix]:
    """`patterns(rows, seed)` makes samples."""
    return flags


@pytest.fixture
def context() -> FitContext:
    return FitContext(CLASSES, seed=7)


@pytest.fixture
def saved_model(kind: Kind, patterns: Callable[..., ArrayMatrix], context: FitContext, tmp_path: Path) -> SavedModel:
    """A saved model of each kind."""
    return save_one(kind, patterns(), context, tmp_path / "model")


@pytest.fixture
def saved_forest(
    forest_kind: Kind, patterns: Callable[..., ArrayMatrix], context: FitContext, tmp_path: Path
) -> SavedModel:
    """A saved forest of 12 trees."""
    return save_one(forest_kind, patterns(), context, tmp_path / "model")


@pytest.fixture(scope="session")
def booster_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A booster of 12 rounds and 3 classes, saved once for all tests."""
    return save_one(KINDS[1], flags(), FitContext(CLASSES, seed=7), tmp_path_factory.mktemp("booster") / "model").folder


@pytest.fixture
def saved_booster(xgboost_kind: Kind, booster_folder: Path, tmp_path: Path) -> SavedModel:
    """A saved booster of 12 rounds and 3 classes."""
    return SavedModel(xgboost_kind, shutil.copytree(booster_folder, tmp_path / "model"))
