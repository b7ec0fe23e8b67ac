"""Annotations and reviewed ranges are read from every form that the annotator and other tools write."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from candle_ml.annotations import Annotation, Ingest, RejectedRow, ReviewedRange
from candle_ml.candles import Candles, SeriesKey
from candle_ml.components import SourceContext
from candle_ml.errors import DataError
from candle_ml_sources.annotation_files import AnnotationFiles
from candle_ml_sources.options import AnnotationFilesOptions, SeriesName

DAY = 86400
FIRST = 1704153600  # 2024-01-02T00:00:00Z
AAPL = SeriesKey("AAPL", "1d")
EARLY = "notes: AAPL 1d: {} annotations read before any candles of the series, so their times were not compared"


def day(number: float) -> int:
    return int(FIRST + number * DAY)


def daily(count: int = 30) -> Candles:
    ones = np.ones(count)
    return Candles(AAPL, FIRST + DAY * np.arange(count), ones, ones, ones, ones)


def read(root: Path, *, candles: bool = True, **options: object) -> Ingest:
    source = AnnotationFiles(AnnotationFilesOptions(path="notes", **options))  # type: ignore[arg-type]
    return source.read(SourceContext(root, Ingest(candles=(daily(),) if candles else ())))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "notes").mkdir()
    return tmp_path / "notes"


def span(**fields: object) -> dict[str, object]:
    return {"id": 7, "start_time": day(1), "end_time": day(3), "label": "bull_flag", **fields}


def write(folder: Path, content: object, name: str = "AAPL_1d.json") -> None:
    (folder / name).write_text(json.dumps(content))


def only(ingest: Ingest) -> Annotation:
    (annotation,) = ingest.annotations
    return annotation


def test_the_span_export_is_read(folder: Path) -> None:
    """The annotator's JSON export becomes annotations with namespaced ids and sub-spans as text."""
    sub_spans = [{"label": "pole", "start_time": day(1), "end_time": day(2)}]
    row = span(confidence=5, outcome="win", sub_spans=sub_spans)
    write(folder, {"annotations": [row, span(id=8, confidence=None, outcome=None, sub_spans=None, label="  wedge ")]})
    ingest = read(folder.parent)
    text = f'[{{"end_time": {day(2)}, "label": "pole", "start_time": {day(1)}}}]'
    assert ingest.annotations == (
        Annotation("span:7", AAPL, day(1), day(3), "bull_flag", "human", 1.0, outcome="win", sub_spans=text),
        Annotation("span:8", AAPL, day(1), day(3), "wedge", "human"),
    )
    assert ingest.rejected == ()
    assert ingest.notes == ()


def test_full_rows_of_the_api_are_read(folder: Path) -> None:
    """A bare list of the annotator's rows keeps source, color, notes and the prediction that was handled."""
    prediction = {"label": "bull_flag", "confidence": 0.91, "model_version": "3"}
    row = span(
        chart_id=2,
        created_at="2024-02-01",
        source="model_confirmed",
        confidence=0.91,
        color="#26a69a",
        notes="clean",
        model_prediction=prediction,
    )
    write(folder, [row])
    ingest = read(folder.parent)
    assert only(ingest) == Annotation(
        "span:7",
        AAPL,
        day(1),
        day(3),
        "bull_flag",
        "model_confirmed",
        0.91,
        color="#26a69a",
        notes="clean",
        model_prediction='{"confidence": 0.91, "label": "bull_flag", "model_version": "3"}',
    )
    assert ingest.label_colors == {"bull_flag": "#26a69a"}


def test_points_are_spans_of_one_candle_and_lines_are_counted(folder: Path) -> None:
    """A point annotation covers one candle; a drawn line is no label, and a note counts it."""
    point = {"id": 7, "timestamp": day(2), "label_type": "break_up", "geometry": None, "created_at": day(3)}
    line = {"id": 8, "timestamp": day(2), "label_type": "line", "geometry": {"x": 1}, "created_at": day(3)}
    write(folder, [point, line])
    ingest = read(folder.parent)
    assert only(ingest) == Annotation("point:7", AAPL, day(2), day(2), "break_up")
    assert ingest.notes == ("notes/AAPL_1d.json: 1 drawn lines left out, because a line is no label",)


