"""Calibrated probabilities."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from candle_ml.calibration import (
    Calibrator,
    Curve,
    expected_calibration_error,
    fit_calibrator,
)
from candle_ml.errors import ConfigError, DataError

CLASSES = ("O", "bear_flag", "bull_flag")
METHODS = ("none", "temperature", "isotonic")


def softmax(scores):
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def overconfident(rows=6000, seed=0):
    """Codes drawn from known chances, and a model that sharpens these chances and inflates the patterns."""
    random = np.random.default_rng(seed)
    chances = softmax(random.normal(0.0, 1.0, (rows, 3)) + np.array([3.0, 0.0, 0.0]))
    codes = (random.random((rows, 1)) > chances.cumsum(axis=1)).sum(axis=1).astype(np.int32)
    return softmax(2.5 * (np.log(chances) + np.array([0.0, 2.0, 1.0]))), codes, chances


def log_loss(probabilities, codes):
    return -np.log(probabilities[np.arange(len(codes)), codes]).mean()


@pytest.mark.parametrize("method", ["temperature", "isotonic"])
def test_calibration_helps_on_new_samples(method):
    """Fitted on one block, a calibrator makes another block's probabilities more reliable and less surprising."""
    raw, codes, _ = overconfident()
    calibrator = fit_calibrator(method, raw, codes, CLASSES)
    new, truth, _ = overconfident(seed=1)
    calibrated = calibrator.apply(new)
    assert calibrator.notes == ()
    assert expected_calibration_error(new, truth) > 0.1
    assert expected_calibration_error(calibrated, truth) < 0.03
    assert log_loss(np.maximum(calibrated, 1e-6), truth) < log_loss(np.maximum(new, 1e-6), truth)


def test_temperature_undoes_what_was_done_to_the_chances():
    """From a sharpening of 2.5 and known shifts, the fit finds temperature and biases again."""
    raw, codes, chances = overconfident(20_000)
    calibrator = fit_calibrator("temperature", raw, codes, CLASSES)
    assert calibrator.temperature == pytest.approx(2.5, rel=0.1)
    assert calibrator.bias[1] - calibrator.bias[0] == pytest.approx(-2.0, abs=0.2)
    assert calibrator.bias[2] - calibrator.bias[0] == pytest.approx(-1.0, abs=0.2)
    assert np.abs(calibrator.apply(raw) - chances).mean() < 0.02


def test_none_changes_nothing():
    """The method `none` gives back the same numbers as `float64`."""
    raw = overconfident(50)[0]
    np.testing.assert_array_equal(Calibrator.none(CLASSES).apply(raw), raw)
    assert fit_calibrator("none", raw, np.zeros(50, dtype=np.int32), CLASSES) == Calibrator.none(CLASSES)
    assert Calibrator.none(CLASSES).apply(raw.astype(np.float32)).dtype == np.float64


@pytest.mark.parametrize("method", METHODS)
def test_sequences_are_calibrated_step_by_step(method):
    """`(n, T, classes)` gives the numbers of its rows, in fitting and in applying."""
    raw, codes, _ = overconfident(600)
    flat = fit_calibrator(method, raw, codes, CLASSES)
    deep = fit_calibrator(method, raw.reshape(100, 6, 3), codes.reshape(100, 6), CLASSES)
    assert deep == flat
    np.testing.assert_array_equal(flat.apply(raw.reshape(100, 6, 3)), flat.apply(raw).reshape(100, 6, 3))


@pytest.mark.parametrize("method", METHODS)
def test_unlabelled_samples_are_ignored(method):
    """Samples of code -1 change nothing, whatever their probabilities."""
    raw, codes, _ = overconfident(600)
    odd = np.tile([0.0, 0.0, 1.0], (300, 1))
    padded = fit_calibrator(method, np.r_[raw, odd], np.r_[codes, np.full(300, -1, dtype=np.int32)], CLASSES)
    assert padded == fit_calibrator(method, raw, codes, CLASSES)


@pytest.mark.parametrize(
    ("method", "instead"),
    [
        ("temperature", "takes the mean correction of the patterns that do"),
        ("isotonic", "shares the curve of all patterns together"),
    ],
)
def test_a_class_that_never_occurs_is_corrected_like_the_others(method, instead):
    """Where all patterns are inflated, one without a sample does not stay inflated, and the notes name it."""
    raw, codes, _ = overconfident()
    raw, codes = raw[codes != 2], codes[codes != 2]
    calibrator = fit_calibrator(method, raw, codes, CLASSES)
    assert calibrator.notes == (f"calibration: 'bull_flag' occurs 0 times and {instead}",)
    calibrated = calibrator.apply(raw)
    assert np.isfinite(calibrated).all()
    assert calibrated[:, 2].mean() < raw[:, 2].mean() / 2


