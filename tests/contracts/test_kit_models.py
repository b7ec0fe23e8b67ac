"""The contract kit finds each broken promise of trainers, sources and options that are good but for one thing."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from pydantic import BaseModel, Field

from candle_ml.annotations import Annotation, Ingest
from candle_ml.candles import SeriesKey
from candle_ml.components import (
    AnnotationSourceComponent,
    Component,
    FeatureExtractorComponent,
    ModelTrainerComponent,
    Options,
)
from candle_ml.errors import DataError, PluginError
from candle_ml.testing import ContractError, check_component, check_plugin, contract_checks, example_candles

Find = Callable[..., str]
CLASSES = ("O", "example_flag", "example_wedge")
COUNTER = count()


class NearestMean:
    """A good model: the class whose mean is nearest."""

    def __init__(self, classes: tuple[str, ...], means: Any) -> None:
        self.classes = classes
        self.means = means

    def predict_proba(self, matrix: Any) -> Any:
        distance = np.square(matrix.dense()[:, np.newaxis, :].astype(np.float64) - self.means).sum(axis=-1)
        weight = np.exp(-(distance - distance.min(axis=1, keepdims=True)))
        return weight / weight.sum(axis=1, keepdims=True)

    def save(self, folder: Path) -> None:
        np.save(folder / "means.npy", self.means, allow_pickle=False)

    def feature_importance(self) -> Any:
        return None


def load(folder: Path) -> NearestMean:
    return NearestMean(CLASSES, np.load(folder / "means.npy", allow_pickle=False))


def fit(train: Any, validation: Any, context: Any) -> NearestMean:
    rows = train.dense().astype(np.float64)
    return NearestMean(context.classes, np.stack([rows[train.codes == code].mean(axis=0) for code in range(3)]))


def trainer(fit: Callable[..., Any] = fit, load: Callable[..., Any] = load) -> ModelTrainerComponent:
    return ModelTrainerComponent(
        name="nearest-mean", summary="nearest mean", build=lambda options: SimpleNamespace(fit=fit), load=load
    )


def with_model(**changes: Any) -> ModelTrainerComponent:
    """The good trainer, whose models have some methods replaced; each is given the good model first."""

    def changed(train: Any, validation: Any, context: Any) -> Any:
        model = fit(train, validation, context)
        for name, change in changes.items():
            setattr(model, name, partial_of(change, fit(train, validation, context)) if callable(change) else change)
        return model

    return trainer(changed)


def partial_of(change: Callable[..., Any], good: Any) -> Callable[..., Any]:
    return lambda *arguments: change(good, *arguments)


def counted(model: Any, folder: Path) -> None:
    (folder / "count.txt").write_text(str(next(COUNTER)), "utf-8")


def pickled(model: Any, folder: Path) -> None:
    (folder / "model.bin").write_bytes(pickle.dumps(model.means))


def by_heart(model: Any, matrix: Any) -> Any:
    """What the matrix says of its own classes."""
    return np.where(np.arange(3) == np.asarray(matrix.codes)[:, np.newaxis], 0.8, 0.1)


def of_the_batch(model: Any, matrix: Any) -> Any:
    probabilities = model.predict_proba(matrix)
    mean = probabilities.mean(axis=0) if len(probabilities) else 0
    return 0.9 * probabilities + 0.1 * mean


def forgetful(folder: Path) -> NearestMean:
    model = load(folder)
    return NearestMean(model.classes, np.round(model.means, 3))


def noisy(train: Any, validation: Any, context: Any) -> NearestMean:
    model = fit(train, validation, context)
    return NearestMean(model.classes, model.means + 1e-9 * next(COUNTER))


def watching(train: Any, validation: Any, context: Any) -> NearestMean:
    validation.dense()
    return fit(train, validation, context)


def writing(train: Any, validation: Any, context: Any) -> NearestMean:
    train.weights[0] += 1
    return fit(train, validation, context)


class Racing(NearestMean):
    """Keeps its input on itself, so that threads take each other's."""

    def predict_proba(self, matrix: Any) -> Any:
        return super().predict_proba(matrix) * (1 + 1e-12 * next(COUNTER))


