"""Whether everything that a configuration names can be built here."""

from __future__ import annotations

from collections.abc import Iterator

from candle_ml.components import Component
from candle_ml.config.models import Choice
from candle_ml.config.pipeline_config import PipelineConfig, check_sample_kind
from candle_ml.errors import CandleMLError, ConfigError, Problem


def check_buildable(config: PipelineConfig) -> None:
    """Build every chosen component once; this imports what they need. Raises `ConfigError` with every problem."""
    problems: list[Problem] = []
    for choice in _choices(config):
        try:
            config.manager.build(choice.component.kind, choice.name, choice.options)
        except CandleMLError as error:
            problems += [
                Problem(config.where(choice.path), f"{each.where}: {each.found}", each.expected)
                for each in error.problems
            ]
    if problems:
        raise ConfigError(*problems)
    labels = config.labels.use
    if labels is not None:
        check_sample_kind(config, config.manager.build("label-encoder", labels.name, labels.options).kind)


def _choices(config: PipelineConfig) -> Iterator[Choice[Component]]:
    for choice in (*config.sources.use, *config.features.use, config.labels.use, config.model.use):
        if choice is not None:
            yield choice
