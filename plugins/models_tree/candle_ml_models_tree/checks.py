"""What must hold of samples before a tree model is fitted on them or asked about them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from candle_ml.annotations import NO_PATTERN
from candle_ml.components import SampleMatrix
from candle_ml.errors import DataError, Problem, TrainingError
from candle_ml_models_tree.options import ClassWeight

_VALUES_AT_ONCE = 1 << 22


def check_training(train: SampleMatrix, classes: tuple[str, ...], min_samples: int) -> None:
    """Raise `TrainingError` unless every class has enough training samples; each lacking class is named."""
    where = "training samples"
    check_samples(where, train, classes)
    counts = np.bincount(train.codes, minlength=len(classes))
    present = np.flatnonzero(counts)
    if not len(present):
        raise TrainingError.at(where, "none", "annotate patterns in the candles that training uses")
    if len(present) == 1:
        name = classes[present[0]]
        raise TrainingError.at(where, f"all are {name!r}", _one_class_needs(name))
    problems = [
        Problem(f"class {name!r}", *_lack(name, int(count), min_samples))
        for name, count in zip(classes, counts, strict=True)
        if count < min_samples
    ]
    if problems:
        raise TrainingError(*problems)
    _check_class_weights(train, classes)


def check_samples(where: str, matrix: SampleMatrix, classes: tuple[str, ...]) -> None:
    """Raise `TrainingError` unless all samples are labelled rows of columns with usable weights."""
    if len(matrix.shape) != 2:
        raise TrainingError.at(where, f"a matrix of shape {matrix.shape}", "one row a sample (layout flat)")
    if not matrix.shape[1]:
        raise TrainingError.at(where, "no feature column", "choose at least one feature extractor")
    _check_codes(where, matrix.codes, classes)
    bad = np.flatnonzero(~(np.isfinite(matrix.weights) & (matrix.weights >= 0)))
    if len(bad):
        found = f"weight {matrix.weights[bad[0]]} of sample {bad[0]}"
        raise TrainingError.at(where, found, "a finite number, zero or more")
    if len(matrix.weights) and not matrix.weights.any():
        raise TrainingError.at(where, "all weigh 0", "a weight above 0 for at least one source of annotations")


def class_weights(codes: NDArray[np.int32], classes: int, how: ClassWeight) -> NDArray[np.float64]:
    """The factor of each class: 1, or for `balanced` `n / (classes * samples of the class)`.

    The formula is that of scikit-learn's `compute_class_weight` (King and Zeng, 2001). Every class needs a sample.
    """
    if how == "none":
        return np.ones(classes)
    return len(codes) / (classes * np.bincount(codes, minlength=classes))


def check_finite(block: NDArray[np.float32], columns: tuple[str, ...]) -> None:
    """Raise `DataError` that names the first column with NaN or an infinity."""
    if np.isfinite(block).all():
        return
    bad = ~np.isfinite(block)
    column = int(np.argmax(bad.any(axis=0)))
    found = f"{int(bad[:, column].sum())} of {len(block)} values are NaN or infinite"
    raise DataError.at(f"feature {columns[column]!r}", found, "finite features")


def rows_at_once(columns: int) -> int:
    """Samples in a block: as many as keep it at about 16 MB. Depends on nothing else, so that models repeat."""
    return max(1, min(1 << 16, _VALUES_AT_ONCE // columns))


def predict_blocks(
    matrix: SampleMatrix,
    columns: int,
    classes: int,
    predict: Callable[[NDArray[np.float32]], NDArray[np.floating]],
) -> NDArray[np.float64]:
    """What `predict` says of all samples, block by block: `float64` `(n, classes)`.

    Raises `DataError` where the columns are not as many as in training or not finite.
    """
    if matrix.shape[1:] != (columns,):
        raise DataError.at("features", f"a matrix of shape {matrix.shape}", f"{columns} columns, as in training")
    probabilities = np.empty((matrix.shape[0], classes))
    start = 0
    for block in matrix.batches(rows_at_once(columns)):
        check_finite(block, matrix.columns)
        probabilities[start : start + len(block)] = predict(block)
        start += len(block)
    return probabilities


def _check_codes(where: str, codes: NDArray[np.int32], classes: tuple[str, ...]) -> None:
    unlabelled = int((codes < 0).sum())
    if unlabelled:
        found = f"{unlabelled} of {len(codes)} without a label"
        raise TrainingError.at(where, found, "samples that are a pattern or clearly none")
    if len(codes) and codes.max() >= len(classes):
        raise TrainingError.at(where, f"class code {codes.max()}", f"codes 0 to {len(classes) - 1}")


def _one_class_needs(name: str) -> str:
    if name == NO_PATTERN:
        return "annotate at least one pattern in the candles that training uses"
    return "mark ranges without a pattern as reviewed, or annotate them as 'O'"


def _lack(name: str, count: int, min_samples: int) -> tuple[str, str]:
    if count:
        found = f"{count} training sample{'s' if count > 1 else ''}"
        return found, f"at least {min_samples}: annotate more, or lower min_samples_per_class"
    if name == NO_PATTERN:
        return "no training sample", _one_class_needs("a pattern")
    return "no training sample", "annotate it in the candles that training uses, or leave this label out"


def _check_class_weights(train: SampleMatrix, classes: tuple[str, ...]) -> None:
    totals = np.bincount(train.codes, weights=train.weights, minlength=len(classes))
    problems = [
        Problem(f"class {name!r}", "all its training samples weigh 0", "a weight above 0 for its annotations' source")
        for name, total in zip(classes, totals, strict=True)
        if total <= 0
    ]
    if problems:
        raise TrainingError(*problems)
