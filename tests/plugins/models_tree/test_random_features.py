"""The trainer `random-features` and the file of its model."""

from __future__ import annotations

import io

import numpy as np
import pytest

from candle_ml.errors import BundleError, DataError, TrainingError
from candle_ml_models_tree import random_layer
from candle_ml_models_tree.files import Meta, digest
from candle_ml_models_tree.options import RandomFeaturesOptions
from candle_ml_models_tree.random_features import RandomFeaturesTrainer, load


def fitted(matrix, context, **options):
    return RandomFeaturesTrainer(RandomFeaturesOptions(**({"features": 60} | options))).fit(matrix, None, context)


def rewritten(folder, model, change):
    """Save a model with its arrays changed, and the digest that belongs to them."""
    model.save(folder)
    with np.load(folder / "model.npz") as arrays:
        known = {name: arrays[name] for name in arrays.files}
    file = io.BytesIO()
    np.savez(file, **change(known))
    meta = Meta.model_validate_json((folder / "meta.json").read_bytes())
    (folder / "model.npz").write_bytes(file.getvalue())
    changed = meta.model_copy(update={"sha256": digest(file.getvalue())})
    (folder / "meta.json").write_text(changed.model_dump_json(), "utf-8")


def test_the_model_recognises_the_patterns_it_was_shown(patterns, context):
    """On new samples four in five are right, every share is above zero, and each row sums to 1."""
    model = fitted(patterns(400), context)
    new = patterns(200, seed=2)
    shares = model.predict_proba(new)
    assert model.classes == context.classes
    assert (shares > 0).all()
    np.testing.assert_allclose(shares.sum(axis=1), 1.0, atol=1e-12)
    assert (shares.argmax(axis=1) == new.codes).mean() > 0.8


def test_a_sample_has_the_same_bits_in_any_company(patterns, context):
    """Asked one by one, in parts or together, samples get the same shares to the last bit."""
    model, samples = fitted(patterns(300), context), patterns(700, seed=3)
    together = model.predict_proba(samples)
    for start, stop in ((0, 1), (5, 300), (255, 258), (699, 700)):
        part = type(samples)(samples.values[start:stop], samples.codes[start:stop])
        np.testing.assert_array_equal(model.predict_proba(part), together[start:stop])


def test_a_loaded_model_is_the_saved_one(patterns, context, tmp_path):
    """What was saved gives the same shares, says the same of its columns and saves the same bytes."""
    model = fitted(patterns(200), context)
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    model.save(tmp_path / "first")
    loaded = load(tmp_path / "first")
    loaded.save(tmp_path / "second")
    np.testing.assert_array_equal(loaded.predict_proba(patterns(50)), model.predict_proba(patterns(50)))
    assert loaded.feature_importance() is None
    for name in ("model.npz", "meta.json"):
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()


def test_samples_that_are_too_many_to_keep_give_the_same_model(patterns, context, monkeypatch):
    """Whether the samples' features are kept between two passes or computed again, the shares are the same bits."""
    kept = fitted(patterns(300), context).predict_proba(patterns(50))
    monkeypatch.setattr(random_layer, "_MOST_VALUES_KEPT", 0)
    np.testing.assert_array_equal(fitted(patterns(300), context).predict_proba(patterns(50)), kept)


def test_columns_in_other_units_change_nothing(patterns, context):
    """A column multiplied by 1000 and moved by 5, and one that never changes, leave the shares as they were."""
    train, new = patterns(300), patterns(50, seed=4)
    moved = [type(train)(each.values * [1000] + [5], each.codes) for each in (train, new)]
    plain, scaled = fitted(train, context).predict_proba(new), fitted(moved[0], context).predict_proba(moved[1])
    np.testing.assert_allclose(plain, scaled, atol=1e-3)
    constant = type(train)(np.ones_like(train.values), train.codes)
    assert np.isfinite(fitted(constant, context).predict_proba(constant)).all()


def test_class_weight_shifts_shares_to_rare_classes(patterns, context):
    """With balanced classes a rare pattern has larger shares than with every sample's own weight."""
    many = patterns(400)
    kept = (many.codes != 2) | (np.arange(400) % 8 == 0)
    rare = type(many)(many.values[kept], many.codes[kept])
    means = [fitted(rare, context, class_weight=how).predict_proba(many)[:, 2].mean() for how in ("none", "balanced")]
    assert means[0] < means[1]


def test_samples_that_cannot_be_learned_from_are_refused(patterns, context):
    """One class alone and a value that is no number are errors that name them."""
    samples = patterns(30)
    with pytest.raises(TrainingError) as error:
        fitted(type(samples)(samples.values, np.zeros(30)), context)
    assert str(error.value) == (
        "training samples: all are 'O'; annotate at least one pattern in the candles that training uses"
    )
    samples.values[3, 1] = np.nan
    with pytest.raises(DataError) as broken:
        fitted(samples, context)
    assert str(broken.value) == "feature 'column_1': 1 of 30 values are NaN or infinite; finite features"


NAMES = ["answer", "directions", "mean", "offsets", "scale", "start", "unit", "weights"]
DAMAGE = {
    "an array too many": (
        lambda arrays: arrays | {"zeros": np.zeros(1)},
        f"arrays {[*NAMES, 'zeros']}; {NAMES}",
    ),
    "an array missing": (
        lambda arrays: {name: arrays[name] for name in NAMES if name != "offsets"},
        f"arrays {[name for name in NAMES if name != 'offsets']}; {NAMES}",
    ),
    "other columns": (
        lambda arrays: arrays | {"mean": arrays["mean"][1:]},
        "mean ('float32', (COLUMNS - 1,)); ('float32', (COLUMNS,))",
    ),
    "other directions": (
        lambda arrays: arrays | {"weights": np.zeros((3, 60), dtype=np.int8), "unit": arrays["unit"][:2]},
        "directions ('int8', (COLUMNS, COLUMNS)); ('int8', (COLUMNS, 2))",
    ),
    "another type": (
        lambda arrays: arrays | {"offsets": arrays["offsets"].astype(np.float64)},
        "offsets ('float64', (60,)); ('int32', (60,))",
    ),
    "a class too few": (
        lambda arrays: arrays | {"answer": arrays["answer"][:, 1:]},
        "answer ('float64', (60, 2)); ('float64', (60, 3))",
    ),
    "no number": (
        lambda arrays: arrays | {"start": arrays["start"] * np.nan},
        "start with numbers that are none: 3; 0",
    ),
    "objects": (
        lambda arrays: arrays | {"start": np.array([None, 1, 2], dtype=object)},
        "cannot be read; a model written by candle-ml",
    ),
}


@pytest.mark.parametrize(("change", "message"), DAMAGE.values(), ids=DAMAGE.keys())
def test_a_damaged_file_is_refused(patterns, context, tmp_path, change, message):
    """Arrays that are missing, too many, of another shape or type, or no numbers are errors; nothing is unpickled."""
    samples = patterns(100)
    rewritten(tmp_path, fitted(samples, context), change)
    for text, count in (("COLUMNS - 1", samples.shape[1] - 1), ("COLUMNS", samples.shape[1])):
        message = message.replace(text, str(count))
    with pytest.raises(BundleError) as error:
        load(tmp_path)
    assert str(error.value) == f"{tmp_path.name}/model.npz: {message}"
