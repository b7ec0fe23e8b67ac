"""The `candle-ml` command. A command's module is imported only when it runs or its own help is shown.

What only errors or commands need is imported by the functions that need it, as `--help` should come at once.
"""

from __future__ import annotations

import errno
import warnings
from importlib import import_module
from importlib.util import find_spec

import click

from candle_ml.errors import CandleMLError, CandleMLWarning

COMMANDS = {
    "init": "Start a project in a folder, with demo data if you like.",
    "doctor": "Check this installation and this project.",
    "validate": "Check pipeline.yaml and name everything that is wrong with it.",
    "schema": "Print the JSON Schema of pipeline.yaml, for editors.",
    "plugins": "List what the installed plugins offer.",
    "data": "Show what the sources hold; keep and restore versions of it.",
    "audit": "Search features, labels and blocks for leaks.",
    "train": "Train, evaluate and register a model.",
    "tune": "Search for values of pipeline.yaml that score better.",
    "evaluate": "Measure a model on data it has not seen.",
    "predict": "Predict the patterns of a file of candles.",
    "suggest": "Tell what to annotate next and what to look at again.",
    "model": "List, promote and roll back registered models.",
    "trace": "Show what a registered version was made of.",
    "reproduce": "Train a registered version again and compare.",
    "runs": "List training runs; upload those that wait; remove old ones.",
    "serve": "Serve predictions over HTTP.",
    "db": "Create, migrate and check the database of the state store.",
}
"""Each command with its line in the help; `candle_ml.cli.<name>:command` is the command itself."""

UNEXPECTED = 70
UNREADABLE = 74
INTERRUPTED = 130


class LazyGroup(click.Group):
    """Imports commands when they are asked for, and turns errors into messages and exit codes."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            from difflib import get_close_matches

            close = get_close_matches(name, COMMANDS, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else f"; one of {', '.join(COMMANDS)}"
            raise click.UsageError(f"no command {name!r}{hint}", context)
        module = f"{__name__}.{name}"
        if find_spec(module) is None:
            raise CandleMLError.at(f"candle-ml {name}", "not part of this installation", "reinstall candle-ml")
        command = import_module(module).command
        if not isinstance(command, click.Command):
            raise TypeError(f"{module}:command is {command!r}, not a click command")
        return command

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, context: click.Context) -> object:
        try:
            return super().invoke(context)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except KeyboardInterrupt:
            click.echo("interrupted", err=True)
            context.exit(INTERRUPTED)
        except Exception as error:
            context.exit(_told(error, debug=bool(context.params.get("debug"))))


def _told(error: Exception, *, debug: bool) -> int:
    """Tell the user of an error; the exit code it gives."""
    if isinstance(error, OSError) and error.errno == errno.EPIPE:
        raise error
    if debug:
        from traceback import print_exception

        print_exception(error)
    code = _said(error)
    for note in getattr(error, "__notes__", ()):
        click.echo(note, err=True)
    return code


def _said(error: Exception) -> int:
    if isinstance(error, CandleMLError):
        click.echo(str(error), err=True)
        return error.exit_code
    if isinstance(error, ModuleNotFoundError) and not str(error.name).startswith("candle_ml"):
        click.echo(f"the package {error.name!r} is missing; pip install 'candle-ml[all]'", err=True)
        return CandleMLError.exit_code
    if isinstance(error, OSError) and error.strerror is not None:
        found = "the disk is full; free some space" if error.errno == errno.ENOSPC else error.strerror
        click.echo(found if error.filename is None else f"{error.filename}: {found}", err=True)
        return UNREADABLE
    text = " ".join(str(error).split())
    click.echo(f"unexpected {type(error).__name__}: {text}; run candle-ml --debug for the traceback", err=True)
    return UNEXPECTED


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("-v", "--verbose", count=True, help="Say more; twice for everything.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.version_option(package_name="candle-ml", prog_name="candle-ml", message="%(prog)s %(version)s")
def main(verbose: int, debug: bool) -> None:
    """Learn the patterns you mark on candlestick charts, and draw them back on the chart.

    Exit codes: 1 other error, 2 configuration or usage, 3 data, 4 plugin, 5 training, 6 bundle, 7 registry,
    8 state store, 9 leak, 10 workers, 70 unexpected, 74 file access, 130 interrupted.
    """
    import logging

    level = (logging.WARNING, logging.INFO, logging.DEBUG)[min(verbose, 2)]
    logging.basicConfig(level=level, format="%(levelname)s %(name)s: %(message)s")
    warnings.showwarning = _shown


def _shown(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: object = None,
    line: object = None,
) -> None:
    """A warning of ours as its text; one of a package through its log."""
    if issubclass(category, CandleMLWarning):
        click.echo(f"warning: {message}", err=True)
    else:
        from logging import getLogger

        getLogger("py.warnings").info("%s:%s: %s: %s", filename, lineno, category.__name__, message)
