"""What is suggested and what is doubted: on made pools, and on a small project with real candles."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from candle_ml.annotations import NO_PATTERN, Annotation, ReviewedRange
from candle_ml.candles import SeriesKey
from candle_ml.config import PipelineConfig, load_config
from candle_ml.dataset import Dataset
from candle_ml.errors import BundleError
from candle_ml.inference import Suggestions, load_model
from candle_ml.inference.shapes import WIDTH
from candle_ml.pipeline import RunResult, run
from candle_ml.predictions import PredictedSpan
from candle_ml.suggesting import Pool, chosen, doubts, out_of_fold_claims, stretches, suggest_anew
from candle_ml.training import prepare

from ..small_project import last_candles, write_project

DAY = 86_400
KEYS = (SeriesKey("AAPL", "1d"), SeriesKey("MSFT", "1d"))


def pool(*rows: tuple[int, str, float], series: int = 0, seed: int = 0) -> Pool:
    """Stretches of ten candles that start at a candle, with a label and an uncertainty; shapes are random."""
    made = np.random.default_rng(seed).random((len(rows), WIDTH)).astype(np.float32)
    spans = [
        PredictedSpan(label, first * DAY, (first + 9) * DAY, 0.5, 10, first * DAY, False) for first, label, _ in rows
    ]
    return Pool((KEYS[series],) * len(rows), tuple(spans), np.array([sure for *_, sure in rows]), made)


NOTHING_KNOWN = np.empty((0, WIDTH), dtype=np.float32)


def test_labels_take_turns() -> None:
    """A label with few stretches is asked about as often as one with many."""
    rows = [(20 * number, "flag", 0.9) for number in range(40)]
    rare = [(2000 + 20 * number, "wedge", 0.1) for number in range(4)]
    found = chosen(pool(*rows, *rare), NOTHING_KNOWN, 10)
    labels = Counter("wedge" if row >= 40 else "flag" for row, why in found if why == "uncertain")
    assert labels == {"flag": 5, "wedge": 4}
    assert [why for _, why in found].count("explore") == 1


def test_of_two_alike_only_one_is_asked_about_first() -> None:
    """A stretch that looks like one that is annotated or asked about already comes after all that do not."""
    made = pool(*((20 * number, "flag", 0.9) for number in range(4)))
    made.shapes[1] = made.shapes[0]
    order = [row for row, _ in chosen(made, NOTHING_KNOWN, 4)]
    assert order[-1] == 1
    assert [row for row, _ in chosen(made, made.shapes[2:3], 4)][-1] in (1, 2)


def test_no_two_suggestions_overlap() -> None:
    """Where stretches share candles only one of them is asked about."""
    made = pool(*((5 * number, "flag", 0.5) for number in range(30)))
    rows = sorted(row for row, _ in chosen(made, NOTHING_KNOWN, 30))
    assert len(rows) > 5
    assert all(made.spans[one].end_time < made.spans[two].start_time for one, two in pairwise(rows))


def test_no_series_takes_all() -> None:
    """Of two series the one that is less sure gets at most eight of ten; alone it gets all."""
    one = pool(*((20 * number, "flag", 0.9) for number in range(30)))
    other = pool(*((20 * number, "flag", 0.1) for number in range(30)), series=1, seed=1)
    both = Pool(
        one.series + other.series,
        one.spans + other.spans,
        np.append(one.uncertainty, other.uncertainty),
        np.concatenate([one.shapes, other.shapes]),
    )
    counts = Counter(both.series[row] for row, _ in chosen(both, NOTHING_KNOWN, 10))
    assert counts == {KEYS[0]: 8, KEYS[1]: 2}
    assert len(chosen(one, NOTHING_KNOWN, 10)) == 10


def test_an_empty_pool_has_no_suggestion() -> None:
    """Where the model finds nothing there is nothing to ask about."""
    empty = Pool((), (), np.empty(0), NOTHING_KNOWN)
    assert chosen(empty, NOTHING_KNOWN, 5) == ()


def test_doubt_is_the_lead_of_another_class() -> None:
    """It is 1 where another class is sure, 0.5 where two are level and 0 where the given one is sure."""
    probabilities = np.array([[0.0, 0.0, 1.0], [0.0, 0.5, 0.5], [0.0, 1.0, 0.0], [0.6, 0.3, 0.1]])
    doubt, likely = doubts(probabilities, np.array([1, 1, 1, 1]))
    np.testing.assert_allclose(doubt, [1.0, 0.5, 0.0, 0.65])
    assert likely[[0, 1, 3]].tolist() == [2, 2, 0]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> tuple[PipelineConfig, RunResult]:
    """A small project, trained with suggestions."""
    root = tmp_path_factory.mktemp("suggesting")
    write_project(root, last_candles(root / "demo", 1500))
    quiet = ("tracking.enabled=false", "registry.enabled=false", "suggest.enabled=true")
    config = load_config(root / "config" / "pipeline.yaml", quiet)
    return config, run(config)


def half_reviewed(dataset: Dataset) -> Dataset:
    """The same candles, annotated and looked at in the first half only."""
    ((key, data),) = dataset.series.items()
    time = data.candles.time
    middle = int(time[len(time) // 2])
    kept = tuple(item for item in data.annotations if item.end_time <= middle)
    looked = (ReviewedRange(key, int(time[0]), middle),)
    return replace(dataset, series={key: replace(data, annotations=kept, reviewed=looked)})


def test_nothing_annotated_or_reviewed_is_suggested(project: tuple[PipelineConfig, RunResult]) -> None:
    """Stretches lie after what was looked at, and none after all was; a range that was assumed does not count."""
    config, result = project
    predictor = load_model(result.folder / "bundle").predictor
    ((key, data),) = half_reviewed(result.dataset).series.items()
    dataset = half_reviewed(result.dataset)
    found = stretches(predictor, dataset, config)
    assert len(found) > 20
    assert min(span.start_time for span in found.spans) > data.reviewed[0].end_time
    assert ((found.uncertainty >= 0) & (found.uncertainty <= 1)).all()
    assert len(stretches(predictor, result.dataset, config)) == 0
    assumed = tuple(replace(item, origin="assumed") for item in data.reviewed)
    unsure = replace(dataset, series={key: replace(data, reviewed=assumed)})
    everywhere = stretches(predictor, unsure, config)
    assert len(everywhere) > len(found)
    marks = [(item.start_time, item.end_time) for item in data.annotations]
    assert not any(
        span.start_time <= end and span.end_time >= start for span in everywhere.spans for start, end in marks
    )


def test_annotations_made_since_count(project: tuple[PipelineConfig, RunResult]) -> None:
    """A stretch is no longer suggested once it is marked as nothing, and the others still are."""
    config, result = project
    loaded = load_model(result.folder / "bundle")
    dataset = half_reviewed(result.dataset)
    ((key, data),) = dataset.series.items()
    first, _ = suggest_anew(loaded, dataset, config, [key])
    asked = first.suggestions[0]
    mark = Annotation("span:new", key, asked.start_time, asked.end_time, NO_PATTERN)
    marked = replace(dataset, series={key: replace(data, annotations=(*data.annotations, mark))})
    again, _ = suggest_anew(loaded, marked, config, [key])
    places = [(one.start_time, one.end_time) for one in again.suggestions]
    assert (asked.start_time, asked.end_time) not in places
    assert places


def test_swapped_labels_come_first_in_the_queue(project: tuple[PipelineConfig, RunResult]) -> None:
    """Of labels that were exchanged for another most stand in the first tenth, beside the label that they had."""
    config, result = project
    ((key, data),) = result.dataset.series.items()
    labels = sorted({item.label for item in data.annotations})
    wrong = {item.id: labels[(labels.index(item.label) + 1) % len(labels)] for item in data.annotations[::25]}
    items = tuple(replace(item, label=wrong.get(item.id, item.label)) for item in data.annotations)
    swapped = replace(result.dataset, series={key: replace(data, annotations=items)})
    claims = out_of_fold_claims(prepare(swapped, config), config, 5)
    doubt, likely = doubts(claims.probabilities, claims.codes)
    order = np.argsort(-doubt)[: len(doubt) // 10].tolist()
    found = [row for row in order if claims.annotations[row].id in wrong]
    assert len(found) >= 0.8 * len(wrong)
    truth = {item.id: item.label for item in data.annotations}
    named = [claims.classes[likely[row]] == truth[claims.annotations[row].id] for row in found]
    assert sum(named) > 0.5 * len(named)


def test_too_few_annotations_are_told(project: tuple[PipelineConfig, RunResult]) -> None:
    """Without annotations there are stretches to annotate, and a note says why nothing is to be looked at again."""
    config, result = project
    ((key, data),) = result.dataset.series.items()
    bare = replace(result.dataset, series={key: replace(data, annotations=(), reviewed=())})
    found, notes = suggest_anew(load_model(result.folder / "bundle"), bare, config, [key])
    assert len(found.suggestions) == config.suggest.limit
    assert found.review == ()
    expected = "no annotation is looked at again: split: no pattern among 0 samples; annotate at least 5 patterns"
    assert notes[0].startswith(expected)


def test_a_run_stores_them_where_it_is_asked_to(project: tuple[PipelineConfig, RunResult]) -> None:
    """The bundle of a run with the stage enabled has a review queue, worst first, each with its evidence."""
    _, result = project
    stored = load_model(result.folder / "bundle").suggestions
    assert stored is not None
    assert len(stored.review) > 3
    assert [one.doubt for one in stored.review] == sorted((one.doubt for one in stored.review), reverse=True)
    for one in stored.review:
        assert one.doubt > 0.5
        assert one.likely_label != one.label
        assert abs(sum(one.probabilities.values()) - 1) < 1e-6
        assert bool(one.similar) == (one.likely_label != NO_PATTERN)
        assert {each.label for each in one.similar} <= {one.likely_label}


@pytest.mark.parametrize("content", ["", "[]", '{"suggestions": [{"label": "flag"}]}', '{"more": []}'])
def test_a_file_that_is_something_else_is_refused(tmp_path: Path, content: str) -> None:
    """A damaged file is a plain bundle error."""
    path = tmp_path / "suggestions.json"
    path.write_text(content, "utf-8")
    with pytest.raises(BundleError) as caught:
        Suggestions.load(path)
    assert str(caught.value) == "suggestions.json: not suggestions; a bundle written by candle-ml"
