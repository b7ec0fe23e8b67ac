"""The trainer `centroid`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from acme_sequence.options import CentroidOptions
from candle_ml.components import FitContext, SampleMatrix


class CentroidModel:
    """The mean of every class, in units of the columns' standard deviations."""

    def __init__(self, classes: tuple[str, ...], arrays: NDArray[np.float64], sharpness: float) -> None:
        self.classes = classes
        self._arrays = arrays
        self._sharpness = sharpness

    def predict_proba(self, matrix: SampleMatrix) -> NDArray[np.float64]:
        """`(n, T, classes)`."""
        mean, spread, centroids = self._arrays[0], self._arrays[1], self._arrays[2:]
        scaled = (matrix.dense().astype(np.float64) - mean) / spread
        distance = np.square(scaled[:, :, np.newaxis, :] - centroids).mean(axis=-1)
        likelihood = np.exp(-self._sharpness * (distance - distance.min(axis=-1, keepdims=True)))
        return np.asarray(likelihood / likelihood.sum(axis=-1, keepdims=True))

    def save(self, folder: Path) -> None:
        """Two files without code."""
        np.save(folder / "arrays.npy", self._arrays, allow_pickle=False)
        text = json.dumps({"classes": self.classes, "sharpness": self._sharpness})
        (folder / "model.json").write_text(text, "utf-8")

    def feature_importance(self) -> None:
        """It has none."""


class CentroidTrainer:
    """Fits `CentroidModel`."""

    def __init__(self, options: CentroidOptions) -> None:
        self._sharpness = options.sharpness

    def fit(self, train: SampleMatrix, validation: SampleMatrix | None, context: FitContext) -> CentroidModel:
        """Means of the candles of each class; of a class without candles, of all."""
        rows = train.dense().astype(np.float64).reshape(-1, train.shape[-1])
        codes = train.codes.reshape(-1)
        mean, spread = rows.mean(axis=0), rows.std(axis=0)
        scaled = (rows - mean) / np.where(spread > 0, spread, 1.0)
        centroids = [
            scaled[codes == code].mean(axis=0) if (codes == code).any() else np.zeros(rows.shape[1])
            for code in range(len(context.classes))
        ]
        arrays = np.stack([mean, np.where(spread > 0, spread, 1.0), *centroids])
        return CentroidModel(context.classes, arrays, self._sharpness)


def load(folder: Path) -> CentroidModel:
    """The model that `save` wrote."""
    saved = json.loads((folder / "model.json").read_text("utf-8"))
    return CentroidModel(
        tuple(saved["classes"]), np.load(folder / "arrays.npy", allow_pickle=False), saved["sharpness"]
    )
