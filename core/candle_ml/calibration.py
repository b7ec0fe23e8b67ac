"""Calibration: a model's probabilities turned into ones that can be taken at their word."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from candle_ml.errors import BundleError, ConfigError, DataError

CalibrationMethod = Literal["none", "temperature", "isotonic"]
Probability = Annotated[float, Field(ge=0.0, le=1.0)]
Temperature = Annotated[float, Field(ge=1e-3, le=1e3)]
Bias = Annotated[float, Field(ge=-1e3, le=1e3)]

_SMALLEST = 1e-6
_LARGEST_BIAS = 20.0
_LARGEST_TEMPERATURE = 20.0
_PENALTY = 0.05
_FEWEST_FOR_A_CURVE = 10
_ROUNDING = 1e-9


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Curve(_Frozen):
    """A non-decreasing curve from raw to calibrated probability: straight between its knots, level beyond them."""

    raw: tuple[Probability, ...] = Field(min_length=1)
    calibrated: tuple[Probability, ...]

    @model_validator(mode="after")
    def _is_a_curve(self) -> Self:
        if len(self.raw) != len(self.calibrated):
            raise ValueError(f"{len(self.raw)} raw and {len(self.calibrated)} calibrated knots")
        if any(left >= right for left, right in pairwise(self.raw)):
            raise ValueError("raw knots that do not increase")
        if any(left > right for left, right in pairwise(self.calibrated)):
            raise ValueError("calibrated knots that decrease")
        return self


class Calibrator(_Frozen):
    """Turns raw class probabilities into calibrated ones; `notes` say which classes could not be calibrated.

    `temperature`: `softmax(log(p) / temperature + bias)`, temperature scaling with one bias a class (Guo, Pleiss, Sun
    and Weinberger: On Calibration of Modern Neural Networks, 2017). `isotonic`: a curve for each class against the
    rest, then rows are divided by their sums (Zadrozny and Elkan, 2002). `none`: nothing is changed.
    """

    format: Literal[1] = 1
    method: CalibrationMethod
    classes: tuple[str, ...] = Field(min_length=2)
    temperature: Temperature = 1.0
    bias: tuple[Bias, ...] = ()
    curves: tuple[Curve, ...] = ()
    notes: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _fits_its_classes(self) -> Self:
        if len(set(self.classes)) != len(self.classes):
            raise ValueError("a class is there twice")
        wanted = {"none": (0, 0), "temperature": (len(self.classes), 0), "isotonic": (0, len(self.classes))}
        if (len(self.bias), len(self.curves)) != wanted[self.method]:
            found = f"{len(self.bias)} biases and {len(self.curves)} curves"
            raise ValueError(f"{found} for method {self.method} and {len(self.classes)} classes")
        return self

    @classmethod
    def none(cls, classes: tuple[str, ...], *notes: str) -> Calibrator:
        """The calibrator that changes nothing."""
        return cls(method="none", classes=classes, notes=notes)

    def apply(self, probabilities: NDArray[np.floating]) -> NDArray[np.float64]:
        """Calibrated probabilities of the same shape, `(..., classes)`, `float64`, rows sum to 1.

        Raises `DataError` where the last axis is not as long as there are classes.
        """
        if probabilities.shape[-1:] != (len(self.classes),):
            found = f"an array of shape {probabilities.shape}"
            raise DataError.at("probabilities", found, f"{len(self.classes)} classes on the last axis")
        raw = probabilities.astype(np.float64)
        if self.method == "temperature":
            return _softmax(_logarithm(raw) / self.temperature + np.asarray(self.bias))
        if self.method == "isotonic":
            return self._along_curves(raw)
        return raw

    def to_json(self) -> str:
        """The calibrator as text; `from_json` gives an equal one, every number to its last bit."""
        return self.model_dump_json(indent=1)

    @classmethod
    def from_json(cls, text: str) -> Calibrator:
        """The calibrator in a text. Raises `BundleError` that names what is wrong with it."""
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            first = error.errors()[0]
            found = ": ".join([".".join(map(str, first["loc"])), first["msg"]] if first["loc"] else [first["msg"]])
            raise BundleError.at("calibrator", found, "one written by this version of candle-ml") from error

    def _along_curves(self, raw: NDArray[np.float64]) -> NDArray[np.float64]:
        """Rows that all curves send to 0 stay as they were."""
        mapped = [np.interp(raw[..., code], curve.raw, curve.calibrated) for code, curve in enumerate(self.curves)]
        calibrated = np.stack(mapped, axis=-1)
        total = calibrated.sum(axis=-1, keepdims=True)
        calibrated = np.where(total > 0.0, calibrated, raw)
        shares: NDArray[np.float64] = calibrated / calibrated.sum(axis=-1, keepdims=True)
        return shares


def fit_calibrator(
    method: CalibrationMethod,
    probabilities: NDArray[np.float64],
    codes: NDArray[np.int32],
    classes: tuple[str, ...],
) -> Calibrator:
    """The calibrator that suits `probabilities` `(..., classes)` of samples with true `codes` `(...)`; -1 is ignored.

    Class 0 is `O`. A class that never or hardly occurs takes what the other patterns have in common; where too little
    occurs at all, nothing is calibrated. `notes` say so. Raises `ConfigError` for an unknown method, `DataError` for
    shapes that do not fit and for probabilities that are none.
    """
    if method not in ("none", "temperature", "isotonic"):
        raise ConfigError.at("calibration method", repr(method), "none, temperature or isotonic")
    raw, truth = _labelled(probabilities, codes, len(classes))
    counts = np.bincount(truth, minlength=len(classes))
    if method == "none":
        return Calibrator.none(classes)
    if np.count_nonzero(counts) < 2:
        return Calibrator.none(classes, "calibration: fewer than two classes occur, so nothing was calibrated")
    if method == "temperature":
        return _fit_temperature(raw, truth, counts, classes)
    return _fit_isotonic(raw, truth, counts, classes)


def _labelled(
    probabilities: NDArray[np.float64], codes: NDArray[np.int32], classes: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The rows with a label, as `(n, classes)` and `(n,)`."""
    if probabilities.shape != (*codes.shape, classes):
        found = f"an array of shape {probabilities.shape} for codes of shape {codes.shape}"
        raise DataError.at("probabilities", found, f"{classes} classes for each code")
    truth = codes.reshape(-1).astype(np.int64)
    raw = probabilities.reshape(-1, classes)[truth >= 0].astype(np.float64)
    truth = truth[truth >= 0]
    if len(truth) and truth.max() >= classes:
        raise DataError.at("codes", f"class code {truth.max()}", f"codes 0 to {classes - 1}")
    if not ((raw >= 0.0) & (raw <= 1.0 + _ROUNDING)).all():
        raise DataError.at("probabilities", "a value that is not from 0 to 1", "shares that sum to 1")
    return raw, truth


