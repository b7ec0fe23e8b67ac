"""MLflow's embedded store is there whole or not at all."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from candle_ml.errors import RegistryError
from candle_ml.registry import Registry
from candle_ml.tracking import TrackingPlace

from .conftest import Commands


@pytest.mark.parametrize("delay", [0.2, *(pytest.param(seconds, marks=pytest.mark.slow) for seconds in (0.0, 0.4))])
def test_killed_while_the_store_is_made(fresh: Commands, delay: float) -> None:
    """A first training that is killed while it makes the store leaves none; the next one makes it and registers."""
    folder = fresh.root / ".candle-ml"
    # Not the journal beside it, which comes and goes.
    assert fresh.run("train", there=str(folder / "store.partial-*[0-9a-f]"), delay=delay).signal == signal.SIGKILL
    trained = fresh.run("train")
    assert (trained.signal, trained.code) == (0, 0), trained.printed
    (version,) = Registry(TrackingPlace.of(None, fresh.root), "small").versions()
    assert (version.version, version.aliases) == (1, ("champion",))
    assert list(folder.glob("store.partial*")) == []


def test_a_store_that_cannot_be_made(tmp_path: Path) -> None:
    """A file in the place of a folder is told with what would do."""
    (tmp_path / "taken").write_text("a file", "utf-8")
    path = tmp_path / "taken" / "mlflow.db"
    with pytest.raises(RegistryError) as caught:
        TrackingPlace.of(f"sqlite:///{path}", tmp_path).client()
    lock = path.parent / ".candle-ml" / "store.lock"
    assert str(caught.value) == f"{lock}: cannot be written: Not a directory; a place that this user can write"


def test_a_store_that_a_disk_has_no_room_for(tmp_path: Path) -> None:
    """Where the disk takes only a part of it that is told in plain words, and the part is removed again."""
    code = (
        "import resource, signal, sys\n"
        "from pathlib import Path\n"
        "from candle_ml.errors import RegistryError\n"
        "from candle_ml.tracking import TrackingPlace\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))\n"
        "try:\n    TrackingPlace.of(None, Path.cwd()).client()\n"
        "except RegistryError as error:\n    print(error)\n"
    )
    shown = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert shown.stdout.startswith(f"sqlite:///{tmp_path}/mlflow.db: the disk ")
    assert "SQL" not in shown.stdout
    assert [path.name for path in (tmp_path / ".candle-ml").iterdir()] == ["store.lock"]
    assert not (tmp_path / "mlflow.db").exists()
