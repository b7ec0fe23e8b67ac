"""Every planted leak is found and named, and nothing is found where there is none."""

from __future__ import annotations

import pytest

from candle_ml.audit import AuditReport, audit_plugins
from candle_ml.audit.blocks import APART
from candle_ml.audit.chosen import CHOSEN_BEFORE
from candle_ml.audit.features import LOOKBACK_SUFFICES, NO_LATER_CANDLE
from candle_ml.audit.labels import FEATURES_KNOW_NO_LABEL, KNOWN_WHEN_SAID, WHERE_REVIEWED
from candle_ml.errors import PluginError
from candle_ml.plugins import PluginManager

from .conftest import Configs

AHEAD = (
    "centred-rolling",
    "shifted-back",
    "filled-backwards",
    "scaled-by-the-series",
    "gradient",
    "merged-while-open",
    "next-breaks-out",
    "candles-from-the-top",
    "after-the-window",
    "longer-open",
    "far-away",
    "centred-wide",
    "peaks",
    "last-bit",
    "through-the-base",
)
HONEST = ("past-rolling", "summed-cumulatively", "merged-when-closed", "longer-closed")


def leaks(report: AuditReport) -> set[tuple[str, str]]:
    return {(row.subject, row.check) for row in report.leaks}


@pytest.mark.figure("planted leaks caught")
@pytest.mark.parametrize("name", AHEAD)
def test_a_feature_that_looks_ahead_is_found(configs: Configs, name: str) -> None:
    """The extractor and its column are named, with a candle where the value changed once later ones were there."""
    report = audit_plugins(configs(f"candle-shape, {name}"))
    assert (name, NO_LATER_CANDLE) in leaks(report)
    assert {subject for subject, _ in leaks(report)} == {name}
    (found,) = (row.found for row in report.leaks if row.check == NO_LATER_CANDLE)
    assert " from the candles up to it, " in found
    assert " at candle " in found


@pytest.mark.parametrize("name", HONEST)
def test_their_honest_twins_are_clean(configs: Configs, name: str) -> None:
    """The same features taken from the past alone, or from longer candles that have closed, are no leak."""
    report = audit_plugins(configs(name))
    # What an extractor remembers of another series is no part of its lookback, so that stays a finding.
    assert leaks(report) == ({(name, LOOKBACK_SUFFICES)} if name == "longer-closed" else set())


@pytest.mark.figure("planted leaks caught")
def test_candles_cannot_be_written_into(configs: Configs) -> None:
    """An extractor that changes the candles themselves is stopped and named, before another one is blamed for it."""
    with pytest.raises(PluginError) as caught:
        audit_plugins(configs("shifted-in-place, candle-shape"))
    assert str(caught.value) == (
        "shifted-in-place: raised ValueError: assignment destination is read-only; "
        "the contract is features of any number of candles"
    )


@pytest.mark.figure("planted leaks caught")
def test_a_lookback_that_is_too_short_is_found(configs: Configs) -> None:
    """An average over 200 candles that declares 20 is no lookahead, but differs when served from 20."""
    report = audit_plugins(configs("slow-average"))
    assert leaks(report) == {("slow-average", LOOKBACK_SUFFICES)}
    (row,) = report.leaks
    assert row.found.startswith("slow_average at candle ")
    assert " from 20 candles before it, " in row.found


@pytest.mark.figure("planted leaks caught")
def test_a_label_that_ends_later_than_it_says_is_found(configs: Configs) -> None:
    """A sample that is known, as it says, before its pattern has ended could not have been made then."""
    report = audit_plugins(configs(labels="label-ends-later"))
    assert ("label-ends-later", KNOWN_WHEN_SAID) in leaks(report)
    found = next(row.found for row in report.leaks if row.check == KNOWN_WHEN_SAID)
    assert "but is not made from what had happened then" in found


@pytest.mark.figure("planted leaks caught")
@pytest.mark.parametrize("name", ["known-twice", "negatives-known-early"])
def test_a_label_that_is_known_before_its_window_ends_is_found(configs: Configs, name: str) -> None:
    """`known_at` before the window's last candle, of a pattern or of none, is named with both times."""
    report = audit_plugins(configs(labels=name))
    assert (name, KNOWN_WHEN_SAID) in leaks(report)
    assert any(", before its last candle opens at " in row.found for row in report.leaks)


@pytest.mark.figure("planted leaks caught")
def test_negatives_outside_the_reviewed_ranges_are_found(configs: Configs) -> None:
    """An encoder that takes "no label" for "no pattern" everywhere is named with the first such window."""
    report = audit_plugins(configs(labels="negatives-anywhere"))
    assert leaks(report) == {("negatives-anywhere", WHERE_REVIEWED)}
    assert "count as no pattern, but nobody looked at all of them" in report.leaks[0].found