def _logarithm(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """A forest says 0 where none of its trees has seen a class; no evidence is that strong."""
    logarithm: NDArray[np.float64] = np.log(np.maximum(probabilities, _SMALLEST))
    return logarithm


def _softmax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    shares: NDArray[np.float64] = powers / powers.sum(axis=-1, keepdims=True)
    return shares


def _fit_temperature(
    raw: NDArray[np.float64], truth: NDArray[np.int64], counts: NDArray[np.int64], classes: tuple[str, ...]
) -> Calibrator:
    """Minimise the log loss plus a light penalty on leaving temperature 1 and bias 0.

    The parameters are `1 / temperature` and one bias for each class that occurs: in these the loss is convex.
    """
    from scipy.optimize import minimize

    logarithm, spread = _logarithm(raw), _spread(counts)

    def loss(parameters: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        return _log_loss(parameters, logarithm, truth, spread)

    limits = [(1.0 / _LARGEST_TEMPERATURE, _LARGEST_TEMPERATURE)]
    limits += [(-_LARGEST_BIAS, _LARGEST_BIAS)] * spread.shape[1]
    start = _unchanged(len(limits))
    best = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=limits).x
    return Calibrator(
        method="temperature",
        classes=classes,
        temperature=float(1.0 / best[0]),
        bias=tuple((spread * best[1:]).sum(axis=1).tolist()),
        notes=_notes(counts, classes, 1, "takes the mean correction of the patterns that do"),
    )


def _log_loss(
    parameters: NDArray[np.float64],
    logarithm: NDArray[np.float64],
    truth: NDArray[np.int64],
    spread: NDArray[np.float64],
) -> tuple[float, NDArray[np.float64]]:
    """Mean loss and its gradient."""
    rows = np.arange(len(truth))
    shares = _softmax(logarithm * parameters[0] + (spread * parameters[1:]).sum(axis=1))
    left = parameters - _unchanged(len(parameters))
    loss = -np.log(np.maximum(shares[rows, truth], np.finfo(np.float64).tiny)).sum() + _PENALTY * (left**2).sum()
    shares[rows, truth] -= 1.0
    of_sharpness = (shares * logarithm).sum()
    of_bias = (shares.sum(axis=0)[:, np.newaxis] * spread).sum(axis=0)
    gradient = np.concatenate(([of_sharpness], of_bias)) + 2.0 * _PENALTY * left
    return float(loss / len(truth)), gradient / len(truth)


def _unchanged(parameters: int) -> NDArray[np.float64]:
    """Temperature 1 and no bias."""
    return np.concatenate(([1.0], np.zeros(parameters - 1)))


def _spread(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """How the biases of the classes that occur make up those of all classes: `(classes, classes that occur)`."""
    occur = np.flatnonzero(counts)
    spread = np.zeros((len(counts), len(occur)))
    spread[occur, np.arange(len(occur))] = 1.0
    spread[counts == 0] = (occur > 0) / np.count_nonzero(occur)
    return spread


def _fit_isotonic(
    raw: NDArray[np.float64], truth: NDArray[np.int64], counts: NDArray[np.int64], classes: tuple[str, ...]
) -> Calibrator:
    """One curve a class; patterns that are too rare for their own share the curve of all patterns together."""
    if min(counts[0], counts[1:].sum()) < _FEWEST_FOR_A_CURVE:
        note = f"fewer than {_FEWEST_FOR_A_CURVE} samples of {classes[0]!r} or of all patterns together"
        return Calibrator.none(classes, f"calibration: {note}, so nothing was calibrated")
    shared = _curve(raw[:, 1:].reshape(-1), (truth[:, np.newaxis] == np.arange(1, len(classes))).reshape(-1))
    return Calibrator(
        method="isotonic",
        classes=classes,
        curves=tuple(
            _curve(raw[:, code], truth == code) if count >= _FEWEST_FOR_A_CURVE else shared
            for code, count in enumerate(counts.tolist())
        ),
        notes=_notes(counts, classes, _FEWEST_FOR_A_CURVE, "shares the curve of all patterns together"),
    )


def _curve(raw: NDArray[np.float64], happened: NDArray[np.bool_]) -> Curve:
    from sklearn.isotonic import IsotonicRegression

    fitted = IsotonicRegression(y_min=0.0, y_max=1.0).fit(raw, happened.astype(np.float64))
    calibrated = np.maximum.accumulate(fitted.y_thresholds_)
    return Curve(raw=tuple(fitted.X_thresholds_.tolist()), calibrated=tuple(calibrated.tolist()))


def _notes(counts: NDArray[np.int64], classes: tuple[str, ...], fewest: int, instead: str) -> tuple[str, ...]:
    return tuple(
        f"calibration: {name!r} occurs {count} times and {instead}"
        for name, count in zip(classes, counts.tolist(), strict=True)
        if count < fewest
    )


@dataclass(frozen=True, slots=True, eq=False)
class ReliabilityCurve:
    """What was said against what happened, in equal bins of confidence from 0 to 1.

    `edges` (`float64`, one more than bins); `confidence`, the mean of what was said, and `accuracy`, the share that was
    right (`float64`, NaN in an empty bin); `count` (`int64`), the samples in each bin.
    """

    edges: NDArray[np.float64]
    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    count: NDArray[np.int64]

    @property
    def expected_calibration_error(self) -> float:
        """Mean distance between confidence and accuracy over all samples (Guo et al., 2017); NaN for no sample."""
        if not self.count.sum():
            return float("nan")
        distance = np.abs(self.confidence - self.accuracy)[self.count > 0]
        return float((distance * self.count[self.count > 0]).sum() / self.count.sum())


def reliability(
    probabilities: NDArray[np.float64], codes: NDArray[np.int32], bins: int = 10, code: int | None = None
) -> ReliabilityCurve:
    """The reliability of the most probable class of each sample, or of one class `code` against the rest.

    `probabilities` `(..., classes)` with true `codes` `(...)`; -1 is ignored. Raises `DataError` like `fit_calibrator`.
    """
    raw, truth = _labelled(probabilities, codes, probabilities.shape[-1])
    said = raw.max(axis=1, initial=0.0) if code is None else raw[:, code]
    right = raw.argmax(axis=1) == truth if code is None else truth == code
    bin_of = np.minimum((said * bins).astype(np.int64), bins - 1)
    count = np.bincount(bin_of, minlength=bins)
    filled = np.where(count > 0, count, np.nan)
    return ReliabilityCurve(
        edges=np.linspace(0.0, 1.0, bins + 1),
        confidence=np.bincount(bin_of, weights=said, minlength=bins) / filled,
        accuracy=np.bincount(bin_of, weights=right, minlength=bins) / filled,
        count=count,
    )


def expected_calibration_error(probabilities: NDArray[np.float64], codes: NDArray[np.int32], bins: int = 10) -> float:
    """How far the confidence in the most probable class is from its accuracy, on average; NaN for no sample."""
    return reliability(probabilities, codes, bins).expected_calibration_error
