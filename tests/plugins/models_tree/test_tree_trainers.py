"""Fitting the tree models and asking them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier

from candle_ml_models_tree import plugin


def saved(model, folder):
    folder.mkdir()
    model.save(folder)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_plugin_offers_its_trainers():
    """Every component builds a trainer from its default options and names the extra it needs."""
    components = {component.name: component for component in plugin.candle_ml_model_trainers()}
    assert set(components) == {"random-features", "random-forest", "xgboost", "xgboost-dask"}
    for component in components.values():
        assert hasattr(component.build(component.options()), "fit")
        assert (component.kinds, component.layout, component.extra) == ({"window"}, "flat", "models-tree")
        assert all(field.description for field in component.options.model_fields.values())


def test_a_loaded_model_is_the_component_s(kind, patterns, context, tmp_path):
    """What a trainer's model saves, its component loads."""
    component = next(item for item in plugin.candle_ml_model_trainers() if item.name == kind.name)
    kind.train().fit(patterns(), None, context).save(tmp_path)
    assert component.load(tmp_path).classes == context.classes


def test_a_model_recognises_the_patterns_it_was_shown(kind, patterns, context):
    """On new samples nine in ten are right, and every row of probabilities sums to 1."""
    model = kind.train().fit(patterns(400), patterns(100, seed=1), context)
    new = patterns(200, seed=2)
    probabilities = model.predict_proba(new)
    assert model.classes == context.classes
    assert probabilities.dtype == np.float64
    assert probabilities.shape == (200, 3)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, atol=1e-12)
    assert (probabilities.argmax(axis=1) == new.codes).mean() > 0.9


def test_no_sample_gives_no_row(kind, patterns, context):
    """A matrix of zero samples has zero rows of probabilities."""
    assert kind.train().fit(patterns(), None, context).predict_proba(patterns(0)).shape == (0, 3)


def test_the_same_input_gives_the_same_files(kind, patterns, context, tmp_path):
    """Two fits with one seed write equal bytes; another seed does not."""
    fits = [kind.train().fit(patterns(), patterns(60, seed=1), item) for item in (context, context)]
    other = kind.train().fit(patterns(), patterns(60, seed=1), replace(context, seed=8))
    first, second, third = (saved(model, tmp_path / str(number)) for number, model in enumerate([*fits, other]))
    assert set(first) == {kind.file, "meta.json"}
    assert first == second
    assert first[kind.file] != third[kind.file]


def test_the_number_of_threads_changes_nothing(kind, patterns, context, tmp_path):
    """A fit on three threads writes the bytes of a fit on one."""
    models = [kind.train().fit(patterns(), None, replace(context, threads=threads)) for threads in (1, 3)]
    first, second = (saved(model, tmp_path / str(number)) for number, model in enumerate(models))
    assert first == second


def test_a_loaded_model_says_what_the_saved_one_said(kind, patterns, context, tmp_path):
    """Probabilities and importance survive the files exactly, and a loaded model saves the same bytes again."""
    model = kind.train().fit(patterns(), patterns(60, seed=1), context)
    files = saved(model, tmp_path / "model")
    loaded = kind.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict_proba(patterns(50)), model.predict_proba(patterns(50)))
    np.testing.assert_array_equal(loaded.feature_importance(), model.feature_importance())
    assert saved(loaded, tmp_path / "again") == files


def test_two_classes_are_enough(kind, matrix, context):
    """A model of `O` and one pattern has two columns of probabilities."""
    values = np.linspace(-1, 1, 40, dtype=np.float32)[:, np.newaxis]
    samples = matrix(values, values[:, 0] > 0)
    model = kind.train(colsample_bytree=1.0).fit if kind.name == "xgboost" else kind.train().fit
    probabilities = model(samples, None, replace(context, classes=("O", "wedge"))).predict_proba(samples)
    assert probabilities.shape == (40, 2)
    assert probabilities[0, 0] > 0.5 > probabilities[-1, 0]


def test_importance_finds_the_columns_that_matter(kind, patterns, context):
    """Shares sum to 1, and the two columns that define the patterns have the largest."""
    importance = kind.train().fit(patterns(400), None, context).feature_importance()
    assert importance.sum() == pytest.approx(1.0)
    assert set(np.argsort(importance)[-2:]) == {0, 1}


def test_a_model_that_never_splits_has_no_importance(kind, matrix, context):
    """Columns without any difference leave nothing to share out."""
    flat = matrix(np.zeros((30, 2)), np.arange(30) % 3)
    assert kind.train().fit(flat, None, context).feature_importance() is None