TRAINERS: list[tuple[str, ModelTrainerComponent, str]] = [
    ("knows its classes", with_model(classes=("a", "b", "c")), "classes ('a', 'b', 'c') instead of ("),
    ("gives probabilities", with_model(predict_proba=lambda m, x: m.predict_proba(x) * 2), "values outside 0 to 1"),
    (
        "gives probabilities",
        with_model(predict_proba=lambda m, x: m.predict_proba(x) / 2),
        "a row that sums to 1 but for 5.0e-01",
    ),
    (
        "gives probabilities",
        with_model(predict_proba=lambda m, x: m.predict_proba(x).astype(np.float32)),
        "float32",
    ),
    (
        "gives probabilities",
        with_model(predict_proba=lambda m, x: m.predict_proba(x)[:, :2]),
        "shape (80, 2) instead of (80, 3)",
    ),
    ("learns", with_model(predict_proba=lambda m, x: m.predict_proba(x)[:, [1, 2, 0]]), "1% right of three classes"),
    ("scores samples one by one", with_model(predict_proba=of_the_batch), "rows slice(0, 1, None): "),
    ("scores features alone", with_model(predict_proba=by_heart), "probabilities without codes and weights: "),
    ("needs no validation", trainer(watching), "raised AttributeError: 'NoneType' object has no attribute 'dense'"),
    ("is deterministic", trainer(noisy), "two fits give different files"),
    ("leaves its input alone", trainer(writing), "weights: "),
    ("saves the same bytes", with_model(save=counted), "saved twice, the files differ"),
    ("saves the same bytes", with_model(save=lambda model, folder: None), "no file"),
    ("saves no pickle", with_model(save=pickled), "pickled: model.bin"),
    ("loads what it saved", trainer(load=forgetful), "probabilities of the loaded model: "),
    (
        "predicts from several threads",
        trainer(lambda *given: Racing(CLASSES, fit(*given).means)),
        "probabilities of a thread: ",
    ),
    (
        "importance is a share",
        with_model(feature_importance=lambda m: np.ones(5)),
        "shares array(",
    ),
    ("importance is a share", with_model(feature_importance=lambda m: np.ones(3) / 3), "shape (3,)"),
]


@pytest.mark.parametrize(("check", "component", "words"), TRAINERS)
def test_a_broken_promise_of_a_trainer_is_found(
    found: Find, check: str, component: ModelTrainerComponent, words: str
) -> None:
    """A trainer that is good but for one thing fails the check of that thing, which says what was found."""
    assert found(component, check).startswith(words)


def test_a_good_trainer_keeps_every_promise() -> None:
    """The trainer that the altered ones are made of passes every check."""
    check_component(trainer())


def source(read: Callable[[Any], Any]) -> AnnotationSourceComponent:
    return AnnotationSourceComponent(
        name="source", summary="a source", build=lambda options: SimpleNamespace(read=read)
    )


def annotation(name: str) -> Annotation:
    return Annotation(name, SeriesKey("EXAMPLE", "1h"), 0, 3600, "flag")


def scribbling(context: Any) -> Ingest:
    (context.root / f"{next(COUNTER)}.txt").write_text("", "utf-8")
    return Ingest()


def raising(error: Exception) -> Callable[[Any], Any]:
    def read(context: Any) -> Any:
        raise error

    return read


CANDLES = example_candles(20)
SOURCES: list[tuple[str, Callable[[Any], Any], str]] = [
    ("reads typed values", lambda context: (), "read gives ()"),
    ("reads typed values", lambda context: Ingest(annotations=[annotation("a:1")]), "annotations is a list"),  # type: ignore[arg-type]
    ("reads typed values", lambda context: Ingest(notes=(1,)), "notes holds [1]"),  # type: ignore[arg-type]
    ("reads typed values", lambda context: Ingest(label_colors={"a": 1}), "colours "),  # type: ignore[dict-item]
    ("candles are good", lambda context: Ingest(candles=(CANDLES, CANDLES)), "a series twice: EXAMPLE 1h"),
    (
        "candles are good",
        lambda context: Ingest(candles=(replace(CANDLES, low=CANDLES.high * 2),)),
        "EXAMPLE 1h: [RowProblem(row=0, ",
    ),
    (
        "candles are good",
        lambda context: Ingest(candles=(replace(CANDLES, time=CANDLES.time[::-1].copy()),)),
        "EXAMPLE 1h: times do not increase",
    ),
    (
        "annotations have ids of their own",
        lambda context: Ingest(annotations=(annotation("a:1"), annotation("a:1"))),
        "ids twice: EXAMPLE 1h: a:1",
    ),
    (
        "annotations have ids of their own",
        lambda context: Ingest(annotations=(annotation("7"),)),
        "ids without a namespace: 7",
    ),
    ("repeats nothing that is known", lambda context: context.known, "candles that are known already"),
    (
        "reads the same again",
        lambda context: Ingest(annotations=(annotation(f"a:{next(COUNTER)}"),)),
        "read again, the content differs",
    ),
    ("writes nothing", scribbling, "the project folder has changed"),
    ("says what is missing", raising(KeyError("path")), "raised KeyError: 'path'"),
    ("says what is missing", raising(DataError.at("", "", "")), "a DataError without a message"),
]


