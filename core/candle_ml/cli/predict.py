"""`candle-ml predict`."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from candle_ml.candles import SeriesKey
from candle_ml.cli.common import (
    config_options,
    config_path,
    counted,
    human,
    json_option,
    json_text,
    print_json,
    progress,
)
from candle_ml.cli.selecting import located, model_options, selected
from candle_ml.config import PipelineConfig, load_config
from candle_ml.dataset import iso_time
from candle_ml.errors import DataError
from candle_ml.inference import Answer, LoadedModel, answer, check_timeframes
from candle_ml.reading import read_candles

if TYPE_CHECKING:
    from candle_ml.backfill import Filled, Planned

_SPAN_COLUMNS = ("pair", "timeframe", "label", "start", "end", "confidence", "candles", "known_at", "provisional")
_COLUMNS = ("pair", "timeframe", "time", "label", "confidence", "status", "provisional")
_MOST_NAMED = 20


class _Share(click.FloatRange):
    """A number from 0 to 1; click's own range lets `nan` pass."""

    def convert(self, value: Any, param: click.Parameter | None, context: click.Context | None) -> float:
        number = float(super().convert(value, param, context))
        if isnan(number):
            self.fail("nan is not in the range 0<=x<=1.", param, context)
        return number


class _NewFolder(click.Path):
    """A folder to write; an empty text, such as that of a variable that is not set, is none."""

    def convert(self, value: Any, param: click.Parameter | None, context: click.Context | None) -> Any:
        if value == "":
            self.fail("an empty text; name a folder", param, context)
        return super().convert(value, param, context)


