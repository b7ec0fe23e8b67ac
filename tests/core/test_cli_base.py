"""The command line as a whole, and its commands `plugins`, `validate` and `schema`."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from candle_ml.cli import COMMANDS, LazyGroup, main
from candle_ml.cli.common import config_path, print_table, progress
from candle_ml.errors import CandleMLWarning, ConfigError, DataError

HEAVY = ("dvc", "hypercorn", "mlflow", "numpy", "pandas", "pydantic", "quart", "sklearn", "talib", "xgboost")
GOOD = """\
name: demo
sources: {use: [candle-files]}
features: {use: [candle-shape]}
labels: {use: windowed}
model: {use: xgboost}
"""


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def fail(error: BaseException, *arguments: str) -> Result:
    """What the command line does when a command raises."""

    def raises() -> None:
        raise error

    class Failing(LazyGroup):
        def get_command(self, context: click.Context, name: str) -> click.Command:
            return click.Command(name, callback=raises)

    group = Failing("candle-ml", params=list(main.params), callback=main.callback)
    return CliRunner().invoke(group, [*arguments, "train"])


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "pipeline.yaml").write_text(GOOD, "utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_help_imports_nothing_heavy() -> None:
    """`candle-ml --help` in a fresh interpreter lists every command and imports none of the large packages."""
    code = (
        "import sys\n"
        "from candle_ml.cli import main\n"
        "try:\n    main(['--help'])\n"
        f"finally:\n    print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "[]\n"
    listed = [line.split()[0] for line in done.stdout.partition("Commands:")[2].splitlines() if line.strip()]
    assert listed == list(COMMANDS)


@pytest.mark.parametrize("name", ["plugins", "schema", "validate"])
def test_a_command_explains_itself(name: str) -> None:
    """Each command has a help of its own."""
    result = run(name, "--help")
    assert (result.exit_code, result.output.split("\n")[0]) == (0, f"Usage: main {name} [OPTIONS]")


def test_a_command_that_this_installation_lacks_is_listed_and_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command without its module does not break the help; running it says what is wrong."""
    monkeypatch.setitem(COMMANDS, "absent", "Does what it says.")
    assert re.search(r"absent +Does what it says\.", run("--help").stdout)
    result = run("absent")
    assert (result.exit_code, result.stderr) == (
        1,
        "candle-ml absent: not part of this installation; reinstall candle-ml\n",
    )


def test_a_missing_package_is_named_with_what_to_install() -> None:
    """A command whose package is not installed says which and how to get it."""
    result = fail(ModuleNotFoundError("No module named 'mlflow'", name="mlflow"))
    assert (result.exit_code, result.stderr) == (1, "the package 'mlflow' is missing; pip install 'candle-ml[all]'\n")


def test_the_version_is_that_of_the_distribution() -> None:
    """`--version` prints the installed version."""
    assert run("--version").output == "candle-ml 0.1.0\n"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("trian", "no command 'trian'; did you mean 'train'?"),
        ("zzz", f"no command 'zzz'; one of {', '.join(COMMANDS)}"),
    ],
)
def test_a_misspelt_command_is_answered_with_the_nearest(name: str, message: str) -> None:
    """An unknown command is a usage error that names the nearest one, or all."""
    result = run(name)
    assert (result.exit_code, result.stderr.splitlines()[-1]) == (2, f"Error: {message}")


def test_an_error_meant_for_the_user_is_its_message_and_its_exit_code() -> None:
    """A data error prints its text on standard error, without a traceback, and ends with its own code."""
    result = fail(DataError.at("a.csv: row 3", "high 1 below low 2", "high at least low"))
    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr == "a.csv: row 3: high 1 below low 2; high at least low\n"


def test_what_is_noted_with_an_error_is_told_after_it() -> None:
    """A note that an error has stands in a line of its own."""
    error = DataError.at("a.csv", "cut off")
    error.add_note("b.csv: whole")
    assert fail(error).stderr == "a.csv: cut off\nb.csv: whole\n"


def test_what_the_system_says_is_told_without_its_number() -> None:
    """An error of the system is its text, with the file where it names one, and exit code 74."""
    for error, told in (
        (OSError(28, "No space left on device"), "the disk is full; free some space\n"),
        (OSError(28, "No space left on device", "a.csv"), "a.csv: the disk is full; free some space\n"),
        (OSError(5, "Input/output error", "a.csv"), "a.csv: Input/output error\n"),
    ):
        result = fail(error)
        assert (result.exit_code, result.stderr) == (74, told)


