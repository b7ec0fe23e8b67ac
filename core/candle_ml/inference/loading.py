"""From a bundle folder to a predictor that has proven itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from candle_ml.bundle import CALIBRATOR, EFFECTIVE, GOLDEN, OUT_OF_FOLD, BundleInfo, SealedBundle, open_bundle
from candle_ml.calibration import Calibrator
from candle_ml.config import PipelineConfig, parse_config
from candle_ml.errors import BundleError
from candle_ml.inference.out_of_fold import OutOfFold
from candle_ml.inference.predictor import Predictor, build_recipe
from candle_ml.inference.receipt import Golden, Receipt, replay
from candle_ml.scores import DecodeParams


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model that is ready to predict, and the proof that it computes what it computed at training.

    `out_of_fold` is None where nothing was evaluated.
    """

    info: BundleInfo
    digest: str
    config: PipelineConfig
    predictor: Predictor
    receipt: Receipt
    out_of_fold: OutOfFold | None = None


def load_model(folder: Path, digest: str | None = None) -> LoadedModel:
    """Prove the hashes, read the files, check the model, replay the golden rows; in this order.

    `digest` is the manifest's digest kept outside the bundle. Raises `BundleError`, or `PluginError` where a plugin
    that the model was trained with is not installed.
    """
    sealed = open_bundle(folder, digest)
    config = parse_config(sealed.text(EFFECTIVE), f"{folder.name}/{EFFECTIVE}", folder)
    predictor = _predictor(sealed, config)
    receipt = replay(predictor, Golden.load(folder / GOLDEN), sealed.info.versions)
    stored = folder / OUT_OF_FOLD
    out_of_fold = OutOfFold.load(stored) if stored.is_file() else None
    return LoadedModel(sealed.info, sealed.digest, config, predictor, receipt, out_of_fold)


def _predictor(sealed: SealedBundle, config: PipelineConfig) -> Predictor:
    info = sealed.info
    model = config.manager.load_model(config.model.chosen.name, sealed.model_folder)
    calibrator = Calibrator.from_json(sealed.text(CALIBRATOR))
    predictor = Predictor(build_recipe(config), model, calibrator, DecodeParams(info.thresholds, info.lengths))
    if predictor.classes != info.classes:
        raise BundleError.at("model", f"classes {list(predictor.classes)}", f"the bundle's {list(info.classes)}")
    if predictor.required_history != info.required_history:
        found = f"{predictor.required_history} candles of required history"
        raise BundleError.at("pipeline", found, f"the bundle's {info.required_history}")
    return predictor