def test_rare_classes_weigh_as_much_as_frequent_ones(kind, matrix, context):
    """With balanced weights a class of 6 among 300 indistinct samples gets about its equal share."""
    samples = matrix(np.zeros((300, 2)), np.r_[np.zeros(288), np.ones(6), np.full(6, 2)])
    balanced, plain = (
        kind.train(class_weight=how).fit(samples, None, context).predict_proba(samples)[0, 1]
        for how in ("balanced", "none")
    )
    assert balanced > 0.2
    assert plain < 0.1


def test_sample_weights_count(kind, matrix, context):
    """Of indistinct samples the heavier ones decide."""
    samples = matrix(np.zeros((60, 2)), np.arange(60) % 3)
    samples.weights[samples.codes == 2] = 20.0
    assert kind.train().fit(samples, None, context).predict_proba(samples)[0].argmax() == 2


def test_progress_only_grows_and_ends_complete(kind, patterns, context):
    """Every report has one subject and total, and the last one says that all is done."""
    reports = []
    noting = replace(context, progress=lambda *report: reports.append(report))
    kind.train().fit(patterns(), patterns(60, seed=1), noting)
    subjects, done, totals = zip(*reports, strict=True)
    assert len(set(subjects)) == 1
    assert list(done) == sorted(done)
    assert set(totals) == {done[-1]} == {12}


def test_the_smallest_forest_grows_without_a_warning(forest_kind, patterns, context, recwarn):
    """Fewer trees than steps of progress are no reason to warn."""
    assert forest_kind.train(trees=1).fit(patterns(), None, context).classes == context.classes
    assert not recwarn.list


def test_threads_may_ask_at_once(kind, patterns, context, tmp_path):
    """Eight threads that ask a freshly loaded model get what one thread gets."""
    kind.train().fit(patterns(), None, context).save(tmp_path)
    parts = [patterns(40, seed=number) for number in range(24)]
    expected = [kind.load(tmp_path).predict_proba(part) for part in parts]
    model = kind.load(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        for found, wanted in zip(pool.map(model.predict_proba, parts), expected, strict=True):
            np.testing.assert_array_equal(found, wanted)


def test_forest_answers_are_those_of_scikit_learn(forest_kind, patterns, context):
    """Asking tree by tree gives the numbers of `RandomForestClassifier.predict_proba`, bit for bit."""
    train, new = patterns(300), patterns(100, seed=3)
    ours = forest_kind.train(class_weight="none").fit(train, None, context)
    theirs = RandomForestClassifier(12, min_samples_leaf=2, random_state=7, n_jobs=1)
    theirs.fit(train.values, train.codes, sample_weight=train.weights)
    np.testing.assert_array_equal(ours.predict_proba(new), theirs.predict_proba(new.values))
    np.testing.assert_allclose(ours.feature_importance(), theirs.feature_importances_, rtol=1e-12)


def test_a_forest_does_not_keep_the_training_weights(forest_kind, patterns, context, tmp_path):
    """The saved forest does not grow with the number of samples that it could not tell apart."""
    small, large = (
        saved(forest_kind.train(max_depth=1).fit(patterns(rows), None, context), tmp_path / str(rows))
        for rows in (200, 4000)
    )
    assert len(large["model.skops"]) < len(small["model.skops"]) + 2000


def test_xgboost_never_asks_for_a_dense_matrix(xgboost_kind, patterns, context):
    """Training, watching and asking go block by block."""
    model = xgboost_kind.train().fit(patterns(lazy=True), patterns(60, seed=1, lazy=True), context)
    assert len(model.predict_proba(patterns(10, lazy=True))) == 10


def test_xgboost_keeps_the_best_round(xgboost_kind, matrix, patterns, context, tmp_path):
    """Where the validation block contradicts training, the model is cut back to its first round."""
    contrary = patterns(60, seed=1)
    contrary.codes = (contrary.codes + 1) % 3
    stopped = xgboost_kind.train(early_stopping_rounds=2).fit(patterns(), contrary, context)
    one_round = xgboost_kind.train(rounds=1).fit(patterns(), None, context)
    assert saved(stopped, tmp_path / "stopped") == saved(one_round, tmp_path / "one")


@pytest.mark.parametrize("none", [True, False])
def test_xgboost_without_validation_runs_all_rounds(xgboost_kind, patterns, context, none, tmp_path):
    """With no validation sample and no wish to stop early, all rounds are kept."""
    validation = None if none else patterns(0)
    default = xgboost_kind.train().fit(patterns(), validation, context)
    never = xgboost_kind.train(early_stopping_rounds=None).fit(patterns(), patterns(60, seed=1), context)
    assert saved(default, tmp_path / "default") == saved(never, tmp_path / "never")


def test_a_class_may_be_missing_from_validation(kind, matrix, patterns, context):
    """A validation block without any bull flag is no error."""
    validation = patterns(60, seed=1)
    validation = matrix(validation.values[validation.codes < 2], validation.codes[validation.codes < 2])
    assert kind.train().fit(patterns(), validation, context).classes == context.classes
