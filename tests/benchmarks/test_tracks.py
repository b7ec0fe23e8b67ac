"""Tracks without planted patterns, the project that candle-ml is run in, and the peers' arrays."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from benchmarks.detection import scoring_seeds, tuning_seeds
from benchmarks.detection.environment import problem
from benchmarks.detection.ours import DEFAULT_CONFIG, detect, write_project
from benchmarks.detection.peers.__main__ import folds
from benchmarks.detection.peers.problem import Problem
from benchmarks.detection.peers.windows import best_overlap, examples, scales, seen, survivors
from benchmarks.detection.results import Row, read, table, write
from benchmarks.detection.scoring import Scores, score
from benchmarks.detection.tracks import TRACKS

from candle_ml.config import load_config
from candle_ml.reading import read_dataset

QUICK = ("labels.fit=stretch", "labels.scales=[16, 24, 36]", "model.rounds=20")


def test_no_seed_is_tuned_and_scored() -> None:
    """Tuning and scoring share no seed; each has five for the table and twenty for suggestions."""
    tuned = {*tuning_seeds.TABLE_SEEDS, *tuning_seeds.SUGGEST_SEEDS}
    scored = {*scoring_seeds.TABLE_SEEDS, *scoring_seeds.SUGGEST_SEEDS}
    assert (len(tuned), len(scored), tuned & scored) == (25, 25, set())


@pytest.mark.parametrize("track", ["few-candles", "single-candle", "real"])
def test_every_label_is_annotated_often_enough(track: str) -> None:
    """The rarest label has exactly as many annotations as asked, and every label stands in the unseen part too."""
    chart = TRACKS[track](tuning_seeds.TABLE_SEEDS[1], 20)
    counts = [sum(span.label == label for span in chart.annotations) for label in chart.labels]
    assert min(counts) == 20
    assert {span.label for span in chart.truth} == set(chart.labels)
    assert all(span.last < chart.border for span in chart.annotations)


def test_real_labels_differ_between_tuning_and_scoring() -> None:
    """What is looked for in real candles under tuning seeds is never looked for under scoring seeds."""
    tuned, scored = (TRACKS["real"](seeds.TABLE_SEEDS[0], 10) for seeds in (tuning_seeds, scoring_seeds))
    assert set(tuned.labels).isdisjoint(scored.labels)


def test_more_annotations_than_there_are_is_an_error() -> None:
    """A label that is too rare is told with its count."""
    with pytest.raises(ValueError, match=r"^MSFT 1d: a label has \d+ spans before the unseen part; ask for no more$"):
        TRACKS["real"](tuning_seeds.TABLE_SEEDS[2], 1000)


def test_candle_ml_is_not_shown_what_is_unseen(tmp_path: Path) -> None:
    """The project holds the candles up to the border, every annotation and the reviewed range, and nothing else."""
    chart = TRACKS["chart"](5, 10)
    write_project(tmp_path, chart, DEFAULT_CONFIG)
    dataset = read_dataset(load_config(tmp_path / "config" / "pipeline.yaml"))
    (data,) = dataset.series.values()
    ends = [data.candles.index_range(item.start_time, item.end_time) for item in data.annotations]
    assert len(data.candles) == chart.border
    assert ends == sorted((span.first, span.last) for span in chart.annotations)
    assert data.candles.index_range(data.reviewed[0].start_time, data.reviewed[0].end_time) == chart.reviewed
    assert np.array_equal(data.candles.close, chart.candles.close[: chart.border])


def test_candle_ml_finds_something_the_same_each_time() -> None:
    """Two runs on one chart give the same spans and thresholds, and more than nothing of what is there."""
    chart = TRACKS["chart"](5, 20)
    first, again = (detect(chart, overrides=QUICK) for _ in range(2))
    assert first == again
    assert score(chart, first).span_f1_hindsight > 0.1


def test_hidden_functions_are_no_features() -> None:
    """The columns of the functions that made the labels are left out, so that hiding them changes the spans."""
    chart = TRACKS["real"](tuning_seeds.TABLE_SEEDS[1], 20)
    overrides = (*QUICK[:1], "labels.scales=[2, 3]", QUICK[2])
    hidden = detect(chart, overrides=overrides)
    named = f"features.use.4.exclude=[{', '.join(chart.hidden)}]"
    chart = replace(chart, hidden=())
    assert hidden == detect(chart, overrides=(*overrides, named))
    assert hidden != detect(chart, overrides=overrides)


@pytest.fixture(scope="module")
def given() -> Problem:
    return problem(TRACKS["chart"](5, 20))


def test_a_problem_survives_its_file(given: Problem, tmp_path: Path) -> None:
    """Arrays come back from the file as they were."""
    given.save(tmp_path / "problem.npz")
    again = Problem.load(tmp_path / "problem.npz")
    assert np.array_equal(given.prices, again.prices)
    assert np.array_equal(given.spans, again.spans)
    assert np.array_equal(given.reviewed, again.reviewed)
    assert given.labels == again.labels == 5


def test_folds_hold_every_span_once(given: Problem) -> None:
    """Folds cover the reviewed candles, cut no span, and what is left of a fold holds the other spans alone."""
    parts = list(folds(given))
    assert [first for first, _ in parts[1:]] == [last + 1 for _, last in parts[:-1]]
    assert (parts[0][0], parts[-1][1]) == tuple(given.reviewed[0].tolist())
    left = [given.without(first, last) for first, last in parts]
    assert sum(len(given.spans) - len(part.spans) for part in left) == len(given.spans)
    for part, (first, last) in zip(left, parts, strict=True):
        assert not ((part.reviewed[:, 0] <= last) & (part.reviewed[:, 1] >= first)).any()


def test_windows_show_shape_alone(given: Problem) -> None:
    """What a peer sees of a window does not change when prices are shifted and scaled."""
    windows = given.spans[:, 1:]
    assert np.allclose(seen(given.prices, windows), seen(given.prices * 7 + 1000, windows), atol=1e-6)


def test_examples_without_a_label_are_no_spans(given: Problem) -> None:
    """Negatives overlap no span by half or more, and every span is an example of its label."""
    windows, labels = examples(given, scales(given.spans))
    assert (best_overlap(windows[labels == 0], given.spans) < 0.5).all()
    assert np.array_equal(labels[labels > 0], given.spans[:, 0])


def test_the_surest_window_survives() -> None:
    """Of windows that share more than their margins only the surest is left, known when no rival can come."""
    windows = np.array([[0, 19], [5, 24], [19, 38], [60, 79]])
    found = survivors(windows, np.array([1, 2, 1, 3]), np.array([0.5, 0.9, 0.4, 0.1]), longest=20)
    assert found.ends.tolist() == [[2, 5, 24, 43], [3, 60, 79, 98]]


def test_rows_come_back_and_make_a_table(tmp_path: Path) -> None:
    """Rows survive their file; the table shows medians, and the paired difference of candle-ml to the best peer."""

    def row(seed: int, method: str, f1: float) -> Row:
        return Row("chart", 20, seed, method, Scores(f1, 0.9, 0.5, 3.0, 1.5, {"triangle": f1}), 2.0)

    rows = [row(s, m, f) for s, m, f in [(1, "candle-ml", 0.8), (2, "candle-ml", 0.6), (1, "x", 0.5), (2, "x", 0.3)]]
    write(tmp_path / "rows.json", rows)
    assert sorted(read(tmp_path / "rows.json"), key=lambda r: r.key) == sorted(rows, key=lambda r: r.key)
    lines = table(rows).splitlines()
    shown = "| chart | 20 | candle-ml | 0.700 | 0.60-0.80 | 0.900 | 0.500 | 3 | 1.5 | 2 | +0.300 (+0.300 to +0.300) |"
    assert lines[2] == shown
    assert lines[3].startswith("| chart | 20 | x | 0.400 |")
