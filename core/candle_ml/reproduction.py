"""Training a registered version again, from what its bundle says it was made of, and comparing the two."""

from __future__ import annotations

import math
import tempfile
from dataclasses import dataclass
from pathlib import Path

from candle_ml.bundle import EFFECTIVE, GOLDEN, SealedBundle, model_hash
from candle_ml.bundling import Provenance, write_bundle
from candle_ml.components import Progress, no_progress
from candle_ml.config import PipelineConfig, parse_config
from candle_ml.dataset import Dataset
from candle_ml.errors import BundleError, DataError
from candle_ml.inference.receipt import LARGEST_DIFFERENCE, Golden, compare, current_versions, differences
from candle_ml.pipeline import git_commit, read_input
from candle_ml.training import Trained, fit, prepare, refitted


@dataclass(frozen=True, slots=True)
class Compared:
    """One thing as the bundle has it and as it is here; `same` is None where it decides nothing."""

    what: str
    stored: str
    here: str
    same: bool | None


@dataclass(frozen=True, slots=True)
class Reproduction:
    """A bundle beside the model that was trained again.

    `largest_difference` is that of the golden probabilities, infinite where their shapes differ. It is `reproduced`
    where that is at most 1e-6 and, with the same versions and source of everything that computes, the model files are
    the same.
    """

    compared: tuple[Compared, ...]
    largest_difference: float
    reproduced: bool


def reproduce(
    sealed: SealedBundle,
    root: Path,
    start: int | None = None,
    end: int | None = None,
    progress: Progress = no_progress,
) -> Reproduction:
    """Train again, with the code that is installed here, from the configuration in a bundle and the data of a project.

    No commit is checked out: what the bundle notes of versions and source code is compared with what is here.
    The data is the kept version that the bundle names, else what the sources hold from `start` to `end` (those of the
    training). Raises `DataError` where that is no longer what the bundle was trained on, and what training raises.
    """
    config = parse_config(sealed.text(EFFECTIVE), f"{sealed.folder.name}/{EFFECTIVE}", root)
    dataset = read_input(config, start, end, sealed.info.data_version, progress)
    _check_data(sealed, dataset)
    trained = fit(prepare(dataset, config, progress), config, progress)
    if config.model.refit:
        trained = refitted(trained, config, progress)
    return _compared(sealed, trained, config)


def _check_data(sealed: SealedBundle, dataset: Dataset) -> None:
    wanted = sealed.info.data_hash
    if dataset.hash != wanted:
        found = f"hash {dataset.hash[:12]}..., but the model was trained on {wanted[:12]}..."
        expected = "restore those candles and annotations, and name --from and --to where it was trained with them"
        raise DataError.at("data", found, expected)


def _compared(sealed: SealedBundle, trained: Trained, config: PipelineConfig) -> Reproduction:
    info = sealed.info
    made, stored = _model_hash(trained, config), model_hash(sealed.folder)
    rows, difference = _golden(sealed, trained)
    differing = differences(info.versions, current_versions(tuple(info.versions.packages)))
    near = difference <= LARGEST_DIFFERENCE
    edited = sorted(name for name, digest in trained.predictor.sources.items() if info.sources.get(name) != digest)
    source = ("not noted", "", None) if not info.sources else ("", ", ".join(edited), not edited)
    compared = (
        Compared("data", info.data_hash[:12], trained.prepared.dataset.hash[:12], True),
        Compared("configuration", info.config_hash[:12], config.hash[:12], info.config_hash == config.hash),
        Compared("project commit", (info.commit or "none")[:12], (git_commit(config.root) or "none")[:12], None),
        Compared("versions", "", "; ".join(differing), not differing),
        Compared("source code", *source),
        Compared("golden probabilities", f"{rows} rows", f"differ by {difference:.3g}", near),
        Compared("model hash", stored[:12], made[:12], made == stored),
    )
    return Reproduction(compared, difference, near and (made == stored or bool(differing or edited)))


def _golden(sealed: SealedBundle, trained: Trained) -> tuple[int, float]:
    """How many golden rows there are, and the largest difference of their probabilities."""
    golden = Golden.load(sealed.folder / GOLDEN)
    rows = sum(len(part.probabilities) for part in golden.slices)
    try:
        receipt = compare(trained.predictor, golden, sealed.info.versions)
    except BundleError:
        return rows, math.inf
    return rows, receipt.largest_difference


def _model_hash(trained: Trained, config: PipelineConfig) -> str:
    with tempfile.TemporaryDirectory() as folder:
        bundle = Path(folder) / "bundle"
        write_bundle(bundle, trained, None, config, Provenance("reproduction", config.experiment))
        return model_hash(bundle)
