"""What several commands share: where the configuration is, progress, tables, JSON."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from candle_ml.errors import ConfigError

if TYPE_CHECKING:
    from candle_ml.components import Progress
    from candle_ml.promotion import Promotion

DEFAULT_CONFIGS = (Path("config") / "pipeline.yaml", Path("pipeline.yaml"))

_Command = TypeVar("_Command", bound=Callable[..., Any])


class _Time(click.ParamType[int]):
    """A date, an ISO date-time (UTC where no offset stands) or Unix seconds, as Unix seconds."""

    name = "time"

    def convert(self, value: str | int, param: click.Parameter | None, context: click.Context | None) -> int:
        if isinstance(value, int) or value.isdecimal():
            return int(value)
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no time; write 2024-01-31, 2024-01-31T12:00 or Unix seconds", param, context)
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


TIME = _Time()


def config_options(command: _Command) -> _Command:
    """`--config/-c` (parameter `config`: `Path | None`) and `--set` (parameter `overrides`: tuple of texts)."""
    of_file = click.option(
        "-c",
        "--config",
        type=click.Path(path_type=Path, dir_okay=False),
        help="The pipeline to use.  [default: config/pipeline.yaml or pipeline.yaml, here or above]",
    )
    of_values = click.option(
        "--set",
        "overrides",
        multiple=True,
        metavar="KEY.PATH=VALUE",
        help="Use this value instead of the file's; may be repeated.",
    )
    return of_file(of_values(command))


def input_options(command: _Command) -> _Command:
    """`--from` (parameter `start`), `--to` (`end`) and `--data-version` (`data_version`): what is learnt from."""
    start = click.option("--from", "start", type=TIME, help="Learn only from what was annotated from this time on.")
    end = click.option("--to", "end", type=TIME, help="Leave out everything after this time.")
    version = click.option(
        "--data-version", metavar="VERSION", help="Learn from this kept version instead of the sources."
    )
    return start(end(version(command)))


def json_option(command: _Command) -> _Command:
    """`--json` (parameter `as_json`)."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


def config_path(given: Path | None) -> Path:
    """The given file, else the first of `DEFAULT_CONFIGS` in this folder or the nearest above. Raises `ConfigError`."""
    if given is not None:
        return given
    here = Path.cwd()
    for folder in (here, *here.parents):
        for default in DEFAULT_CONFIGS:
            if (folder / default).is_file():
                return default if folder == here else folder / default
    raise ConfigError.at(
        str(DEFAULT_CONFIGS[0]), "not in this folder or above it", "run candle-ml init, or name it with -c"
    )


def json_text(value: object) -> str:
    """A value as indented JSON, with a line end."""
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def print_json(value: object) -> None:
    """A value as indented JSON on standard output."""
    click.echo(json_text(value), nl=False)


def print_table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Aligned columns on standard output; the last one is as long as its text."""
    lines = [list(headers), *map(list, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headers))]
    for line in lines:
        cells = [text.ljust(width) for text, width in zip(line, widths, strict=True)]
        click.echo("  ".join(cells).rstrip())


def human(size: float) -> str:
    """Bytes as people say them: 1.5 MB is 1 500 000 bytes."""
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


def counted(number: int, noun: str) -> str:
    """A number of things: `1 trial`, `2 trials`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def print_promotion(promotion: Promotion) -> None:
    """What became of a registration, on standard output."""
    version = promotion.version
    moved = "now serves" if promotion.promoted else "does not take"
    click.echo(f"registered: {version.name} version {version.version}")
    click.echo(f"            {moved} alias {promotion.alias!r}: {promotion.reason}")


@contextmanager
def progress() -> Iterator[Progress]:
    """A `Progress` that draws a bar for each task on a terminal and is silent in a pipe; bars go to standard error."""
    if not sys.stderr.isatty():
        yield lambda what, done, total: None
        return
    bars = _Bars()
    try:
        yield bars
    finally:
        bars.close()


class _Bars:
    """One bar at a time, with what is done a second and the time left: a new task ends the one before."""

    def __init__(self) -> None:
        self._what = ""
        self._done = 0
        self._began = 0.0
        self._bar: Any = None

    def __call__(self, what: str, done: int, total: int) -> None:
        if what != self._what:
            self.close()
            self._what, self._done, self._began = what, 0, time.monotonic()
            self._bar = click.progressbar(length=total, label=what, file=sys.stderr, item_show_func=_rate)
            self._bar.render_progress()
        passed = time.monotonic() - self._began
        self._bar.update(done - self._done, done / passed if done and passed else None)
        self._done = done

    def close(self) -> None:
        """End the bar that is drawn."""
        if self._bar is not None:
            self._bar.render_finish()
        self._what, self._bar = "", None


def _rate(each_second: float | None) -> str:
    return "" if each_second is None else f"{each_second:.3g}/s"
