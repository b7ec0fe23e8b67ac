"""Rows of the annotator's routes: all pages of one state, each sent only when it has changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from candle_ml.errors import DataError
from candle_ml_sources.annotator_cache import AnswerCache
from candle_ml_sources.annotator_client import AnnotatorClient, Answer
from candle_ml_sources.json_rows import parse_json
from candle_ml_sources.texts import shown

_TIMES_CHANGED = 3


@dataclass(slots=True)
class AnnotatorReading:
    """Reads through a cache; `notes` say what a user should know of it."""

    client: AnnotatorClient
    cache: AnswerCache
    notes: list[str] = field(default_factory=list)

    def rows(self, path: str) -> Sequence[object]:
        """The rows of a route. Raises `DataError`."""
        for _ in range(_TIMES_CHANGED):
            pages = self._pages(path)
            if len(pages) == 1 or self._answer(path) == pages[0]:
                return [row for number, page in enumerate(pages, 1) for row in self._parsed(path, number, page)]
        where = self.client.url + path
        raise DataError.at(where, f"changed {_TIMES_CHANGED} times while its pages were read", "a quieter moment")

    def _pages(self, path: str) -> list[Answer]:
        pages, asked = [self._answer(path)], [path]
        while (following := pages[-1].next) is not None:
            if following in asked:
                raise DataError.at(self.client.url + asked[-1], "its next page was read before", "pages that end")
            asked.append(following)
            pages.append(self._answer(following))
        return pages

    def _answer(self, path: str) -> Answer:
        url = self.client.url + path
        kept = self.cache.find(url)
        answer = self.client.get(path, kept)
        if answer is not kept:
            try:
                self.cache.keep(url, answer)
            except OSError as error:
                self.notes.append(f"{url}: not kept for the next time ({error.strerror})")
        return answer

    def _parsed(self, path: str, number: int, page: Answer) -> Sequence[object]:
        where = self.client.url + path + (f": page {number}" if number > 1 else "")
        if not page.body.strip():
            raise DataError.at(where, "an empty answer", "a list of rows")
        content = parse_json(where, page.body, "a list of rows")
        if not isinstance(content, list):
            raise DataError.at(where, shown(content), "a list of rows")
        return content
