"""What the speed benchmark keeps, refuses to mix, and prints."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
from benchmarks.environments import ROOT
from benchmarks.speed.__main__ import main
from benchmarks.speed.machine import peers
from benchmarks.speed.results import Goal, Results, ResultsError, Row, begun, joined, read, table, write

MACHINE = {"sizes": "full", "processor": "one"}
OLD = Row("start", "old", 4.0, 4.0, 4.0, 4.0, 1.0, "ms", 1, Goal(3.5), 0.2)
NEW = Row("start", "new", 3.0, 2.5, 3.5, 3.0, 1.0, "ms", 3, Goal(3.5), 0.7)
OTHER = Row("services", "other", 2.0, 2.0, 2.0, 4.0, 2.0, "/s", 3, Goal(4, at_least=True), 0.2)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file of two rows."""
    write(tmp_path / "speed.json", Results(MACHINE, (OLD, OTHER)))
    return tmp_path / "speed.json"


def test_results_are_kept_and_replaced_by_measurement(file: Path) -> None:
    """What is measured again replaces its earlier rows; the table says what on, and whether each goal is met."""
    write(file, joined(begun(file, MACHINE), [NEW]))
    assert read(file) == Results(MACHINE, (OTHER, NEW))
    lines = table(read(file)).splitlines()
    assert lines[:4] == ["- sizes: full", "- processor: one", "- load when it began: 0.2, 0.7", ""]
    assert lines[-2:] == [
        "| other | 2.00 (2.00-2.00) | 4 /s | 2 /s | ≥ 4 | missed |",
        "| new | 3.00 (2.50-3.50) | 3 ms | 1 ms | ≤ 3.5 | met |",
    ]


def test_small_ratios_have_three_decimals() -> None:
    """A ratio below 0.095 is printed with three decimals, another with two."""
    row = Row("features", "writing", 0.0904, 0.0566, 0.1251, 1.0, 11.0, "ms", 5)
    line = table(Results(MACHINE, (row,))).splitlines()[-1]
    assert line == "| writing | 0.090 (0.057-0.13) | 1 ms | 11 ms |  |  |"


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [("sizes", "tiny", "full, not tiny"), ("processor", "two", "one, not two"), ("packages", "b", "None, not b")],
)
def test_what_was_measured_elsewhere_is_not_mixed(file: Path, name: str, value: str, shown: str) -> None:
    """Rows of other sizes, another machine or other packages stay as they are, and the error names what differs."""
    with pytest.raises(ResultsError) as refused:
        begun(file, {**MACHINE, name: value})
    found = f"its rows were measured with another {name}: {shown}"
    assert str(refused.value) == f"{file}: {found}; remove it, or give another --output"
    assert read(file) == Results(MACHINE, (OLD, OTHER))


def test_a_quick_run_refuses_the_file_of_a_full_one(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--quick` measures nothing where its rows would stand beside real ones."""
    with pytest.raises(SystemExit, match=r"^2$"):
        main(["run", "start", "--quick", "--output", str(file)])
    assert "measured with another sizes: full, not tiny: these figures mean nothing" in capsys.readouterr().err
    assert read(file).rows == (OLD, OTHER)


def test_the_table_of_a_missing_file_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The error says which command makes the file."""
    with pytest.raises(SystemExit, match=r"^2$"):
        main(["table", "--output", str(tmp_path / "no.json")])
    assert capsys.readouterr().err == f"{tmp_path / 'no.json'}: is not there; python -m benchmarks.speed run makes it\n"


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("{", "file: Invalid JSON: EOF while parsing an object at line 1 column 1"),
        ('{"machine": {}}', "file.rows: Field required"),
        ('{"machine": {}, "rows": [{}]}', "file.rows.0.measurement: Field required"),
    ],
)
@pytest.mark.parametrize("command", [["table"], ["run", "start"]])
def test_a_damaged_file_is_refused_before_measuring(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, found: str, command: list[str]
) -> None:
    """The error names what is missing; the file stays as it is."""
    file = tmp_path / "speed.json"
    file.write_text(content, "utf-8")
    with pytest.raises(SystemExit, match=r"^2$"):
        main([*command, "--output", str(file)])
    expected = f"{file}: holds no results: {found}; remove it, or give another --output\n"
    assert capsys.readouterr() == ("", expected)
    assert file.read_text("utf-8") == content


def test_a_file_that_cannot_be_written_is_refused_before_measuring(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder, or a place below a file, takes no results."""
    for output, found in (
        (file.parent, "cannot be read: Is a directory; give another --output"),
        (file / "below.json", "cannot be read: Not a directory; give another --output"),
    ):
        with pytest.raises(SystemExit, match=r"^2$"):
            main(["run", "start", "--output", str(output)])
        assert capsys.readouterr() == ("", f"{output}: {found}\n")


def test_a_disk_that_takes_no_file_is_told(file: Path) -> None:
    """The error names the file, and what the system says."""
    with pytest.raises(ResultsError) as refused:
        write(file / "below.json", Results(MACHINE, ()))
    expected = f"{file / 'below.json'}: cannot be written: File exists; a place that this user can write"
    assert str(refused.value) == expected


def test_one_core_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is said of two cores where there is one."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, list(before)[:1])
    try:
        with pytest.raises(SystemExit, match=r"^2$"):
            main(["run", "features", "--quick", "--output", str(tmp_path / "speed.json")])
    finally:
        os.sched_setaffinity(0, before)
    expected = "run: there is one core; two are needed: one for servers, one for what asks them\n"
    assert capsys.readouterr().err == expected
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("number", "code", "said"),
    [
        (signal.SIGINT, 130, ["measuring start", "stopped; speed.json keeps what was measured before"]),
        (signal.SIGHUP, 129, ["measuring start"]),
    ],
)
def test_a_run_that_is_stopped_says_so_in_one_line(
    tmp_path: Path, number: signal.Signals, code: int, said: list[str]
) -> None:
    """Ctrl-C and a closed terminal leave no traceback, and a file that can be read."""
    command = [sys.executable, "-m", "benchmarks.speed", "run", "start", "--output", "speed.json"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=partial(signal.signal, number, signal.SIG_DFL),  # a shell's background job ignores Ctrl-C
    ) as process:
        assert process.stderr is not None
        first = process.stderr.readline()
        time.sleep(0.5)
        process.send_signal(number)
        rest = process.stderr.read()
    assert (process.returncode, (first + rest).splitlines()) == (code, said)
    assert read(tmp_path / "speed.json").rows == ()


def test_the_peers_versions_are_told() -> None:
    """The header names what the peers' environments are made of."""
    assert peers().keys() == {"peers, features", "peers, services"}
    assert "pandas-ta-classic 0." in peers()["peers, features"]
    assert ", fastapi 0." in peers()["peers, services"]
