"""Whether suggestions save labels, and whether wrong labels come first among the annotations to look at again."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median

import numpy as np
from benchmarks.detection.charts import PART_CANDLES, Chart, planted_chart
from benchmarks.detection.scoring import Detection, score

from candle_ml.annotations import Annotation, ReviewedRange
from candle_ml.config import PipelineConfig, load_config
from candle_ml.dataset import Dataset, SeriesData
from candle_ml.evaluation import Span
from candle_ml.inference import Predictor
from candle_ml.suggesting import doubts, out_of_fold_claims, suggested_stretches
from candle_ml.training import fit, prepare

CONFIG = Path(__file__).parent / "suggesting.yaml"
LABELS = ("bull_flag", "double_top", "head_and_shoulders")
"""Three of the five patterns; the others are lookalikes here, so that a pattern stands in every 160 candles."""
ROUNDS, LOOKS = 5, 24
"""Rounds of labelling, and stretches that the trader looks at in each."""

_ANNOTATIONS = 40
_START = 2400
_RANDOM_LENGTHS = (20, 28, 36)
_HISTORY = 600
_CORRUPTED, _QUEUED = 0.05, 0.1

Range = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Saved:
    """One chart: span F1 after each round of suggestions, that of random stretches after the last, and marks made."""

    seed: int
    suggested: tuple[float, ...]
    random: float
    marks: tuple[int, ...]
    random_marks: int

    @property
    def share(self) -> float:
        """Share of the looks after which suggestions are as good as random stretches; infinite where never."""
        return self._reached / ROUNDS

    @property
    def share_of_marks(self) -> float:
        """The same by the marks that were made in these looks: a suggested stretch holds a pattern more often."""
        if self._reached > ROUNDS:
            return float("inf")
        made = self.marks[int(self._reached)] - self.marks[0]
        return made / max(1, self.random_marks - self.marks[0])

    @property
    def _reached(self) -> float:
        rounds = (number for number, f1 in enumerate(self.suggested) if number and f1 >= self.random)
        return next(rounds, float("inf"))


@dataclass(frozen=True, slots=True)
class Queued:
    """One chart: share of the corrupted labels that stand in the first tenth of the queue."""

    seed: int
    found: float


@dataclass(frozen=True, slots=True)
class Labelled:
    """What the trader has marked and looked at; ranges are the first and the last candle of each."""

    marks: tuple[Span, ...]
    reviewed: tuple[Range, ...]

    def after(self, chart: Chart, stretch: Range) -> Labelled:
        """A look at a stretch: patterns whose middle lies in it are marked; beside others less of it counts as seen."""
        first, last = stretch
        near = [span for span in chart.annotations if span.first <= last and span.last >= first]
        inside = [span for span in near if first <= (span.first + span.last) // 2 <= last]
        start, end = min([first, *(span.first for span in inside)]), max([last, *(span.last for span in inside)])
        for span in near:
            if span not in inside and span not in self.marks:
                start, end = (start, min(end, span.first - 1)) if span.first > first else (span.last + 1, end)
        new = tuple(span for span in inside if span not in self.marks)
        return Labelled((*self.marks, *new), (*self.reviewed, *(((start, end),) if start <= end else ())))


def measure(seeds: Sequence[int], parts: Sequence[str], processes: int, output: Path) -> str:
    """Measure these seeds, `labels` or `queue` or both, write a row each and say what has come out."""
    rows: list[Saved | Queued] = []
    with ProcessPoolExecutor(processes) as pool:
        asked = [pool.submit(MEASURES[part], seed) for part in parts for seed in seeds]
        for done in as_completed(asked):
            rows.append(done.result())
            print(rows[-1], file=sys.stderr, flush=True)
            output.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n", "utf-8")
    return "\n".join(_told(rows))


def saved(seed: int) -> Saved:
    """Label a chart by suggestions, training anew after each round, and by as many random stretches."""
    chart, config = labelling_chart(seed), load_config(CONFIG)
    labelled, rng = started(chart), np.random.default_rng([seed, 1])
    at_random = labelled
    for stretch in random_stretches(chart, ROUNDS * LOOKS, rng):
        at_random = at_random.after(chart, stretch)
    f1, marks = [], []
    for number in range(ROUNDS + 1):
        predictor = _trained(chart, labelled, config)
        f1.append(_span_f1(chart, predictor))
        marks.append(len(labelled.marks))
        for one in suggested_stretches(predictor, dataset(chart, labelled), config) if number < ROUNDS else ():
            labelled = labelled.after(chart, chart.candles.index_range(one.start_time, one.end_time))
    goal = _span_f1(chart, _trained(chart, at_random, config))
    return Saved(seed, tuple(f1), goal, tuple(marks), len(at_random.marks))


def queued(seed: int) -> Queued:
    """Give one annotation in twenty the label of another pattern, and look where these stand in the queue."""
    chart, config, rng = planted_chart(seed, _ANNOTATIONS), load_config(CONFIG), np.random.default_rng([seed, 2])
    marks = list(chart.annotations)
    for row in rng.choice(len(marks), round(_CORRUPTED * len(marks)), replace=False).tolist():
        others = [label for label in chart.labels if label != marks[row].label]
        marks[row] = replace(marks[row], label=others[rng.integers(len(others))])
    given = dataset(chart, Labelled(tuple(marks), (chart.reviewed,)))
    claims = out_of_fold_claims(prepare(given, config), config, config.suggest.folds)
    doubt, _ = doubts(claims.probabilities, claims.codes)
    first = np.argsort(-doubt, kind="stable")[: round(_QUEUED * len(marks))].tolist()
    wrong = {_name(number) for number, mark in enumerate(marks) if mark != chart.annotations[number]}
    return Queued(seed, len(wrong & {claims.annotations[row].id for row in first}) / len(wrong))


MEASURES: Mapping[str, Callable[[int], Saved | Queued]] = {"labels": saved, "queue": queued}
"""What can be measured on the chart of a seed."""


def labelling_chart(seed: int) -> Chart:
    """A chart of which three parts can be labelled; the last annotated part counts as unseen, too."""
    whole = planted_chart(seed, _ANNOTATIONS, LABELS)
    border = whole.border - PART_CANDLES
    return replace(
        whole,
        border=border,
        reviewed=(whole.reviewed[0], border - 1),
        annotations=tuple(span for span in whole.annotations if span.last < border),
        truth=(*(span for span in whole.annotations if span.first >= border), *whole.truth),
    )


def started(chart: Chart) -> Labelled:
    """What the trader has before anything is suggested: everything in the first half part."""
    first = chart.reviewed[0]
    last = first + _START - 1
    across = [span.first for span in chart.annotations if span.first <= last < span.last]
    last = min([last, *(start - 1 for start in across)])
    return Labelled(tuple(span for span in chart.annotations if span.last <= last), ((first, last),))


def random_stretches(chart: Chart, count: int, rng: np.random.Generator) -> Iterator[Range]:
    """Stretches as long as suggested ones, anywhere that nobody has looked at; no two of them overlap."""
    taken = np.zeros(chart.border, dtype=bool)
    taken[: chart.reviewed[0] + _START] = True
    while count:
        length = int(rng.choice(_RANDOM_LENGTHS))
        first = int(rng.integers(chart.border - length))
        if not taken[first : first + length].any():
            taken[first : first + length] = True
            count -= 1
            yield first, first + length - 1


def dataset(chart: Chart, labelled: Labelled) -> Dataset:
    """The candles before the border with what the trader has said of them."""
    candles = chart.candles[: chart.border]
    time = candles.time.tolist()
    marks = tuple(
        Annotation(_name(number), candles.key, time[span.first], time[span.last], span.label)
        for number, span in enumerate(labelled.marks)
    )
    reviewed = tuple(ReviewedRange(candles.key, time[first], time[last]) for first, last in labelled.reviewed)
    return Dataset({candles.key: SeriesData(candles, marks, reviewed)}, {}, (), (), "")


def _name(number: int) -> str:
    return f"span:{number}"


def _trained(chart: Chart, labelled: Labelled, config: PipelineConfig) -> Predictor:
    return fit(prepare(dataset(chart, labelled), config), config).predictor


def _span_f1(chart: Chart, predictor: Predictor) -> float:
    found = predictor.predict(chart.candles[chart.border - _HISTORY :]).spans
    times = [(span.start_time, span.end_time, span.known_at) for span in found]
    ends = np.searchsorted(chart.candles.time, np.array(times, dtype=np.int64).reshape(-1, 3)).tolist()
    spans = [
        Span(span.label, first, last, span.confidence, known)
        for span, (first, last, known) in zip(found, ends, strict=True)
    ]
    return score(chart, Detection(tuple(spans), predictor.params.thresholds)).span_f1


def _told(rows: Sequence[Saved | Queued]) -> Iterator[str]:
    labelled = [row for row in rows if isinstance(row, Saved)]
    looked = [row.found for row in rows if isinstance(row, Queued)]
    if labelled:
        curve = [f"{median(row.suggested[number] for row in labelled):.3f}" for number in range(ROUNDS + 1)]
        shares = [row.share for row in labelled]
        yield f"labels, {len(labelled)} charts: random stretches reach a span F1 of "
        yield f"  {median(row.random for row in labelled):.3f} (median) with {ROUNDS * LOOKS} looks"
        yield f"  suggestions after each {LOOKS} looks: {', '.join(curve)}"
        marks = median(row.share_of_marks for row in labelled)
        yield f"  as good with {median(shares):.0%} of the looks (median), within 60 % on {_within(shares)}"
        yield f"  and with {marks:.0%} of the marks (median)"
    if looked:
        yield f"queue, {len(looked)} charts: {median(looked):.0%} (median) of the wrong labels in the first tenth,"
        yield f"  {min(looked):.0%} to {max(looked):.0%}"


def _within(shares: Sequence[float]) -> str:
    return f"{sum(share <= 0.6 for share in shares)} of {len(shares)}"