def test_the_o_class_may_be_the_one_that_never_occurs():
    """A block of patterns alone still gives finite temperatures and biases."""
    raw, codes, _ = overconfident()
    calibrator = fit_calibrator("temperature", raw[codes > 0], codes[codes > 0], CLASSES)
    assert calibrator.notes == (
        "calibration: 'O' occurs 0 times and takes the mean correction of the patterns that do",
    )
    assert calibrator.bias[0] == pytest.approx(np.mean(calibrator.bias[1:]))


def test_rare_patterns_share_one_curve():
    """A pattern with fewer than ten samples gets no curve of its own."""
    raw, codes, _ = overconfident()
    kept = np.r_[np.flatnonzero(codes != 2), np.flatnonzero(codes == 2)[:9]]
    calibrator = fit_calibrator("isotonic", raw[kept], codes[kept], CLASSES)
    assert calibrator.notes == (
        "calibration: 'bull_flag' occurs 9 times and shares the curve of all patterns together",
    )
    assert calibrator.curves[2] not in calibrator.curves[:2]


NOTHING = {
    "no sample": ("temperature", [], "fewer than two classes occur, so nothing was calibrated"),
    "no label": ("isotonic", [-1] * 30, "fewer than two classes occur, so nothing was calibrated"),
    "one class": ("temperature", [0] * 30, "fewer than two classes occur, so nothing was calibrated"),
    "too few": (
        "isotonic",
        [0] * 30 + [1] * 5 + [2] * 4,
        "fewer than 10 samples of 'O' or of all patterns together, so nothing was calibrated",
    ),
}


@pytest.mark.parametrize(("method", "codes", "note"), NOTHING.values(), ids=NOTHING)
def test_too_little_to_calibrate_changes_nothing(method, codes, note):
    """Without enough samples the probabilities stay as they are, and the notes say why."""
    raw = overconfident(len(codes))[0]
    calibrator = fit_calibrator(method, raw, np.array(codes, dtype=np.int32), CLASSES)
    assert calibrator == Calibrator.none(CLASSES, f"calibration: {note}")


def test_rounding_above_1_is_no_error():
    """A mean of shares may exceed 1 by its last bit."""
    raw = np.array([[np.nextafter(1.0, 2.0), 0.0, 0.0], [0.0, 1.0, 0.0]])
    assert fit_calibrator("temperature", raw, np.array([0, 1], dtype=np.int32), CLASSES).method == "temperature"


def test_certain_and_separable_samples_stay_finite():
    """Zeros, ones and a perfect model, as small forests give them, do not break any fit."""
    codes = np.repeat([0, 1, 2], 20).astype(np.int32)
    for method in METHODS:
        for raw in (np.eye(3)[codes], np.eye(3)[(codes + 1) % 3]):
            calibrator = fit_calibrator(method, raw, codes, CLASSES)
            assert_probabilities(calibrator.apply(np.vstack([raw, np.full((1, 3), 1 / 3)])))


def test_rows_that_every_curve_calls_impossible_stay_as_they_were():
    """Where all curves say 0, the model's own probabilities stand."""
    never = Curve(raw=(0.5, 1.0), calibrated=(0.0, 1.0))
    calibrator = Calibrator(method="isotonic", classes=CLASSES, curves=(never, never, never))
    rows = np.array([[0.4, 0.3, 0.3], [0.75, 0.25, 0.0]])
    np.testing.assert_allclose(calibrator.apply(rows), [[0.4, 0.3, 0.3], [1.0, 0.0, 0.0]])


def assert_probabilities(rows):
    assert rows.dtype == np.float64
    assert ((rows >= 0.0) & (rows <= 1.0)).all()
    np.testing.assert_allclose(rows.sum(axis=-1), 1.0, atol=1e-12)


@st.composite
def labelled_rows(draw):
    """Up to 40 rows of probabilities, zeros among them, with codes from -1 to 2."""
    cell = st.one_of(st.just(0.0), st.floats(1e-9, 1.0))
    weights = np.array(draw(st.lists(st.tuples(cell, cell, cell).filter(lambda row: sum(row) > 0), max_size=40)))
    codes = np.array(draw(st.lists(st.integers(-1, 2), min_size=len(weights), max_size=len(weights))), dtype=np.int32)
    weights = weights.reshape(-1, 3)
    return weights / weights.sum(axis=1, keepdims=True), codes


