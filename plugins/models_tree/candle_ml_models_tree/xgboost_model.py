"""The trainer `xgboost` and its model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xgboost
from numpy.typing import NDArray

from candle_ml.components import FitContext, SampleMatrix
from candle_ml.errors import BundleError, TrainingError
from candle_ml_models_tree.checks import check_samples, check_training, predict_blocks
from candle_ml_models_tree.files import Meta, digest, read_model, write_model
from candle_ml_models_tree.options import XgboostOptions
from candle_ml_models_tree.ubjson import read_ubjson
from candle_ml_models_tree.xgboost_boosting import Boosting
from candle_ml_models_tree.xgboost_narrow import narrowed, parsed
from candle_ml_models_tree.xgboost_structure import check_booster

NAME = "xgboost"
MODEL_FILE = "model.ubj"


class XgboostTrainer:
    """Boosts trees on quantised blocks of the samples; no dense copy of the matrix is made."""

    def __init__(self, options: XgboostOptions) -> None:
        self._options = options

    def fit(self, train: SampleMatrix, validation: SampleMatrix | None, context: FitContext) -> XgboostModel:
        """The booster of these samples, cut at its best round on `validation`. Raises `TrainingError`."""
        check_training(train, context.classes, self._options.min_samples_per_class)
        watched = self._watched(validation, context)
        return XgboostModel(context.classes, train.shape[1], self._boosted(train, watched, context))

    def _boosted(self, train: SampleMatrix, watched: SampleMatrix | None, context: FitContext) -> bytes:
        boosting = Boosting.of(self._options, train, context)
        return boosting.booster(boosting.quantised(train), watched, context.progress)

    def _watched(self, validation: SampleMatrix | None, context: FitContext) -> SampleMatrix | None:
        """The validation samples, where early stopping is wanted and there are some."""
        if self._options.early_stopping_rounds is None:
            return None
        if validation is not None and validation.shape[0]:
            check_samples("validation samples", validation, context.classes)
            return validation
        if "early_stopping_rounds" in self._options.model_fields_set:
            expected = "a validation block with samples, or early_stopping_rounds: null"
            raise TrainingError.at("early_stopping_rounds", "no validation sample to stop by", expected)
        return None


class XgboostModel:
    """A fitted booster, from the bytes that are also its file."""

    def __init__(self, classes: tuple[str, ...], columns: int, content: bytes) -> None:
        self.classes = classes
        self._columns = columns
        self._content = content
        self._booster, self._read = narrowed(content)
        self._share_of_each_class(np.zeros((1, columns), dtype=np.float32))  # sets up what later threads only read

    def predict_proba(self, matrix: SampleMatrix) -> NDArray[np.float64]:
        """Class probabilities `(n, classes)`. Raises `DataError` for other columns than trained."""
        return predict_blocks(matrix, self._columns, len(self.classes), self._share_of_each_class)

    def save(self, folder: Path) -> None:
        """Write `model.ubj` and `meta.json` into an empty folder."""
        versions = {"numpy": np.__version__, "xgboost": xgboost.__version__}
        checksum = digest(self._content)
        meta = Meta(trainer=NAME, classes=self.classes, columns=self._columns, sha256=checksum, versions=versions)
        write_model(folder, MODEL_FILE, self._content, meta)

    def feature_importance(self) -> NDArray[np.float64] | None:
        """Each column's share in the total gain of all splits; None where no tree splits."""
        gains = parsed(self._content).get_score(importance_type="total_gain")
        importance = np.zeros(self._columns)
        for name, gain in gains.items():
            importance[int(name.removeprefix("f"))] = gain
        return importance / importance.sum() if importance.sum() > 0 else None

    def _share_of_each_class(self, block: NDArray[np.float32]) -> NDArray[np.float64]:
        shares: NDArray[np.float64] = self._booster.inplace_predict(block.take(self._read, axis=1)).astype(np.float64)
        shares /= shares.sum(axis=1, keepdims=True)
        return shares


def load(folder: Path) -> XgboostModel:
    """The model in `folder`, whose hashes the caller has proven. Raises `BundleError` for damage."""
    meta, content = read_model(folder, MODEL_FILE, NAME)
    where = f"{folder.name}/{MODEL_FILE}"
    check_booster(where, read_ubjson(where, content), meta.columns, len(meta.classes))
    try:
        return XgboostModel(meta.classes, meta.columns, content)
    except xgboost.core.XGBoostError as error:
        raise BundleError.at(where, "cannot be read", "a model written by candle-ml") from error