def test_a_point_and_a_span_may_have_the_same_number(folder: Path) -> None:
    """Ids of points and spans do not meet."""
    write(folder, [span(), {"id": 7, "timestamp": day(2), "label_type": "break_up"}])
    assert [annotation.id for annotation in read(folder.parent).annotations] == ["span:7", "point:7"]


def test_reviewed_ranges_are_read(folder: Path) -> None:
    """Reviewed ranges stand beside annotations or in a file of their own."""
    ranges = [{"id": 1, "chart_id": 2, "start_time": day(0), "end_time": day(9)}]
    write(folder, {"annotations": [span()], "reviewed_ranges": ranges})
    write(folder, {"reviewed_ranges": [{"start_time": "2024-01-20", "end_time": "2024-01-22"}]}, "AAPL_1d.ranges.json")
    ingest = read(folder.parent)
    assert ingest.reviewed == (
        ReviewedRange(AAPL, day(0), day(9)),
        ReviewedRange(AAPL, day(18), day(20)),
    )
    assert len(ingest.annotations) == 1


TIMES = {
    "seconds": (day(1), day(3)),
    "fractional seconds of zero": (float(day(1)), float(day(3))),
    "milliseconds": (day(1) * 1000, day(3) * 1000),
    "text of seconds": (str(day(1)), str(day(3))),
    "dates": ("2024-01-03", "2024-01-05"),
    "ISO": ("2024-01-03T00:00:00.000Z", "2024-01-05T02:00:00+02:00"),
}


@pytest.mark.parametrize(("start", "end"), TIMES.values(), ids=TIMES.keys())
def test_times_are_seconds_milliseconds_or_iso(folder: Path, start: object, end: object) -> None:
    """A time may be a number of seconds or milliseconds, a date or an ISO date-time."""
    write(folder, [span(start_time=start, end_time=end)])
    assert (only(read(folder.parent)).start_time, only(read(folder.parent)).end_time) == (day(1), day(3))


def test_a_reversed_span_is_turned_round_with_a_note(folder: Path) -> None:
    """A span that ends before it starts is read the right way round, and a note says where."""
    write(folder, [span(start_time=day(3), end_time=day(1))])
    ingest = read(folder.parent)
    assert (only(ingest).start_time, only(ingest).end_time) == (day(1), day(3))
    note = "notes/AAPL_1d.json: start and end swapped in 1 rows, first in notes/AAPL_1d.json: annotation 1"
    assert ingest.notes == (note,)


CONFIDENCE = [
    ("human", 1, 0.0),
    ("human", 4, 0.75),
    ("human_correction", 5, 1.0),
    ("human", "3", 0.5),
    ("talib", 1, 1.0),
    ("programmatic", 0.4, 0.4),
    ("model", 0, 0.0),
    ("model_confirmed", 0.8, 0.8),
    ("model_corrected", 4, 0.75),
    ("model_confirmed", 1, None),
    (None, 1, 0.0),
    (None, 0.8, 0.8),
    (None, 5, 1.0),
    ("human", None, None),
    ("human", "", None),
]


@pytest.mark.parametrize(("source", "value", "expected"), CONFIDENCE)
def test_the_source_decides_the_scale_of_a_confidence(
    folder: Path, source: str | None, value: object, expected: float | None
) -> None:
    """People count confidence from 1 to 5 and programs from 0 to 1; both become 0 to 1."""
    write(folder, [span(source=source, confidence=value)])
    assert only(read(folder.parent)).confidence == expected


def test_the_source_of_silent_rows_is_an_option(folder: Path) -> None:
    """Rows that do not say who annotated have the source of the options, with its scale of confidence."""
    write(folder, [span(confidence=1)])
    annotation = only(read(folder.parent, source="programmatic"))
    assert (annotation.source, annotation.confidence) == ("programmatic", 1.0)


