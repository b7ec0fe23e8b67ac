"""Samples and options that the tree models refuse, each with what would do."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from candle_ml.errors import DataError, TrainingError


def test_early_stopping_that_was_asked_for_needs_validation(xgboost_kind, patterns, context):
    """Asking for early stopping with nothing to stop by is an error, not a silent full run."""
    with pytest.raises(TrainingError) as error:
        xgboost_kind.train(early_stopping_rounds=5).fit(patterns(), None, context)
    assert str(error.value) == (
        "early_stopping_rounds: no validation sample to stop by; "
        "a validation block with samples, or early_stopping_rounds: null"
    )


MANY = np.arange(30) % 3

UNTRAINABLE = {
    "nothing": ([], "training samples: none; annotate patterns in the candles that training uses"),
    "only O": (
        np.zeros(9),
        "training samples: all are 'O'; annotate at least one pattern in the candles that training uses",
    ),
    "only patterns": (
        np.ones(9),
        "training samples: all are 'bear_flag'; mark ranges without a pattern as reviewed, or annotate them as 'O'",
    ),
    "a class missing": (
        np.arange(20) % 2,
        "class 'bull_flag': no training sample; annotate it in the candles that training uses, or leave this label out",
    ),
    "no O": (
        1 + np.arange(20) % 2,
        "class 'O': no training sample; mark ranges without a pattern as reviewed, or annotate them as 'O'",
    ),
    "too few": (
        [*np.zeros(9), 1, 2, 2],
        "class 'bear_flag': 1 training sample; at least 2: annotate more, or lower min_samples_per_class",
    ),
    "two problems": (
        [*np.zeros(9), 1],
        "class 'bear_flag': 1 training sample; at least 2: annotate more, or lower min_samples_per_class\n"
        "class 'bull_flag': no training sample; "
        "annotate it in the candles that training uses, or leave this label out",
    ),
    "unlabelled": (
        [*MANY, -1, -1],
        "training samples: 2 of 32 without a label; samples that are a pattern or clearly none",
    ),
    "unknown code": ([*MANY, 3], "training samples: class code 3; codes 0 to 2"),
}


@pytest.mark.parametrize(("codes", "message"), UNTRAINABLE.values(), ids=UNTRAINABLE)
def test_what_cannot_be_trained_says_what_to_annotate(kind, matrix, context, codes, message):
    """Each lack of samples is an error with this exact message."""
    with pytest.raises(TrainingError) as error:
        kind.train().fit(matrix(np.zeros((len(codes), 2)), codes), None, context)
    assert str(error.value) == message


def test_the_fewest_samples_a_class_are_an_option(kind, patterns, context):
    """A minimum above what is there is refused with the number that is there."""
    samples = patterns(30)
    count = int((samples.codes == 2).sum())
    with pytest.raises(TrainingError, match=f"class 'bull_flag': {count} training samples; at least 20: "):
        kind.train(min_samples_per_class=20).fit(samples, None, context)


WEIGHTS = {
    "negative": (
        lambda codes: np.where(codes == 1, -1.0, 1.0),
        "weight -1.0 of sample 1; a finite number, zero or more",
    ),
    "NaN": (lambda codes: np.where(codes == 2, np.nan, 1.0), "weight nan of sample 2; a finite number, zero or more"),
    "all zero": (lambda codes: codes * 0.0, "all weigh 0; a weight above 0 for at least one source of annotations"),
}


@pytest.mark.parametrize(("weights", "message"), WEIGHTS.values(), ids=WEIGHTS)
def test_unusable_weights_are_refused(kind, matrix, context, weights, message):
    """Each unusable weight is an error with this exact message."""
    samples = matrix(np.zeros((30, 2)), MANY)
    samples.weights = weights(samples.codes).astype(np.float32)
    with pytest.raises(TrainingError) as error:
        kind.train().fit(samples, None, context)
    assert str(error.value) == f"training samples: {message}"


def test_a_class_that_weighs_nothing_is_refused(kind, matrix, context):
    """A class is as good as missing where all its samples have weight 0."""
    samples = matrix(np.zeros((30, 2)), MANY)
    samples.weights[samples.codes == 2] = 0.0
    with pytest.raises(TrainingError) as error:
        kind.train().fit(samples, None, context)
    assert str(error.value) == (
        "class 'bull_flag': all its training samples weigh 0; a weight above 0 for its annotations' source"
    )


def test_unlabelled_validation_samples_are_refused(xgboost_kind, matrix, patterns, context):
    """Validation samples are checked like training samples."""
    with pytest.raises(TrainingError) as error:
        xgboost_kind.train().fit(patterns(), matrix(np.zeros((4, 6)), [0, 1, 2, -1]), context)
    assert str(error.value) == (
        "validation samples: 1 of 4 without a label; samples that are a pattern or clearly none"
    )


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros((30, 0)), "training samples: no feature column; choose at least one feature extractor"),
        (
            np.zeros((30, 5, 2)),
            "training samples: a matrix of shape (30, 5, 2); one row a sample (layout flat)",
        ),
    ],
)
def test_a_matrix_of_the_wrong_form_is_refused(kind, matrix, context, values, message):
    """Only rows of at least one column can be trained on."""
    with pytest.raises(TrainingError) as error:
        kind.train().fit(matrix(values, MANY), None, context)
    assert str(error.value) == message


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_features_that_are_not_finite_are_refused(kind, patterns, context, value):
    """NaN and infinity are named by column, in training as in prediction."""
    bad = patterns(30)
    bad.values[4:6, 3] = value
    message = "feature 'column_3': 2 of 30 values are NaN or infinite; finite features"
    with pytest.raises(DataError) as error:
        kind.train().fit(bad, None, context)
    assert str(error.value) == message
    with pytest.raises(DataError) as error:
        kind.train().fit(patterns(), None, context).predict_proba(bad)
    assert str(error.value) == message


def test_other_columns_than_in_training_are_refused(kind, matrix, patterns, context):
    """A model is asked only about as many columns as it was trained on."""
    model = kind.train().fit(patterns(), None, context)
    with pytest.raises(DataError) as error:
        model.predict_proba(matrix(np.zeros((2, 5)), [0, 0]))
    assert str(error.value) == "features: a matrix of shape (2, 5); 6 columns, as in training"


@pytest.mark.parametrize("option", [{"unheard_of": 1}, {"max_depth": 0}, {"max_depth": "4"}, {"class_weight": "some"}])
def test_wrong_options_are_refused(kind, option):
    """Unknown keys, values out of range and wrong types are no options."""
    with pytest.raises(ValidationError):
        kind.train(**option)
