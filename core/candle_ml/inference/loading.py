"""From a bundle folder to a predictor that has proven itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from candle_ml.bundle import (
    CALIBRATOR,
    EFFECTIVE,
    EXEMPLARS,
    GOLDEN,
    INFO,
    OUT_OF_FOLD,
    SUGGESTIONS,
    BundleInfo,
    SealedBundle,
    open_bundle,
)
from candle_ml.calibration import Calibrator
from candle_ml.config import PipelineConfig, parse_config
from candle_ml.errors import BundleError
from candle_ml.inference.exemplars import Exemplars
from candle_ml.inference.out_of_fold import OutOfFold
from candle_ml.inference.predictor import Predictor, build_recipe
from candle_ml.inference.receipt import Golden, Receipt, replay
from candle_ml.inference.suggestions import Suggestions
from candle_ml.scores import DecodeParams

Stored = TypeVar("Stored")


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model that is ready to predict, and the proof that it computes what it computed at training.

    `out_of_fold` is None where nothing was evaluated, `suggestions` where none were asked for, `exemplars` in a bundle
    that is older than they are.
    """

    info: BundleInfo
    digest: str
    config: PipelineConfig
    predictor: Predictor
    receipt: Receipt
    out_of_fold: OutOfFold | None = None
    exemplars: Exemplars | None = None
    suggestions: Suggestions | None = None


def load_model(folder: Path, digest: str | None = None) -> LoadedModel:
    """Prove the hashes, read the files, check the model, replay the golden rows; in this order.

    `digest` is the manifest's digest kept outside the bundle. Raises `BundleError`, or `PluginError` where a plugin
    that the model was trained with is not installed.
    """
    sealed = open_bundle(folder, digest)
    config = parse_config(sealed.text(EFFECTIVE), f"{folder.name}/{EFFECTIVE}", folder)
    predictor = _predictor(sealed, config)
    _check_facts(sealed.info, predictor)
    receipt = replay(predictor, Golden.load(folder / GOLDEN), sealed.info.versions)
    if not receipt.rows:
        raise BundleError.at(GOLDEN, "no golden rows", "rows that prove what the model computes")
    return LoadedModel(
        sealed.info,
        sealed.digest,
        config,
        predictor,
        receipt,
        out_of_fold=_optional(folder / OUT_OF_FOLD, OutOfFold.load),
        exemplars=_optional(folder / EXEMPLARS, Exemplars.load),
        suggestions=_optional(folder / SUGGESTIONS, Suggestions.load),
    )


def _optional(path: Path, load: Callable[[Path], Stored]) -> Stored | None:
    return load(path) if path.is_file() else None


def _predictor(sealed: SealedBundle, config: PipelineConfig) -> Predictor:
    params = DecodeParams(sealed.info.thresholds, sealed.info.lengths)
    model = config.manager.load_model(config.model.chosen.name, sealed.model_folder)
    calibrator = Calibrator.from_json(sealed.text(CALIBRATOR))
    return Predictor(build_recipe(config), model, calibrator, params)


def _check_facts(info: BundleInfo, predictor: Predictor) -> None:
    """What a bundle says of itself must be what its parts say; `BundleError` names what is not."""
    plan, encoder = predictor.recipe.plan, predictor.recipe.encoder
    facts: tuple[tuple[str, object, object], ...] = (
        ("classes of the model", list(predictor.classes), list(info.classes)),
        ("classes of the calibrator", list(predictor.calibrator.classes), list(info.classes)),
        ("patterns with a threshold", sorted(predictor.params.thresholds), sorted(info.classes[1:])),
        ("required history", predictor.required_history, info.required_history),
        ("lookback", plan.lookback, info.lookback),
        ("window", encoder.longest_window, info.window),
        ("delay", encoder.delay(predictor.params), info.delay),
        ("columns", list(plan.candle_columns + plan.window_columns), list(info.columns)),
        ("extractors that need volume", list(plan.needs_volume), list(info.needs_volume)),
    )
    for name, found, said in facts:
        if found != said:
            raise BundleError.at(name, f"{found}", f"{said}, which {INFO} says")
