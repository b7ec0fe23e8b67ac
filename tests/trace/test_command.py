"""`candle-ml trace` as a user types it."""

from __future__ import annotations

import json
import re
from importlib.metadata import version

import pytest
from click.testing import CliRunner, Result

from candle_ml.cli import main
from candle_ml.state import DATABASE_URL_VARIABLE

from .conftest import Traced


@pytest.fixture(autouse=True)
def here(traced: Traced, monkeypatch: pytest.MonkeyPatch) -> None:
    """The traced project as the current folder."""
    monkeypatch.chdir(traced.root)


def candle_ml(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def test_it_prints_what_a_version_was_made_of(traced: Traced) -> None:
    """A line for each fact, the annotations by series, and what is missing; exit code 0 where all agree."""
    shown = candle_ml("trace", "1")
    assert shown.exit_code == 0, shown.output
    lines = [tuple(line.split(maxsplit=1)) for line in shown.stdout.splitlines()]
    facts = dict(line for line in lines if len(line) == 2)
    assert facts["model"] == "traced version 1"
    assert facts["run"] == f"{traced.whole.run_id} finished"
    assert facts["configuration"] == f"{traced.config.hash}; --pipeline prints it"
    assert f"data version   {traced.whole.data_version}\n" in shown.stdout
    assert f"data hash      {traced.whole.dataset.hash}\n" in shown.stdout
    assert facts["packages"].startswith("Python 3.")
    assert f"numpy {version('numpy')}" in facts["packages"]
    assert facts["missing"] == "code commit: the project was not under git"
    ibm = next(line for line in shown.stdout.splitlines() if line.startswith("  IBM 1d "))
    assert ibm.split()[2:4] == ["fitted", "span:26"]
    assert re.search(r" and \d+ more \(--json\); others talib:", ibm)


def test_json_holds_every_annotation(traced: Traced) -> None:
    """`--json` prints the whole trace, with the configuration's text."""
    made = json.loads(candle_ml("trace", "champion", "--json").stdout)
    assert (made["version"], made["aliases"], made["run_id"]) == (2, ["champion"], traced.part.run_id)
    assert made["pipeline"].startswith("# written by hand\nname: traced\n")
    named = sum(len(one["fitted"]) + len(one["others"]) for one in made["annotations"])
    assert named == sum(len(data.annotations) for data in traced.part.dataset.series.values())


def test_the_configuration_is_printed(traced: Traced) -> None:
    """`--pipeline` prints the configuration that was used, from which the same hash is made."""
    assert candle_ml("trace", traced.whole.run_id, "--pipeline").stdout == traced.config.text


def test_a_mismatch_is_told_by_the_exit_code(traced: Traced) -> None:
    """Where the kept data is damaged the rest is still told, and the exit code is 1."""
    path = traced.root / "data" / "versions" / str(traced.whole.data_version) / "annotations.parquet"
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    try:
        shown = candle_ml("trace", "1")
    finally:
        path.write_bytes(content)
    assert shown.exit_code == 1
    assert f"\nmismatch       {path}: its bytes have changed; delete the folder " in shown.stdout
    assert f"run            {traced.whole.run_id} finished\n" in shown.stdout


def test_without_a_state_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """A state store that cannot be opened is told, with the reason, and keeps nothing else back."""
    monkeypatch.setenv(DATABASE_URL_VARIABLE, "postgresql+psycopg://nobody@127.0.0.1:1/none")
    shown = candle_ml("trace", "1")
    assert shown.exit_code == 0, shown.output
    assert "missing        run: the state store was not asked\n" in shown.stdout
    assert shown.stderr.startswith("warning: state store postgresql://nobody@127.0.0.1:1/none: ")


def test_an_unknown_version_is_told() -> None:
    """A version that is not registered gives the registry's message and exit code."""
    shown = candle_ml("trace", "nobody")
    assert (shown.exit_code, shown.stderr) == (7, "model traced: no alias 'nobody'; versions there are: 2, 1\n")
