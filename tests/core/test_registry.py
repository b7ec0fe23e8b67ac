"""Versions and tags that somebody else has written into the registry."""

from __future__ import annotations

import pytest

from candle_ml.registry import RegisteredVersion, Registry
from candle_ml.tracking import TrackingPlace

TAGS = {"run_id": "r1", "digest": "d", "model_type": "xgboost", "trained_at": "1700000000", "f1_macro": "0.5"}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> TrackingPlace:
    """A registry in a SQLite file."""
    return TrackingPlace.of(None, tmp_path_factory.mktemp("registry"))


@pytest.fixture
def registry(place: TrackingPlace) -> Registry:
    """A model without a version."""
    name = f"m{len(place.client().search_registered_models())}"
    place.client().create_registered_model(name)
    return Registry(place, name)


def made(registry: Registry, **tags: str) -> RegisteredVersion:
    number = registry.place.client().create_model_version(registry.name, "file:///nowhere", None, tags=tags).version
    return registry.find(version=int(number))


def test_tags_are_read(registry: Registry) -> None:
    """What candle-ml writes beside a version is read again."""
    version = made(registry, **TAGS)
    assert (version.run_id, version.digest, version.model_type) == ("r1", "d", "xgboost")
    assert (version.trained_at, version.f1_macro) == (1_700_000_000, 0.5)


def test_a_version_that_candle_ml_did_not_make(registry: Registry) -> None:
    """It has neither run nor digest nor score, and counts as trained when it was registered."""
    version = made(registry)
    assert (version.run_id, version.tracking_id, version.digest, version.f1_macro) == ("", "", "", None)
    assert version.trained_at > 1_700_000_000


@pytest.mark.parametrize("score", ["nan", "inf", "-0.1", "1.5", "abc", "", "1" * 5000])
def test_a_score_that_is_none(registry: Registry, score: str) -> None:
    """A tag that is no number from 0 to 1 is no score."""
    assert made(registry, f1_macro=score).f1_macro is None


@pytest.mark.parametrize("time", ["-5", "9" * 30, "2026-01-01", "1e9", ""])
def test_a_time_that_is_none(registry: Registry, time: str) -> None:
    """A tag that is no Unix time gives way to when the version was registered."""
    assert 1_700_000_000 < made(registry, trained_at=time).trained_at < 100_000_000_000


@pytest.mark.parametrize("history", ["no json", "{}", '["a", null]', "5"])
def test_a_history_that_is_none(registry: Registry, history: str) -> None:
    """An alias whose history is not a list of versions has none, and can be moved."""
    made(registry)
    registry.place.client().set_registered_model_tag(registry.name, "candle_ml.history.champion", history)
    registry.promote(1, "champion")
    assert registry.pinned() == {1}
