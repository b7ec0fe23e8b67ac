"""Whether samples are chosen, labelled and weighed by what had happened when they are known."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from candle_ml.audit.labels import Identity, identities
from candle_ml.audit.results import AuditRow, row
from candle_ml.candles import Candles
from candle_ml.components import LabelEncoder, Progress
from candle_ml.dataset import Dataset, SeriesData, iso_time
from candle_ml.scores import Samples

CHOSEN_BEFORE = "a sample owes nothing to later prices"
_MOMENTS = 24

_Known: TypeAlias = tuple[Identity, int, float]


def chosen_row(name: str, encoder: LabelEncoder, dataset: Dataset, progress: Progress) -> AuditRow:
    """Mirror all prices after a moment: the samples that are known by then must be the same, weights included.

    Of each series 24 moments at which samples become known are taken, evenly spread.
    """
    found = []
    for number, data in enumerate(dataset.series.values()):
        progress(f"auditing {name} on other prices", number, len(dataset.series))
        samples = encoder.encode(data.candles, data.annotations, data.reviewed).samples
        moments = np.unique(samples.known_at)
        rows = np.unique(np.linspace(0, len(moments) - 1, min(_MOMENTS, len(moments))).astype(np.int64))
        found += [_other_than(samples, encoder, data, moment) for moment in moments[rows].tolist()]
    told = [each for each in found if each]
    return row(
        CHOSEN_BEFORE,
        name,
        len(found),
        "moments",
        f"{told[0]}; {len(told)} of {len(found)} moments" if told else "",
    )


def _other_than(samples: Samples, encoder: LabelEncoder, data: SeriesData, moment: int) -> str:
    """The first sample that is another one once prices after a moment are others, if any is."""
    other = encoder.encode(_mirrored(data.candles, moment), data.annotations, data.reviewed).samples
    before, after = _known(samples, moment), _known(other, moment)
    changed = sorted((before - after) + (after - before))
    if not changed:
        return ""
    (first, last, _), _, _ = changed[0]
    where = f"the sample of candles {first} to {last} of {data.candles.key}"
    return f"{where} is another one, or has another weight, with other prices after {iso_time(moment)}"


def _known(samples: Samples, moment: int) -> Counter[_Known]:
    """What each sample is that is known at a moment."""
    known = samples.take(samples.known_at <= moment)
    return Counter(zip(identities(known), known.known_at.tolist(), known.weight.tolist(), strict=True))


def _mirrored(candles: Candles, moment: int) -> Candles:
    """The same candles up to a moment, and later ones that fall as far as they rose."""
    known = int(np.searchsorted(candles.time, moment, side="right"))
    level = candles.close[known - 1] ** 2
    columns = {name: getattr(candles, name).copy() for name in ("open", "high", "low", "close")}
    for name, of in (("open", "open"), ("high", "low"), ("low", "high"), ("close", "close")):
        columns[name][known:] = level / getattr(candles, of)[known:]
    return replace(candles, **columns).detached()
