"""Calibrators as text: exact on the way out and in, strict on the way in."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from candle_ml.calibration import Calibrator
from candle_ml.errors import BundleError

CLASSES = ("O", "bear_flag", "bull_flag")


@given(st.tuples(*[st.floats(-1e3, 1e3)] * 3), st.floats(1e-3, 1e3))
def test_every_number_survives_the_text(bias, temperature):
    """Biases and temperature are the same floats after writing and reading."""
    calibrator = Calibrator(method="temperature", classes=CLASSES, temperature=temperature, bias=bias)
    assert Calibrator.from_json(calibrator.to_json()) == calibrator


def curve(raw, calibrated):
    return {"curves": [{"raw": raw, "calibrated": calibrated}] + [{"raw": [0.0], "calibrated": [0.0]}] * 2}


TEMPERATURE = {"format": 1, "method": "temperature", "classes": list(CLASSES), "temperature": 2.0, "bias": [0, 0, 0]}
ISOTONIC = {"format": 1, "method": "isotonic", "classes": list(CLASSES)}

BAD = {
    "not JSON": ("{", "Invalid JSON: EOF while parsing an object at line 1 column 1"),
    "a list": ([], "Input should be an object"),
    "another format": (TEMPERATURE | {"format": 2}, "format: Input should be 1"),
    "unknown method": (
        TEMPERATURE | {"method": "platt"},
        "method: Input should be 'none', 'temperature' or 'isotonic'",
    ),
    "unknown key": (TEMPERATURE | {"scale": 1}, "scale: Extra inputs are not permitted"),
    "one class": (
        TEMPERATURE | {"classes": ["O"]},
        "classes: Tuple should have at least 2 items after validation, not 1",
    ),
    "a class twice": (TEMPERATURE | {"classes": ["O", "a", "a"]}, "Value error, a class is there twice"),
    "temperature 0": (
        TEMPERATURE | {"temperature": 0.0},
        "temperature: Input should be greater than or equal to 0.001",
    ),
    "temperature as text": (TEMPERATURE | {"temperature": "2"}, "temperature: Input should be a valid number"),
    "temperature NaN": (TEMPERATURE | {"temperature": float("nan")}, "temperature: Input should be a finite number"),
    "infinite bias": (TEMPERATURE | {"bias": [0, 0, float("inf")]}, "bias.2: Input should be a finite number"),
    "a bias less": (
        TEMPERATURE | {"bias": [0, 0]},
        "Value error, 2 biases and 0 curves for method temperature and 3 classes",
    ),
    "no curves": (ISOTONIC, "Value error, 0 biases and 0 curves for method isotonic and 3 classes"),
    "a curve too short": (
        ISOTONIC | curve([0.0, 1.0], [0.5]),
        "curves.0: Value error, 2 raw and 1 calibrated knots",
    ),
    "an empty curve": (
        ISOTONIC | curve([], []),
        "curves.0.raw: Tuple should have at least 1 item after validation, not 0",
    ),
    "knots that stand still": (
        ISOTONIC | curve([0.5, 0.5], [0.1, 0.2]),
        "curves.0: Value error, raw knots that do not increase",
    ),
    "a curve that falls": (
        ISOTONIC | curve([0.1, 0.5], [0.2, 0.1]),
        "curves.0: Value error, calibrated knots that decrease",
    ),
    "no probability": (
        ISOTONIC | curve([0.1], [1.5]),
        "curves.0.calibrated.0: Input should be less than or equal to 1",
    ),
}


@pytest.mark.parametrize(("document", "found"), BAD.values(), ids=BAD)
def test_a_damaged_calibrator_is_refused(document, found):
    """Each damaged text is an error with this exact message."""
    text = document if isinstance(document, str) else json.dumps(document)
    with pytest.raises(BundleError) as error:
        Calibrator.from_json(text)
    assert str(error.value) == f"calibrator: {found}; one written by this version of candle-ml"
