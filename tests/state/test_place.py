"""Which database a setting means, and what is shown of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from candle_ml.errors import ConfigError
from candle_ml.state import DATABASE_URL_VARIABLE, DatabasePlace

EXAMPLE = "write postgresql+psycopg://user:password@host:5432/database, or sqlite:///file.db"
NO_FILE = "a SQLite database without a file: its state would be lost; write sqlite:///file.db"
SPLIT = "an @ or / that is part of the user or password; write @ as %40 and / as %2F there"


@pytest.mark.parametrize("scheme", ["postgresql+psycopg", "postgresql", "postgres"])
def test_the_driver_is_named_for_the_user(scheme: str, tmp_path: Path) -> None:
    """Every usual way to write a PostgreSQL address leads to psycopg 3, and the password is kept but not shown."""
    place = DatabasePlace.of(tmp_path, f"{scheme}://ann:s3cr%40t@db.local:5433/candles?sslmode=require")
    assert place.url.drivername == "postgresql+psycopg"
    assert place.url.password == "s3cr@t"
    assert place.url.query == {"sslmode": "require"}
    assert place.shown == "postgresql://ann@db.local:5433/candles"
    assert place.file is None


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql:///candles", "postgresql:///candles"),
        ("postgresql://db.local", "postgresql://db.local/"),
        ("postgresql://ann@/candles?host=sockets&password=s3cret", "postgresql://ann@sockets/candles"),
        ("postgresql:///candles?host=one&host=two", "postgresql://one,two/candles"),
        ("postgresql://ann:s3cret@[::1]:5432/candles", "postgresql://ann@::1:5432/candles"),
    ],
)
def test_no_secret_is_shown(url: str, shown: str, tmp_path: Path) -> None:
    """Only user, host, port and database are shown of an address."""
    place = DatabasePlace.of(tmp_path, url)
    assert place.shown == shown
    assert "s3cret" not in repr(place)


def test_the_environment_names_the_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable decides unless a URL is given; a relative SQLite path starts at the project's folder."""
    monkeypatch.setenv(DATABASE_URL_VARIABLE, " sqlite:///kept/runs.db ")
    assert DatabasePlace.of(tmp_path).file == tmp_path / "kept" / "runs.db"
    assert DatabasePlace.of(tmp_path, f"sqlite:///{tmp_path}/own.db").file == tmp_path / "own.db"
    monkeypatch.delenv(DATABASE_URL_VARIABLE)
    assert DatabasePlace.of(tmp_path).file == tmp_path / ".candle-ml" / "state.db"


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("ann:s3cret@db.local/candles", f"not a database URL; {EXAMPLE}"),
        ("postgresql://ann:s3cret@db.local:port/candles", f"not a database URL; {EXAMPLE}"),
        ("mysql://ann:s3cret@db.local/candles", f"the driver 'mysql'; {EXAMPLE}"),
        ("postgresql+psycopg2://ann:s3cret@db.local/candles", f"the driver 'postgresql+psycopg2'; {EXAMPLE}"),
        ("postgresql://ann:s3@cret@db.local/candles", SPLIT),
        ("postgresql://ann:s3@cret/more@db.local/candles", SPLIT),
        ("sqlite://", NO_FILE),
        ("sqlite:///:memory:", NO_FILE),
        ("sqlite:///runs.db?mode=ro&cache=shared", "options of SQLite: mode, cache; write sqlite:///file.db"),
    ],
)
def test_a_wrong_address_is_explained(url: str, message: str, tmp_path: Path) -> None:
    """An address that means no database says what would do and repeats nothing of a password."""
    with pytest.raises(ConfigError) as caught:
        DatabasePlace.of(tmp_path, url)
    assert str(caught.value) == f"CANDLE_ML_DATABASE_URL: {message}"
    assert caught.value.exit_code == 2
