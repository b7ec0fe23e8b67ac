"""The parts of the configuration for patterns of any length, left out and alone."""

from __future__ import annotations

from benchmarks.detection.__main__ import ANY_LENGTH
from benchmarks.detection.ablation import LEFT_OUT, variants

from candle_ml.config import load_config


def test_every_variant_is_another_configuration() -> None:
    """All parts, all but one and one alone are configurations that can be read, no two of them the same."""
    hashes = {variant.name: load_config(ANY_LENGTH, variant.overrides).hash for variant in variants()}
    assert len(hashes) == 1 + 2 * len(LEFT_OUT)
    assert len(set(hashes.values())) == len(hashes)


def test_nothing_is_left_out_of_the_whole() -> None:
    """The variant with all parts is the file as it stands."""
    whole = next(variants())
    assert load_config(ANY_LENGTH, whole.overrides).hash == load_config(ANY_LENGTH).hash