def test_a_row_without_id_gets_one_from_its_content(folder: Path) -> None:
    """Hand-written rows need no id, and rows that say the same are one annotation."""
    row = {"start_time": day(1), "end_time": day(3), "label": "wedge"}
    write(folder, [row, row])
    ingest = read(folder.parent)
    assert only(ingest).id == f"span:{day(1)}-{day(3)}-wedge"
    assert ingest.notes == ("notes: AAPL 1d: 1 annotations stand there again, with the same values",)


def test_an_id_in_two_files_is_one_annotation_or_a_conflict(folder: Path) -> None:
    """The same row in two files is read once; another row under the same id is named."""
    write(folder, [span(), span(id=8)])
    write(folder, [span(), span(id=8, label="wedge")], "AAPL_1d.spans.json")
    ingest = read(folder.parent)
    assert [annotation.label for annotation in ingest.annotations] == ["bull_flag", "bull_flag"]
    assert ingest.notes == ("notes: AAPL 1d: 1 annotations stand there again, with the same values",)
    found = "span:8 a second time, with other values than notes/AAPL_1d.json: annotation 2"
    assert ingest.rejected == (RejectedRow("notes/AAPL_1d.spans.json: annotation 2", found, "one row an id"),)


def test_ids_of_other_series_do_not_meet(folder: Path) -> None:
    """Each series has its own ids."""
    write(folder, [span()])
    write(folder, [span()], "MSFT_1d.json")
    assert [annotation.series.pair for annotation in read(folder.parent).annotations] == ["AAPL", "MSFT"]


def test_times_between_opens_are_moved_to_their_candle(folder: Path) -> None:
    """A time within a candle counts as that candle's open, and a note says how many were moved."""
    write(folder, [span(start_time=day(1.5), end_time=day(3.9)), span(id=8)])
    ingest = read(folder.parent)
    assert [(one.start_time, one.end_time) for one in ingest.annotations] == [(day(1), day(3))] * 2
    note = "notes: AAPL 1d: 1 annotations moved to the open of the candle that they fall in"
    assert ingest.notes == (note,)


def test_times_outside_all_candles_are_left_alone(folder: Path) -> None:
    """A time in no candle is not moved."""
    write(folder, [span(start_time=day(-1.5), end_time=day(31))])
    assert (only(read(folder.parent)).start_time, only(read(folder.parent)).end_time) == (day(-1.5), day(31))


@pytest.mark.parametrize(
    ("field", "shown"), [("start_time", "2024-01-03T12:00:00Z"), ("end_time", "2024-01-03T12:00:00Z")]
)
def test_times_between_opens_can_be_refused(folder: Path, field: str, shown: str) -> None:
    """With unknown_time: reject, a row whose time is no candle's open is set aside and named."""
    write(folder, [span(**{"start_time": day(1), "end_time": day(2), field: day(1.5)})])
    ingest = read(folder.parent, unknown_time="reject")
    found, expected = f"{field} {shown}, when no candle of AAPL 1d opens", "the open of a candle, or unknown_time: snap"
    assert ingest.rejected == (RejectedRow("notes/AAPL_1d.json: annotation 1", found, expected),)


def test_annotations_read_before_candles_are_noted(folder: Path) -> None:
    """Where no source before has read candles of the series, a note says that times were not compared."""
    write(folder, [span(), span(id=8, start_time=day(1.5))])
    ingest = read(folder.parent, candles=False, unknown_time="reject")
    assert len(ingest.annotations) == 2
    assert ingest.notes == (EARLY.format(2),)


def test_windowed_csv_is_read(folder: Path) -> None:
    """A CSV with one row a span becomes annotations; columns that it does not know are ignored."""
    (folder / "AAPL_1d.windowed.csv").write_text(
        "id,start_time,end_time,label,confidence,outcome,sub_spans,window_size\n"
        f'7,{day(1)},{day(3)},bull_flag,3,win,"[{{""label"":""pole, long""}}]",24\n'
        f"8,2024-01-04,2024-01-05,O,,null,,24\n"
    )
    assert read(folder.parent).annotations == (
        Annotation(
            "span:7", AAPL, day(1), day(3), "bull_flag", "human", 0.5, None, "win", None, '[{"label": "pole, long"}]'
        ),
        Annotation("span:8", AAPL, day(2), day(3), "O"),
    )


