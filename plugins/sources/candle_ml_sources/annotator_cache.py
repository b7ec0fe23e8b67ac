"""Answers of annotators, kept in the project folder so that unchanged data is not sent again."""

from __future__ import annotations

import hashlib
from pathlib import Path
from tempfile import NamedTemporaryFile

from pydantic import BaseModel, ConfigDict, ValidationError

from candle_ml_sources.annotator_client import Answer

_FOLDER = Path(".candle-ml") / "annotator"


class _Head(BaseModel):
    """The line before a kept body."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    url: str
    tag: str
    next: str | None


class AnswerCache:
    """One file a URL: SHA-256 of the rest, a line that says what it is, the body."""

    def __init__(self, root: Path) -> None:
        self._folder = root / _FOLDER

    def find(self, url: str) -> Answer | None:
        """What was kept of a URL; None where that is nothing, damaged or of another URL."""
        try:
            digest, _, content = self._path(url).read_bytes().partition(b"\n")
        except OSError:
            return None
        line, _, body = content.partition(b"\n")
        if digest != _digest(content):
            return None
        try:
            head = _Head.model_validate_json(line)
        except ValidationError:
            return None
        return Answer(body, head.tag, head.next) if head.url == url else None

    def keep(self, url: str, answer: Answer) -> None:
        """Keep an answer that has a tag. Raises `OSError`, and then nothing has changed."""
        if answer.tag is None:
            return
        head = _Head(url=url, tag=answer.tag, next=answer.next).model_dump_json().encode()
        content = head + b"\n" + answer.body
        path = self._path(url)
        path.parent.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=path.parent, suffix=".unfinished", delete=False) as unfinished:
            unfinished.write(_digest(content) + b"\n" + content)
        Path(unfinished.name).replace(path)

    def _path(self, url: str) -> Path:
        return self._folder / hashlib.sha256(url.encode()).hexdigest()[:24]


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest().encode()
