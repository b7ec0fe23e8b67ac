"""MLflow's embedded store is there whole or not at all."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from candle_ml.errors import RegistryError
from candle_ml.registry import Registry
from candle_ml.tracking import TrackingPlace

from .conftest import Commands


@pytest.mark.parametrize("delay", [0.2, *(pytest.param(seconds, marks=pytest.mark.slow) for seconds in (0.0, 0.4))])
def test_killed_while_the_store_is_made(fresh: Commands, delay: float) -> None:
    """A first training that is killed while it makes the store leaves none; the next one makes it and registers."""
    partial = fresh.root / ".candle-ml" / "store.partial"
    assert fresh.run("train", there=str(partial), delay=delay).signal == signal.SIGKILL
    trained = fresh.run("train")
    assert (trained.signal, trained.code) == (0, 0), trained.printed
    (version,) = Registry(TrackingPlace.of(None, fresh.root), "small").versions()
    assert (version.version, version.aliases) == (1, ("champion",))
    assert not partial.exists()


def test_a_store_that_cannot_be_made(tmp_path: Path) -> None:
    """A file in the place of a folder is told with what would do."""
    (tmp_path / "taken").write_text("a file", "utf-8")
    path = tmp_path / "taken" / "mlflow.db"
    with pytest.raises(RegistryError) as caught:
        TrackingPlace.of(f"sqlite:///{path}", tmp_path).client()
    reason = f"[Errno 20] Not a directory: '{path.parent / '.candle-ml'}'"
    expected = "make its folder writable, or name another store by tracking.uri"
    assert str(caught.value) == f"{path}: cannot be made: {reason}; {expected}"