def test_json_and_windowed_csv_of_one_span_are_one_annotation(folder: Path) -> None:
    """The same span exported twice, in two forms, is read once."""
    write(folder, [span(confidence=4)])
    (folder / "AAPL_1d.csv").write_text(
        f"span_id,start_time,end_time,label,confidence\n7,{day(1)},{day(3)},bull_flag,4\n"
    )
    assert only(read(folder.parent)).id == "span:7"


def bio(*tags: str, first: int = 0) -> str:
    return "time,label\n" + "".join(f"{day(first + number)},{tag}\n" for number, tag in enumerate(tags))


def test_bio_csv_is_read(folder: Path) -> None:
    """Tagged candles become spans; an O row is no annotation."""
    (folder / "AAPL_1d.bio.csv").write_text(bio("O", "B-bull_flag", "I-bull_flag", "B-bull_flag", "O", "B-wedge"))
    ingest = read(folder.parent)
    assert ingest.annotations == (
        Annotation(f"bio:{day(1)}-{day(2)}-bull_flag", AAPL, day(1), day(2), "bull_flag"),
        Annotation(f"bio:{day(3)}-{day(3)}-bull_flag", AAPL, day(3), day(3), "bull_flag"),
        Annotation(f"bio:{day(5)}-{day(5)}-wedge", AAPL, day(5), day(5), "wedge"),
    )
    assert ingest.reviewed == ()


def test_bio_rows_may_stand_in_any_order(folder: Path) -> None:
    """BIO rows newest first give the same spans."""
    lines = bio("O", "B-wedge", "I-wedge", "I-wedge", "O").splitlines()
    (folder / "AAPL_1d.bio.csv").write_text("\n".join([lines[0], *reversed(lines[1:])]))
    assert (only(read(folder.parent)).start_time, only(read(folder.parent)).end_time) == (day(1), day(3))


def test_a_bio_file_is_a_reviewed_range_only_when_asked(folder: Path) -> None:
    """With bio_reviewed the candles of a BIO file count as looked at, from its first to its last row."""
    (folder / "AAPL_1d.bio.csv").write_text(bio("O", "O", "B-wedge", "O", first=4))
    assert read(folder.parent).reviewed == ()
    assert read(folder.parent, bio_reviewed=True).reviewed == (ReviewedRange(AAPL, day(4), day(7)),)


@pytest.mark.parametrize(
    "name", ["AAPL_1d.json", "AAPL-1d.json", "AAPL_1d.spans.json", "AAPL/1d.json", "AAPL/1d.points.JSON"]
)
def test_the_name_of_a_file_names_its_series(folder: Path, name: str) -> None:
    """Annotation files are named like candle files."""
    (folder / name).parent.mkdir(exist_ok=True)
    write(folder, [span()], name)
    assert only(read(folder.parent)).series == AAPL


def test_the_options_can_name_the_series(folder: Path) -> None:
    """With series given, a file may have any name."""
    write(folder, [span()], "export.json")
    series = SeriesName(pair="AAPL", timeframe="1d")
    assert only(read(folder.parent, series=series)).series == AAPL


def test_a_file_without_annotations_is_read(folder: Path) -> None:
    """An export before the first annotation is no error."""
    write(folder, {"annotations": []})
    assert read(folder.parent) == Ingest()


def test_other_keys_of_the_document_are_noted(folder: Path) -> None:
    """Keys beside annotations and reviewed ranges are ignored, and a note names them."""
    write(folder, {"annotations": [], "version": 2, "chart": {}})
    assert read(folder.parent).notes == ("notes/AAPL_1d.json: ignored chart, version",)


def test_strict_refuses_bad_rows(folder: Path) -> None:
    """Strict reading makes an error of the rows that would be set aside."""
    write(folder, [span(), span(id=8, label="")])
    with pytest.raises(DataError) as error:
        read(folder.parent, strict=True)
    assert str(error.value) == "notes/AAPL_1d.json: annotation 2: no label; the name of a pattern, or O for none"