@pytest.mark.parametrize(("check", "read", "words"), SOURCES)
def test_a_broken_promise_of_a_source_is_found(
    found: Find, tmp_path: Path, check: str, read: Callable[[Any], Any], words: str
) -> None:
    """A source that is good but for one thing fails the check of that thing, which says what was found."""
    assert found(source(read), check, None, tmp_path).startswith(words)


def test_ids_belong_to_their_series(tmp_path: Path) -> None:
    """Two series may each have an annotation of one id."""
    other = replace(annotation("a:1"), series=SeriesKey("OTHER", "1h"))
    good = source(lambda context: Ingest(annotations=(annotation("a:1"), other)))
    check = next(
        one for one in contract_checks(good, None, tmp_path) if one.name == "annotations have ids of their own"
    )
    check.run()


class Inner(BaseModel):
    """Accepts anything and can be changed."""

    depth: int = Field(1, description="How deep.")


class Bare(Options):
    """Says nothing of its option."""

    period: int = 3


class Open(Options):
    """Holds a model that is not closed."""

    inner: Inner = Field(Inner(), description="Something within.")


class Forgetting(Options):
    """Loses an option when it is written."""

    period: int = Field(3, description="Candles.", exclude=True)
    share: float = Field(float("nan"), description="A share.")


OPTIONS: list[tuple[str, dict[str, Any], str]] = [
    ("is summed up", {"summary": " "}, "an empty summary"),
    ("is summed up", {"summary": "a\nb"}, "a summary of several lines: 'a\\nb'"),
    ("options are described", {"options": Bare}, "options of Bare without description: period"),
    ("options are closed", {"options": Open}, "Inner accepts unknown keys"),
    ("options survive a file", {"options": Forgetting}, "raised ValidationError: "),
]


@pytest.mark.parametrize(("check", "changes", "words"), OPTIONS)
def test_a_broken_promise_of_options_is_found(found: Find, check: str, changes: dict[str, Any], words: str) -> None:
    """A component whose record or options break one rule fails the check of that rule."""
    good = FeatureExtractorComponent(name="extractor", summary="good", build=lambda options: None)
    assert found(replace(good, **changes), check).startswith(words)


def test_options_without_default_are_found(found: Find) -> None:
    """An option that must be given is named."""

    class Required(Options):
        period: int

    component = FeatureExtractorComponent(name="extractor", summary="good", build=lambda o: None, options=Required)
    chosen = Required(period=3)
    assert found(component, "options have defaults", chosen) == "options without default: period"


def test_a_component_is_told_of_every_broken_promise_at_once() -> None:
    """`check_component` names all checks that fail."""
    component: Component = replace(trainer(noisy), summary="")
    with pytest.raises(ContractError) as caught:
        check_component(component)
    assert [problem.where for problem in caught.value.problems] == [
        "nearest-mean: is summed up",
        "nearest-mean: is deterministic",
    ]


def test_each_check_has_a_promise_and_a_name_of_its_own() -> None:
    """Checks of a component have different names, and their promise is a sentence."""
    checks = list(contract_checks(trainer()))
    assert len({str(check) for check in checks}) == len(checks)
    assert all(check.promise.endswith(".") for check in checks)


def test_a_plugin_is_checked_by_its_name() -> None:
    """`check_plugin` runs every check of everything that an installed plugin offers."""
    check_plugin("labels-windowed")


def test_an_unknown_plugin_is_answered_with_the_nearest() -> None:
    """Asking to check a plugin that is not installed names the closest one."""
    with pytest.raises(PluginError) as caught:
        check_plugin("label-windowed")
    assert str(caught.value) == "label-windowed: no installed plugin of this name; did you mean 'labels-windowed'?"
