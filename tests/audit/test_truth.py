"""One rule says which annotations count, for what is learned and for what is scored."""

from __future__ import annotations

from dataclasses import replace

import pytest

from candle_ml.annotations import Annotation
from candle_ml.audit.fixture import fixture_dataset
from candle_ml.dataset import Dataset
from candle_ml.evaluation import SeriesCase, series_spans
from candle_ml.training import cases, fit, prepare

from .conftest import Configs

RIVALS = {
    "precedence": ({"source": "programmatic", "confidence": 1.0}, ()),
    "confidence": ({"confidence": None}, ()),
    "later id": ({"id": "span:00"}, ()),
    "below the minimum confidence": ({"confidence": 0.3}, ("labels.minimum_confidence=0.5",)),
}
"""Ways to be less believed than a human's annotation of confidence 0.9, and the options that they need."""


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    """Made candles with annotations that a human is sure of."""
    made = fixture_dataset(800, 12)
    series = {
        key: replace(data, annotations=tuple(replace(one, confidence=0.9) for one in data.annotations))
        for key, data in made.series.items()
    }
    return replace(made, series=series)


def with_rivals(dataset: Dataset, changes: dict[str, object]) -> Dataset:
    """A second annotation, of another label, on the candles of each last pattern of a series."""
    series = {}
    for key, data in dataset.series.items():
        pattern = [one for one in data.annotations if one.label == "audit_flag"][-1]
        rival = replace(pattern, **{"id": f"{pattern.id}1", "label": "audit_wedge", **changes})
        series[key] = replace(data, annotations=(rival, *data.annotations))
    return replace(dataset, series=series)


def scored(configs: Configs, dataset: Dataset, *overrides: str) -> list[SeriesCase]:
    """What a small model is scored by, on every reviewed candle."""
    config = configs("candle-shape", "windowed", "labels.window=12", "calibration.enabled=false", *overrides)
    trained = fit(prepare(dataset, config), config)
    return cases(dataset, trained.predictor, ("audit_flag", "audit_wedge"), config)


@pytest.mark.parametrize("rule", RIVALS)
def test_scores_take_the_annotation_that_was_learned(configs: Configs, dataset: Dataset, rule: str) -> None:
    """An annotation that training sets aside is no truth, neither of candles nor of spans, whatever its rule."""
    changes, overrides = RIVALS[rule]
    plain, rivalled = scored(configs, dataset), scored(configs, with_rivals(dataset, changes), *overrides)
    assert [series_spans(case).truth for case in rivalled] == [series_spans(case).truth for case in plain]
    assert [case.ranges for case in rivalled] == [case.ranges for case in plain]


def test_what_is_only_doubtful_is_not_scored(configs: Configs, dataset: Dataset) -> None:
    """Candles that nothing but an unsure annotation lies on are neither a pattern nor none."""
    series = {}
    doubted: dict[object, Annotation] = {}
    for key, data in dataset.series.items():
        doubted[key] = replace([one for one in data.annotations if one.label == "audit_flag"][-1], confidence=0.3)
        others = tuple(one for one in data.annotations if one.id != doubted[key].id)
        series[key] = replace(data, annotations=(*others, doubted[key]))
    found = scored(configs, replace(dataset, series=series), "labels.minimum_confidence=0.5")
    assert len(found) == len(series)
    for case in found:
        item = doubted[case.candles.key]
        first, last = case.candles.index_range(item.start_time, item.end_time)
        assert not case.reviewed()[first : last + 1].any()
        assert case.reviewed()[[first - 1, last + 1]].all()
        assert item not in case.annotations