def test_the_next_step_in_this_folder(project: Path) -> None:
    """`init` without a folder tells to go on where one is."""
    (project / "config" / "pipeline.yaml").unlink()
    assert run("init").output.endswith("\n  candle-ml data report && candle-ml train\n")
    assert run("init", "new").output.endswith("\n  cd new && candle-ml data report && candle-ml train\n")


def test_debug_shows_the_traceback_of_an_error_meant_for_the_user() -> None:
    """With `--debug` the traceback stands before the message; the exit code is the same."""
    result = fail(ConfigError.at("seed", "-1", "at least 0"), "--debug")
    assert result.exit_code == 2
    assert result.stderr.startswith("Traceback (most recent call last):")
    assert result.stderr.endswith("\nseed: -1; at least 0\n")


def test_an_unexpected_error_is_one_line_with_a_hint() -> None:
    """Any other exception gives one line, code 70 and the way to its traceback."""
    result = fail(ValueError("a\nb"))
    assert (result.exit_code, result.stdout) == (70, "")
    assert result.stderr == "unexpected ValueError: a b; run candle-ml --debug for the traceback\n"


def test_an_interruption_ends_with_130() -> None:
    """Ctrl-C prints one word and ends with the code of an interrupted program."""
    result = fail(KeyboardInterrupt())
    assert (result.exit_code, result.stderr) == (130, "interrupted\n")


def test_a_closed_pipe_is_left_to_the_shell() -> None:
    """Output into a closed pipe is no error to be explained."""
    result = fail(BrokenPipeError(32, "Broken pipe"))
    assert (result.exit_code, result.output) == (1, "")


@pytest.mark.parametrize(("category", "shown"), [(CandleMLWarning, "warning: mind this\n"), (UserWarning, "")])
def test_only_our_own_warnings_are_shown(category: type[Warning], shown: str) -> None:
    """A warning of candle-ml is one line on standard error; one of a package is not shown."""

    def warns() -> None:
        warnings.simplefilter("always")
        warnings.warn("mind this", category, stacklevel=1)

    class Warns(LazyGroup):
        def get_command(self, context: click.Context, name: str) -> click.Command:
            return click.Command(name, callback=warns)

    group = Warns("candle-ml", params=list(main.params), callback=main.callback)
    result = CliRunner().invoke(group, ["train"])
    assert (result.exit_code, result.stderr) == (0, shown)


