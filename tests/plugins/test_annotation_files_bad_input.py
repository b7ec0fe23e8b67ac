"""Every malformed annotation file gives the exact message that its user needs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from candle_ml.annotations import Ingest, RejectedRow
from candle_ml.components import SourceContext
from candle_ml.errors import DataError
from candle_ml_sources.annotation_files import AnnotationFiles
from candle_ml_sources.options import AnnotationFilesOptions

START, END = 1704153600, 1704326400
TIME_EXPECTED = "a date such as 2024-01-31, an ISO date-time, Unix seconds or milliseconds"
FORMS = "a list of annotations, or an object with annotations or reviewed_ranges"
GOOD = {"id": 1, "start_time": START, "end_time": END, "label": "wedge"}


def read(root: Path, **options: object) -> Ingest:
    source = AnnotationFiles(AnnotationFilesOptions(path="notes", **options))  # type: ignore[arg-type]
    return source.read(SourceContext(root))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "notes").mkdir()
    return tmp_path / "notes"


def message(root: Path) -> str:
    with pytest.raises(DataError) as error:
        read(root)
    return str(error.value)


REFUSED_JSON: dict[str, tuple[bytes, str]] = {
    "empty": (b" \n", f": an empty file; {FORMS}"),
    "cut off": (
        b'[\n{"id": 1,\n',
        f": row 3: no JSON (Expecting property name enclosed in double quotes, column 1); {FORMS}",
    ),
    "two documents": (b"[]\n[]", f": row 2: no JSON (Extra data, column 1); {FORMS}"),
    "a number": (b"7", f": 7; {FORMS}"),
    "an error of the API": (b'{"error": "no chart"}', f": {{'error': 'no chart'}}; {FORMS}"),
    "no list": (b'{"annotations": {"1": {}}}', ": annotations: {'1': {}}; a list"),
    "null": (b'{"reviewed_ranges": null}', ": reviewed_ranges: None; a list"),
    "a key twice": (b'[{"id": 1, "label": "a", "label": "b"}]', ": key 'label' twice in one object; plain JSON"),
    "NaN": (b'[{"confidence": NaN}]', ": the number NaN; plain JSON"),
    "infinity": (b'[{"confidence": -Infinity}]', ": the number -Infinity; plain JSON"),
    "a huge number": (b'[{"id": ' + b"9" * 5000 + b"}]", ": a number of 5000 digits; plain JSON"),
    "depth": (b"[" * 100_000, ": JSON nested 100000 levels deep; at most 64 levels"),
    "depth of objects": (b'{"a":' * 70 + b"1" + b"}" * 70, ": JSON nested 70 levels deep; at most 64 levels"),
    "binary": (b"\x89PNG\0\0", ": binary data; UTF-8 text"),
    "UTF-16": ("[]".encode("utf-16"), ": UTF-16 text; UTF-8 text"),
    "latin-1": (b'[{"label":\n"\xe9"}]', ": row 2: byte 0xe9; UTF-8 text"),
    "two charts": (
        json.dumps([{**GOOD, "chart_id": 1}, {**GOOD, "id": 2, "chart_id": 2}]).encode(),
        ": annotations of the charts 1, 2; one file a chart",
    ),
}


@pytest.mark.parametrize(("content", "expected"), REFUSED_JSON.values(), ids=REFUSED_JSON.keys())
def test_json_of_another_kind_is_refused(folder: Path, content: bytes, expected: str) -> None:
    """JSON that is no list of annotations is an error that says what it is and what would do."""
    (folder / "A_1d.json").write_bytes(content)
    assert message(folder.parent) == f"notes/A_1d.json{expected}"


REFUSED_CSV: dict[str, tuple[str, str]] = {
    "empty": ("", ": an empty file; a first line that names the columns"),
    "candles": (
        "time,open,high,low,close\n2024-01-02,1,1,1,1\n",
        ": no column label (or bio_label, bio_tag, bio, tag); its columns are time, open, high, low, close",
    ),
    "no time": ("label,x\nO,1\n", ": no column time (or timestamp, datetime, date); its columns are label, x"),
    "no end": ("start_time,label\n1,a\n", ": no column end_time; its columns are start_time, label"),
    "no rows": ("time,label\n", ": no rows below the header; at least one row"),
    "label twice": ("time,label,Label\n2024-01-02,O,O\n", ": column label 2 times; each column once"),
}


@pytest.mark.parametrize(("content", "expected"), REFUSED_CSV.values(), ids=REFUSED_CSV.keys())
def test_csv_of_another_kind_is_refused(folder: Path, content: str, expected: str) -> None:
    """A CSV that is neither windowed nor BIO is an error that names the column it lacks."""
    (folder / "A_1d.csv").write_text(content)
    assert message(folder.parent) == f"notes/A_1d.csv{expected}"


BAD_ROWS: dict[str, tuple[object, str, str]] = {
    "another pair": ({**GOOD, "pair": "GBPUSD"}, "pair 'GBPUSD'", "'A', as the file is named"),
    "another timeframe": ({**GOOD, "timeframe": "4h"}, "timeframe '4h'", "'1d', as the file is named"),
    "no object": (7, "7", "an object"),
    "no times": ({"id": 2, "label": "wedge"}, "no start_time", TIME_EXPECTED),
    "no end": ({"id": 2, "label": "wedge", "start_time": START}, "no end_time", TIME_EXPECTED),
    "a time of text": ({**GOOD, "start_time": "yesterday"}, "start_time 'yesterday'", TIME_EXPECTED),
    "a time of a list": ({**GOOD, "end_time": [1]}, "end_time [1]", TIME_EXPECTED),
    "a time of true": ({**GOOD, "end_time": True}, "end_time True", TIME_EXPECTED),
    "a time before 1970": ({**GOOD, "start_time": -5}, "start_time -5", TIME_EXPECTED),
    "a time past 9999": ({**GOOD, "end_time": 10**18}, f"end_time {10**18}", TIME_EXPECTED),
    "half a second": ({**GOOD, "start_time": START + 0.5}, f"start_time {START}.5", "whole seconds"),
    "no label": ({**GOOD, "label": None}, "no label", "the name of a pattern, or O for none"),
    "a blank label": ({**GOOD, "label": "  "}, "no label", "the name of a pattern, or O for none"),
    "a label of a number": ({**GOOD, "label": 5}, "label 5", "text"),
    "a label of two lines": ({**GOOD, "label": "a\nb"}, "label 'a\\nb'", "one line of printable text"),
    "half a character": ({**GOOD, "notes": "\ud800"}, "notes '\\ud800'", "text without half characters"),
    "an id of a list": ({**GOOD, "id": [1]}, "id [1]", "text"),
    "an id of true": ({**GOOD, "id": True}, "id True", "text"),
    "a blank id": ({**GOOD, "id": " "}, "id ' '", "a number or text"),
    "confidence 6": ({**GOOD, "confidence": 6}, "confidence 6 of source human", "a number from 1 to 5"),
    "confidence 0.5 of a person": (
        {**GOOD, "confidence": 0.5, "source": "human"},
        "confidence 0.5 of source human",
        "a number from 1 to 5",
    ),
    "confidence 3 of a program": (
        {**GOOD, "confidence": 3, "source": "talib"},
        "confidence 3 of source talib",
        "a number from 0 to 1",
    ),
    "confidence -1": (
        {**GOOD, "confidence": -1, "source": "model_confirmed"},
        "confidence -1 of source model_confirmed",
        "a number from 0 to 1",
    ),
    "confidence of text": ({**GOOD, "confidence": "high"}, "confidence 'high'", "a number"),
    "confidence of true": ({**GOOD, "confidence": True}, "confidence True", "a number"),
    "confidence overflows": ({**GOOD, "confidence": "1e999"}, "confidence '1e999'", "a number"),
    "a color of a script": ({**GOOD, "color": "url(x)"}, "color 'url(x)'", "a CSS color such as #26a69a"),
    "notes of a list": ({**GOOD, "notes": ["x"]}, "notes ['x']", "text"),
    "source of a number": ({**GOOD, "source": 1}, "source 1", "text"),
    "a point without time": (
        {"id": 1, "timestamp": None, "label_type": "break_up"},
        "no start_time",
        TIME_EXPECTED,
    ),
    "a point without label": ({"id": 1, "timestamp": START}, "no label", "the name of a pattern, or O for none"),
}


@pytest.mark.parametrize(("row", "found", "expected"), BAD_ROWS.values(), ids=BAD_ROWS.keys())
def test_a_bad_row_is_set_aside_and_named(folder: Path, row: object, found: str, expected: str) -> None:
    """A bad row is named with file, number and reason, and the rows around it are read."""
    rows = [{**GOOD, "id": 100}, row, {**GOOD, "id": 101}]
    (folder / "A_1d.json").write_text(json.dumps({"annotations": rows}))
    ingest = read(folder.parent)
    assert [annotation.id for annotation in ingest.annotations] == ["span:100", "span:101"]
    assert ingest.rejected == (RejectedRow("notes/A_1d.json: annotation 2", found, expected),)


def test_a_bad_reviewed_range_is_set_aside_and_named(folder: Path) -> None:
    """A reviewed range without two times is named, and the others are read."""
    ranges = [{"start_time": START}, "all", {"start_time": START, "end_time": END}]
    (folder / "A_1d.json").write_text(json.dumps({"reviewed_ranges": ranges}))
    ingest = read(folder.parent)
    assert len(ingest.reviewed) == 1
    assert ingest.rejected == (
        RejectedRow("notes/A_1d.json: reviewed range 2", "'all'", "an object"),
        RejectedRow("notes/A_1d.json: reviewed range 1", "no end_time", TIME_EXPECTED),
    )


def test_a_bad_row_of_a_windowed_csv_is_named_by_its_line(folder: Path) -> None:
    """A windowed row is named by its line, whatever is wrong with it."""
    (folder / "A_1d.csv").write_text(
        f"id,start_time,end_time,label,confidence\n1,{START},{END},wedge,3\n\n2,{START},,wedge,3\n"
        f"3,{START},{END},,3\n4,{START},{END},wedge,9\n5,{START}\n"
    )
    ingest = read(folder.parent)
    assert [annotation.id for annotation in ingest.annotations] == ["span:1"]
    assert {(row.where, row.found, row.expected) for row in ingest.rejected} == {
        ("notes/A_1d.csv: row 4", "no end_time", TIME_EXPECTED),
        ("notes/A_1d.csv: row 5", "no label", "the name of a pattern, or O for none"),
        ("notes/A_1d.csv: row 6", "confidence '9' of source human", "a number from 1 to 5"),
        ("notes/A_1d.csv: row 7", "2 values", "5 values, as the header has"),
    }


WHOLE = "a span of whole rows"
BAD_BIO: dict[str, tuple[list[str], list[tuple[int, str, str]]]] = {
    "a tag that is none": (
        ["01-02,B-wedge", "01-03,wedge", "01-04,I-wedge"],
        [
            (2, "a span of wedge broken by row 3", WHOLE),
            (3, "label 'wedge'", "B-, I- and the name of a pattern, or O"),
            (4, "I-wedge without B-wedge before it", "a span that begins with B-"),
        ],
    ),
    "an empty tag": (["01-02,"], [(2, "label ''", "B-, I- and the name of a pattern, or O")]),
    "a tag without a name": (["01-02,B-"], [(2, "label 'B-'", "B-, I- and the name of a pattern, or O")]),
    "no beginning": (
        ["01-02,O", "01-03,I-wedge"],
        [(3, "I-wedge without B-wedge before it", "a span that begins with B-")],
    ),
    "another label inside": (
        ["01-02,B-wedge", "01-03,I-flag"],
        [
            (2, "a span of wedge broken by row 3", WHOLE),
            (3, "I-flag without B-flag before it", "a span that begins with B-"),
        ],
    ),
    "a bad time inside": (
        ["01-02,B-wedge", "never,I-wedge", "01-04,O"],
        [(2, "a span of wedge broken by row 3", WHOLE), (3, "time '2024-never'", TIME_EXPECTED)],
    ),
    "a time again": (
        ["01-02,B-wedge", "01-02,I-wedge", "01-04,O"],
        [(2, "a span of wedge broken by row 3", WHOLE), (3, "time 1704153600 a second time", "one row a time")],
    ),
    "a row with missing values inside": (
        ["01-02,B-wedge", "01-03", "01-04,I-wedge"],
        [
            (2, "a span of wedge broken by a row with missing or extra values", WHOLE),
            (3, "1 values", "2 values, as the header has"),
            (4, "I-wedge without B-wedge before it", "a span that begins with B-"),
        ],
    ),
}


@pytest.mark.parametrize(("rows", "expected"), BAD_BIO.values(), ids=BAD_BIO.keys())
def test_a_bad_bio_row_sets_its_span_aside_too(
    folder: Path, rows: list[str], expected: list[tuple[int, str, str]]
) -> None:
    """A BIO row that cannot be used is named, and so is the span that it makes doubtful; others are read."""
    good = ["2024-02-01,B-flag", "2024-02-02,I-flag"]
    (folder / "A_1d.csv").write_text("\n".join(["time,label", *(f"2024-{row}" for row in rows), *good]))
    ingest = read(folder.parent)
    assert [annotation.label for annotation in ingest.annotations] == ["flag"]
    named = tuple(RejectedRow(f"notes/A_1d.csv: row {row}", found, would_do) for row, found, would_do in expected)
    assert ingest.rejected == named


def test_a_folder_without_annotations_is_refused(folder: Path) -> None:
    """A folder without JSON or CSV is an error."""
    assert message(folder.parent) == "notes: a folder without data files; files that end in .json, .csv"


def test_a_name_that_names_no_series_is_refused(folder: Path) -> None:
    """An annotation file whose name tells no series is an error that says how to name it."""
    (folder / "export.json").write_text("[]")
    hint = "name it like AAPL_1d.json or AAPL/1d.bio.csv, or give series"
    assert message(folder.parent) == f"notes/export.json: a name without pair and timeframe; {hint}"