@pytest.mark.figure("planted leaks caught")
def test_negatives_that_borrow_an_annotation_are_found(configs: Configs) -> None:
    """A window far from the annotation that it names is as unseen as one that names none."""
    report = audit_plugins(configs(labels="borrowed-annotations"))
    assert ("borrowed-annotations", WHERE_REVIEWED) in leaks(report)


@pytest.mark.figure("planted leaks caught")
@pytest.mark.parametrize("name", ["keeps-what-falls", "weighs-what-rises"])
def test_samples_that_are_chosen_by_what_follows_are_found(configs: Configs, name: str) -> None:
    """An encoder that keeps, or weighs, windows by the prices after them is named with such a window."""
    report = audit_plugins(configs(labels=name))
    assert leaks(report) == {(name, CHOSEN_BEFORE)}
    assert report.leaks[0].found.startswith("the sample of candles ")
    assert " is another one, or has another weight, with other prices after " in report.leaks[0].found


def test_samples_that_are_weighed_by_what_was_known_are_clean(configs: Configs) -> None:
    """Weights from the prices of the window itself are no leak."""
    assert audit_plugins(configs(labels="weighs-what-rose")).leaks == ()


@pytest.mark.figure("planted leaks caught")
def test_a_target_encoded_feature_is_found(configs: Configs) -> None:
    """A feature that an encoder has told about labels changes with the annotations, and is named."""
    report = audit_plugins(configs("candle-shape, target-encoded", "remembering"))
    assert leaks(report) == {("target-encoded", FEATURES_KNOW_NO_LABEL)}
    assert report.leaks[0].found == "target_encoded changed with the annotations"


@pytest.mark.figure("planted leaks caught")
@pytest.mark.parametrize(("name", "labels"), [("annotated", "telling-where"), ("believed", "telling-truth")])
def test_a_feature_that_knows_where_annotations_lie_is_found(configs: Configs, name: str, labels: str) -> None:
    """A feature that tells annotated candles from others, whatever the label, is named, whichever call has told it."""
    report = audit_plugins(configs(f"candle-shape, {name}", labels))
    assert leaks(report) == {(name, FEATURES_KNOW_NO_LABEL)}
    assert report.leaks[0].found == f"{name} changed with the annotations"


@pytest.mark.figure("planted leaks caught")
def test_samples_drawn_at_random_share_candles_and_futures(configs: Configs) -> None:
    """A random split is found to leak, in both of its ways."""
    report = audit_plugins(configs("candle-shape", "windowed", "split.method=random"))
    assert leaks(report) >= {("split", APART)}
    assert {subject for subject, _ in leaks(report)} == {"split"}


@pytest.mark.figure("audits of shipped plugins without an alarm")
def test_no_shipped_plugin_raises_an_alarm(configs: Configs, planted_manager: PluginManager) -> None:
    """Every bundled extractor, the encoder and the split are clean with their defaults."""
    bundled = [
        offer.component.name
        for offer in planted_manager.offers
        if offer.provider.distribution == "candle-ml" and offer.component.kind == "feature-extractor"
    ]
    assert len(bundled) == 5
    report = audit_plugins(configs(", ".join(bundled)))
    assert report.leaks == ()
    assert {row.outcome for row in report.rows} == {"clean"}
    poked = {row.subject: row.looked_at for row in report.rows if row.check == NO_LATER_CANDLE}
    assert set(poked) == set(bundled)
    assert min(poked.values()) >= 3 * 480


@pytest.mark.figure("audits of shipped plugins without an alarm")
@pytest.mark.parametrize(
    "labels",
    [
        "{use: windowed, anchor: center}",
        "{use: windowed, fit: stretch, scales: [4, 14, 40]}",
        "{use: windowed, window: 6, overlap: keep, negatives: {clear: window}}",
    ],
)
@pytest.mark.parametrize("split", ["split.method=temporal", "split.method=walk_forward"])
def test_the_shipped_encoder_is_clean_whatever_its_options(configs: Configs, labels: str, split: str) -> None:
    """Centred, stretched and overlapping windows say honestly when they are known, in blocks and in folds."""
    report = audit_plugins(configs("candle-shape", labels, split))
    assert report.leaks == ()


def test_a_split_that_the_made_candles_are_too_few_for_is_left_out(configs: Configs) -> None:
    """An embargo longer than the fixture is no leak; the row says why it was not looked at."""
    report = audit_plugins(configs("candle-shape", "windowed", "split.embargo=100000"))
    assert report.leaks == ()
    (row,) = (row for row in report.rows if row.outcome == "skipped")
    assert row.found.startswith("the made candles are too few for it (")
    assert "; not looked at: blocks share no candle and no future (split: " in report.summary
