"""Options of `candle-ml predict --into` that are refused before anything is read."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from candle_ml.cli import main

from ..small_project import PIPELINE


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A project, which is where commands run."""
    (tmp_path / "pipeline.yaml").write_text(PIPELINE, "utf-8")
    (tmp_path / "data" / "candles").mkdir(parents=True)
    (tmp_path / "data" / "candles" / "A_1d.csv").touch()
    (tmp_path / "link").symlink_to("data")
    monkeypatch.chdir(tmp_path)


def refused(*arguments: str) -> str:
    """What a user reads of options that cannot be taken, without the usage."""
    done = CliRunner().invoke(main, ["predict", *arguments])
    assert done.exit_code == 2
    return done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--into", "out"],
            "--into needs PATH, and writes candles and spans itself: no --spans, no --output",
        ),
        (["--dry-run"], "--dry-run goes with --into"),
    ],
)
def test_options_that_do_not_go_together_are_refused(arguments: list[str], message: str) -> None:
    """The message says what goes with what."""
    assert refused(*arguments) == f"Error: {message}"


@pytest.mark.parametrize("into", ["data/candles", "data/candles/out", "data", "link", "."])
@pytest.mark.parametrize("more", [(), ("--dry-run",)])
def test_a_folder_among_the_candles_is_refused(into: str, more: tuple[str, ...]) -> None:
    """What is written there would be read as candles the next time."""
    assert refused("data/candles", "--into", into, *more) == (
        f"Error: --into {into} is, holds or is in data/candles, so that predictions would stand among candles; "
        "name a folder beside it"
    )


def test_an_empty_name_of_a_folder_is_refused() -> None:
    """A shell variable that is not set does not become the folder where the command runs."""
    assert refused("data/candles", "--into", "") == ("Error: Invalid value for '--into': an empty text; name a folder")


@pytest.mark.parametrize("threshold", ["nan", "-nan", "NaN", "inf", "1.1", "-0.1"])
def test_a_threshold_that_is_no_share_is_refused(threshold: str) -> None:
    """What is no number is refused as what is too large or too small."""
    found = refused("data/candles", "--threshold", threshold)
    assert found == f"Error: Invalid value for '--threshold': {float(threshold)} is not in the range 0<=x<=1."