def test_validate_finds_the_configuration_of_the_project(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without `-c` the file of this folder, or of the nearest folder above, is checked."""
    assert run("validate").stdout.startswith("config/pipeline.yaml: valid, hash ")
    (project / "notes" / "deep").mkdir(parents=True)
    monkeypatch.chdir(project / "notes" / "deep")
    assert run("validate").stdout.startswith(f"{project / 'config' / 'pipeline.yaml'}: valid, hash ")


def test_a_pipeline_beside_is_found_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A `pipeline.yaml` in the folder itself is found where there is no `config` folder."""
    (tmp_path / "pipeline.yaml").write_text(GOOD, "utf-8")
    monkeypatch.chdir(tmp_path)
    assert config_path(None) == Path("pipeline.yaml")


def test_a_folder_without_a_configuration_says_how_to_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any configuration above, the message names `init` and `-c`."""
    monkeypatch.chdir(tmp_path)
    result = run("validate")
    assert result.exit_code == 2
    assert result.stderr == (
        "config/pipeline.yaml: not in this folder or above it; run candle-ml init, or name it with -c\n"
    )


def test_validate_names_every_error_with_its_position(project: Path) -> None:
    """Errors of the file and of `--set` come together, on standard error."""
    (project / "config" / "pipeline.yaml").write_text(GOOD.replace("xgboost", "xgbost"), "utf-8")
    result = run("validate", "--set", "seed=x")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        "config/pipeline.yaml:5:14: model.use: no plugin provides model-trainer 'xgbost'; did you mean 'xgboost'?\n"
        "--set seed=x: seed: 'x'; a whole number\n"
    )


def test_validate_notes_what_has_no_effect(project: Path) -> None:
    """A disabled plugin that is not installed is a note beside the result, and the pipeline is valid."""
    expected = "no plugin 'of-elsewhere' is installed here; it disables nothing"
    told = run("validate", "--set", "plugins.disabled=[of-elsewhere]")
    assert told.exit_code == 0
    assert told.stderr == f"note: --set plugins.disabled=[of-elsewhere]: plugins.disabled.0: {expected}\n"
    as_json = json.loads(run("validate", "--json", "--set", "plugins.disabled=[of-elsewhere]").stdout)
    assert (as_json["valid"], len(as_json["notes"])) == (True, 1)


def test_validate_as_json(project: Path) -> None:
    """`--json` gives the hash of a good file, and the problems of a bad one with the same exit code."""
    good = json.loads(run("validate", "--json").stdout)
    assert (good["valid"], len(good["hash"]), good["problems"]) == (True, 64, [])
    bad = run("validate", "--json", "--set", "seed=x")
    assert bad.exit_code == 2
    assert json.loads(bad.stdout) == {
        "valid": False,
        "hash": None,
        "problems": [{"where": "--set seed=x: seed", "found": "'x'", "expected": "a whole number"}],
    }


def test_validate_shows_the_effective_configuration(project: Path, tmp_path: Path) -> None:
    """`--show` prints YAML that is valid in turn and has the same hash."""
    shown = run("validate", "--show", "--set", "seed=7").stdout
    (tmp_path / "again.yaml").write_text(shown, "utf-8")
    again = json.loads(run("validate", "--json", "-c", str(tmp_path / "again.yaml")).stdout)
    assert again["hash"] == json.loads(run("validate", "--json", "--set", "seed=7").stdout)["hash"]


def test_plugins_lists_components_with_their_options() -> None:
    """Each component stands in a row with kind, status, plugin, distribution and options."""
    lines = run("plugins").stdout.splitlines()
    assert lines[0].split() == ["NAME", "KIND", "STATUS", "PLUGIN", "DISTRIBUTION", "OPTIONS"]
    row = next(line.split() for line in lines if line.startswith("window-shape"))
    assert row == [
        *("window-shape", "feature-extractor", "ok", "features-talib", "candle-ml", "0.1.0"),
        *("points", "prices", "swing", "context"),
    ]


def test_plugins_as_json_can_leave_some_out() -> None:
    """`--json` gives every field of every row; a disabled plugin is one row."""
    rows = json.loads(run("plugins", "--json", "--disable", "models-tree").stdout)
    assert {row["status"] for row in rows} == {"ok", "disabled"}
    assert [row for row in rows if row["status"] == "disabled"] == [
        {
            "name": "models-tree",
            "kind": "plugin",
            "plugin": "models-tree",
            "distribution": "candle-ml",
            "version": "0.1.0",
            "status": "disabled",
            "summary": "",
            "options": None,
            "error": "",
        }
    ]


def test_plugins_says_why_a_plugin_cannot_be_used(install_fake: Callable[..., Path]) -> None:
    """A broken plugin is a row of the table, with its cause below."""
    path = os.pathsep.join([str(install_fake("broken-import")), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [sys.executable, "-c", "from candle_ml.cli import main; main()", "plugins"]
    done = subprocess.run(command, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, check=True)
    assert "broken-import     plugin             broken" in done.stdout
    assert done.stdout.splitlines()[-1] == (
        "plugin 'broken-import' of broken-import 2.0.0: could not be imported "
        "(ModuleNotFoundError: No module named 'package_that_is_nowhere'); pip install 'broken-import[broken-import]'"
    )


def test_schema_prints_json() -> None:
    """`schema` prints the JSON Schema with the options of the installed plugins."""
    assert json.loads(run("schema").stdout)["title"] == "pipeline.yaml"


def test_a_table_is_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    """Columns are as wide as their widest cell, without blanks at the ends."""
    print_table(("A", "LONG"), [("alpha", "x"), ("b", "yy")])
    assert capsys.readouterr().out == "A      LONG\nalpha  x\nb      yy\n"


def test_progress_is_silent_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    """Where standard error is no terminal nothing is drawn."""
    with progress() as report:
        report("reading", 1, 2)
    assert capsys.readouterr() == ("", "")


def test_progress_draws_a_bar_on_a_terminal() -> None:
    """On a terminal each task has a bar that reaches its end."""
    code = (
        "import os, pty, sys\n"
        "pid, fd = pty.fork()\n"
        "if not pid:\n"
        "    from candle_ml.cli.common import progress\n"
        "    with progress() as report:\n"
        "        for task in ('reading', 'fitting'):\n"
        "            for done in range(5):\n"
        "                report(task, done, 4)\n"
        "    os._exit(0)\n"
        "text = b''\n"
        "try:\n"
        "    while block := os.read(fd, 4096):\n"
        "        text += block\n"
        "except OSError:\n"
        "    os.waitpid(pid, 0)\n"
        "sys.stdout.buffer.write(text)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert [task for task in ("reading", "fitting") if task in done.stdout] == ["reading", "fitting"]
    assert done.stdout.count("100%") == 2