@click.command("predict")
@config_options
@model_options
@click.argument("path", required=False, type=click.Path(path_type=Path, exists=True))
@click.option("--threshold", type=_Share(0, 1), help="For every label  [default: the model's own]")
@click.option("--spans", is_flag=True, help="Print one row a span instead of one row a candle.")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write here instead.")
@click.option(
    "--into",
    type=_NewFolder(path_type=Path, file_okay=False),
    help="Write Parquet files of each series into this folder, by every worker of execution; what is there is kept.",
)
@click.option("--dry-run", is_flag=True, help="With --into: only tell how much there is to do.")
@json_option
def command(
    config: Path | None,
    overrides: tuple[str, ...],
    model: str | None,
    bundle: Path | None,
    path: Path | None,
    threshold: float | None,
    spans: bool,
    output: Path | None,
    into: Path | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Predict the candles of PATH, a file or folder, or without it those of the configured sources; CSV on output."""
    settings = load_config(config_path(config), overrides)
    if into is not None:
        if path is None or spans or output is not None:
            raise click.UsageError("--into needs PATH, and writes candles and spans itself: no --spans, no --output")
        _check_apart(path, into)
        _fill(settings, model, bundle, (path, into), threshold, dry_run, as_json)
        return
    if dry_run:
        raise click.UsageError("--dry-run goes with --into")
    with progress() as report, selected(settings, model, bundle) as loaded:
        series = read_candles(settings, path, report)
        if not series:
            raise DataError.at(str(path or "sources"), "no candles", "name a file that holds some")
        check_timeframes(loaded.info, [candles.key for candles in series], settings)
        predicted = [answer(loaded, candles, threshold) for candles in series]
    text = json_text([_json(loaded, one) for one in predicted]) if as_json else _csv(predicted, spans)
    if output is None:
        click.echo(text, nl=False)
    else:
        output.write_text(text, "utf-8")


def _check_apart(path: Path, into: Path) -> None:
    """Refuse to write where candles are read."""
    source, target = path.resolve(), into.resolve()
    if source.is_relative_to(target) or target.is_relative_to(source):
        found = f"--into {into} is, holds or is in {path}, so that predictions would stand among candles"
        raise click.UsageError(f"{found}; name a folder beside it")


def _fill(
    settings: PipelineConfig,
    model: str | None,
    bundle: Path | None,
    paths: tuple[Path, Path],
    threshold: float | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    from candle_ml.backfill import Backfill, Planned, fill, planned

    source, into = (path.resolve() for path in paths)
    with progress() as report, located(settings, model, bundle) as found:
        work = Backfill(settings, found.folder.resolve(), found.loaded.digest, source, into, threshold)
        done = planned(work, report) if dry_run else fill(work, report)
    if isinstance(done, Planned):
        _print_plan(done, as_json)
    else:
        _print_filled(done, into, as_json)
    if done.error is not None:
        raise done.error


def _print_filled(filled: Filled, into: Path, as_json: bool) -> None:
    kept = sum(one.kept for one in filled.series)
    counts = {"predicted": len(filled.series) - kept, "kept": kept, "failed": len(filled.failed)}
    if as_json:
        others = [str(path) for path in filled.others]
        print_json({**counts, "failed": _series(filled.failed), "bytes": filled.size, "others": others})
        return
    click.echo(f"{into}: " + ", ".join(f"{count} series {what}" for what, count in counts.items()))
    if filled.others:
        click.echo(f"left as before, of series that failed or are not given: {counted(len(filled.others), 'file')}")
        for path in filled.others[:_MOST_NAMED]:
            click.echo(f"  {path.relative_to(into)}")
        if len(filled.others) > _MOST_NAMED:
            click.echo(f"  and {len(filled.others) - _MOST_NAMED} more")


def _print_plan(plan: Planned, as_json: bool) -> None:
    todo, kept = plan.todo, len(plan.series) - len(plan.todo)
    if as_json:
        counts = {"series": len(todo), "kept": kept, "failed": _series(plan.failed), "candles": sum(todo)}
        print_json({**counts, "memory": plan.memory, "disk": plan.disk})
        return
    click.echo(f"to predict: {len(todo)} series, {sum(todo)} candles, the largest {max(todo, default=0)}; kept: {kept}")
    click.echo(f"memory: about {human(plan.memory)} a worker")
    click.echo(f"disk: about {human(plan.disk)}")


def _series(keys: Sequence[SeriesKey]) -> list[dict[str, str]]:
    return [{"pair": key.pair, "timeframe": key.timeframe} for key in keys]


def _json(loaded: LoadedModel, one: Answer) -> dict[str, object]:
    provisional = one.prediction.provisional.tolist()
    rows = zip(one.prediction.time.tolist(), one.label, one.confidence, one.status, provisional, strict=True)
    return {
        "model_name": loaded.info.model_name,
        "run_id": loaded.info.run_id,
        "pair": one.key.pair,
        "timeframe": one.key.timeframe,
        "spans": [span._asdict() for span in one.spans],
        "candles": [dict(zip(_COLUMNS[2:], row, strict=True)) for row in rows],
        "required_history": one.required_history,
        "insufficient_history": one.insufficient_history,
    }


def _csv(predicted: list[Answer], spans: bool) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    if spans:
        writer.writerow(_SPAN_COLUMNS)
    else:
        writer.writerow(_COLUMNS)
    for one in predicted:
        writer.writerows(_span_rows(one) if spans else _candle_rows(one))
    return stream.getvalue()


def _span_rows(one: Answer) -> Iterator[tuple[object, ...]]:
    for span in one.spans:
        times = (iso_time(span.start_time), iso_time(span.end_time))
        rest = (f"{span.confidence:.6f}", span.candle_count, iso_time(span.known_at), span.provisional)
        yield (one.key.pair, one.key.timeframe, span.label, *times, *rest)


def _candle_rows(one: Answer) -> Iterator[tuple[object, ...]]:
    provisional = one.prediction.provisional.tolist()
    rows = zip(one.prediction.time.tolist(), one.label, one.confidence, one.status, provisional, strict=True)
    for time, label, confidence, status, open_end in rows:
        shown = "" if confidence is None else f"{confidence:.6f}"
        yield (one.key.pair, one.key.timeframe, iso_time(time), label or "", shown, status, open_end)
