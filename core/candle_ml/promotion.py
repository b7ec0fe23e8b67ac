"""Whether a new version takes the alias that the service follows."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from candle_ml.annotations import NO_PATTERN
from candle_ml.errors import CandleMLError, RegistryError
from candle_ml.evaluation import Evaluation
from candle_ml.inference import LoadedModel, load_model
from candle_ml.registry import RegisteredVersion, Registry
from candle_ml.spool import Rule

Evaluate = Callable[[LoadedModel], Evaluation | None]


class UnfairComparisonError(CandleMLError):
    """One of the two versions has seen the test block, or there is none to compare them on."""


@dataclass(frozen=True, slots=True)
class Promotion:
    """A registered version; `promoted` says whether it took the alias, `reason` why or why not."""

    version: RegisteredVersion
    alias: str
    promoted: bool
    reason: str


def promote(
    registry: Registry,
    version: RegisteredVersion,
    alias: str,
    rule: Rule,
    evaluation: Evaluation | None,
    evaluate: Evaluate,
) -> Promotion:
    """Move the alias by rule.

    `always` leaves it only to a version that was trained later. `better` evaluates the version that holds the alias on
    the same test block as the new one (`evaluate`) and compares the macro span F1 there; a label that the old one does
    not know counts as missed. A version that forgets a label never takes the alias by this rule; `evaluate` raises
    `UnfairComparisonError` where one of them has seen the block.
    """
    holder = registry.at_alias(alias)
    promoted, reason = _judge(registry, version, holder, rule, evaluation, evaluate)
    if promoted:
        registry.promote(version.version, alias)
    return Promotion(registry.find(version=version.version), alias, promoted, reason)


def _judge(
    registry: Registry,
    version: RegisteredVersion,
    holder: RegisteredVersion | None,
    rule: Rule,
    evaluation: Evaluation | None,
    evaluate: Evaluate,
) -> tuple[bool, str]:
    if rule == "never":
        return False, "promote is 'never'"
    if holder is None:
        return True, "no version held the alias"
    if holder.version == version.version:
        return True, "it holds the alias already"
    if rule == "always":
        later = holder.trained_at > version.trained_at
        return not later, f"version {holder.version} was trained later" if later else "promote is 'always'"
    if evaluation is None:
        return False, "nothing was evaluated, so nothing shows that it is better"
    try:
        theirs, forgotten = _score_of(registry, holder, evaluation, evaluate)
    except UnfairComparisonError as error:
        return False, f"{error}; candle-ml model promote decides by hand"
    except RegistryError as error:
        return False, f"version {holder.version} could not be fetched for comparison: {error}"
    except CandleMLError as error:
        return True, f"version {holder.version} no longer predicts: {error}"
    if forgotten:
        return False, f"it does not know {', '.join(forgotten)} of version {holder.version}"
    ours = _span_f1(evaluation)
    compared = f"span F1 {ours:.3f} against {theirs:.3f} of version {holder.version} on the same test block"
    return ours > theirs, compared


def _score_of(
    registry: Registry, holder: RegisteredVersion, ours: Evaluation, evaluate: Evaluate
) -> tuple[float, tuple[str, ...]]:
    """The holder's score, and the labels that only the holder knows."""
    with tempfile.TemporaryDirectory() as folder:
        loaded = load_model(registry.fetch(holder, Path(folder)), holder.digest)
        holder.check(loaded.info)
        forgotten = tuple(name for name in loaded.info.classes if name not in ours.thresholds and name != NO_PATTERN)
        evaluation = None if forgotten else evaluate(loaded)
    return 0.0 if evaluation is None else _span_f1(evaluation), forgotten


def _span_f1(evaluation: Evaluation) -> float:
    return evaluation.spans.at(evaluation.spans.iou).macro.f1_score
