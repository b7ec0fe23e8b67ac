"""Whether what is to be searched goes together, and a configuration takes its values."""

from __future__ import annotations

from collections.abc import Iterator

from candle_ml.config.loading import varied
from candle_ml.config.pipeline_config import PipelineConfig
from candle_ml.config.tune_section import SearchSpace
from candle_ml.errors import ConfigError, Problem

SEARCHED = ("features", "labels", "model", "calibration")
"""The sections whose keys can be searched; others decide what trials are scored by, or nothing of their score."""


def check_search(config: PipelineConfig) -> None:
    """Put each choice and both ends of each range in place. Raises `ConfigError` with every one that is refused."""
    spaces = config.tune.search.items()
    problems = [problem for key, space in spaces for problem in _problems(config, key, space)]
    if problems:
        raise ConfigError(*dict.fromkeys(problems))


def _problems(config: PipelineConfig, key: str, space: SearchSpace) -> Iterator[Problem]:
    where = config.where(f"tune.search.{key}")
    if key.partition(".")[0] not in SEARCHED:
        *others, last = SEARCHED
        yield Problem(where, "decides nothing of a model", f"search keys of {', '.join(others)} and {last}")
        return
    malformed = [Problem(where, problem) for problem in space.problems()]
    yield from malformed
    for text in () if malformed else space.texts:
        try:
            varied(config, (f"{key}={text}",))
        except ConfigError as error:
            for each in error.problems:
                elsewhere = "" if each.where.startswith("--set") else f"{text}, but {each.where}: "
                yield Problem(where, f"{elsewhere}{each.found}", each.expected)
