"""Problems on their way to the user."""

from __future__ import annotations

import re

from candle_ml.config.reading import Document
from candle_ml.errors import ConfigError, Problem

_POSITION = re.compile(r":(\d+):(\d+)(: |$)")


class Report:
    """Collects what is wrong with a document; nothing is said of a value that was refused already."""

    def __init__(self, document: Document) -> None:
        self._problems = list(document.problems)
        self._void = document.void

    def add(self, *problems: Problem) -> None:
        """Note further problems."""
        self._problems += [problem for problem in problems if not self._is_void(problem)]

    def raise_any(self) -> None:
        """Raise `ConfigError` with every problem, in the order of the file, if there is one."""
        if self._problems:
            raise ConfigError(*sorted(dict.fromkeys(self._problems), key=_position))

    def _is_void(self, problem: Problem) -> bool:
        return any(problem.where == where or problem.where.startswith(f"{where}: ") for where in self._void)


def _position(problem: Problem) -> tuple[int, int]:
    match = _POSITION.search(problem.where)
    return (int(match[1]), int(match[2])) if match is not None else (2**31, 0)