@settings(max_examples=60, deadline=None)
@given(labelled_rows(), st.sampled_from(METHODS))
def test_whatever_was_fitted_gives_probabilities_and_survives_its_text(rows, method):
    """From any samples: finite rows that sum to 1, and a text that holds every bit."""
    raw, codes = rows
    calibrator = fit_calibrator(method, raw, codes, CLASSES)
    assert_probabilities(calibrator.apply(raw))
    loaded = Calibrator.from_json(calibrator.to_json())
    assert loaded == calibrator
    np.testing.assert_array_equal(loaded.apply(raw), calibrator.apply(raw))


@settings(max_examples=200)
@given(
    st.lists(st.floats(-20, 20), min_size=3, max_size=3),
    st.floats(min_value=1e-3, max_value=1e3),
    st.floats(0.01, 0.98),
    st.floats(0.001, 0.01),
)
def test_more_evidence_never_gives_less_confidence(bias, temperature, probability, more):
    """As one class takes probability from another, its calibrated share does not fall."""
    calibrator = Calibrator(method="temperature", classes=CLASSES[:2], temperature=temperature, bias=tuple(bias[:2]))
    before, after = calibrator.apply(np.array([[1 - p, p] for p in (probability, probability + more)]))[:, 1]
    assert after >= before


@given(st.floats(0.1, 10.0), st.floats(0.1, 10.0), st.tuples(*[st.floats(0.01, 1.0)] * 3))
def test_a_higher_temperature_never_sharpens(one, other, weights):
    """Without biases, the largest share falls and the order stays as the temperature rises."""
    row = np.array(weights) / sum(weights)
    cool, warm = (
        Calibrator(method="temperature", classes=CLASSES, temperature=item, bias=(0.0, 0.0, 0.0)).apply(row)
        for item in sorted((one, other))
    )
    assert warm.max() <= cool.max() + 1e-12
    assert (np.diff(warm[np.argsort(row)]) >= 0).all()


def test_a_fit_repeats():
    """The same samples give the same text."""
    raw, codes, _ = overconfident(500)
    for method in METHODS:
        assert fit_calibrator(method, raw, codes, CLASSES).to_json() == (
            fit_calibrator(method, raw, codes, CLASSES).to_json()
        )


def test_an_unknown_method_is_refused():
    """Only the three methods exist."""
    with pytest.raises(ConfigError) as error:
        fit_calibrator("platt", np.ones((1, 3)) / 3, np.zeros(1, dtype=np.int32), CLASSES)
    assert str(error.value) == "calibration method: 'platt'; none, temperature or isotonic"


MISFITS = {
    "classes": (
        np.ones((4, 2)) / 2,
        [0, 1, 1, 0],
        "probabilities: an array of shape (4, 2) for codes of shape (4,); 3 classes for each code",
    ),
    "rows": (
        np.ones((4, 3)) / 3,
        [0, 1, 1],
        "probabilities: an array of shape (4, 3) for codes of shape (3,); 3 classes for each code",
    ),
    "code": (np.ones((2, 3)) / 3, [0, 3], "codes: class code 3; codes 0 to 2"),
    "NaN": (
        np.array([[np.nan, 0.5, 0.5]]),
        [0],
        "probabilities: a value that is not from 0 to 1; shares that sum to 1",
    ),
    "above 1": (
        np.array([[2.0, -0.5, -0.5]]),
        [0],
        "probabilities: a value that is not from 0 to 1; shares that sum to 1",
    ),
}


@pytest.mark.parametrize(("probabilities", "codes", "message"), MISFITS.values(), ids=MISFITS)
def test_samples_that_do_not_fit_are_refused(probabilities, codes, message):
    """Each misfit of probabilities and codes is an error with this exact message."""
    with pytest.raises(DataError) as error:
        fit_calibrator("temperature", probabilities, np.array(codes, dtype=np.int32), CLASSES)
    assert str(error.value) == message


def test_other_classes_than_fitted_are_refused():
    """A calibrator of three classes is not applied to two."""
    with pytest.raises(DataError) as error:
        Calibrator.none(CLASSES).apply(np.ones((4, 2)) / 2)
    assert str(error.value) == "probabilities: an array of shape (4, 2); 3 classes on the last axis"


def test_applying_imports_neither_scipy_nor_sklearn():
    """Serving needs numpy alone."""
    script = (
        "import sys, numpy as np\n"
        "from candle_ml.calibration import Calibrator\n"
        "Calibrator.none(('O', 'a')).apply(np.ones((1, 2)) / 2)\n"
        "print(sorted({'scipy', 'sklearn', 'pandas'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
