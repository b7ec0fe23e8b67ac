"""What has not changed is not sent again, and what was kept is believed only while it is whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from candle_ml.annotations import Ingest
from candle_ml.candles import SeriesKey
from candle_ml.components import SourceContext
from candle_ml.errors import DataError
from candle_ml.sources import ingest
from candle_ml_sources.annotator_api import AnnotatorApi
from candle_ml_sources.options import AnnotatorApiOptions

AAPL = SeriesKey("AAPL", "1d")
CANDLES, SPANS = "/api/candles?chartId=1", "/api/span-annotations?chartId=1"


def source(annotator: Any) -> AnnotatorApi:
    options = {"url": annotator.url, "charts": [{"chart": 1}], "retries": 1}
    return AnnotatorApi(AnnotatorApiOptions.model_validate_json(json.dumps(options)))


def read(annotator: Any, root: Path) -> Ingest:
    return source(annotator).read(SourceContext(root))


def kept(root: Path) -> list[Path]:
    return sorted((root / ".candle-ml" / "annotator").iterdir())


def test_unchanged_data_is_not_sent_twice(annotator: Any, tmp_path: Path) -> None:
    """A second reading is answered by 304 only and gives the same data set; what has changed is sent."""
    first = ingest([("api", source(annotator))], tmp_path)
    assert set(annotator.statuses().values()) == {200}
    again = ingest([("api", source(annotator))], tmp_path)
    assert set(annotator.statuses().values()) == {304}
    assert again.hash == first.hash
    annotator.reply(SPANS, b"[]")
    changed = ingest([("api", source(annotator))], tmp_path)
    assert {path for path, status in annotator.statuses().items() if status == 200} == {SPANS}
    assert changed.hash != first.hash


def test_without_tags_everything_is_sent_each_time(annotator: Any, tmp_path: Path) -> None:
    """An annotator that tags nothing is asked for everything, and nothing is kept."""
    annotator.tags = False
    read(annotator, tmp_path)
    annotator.statuses()
    read(annotator, tmp_path)
    assert set(annotator.statuses().values()) == {200}
    assert not (tmp_path / ".candle-ml").exists()


def test_a_tag_that_no_header_should_carry_is_not_kept(annotator: Any, tmp_path: Path, reply: Any) -> None:
    """An answer with a malformed tag is read and not kept."""
    headers = {"Content-Type": "application/json", "ETag": "bare"}
    annotator.reply(SPANS, reply(body=b"[]", headers=headers))
    read(annotator, tmp_path)
    assert not any(b"span-annotations" in path.read_bytes() for path in kept(tmp_path))


DAMAGES = {
    "a flipped bit": lambda data: data[:-1] + bytes([data[-1] ^ 1]),
    "a missing end": lambda data: data[:-5],
    "another digest": lambda data: b"0" * 64 + data[64:],
    "nothing": lambda data: b"",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_answers_are_fetched_again(annotator: Any, tmp_path: Path, damage: str) -> None:
    """Kept answers that are not whole are sent for anew, and mended."""
    first = read(annotator, tmp_path)
    whole = {path: path.read_bytes() for path in kept(tmp_path)}
    for path, data in whole.items():
        path.write_bytes(DAMAGES[damage](data))
    annotator.statuses()
    assert read(annotator, tmp_path).annotations == first.annotations
    assert set(annotator.statuses().values()) == {200}
    assert {path: path.read_bytes() for path in kept(tmp_path)} == whole


def test_an_answer_of_another_address_is_not_used(annotator: Any, tmp_path: Path) -> None:
    """A kept file that was moved to the place of another is fetched again."""
    first = read(annotator, tmp_path)
    files = kept(tmp_path)
    contents = [path.read_bytes() for path in files]
    for path, content in zip(files, contents[1:] + contents[:1], strict=True):
        path.write_bytes(content)
    annotator.statuses()
    assert read(annotator, tmp_path).annotations == first.annotations
    assert set(annotator.statuses().values()) == {200}


def test_a_project_that_cannot_keep_anything_is_read_all_the_same(annotator: Any, tmp_path: Path) -> None:
    """Where answers cannot be kept, a note says why."""
    (tmp_path / ".candle-ml").write_text("mine", "utf-8")
    notes = read(annotator, tmp_path).notes
    assert f"{annotator.url}/api/charts: not kept for the next time (Not a directory)" in notes


def page(rows: list[Any], following: str | None = None) -> tuple[bytes, dict[str, str]]:
    headers = {"Content-Type": "application/json"}
    if following is not None:
        headers["Link"] = f'<{following}>; rel="next"'
    return json.dumps(rows).encode(), headers


@pytest.fixture
def rows(recording: Path) -> list[Any]:
    """The candles of the first chart."""
    found: list[Any] = json.loads((recording / "candles-1.json").read_text("utf-8"))
    return found


def test_all_pages_are_read(annotator: Any, tmp_path: Path, rows: list[Any], reply: Any) -> None:
    """Pages that name the next one, relative or in full, become one series."""
    last = f"{CANDLES}&page=3"
    annotator.reply(CANDLES, reply(200, *page(rows[:20], "?chartId=1&page=2")))
    annotator.reply(f"{CANDLES}&page=2", reply(200, *page(rows[20:50], annotator.url + last)))
    annotator.reply(last, reply(200, *page(rows[50:])))
    (candles,) = read(annotator, tmp_path).candles
    assert candles.time.tolist() == [row["time"] for row in rows]
    annotator.statuses()
    read(annotator, tmp_path)
    assert set(annotator.statuses().values()) == {304}


def test_pages_of_two_states_are_read_once_more(annotator: Any, tmp_path: Path, rows: list[Any], reply: Any) -> None:
    """Where the first page has changed when the last is read, all are read again."""
    following = "?chartId=1&page=2"
    stale, fresh = reply(200, *page(rows[:20], following)), reply(200, *page(rows[1:20], following))
    annotator.reply(CANDLES, stale, fresh)
    annotator.reply(f"{CANDLES}&page=2", reply(200, *page(rows[20:])))
    (candles,) = read(annotator, tmp_path).candles
    assert candles.time.tolist() == [row["time"] for row in rows[1:]]


PAGE_FAULTS = {
    "elsewhere": ("http://example.org/api/candles?page=2", "its next page is 'http://example.org/api/candles?page=2'"),
    "another route": ("/api/charts?page=2", "its next page is '/api/charts?page=2'"),
}


@pytest.mark.parametrize(("following", "found"), PAGE_FAULTS.values(), ids=PAGE_FAULTS)
def test_a_page_of_something_else_is_refused(
    annotator: Any, tmp_path: Path, rows: list[Any], reply: Any, following: str, found: str
) -> None:
    """A next page at another address or route is not asked for."""
    annotator.reply(CANDLES, reply(200, *page(rows, following)))
    with pytest.raises(DataError) as caught:
        read(annotator, tmp_path)
    assert str(caught.value) == f"{annotator.url}{CANDLES}: {found}; a page of the same route"


def test_pages_in_a_circle_are_refused(annotator: Any, tmp_path: Path, rows: list[Any], reply: Any) -> None:
    """A page that leads back to one that was read is an error."""
    annotator.reply(CANDLES, reply(200, *page(rows, CANDLES)))
    with pytest.raises(DataError) as caught:
        read(annotator, tmp_path)
    assert str(caught.value) == f"{annotator.url}{CANDLES}: its next page was read before; pages that end"


def test_pages_that_never_rest_are_refused(annotator: Any, tmp_path: Path, rows: list[Any], reply: Any) -> None:
    """Where the pages change each time, no mixture of states is returned."""
    following = "?chartId=1&page=2"
    annotator.reply(CANDLES, *(reply(200, *page(rows[number:20], following)) for number in range(20)))
    annotator.reply(f"{CANDLES}&page=2", reply(200, *page(rows[20:])))
    with pytest.raises(DataError) as caught:
        read(annotator, tmp_path)
    found = "changed 3 times while its pages were read"
    assert str(caught.value) == f"{annotator.url}{CANDLES}: {found}; a quieter moment"
