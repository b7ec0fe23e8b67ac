"""The bundle: one folder with everything that inference needs, sealed by a SHA-256 manifest.

    manifest.json      the SHA-256 of every other file; its own digest is kept outside, in the registry and the state
    bundle.json        `BundleInfo`
    pipeline.yaml      the configuration file as it was written
    effective.yaml     the configuration that was used, overrides and defaults included
    calibrator.json    turns the model's probabilities into calibrated ones
    golden.npz         candles, features and probabilities that a loaded bundle must compute again
    out_of_fold.npz    what models that had not seen them said of candles; only where something was evaluated
    exemplars.npz      the annotated spans that the model was fitted on, and their shapes; older bundles have none
    suggestions.json   what to annotate next and what to look at again; only where that was asked for
    model/             what the trainer's model saved

Reading proves hashes before any file is parsed. Nothing here is a pickle.
"""

from __future__ import annotations

import hashlib
import json
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from candle_ml.errors import BundleError

FORMAT = 1
MANIFEST = "manifest.json"
INFO = "bundle.json"
PIPELINE = "pipeline.yaml"
EFFECTIVE = "effective.yaml"
CALIBRATOR = "calibrator.json"
GOLDEN = "golden.npz"
OUT_OF_FOLD = "out_of_fold.npz"
EXEMPLARS = "exemplars.npz"
SUGGESTIONS = "suggestions.json"
MODEL_FOLDER = "model"
_FIXED_FILES = frozenset({INFO, PIPELINE, EFFECTIVE, CALIBRATOR, GOLDEN})
_OPTIONAL_FILES = frozenset({OUT_OF_FOLD, EXEMPLARS, SUGGESTIONS})
_NAMES = f"fixed names and {MODEL_FOLDER}/ with plain names"
_LARGEST = {MANIFEST: 1 << 20, PIPELINE: 1 << 20, EFFECTIVE: 1 << 20, INFO: 16 << 20, CALIBRATOR: 16 << 20}
_LARGEST |= {GOLDEN: 64 << 20, OUT_OF_FOLD: 256 << 20, EXEMPLARS: 64 << 20, SUGGESTIONS: 16 << 20}
_LARGEST_OF_MODEL = 2 << 30
_BLOCK = 1 << 20


Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0)]
UnixTime = Annotated[int, Field(ge=0, le=253_402_300_799)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
Color = Annotated[str, Field(pattern=r"^[#A-Za-z0-9(),.% /]{1,64}$")]
Timeframe = Annotated[str, Field(pattern=r"^[1-9][0-9]{0,3}[smhdwM]$")]
Text = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f\x{202a}-\x{202e}\x{2066}-\x{2069}]{1,500}$")]
"""One line without characters that turn the direction of what follows."""


class Frozen(BaseModel):
    """Base of what stands in `bundle.json`."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ClassMetrics(Frozen):
    """Per-candle scores of one class on the test block."""

    precision: Share
    recall: Share
    f1_score: Share
    support: Count


class MetricsSummary(Frozen):
    """Per-candle scores on the test block; None where nothing was evaluated."""

    accuracy: Share | None = None
    f1_macro: Share | None = None
    f1_weighted: Share | None = None
    per_class: dict[str, ClassMetrics] = Field(default_factory=dict)


class Coverage(Frozen):
    """Candles of one series that training, early stopping, calibration or thresholds have seen.

    `ranges` are disjoint, ordered `(first open time, last open time)`, both inclusive.
    """

    pair: Text
    timeframe: Timeframe
    ranges: tuple[tuple[UnixTime, UnixTime], ...]


class SeriesAnnotations(Frozen):
    """The annotations of one series in the data set, each id once.

    `fitted` are those of the samples that training, early stopping, calibration or thresholds have seen, `others` the
    rest: of the test block, or left out.
    """

    pair: Text
    timeframe: Timeframe
    fitted: tuple[str, ...]
    others: tuple[str, ...]


class Versions(Frozen):
    """What the bundle was made with: Python and every package and plugin distribution that computes something."""

    python: str
    packages: dict[str, str]


class BundleInfo(Frozen):
    """What a bundle says of itself. Times are Unix seconds UTC, lengths are in candles."""

    format: int = FORMAT
    model_name: Name
    model_type: Text
    experiment_name: Text
    run_id: Name
    trained_at: UnixTime
    seed: int
    classes: tuple[Text, ...]
    label_colors: dict[Text, Color]
    thresholds: dict[str, Share]
    lengths: dict[str, Count]
    timeframes: Annotated[tuple[Timeframe, ...], Field(min_length=1, max_length=1000)]
    window: int
    lookback: int
    required_history: int
    delay: int
    columns: tuple[Text, ...]
    needs_volume: tuple[str, ...]
    config_hash: Text
    data_hash: Text
    data_version: Text | None = None
    label_set_hash: Text | None = None
    commit: Text | None = None
    refit: bool = False
    metrics: MetricsSummary = MetricsSummary()
    coverage: tuple[Coverage, ...] = ()
    annotations: tuple[SeriesAnnotations, ...] = ()
    annotation_ids: tuple[str, ...] = ()
    """What stood here before `annotations`: ids led by their series, whether fitted or not."""
    versions: Versions
    sources: dict[str, str] = Field(default_factory=dict)
    """SHA-256 of the Python files of each package that computes; empty where it was not noted."""


@dataclass(frozen=True, slots=True)
class SealedBundle:
    """A bundle folder whose every byte has been proven against its manifest."""

    folder: Path
    digest: str
    info: BundleInfo

    @property
    def model_folder(self) -> Path:
        """Where the model's own files are."""
        return self.folder / MODEL_FOLDER

    def text(self, name: str) -> str:
        """The text of one of the bundle's fixed files."""
        return (self.folder / name).read_text("utf-8")


def seal(folder: Path) -> str:
    """Write the manifest over every file of `folder` and return the manifest's digest."""
    files = {name: file_digest(folder / name) for name in _file_names(folder) if name != MANIFEST}
    content = json.dumps({"format": FORMAT, "files": files}, indent=1, sort_keys=True).encode()
    (folder / MANIFEST).write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def model_hash(folder: Path) -> str:
    """SHA-256 over the model files, the calibrator and nothing that names a time, a run or a path."""
    names = sorted(name for name in _file_names(folder) if name == CALIBRATOR or name.startswith(f"{MODEL_FOLDER}/"))
    lines = "".join(f"{file_digest(folder / name)}  {name}\n" for name in names)
    return hashlib.sha256(lines.encode()).hexdigest()


def open_bundle(folder: Path, digest: str | None = None) -> SealedBundle:
    """Prove every file of a bundle and read what it says of itself.

    `digest` is the manifest's digest as kept outside the bundle; None where no such anchor exists (a bundle opened by
    its path). Raises `BundleError` for a missing, additional, linked or changed file before any file is parsed.
    """
    manifest = _manifest(folder, digest)
    names = _file_names(folder)
    for name in sorted(set(manifest) - names):
        raise BundleError.at(f"{folder.name}/{name}", "missing", "the file that the manifest lists")
    for name in sorted(names - set(manifest) - {MANIFEST}):
        raise BundleError.at(f"{folder.name}/{name}", "not in the manifest", "only the files that were sealed")
    for name in sorted(_FIXED_FILES - names):
        raise BundleError.at(f"{folder.name}/{name}", "missing", "a complete bundle")
    for name, expected in sorted(manifest.items()):
        if file_digest(folder / name) != expected:
            raise BundleError.at(f"{folder.name}/{name}", "its bytes have changed", f"SHA-256 {expected[:12]}...")
    return SealedBundle(folder, file_digest(folder / MANIFEST), bundle_info(folder))


def bundle_info(folder: Path) -> BundleInfo:
    """What a bundle says of itself, whatever became of its files. Raises `BundleError` and `OSError`."""
    try:
        return BundleInfo.model_validate_json((folder / INFO).read_bytes())
    except ValidationError as error:
        found = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()[:3])
        raise BundleError.at(f"{folder.name}/{INFO}", found, "a bundle of this version of candle-ml") from error


def check_files(folder: Path) -> None:
    """Raise `BundleError` where a folder that should be a bundle has a link, or a file that no bundle has."""
    if folder.is_symlink():
        raise BundleError.at(folder.name, "a link or a special file", "a folder")
    for name in sorted(_file_names(folder)):
        check_file(folder.name, name)


def check_file(folder: str, name: str, size: int = 0) -> None:
    """Raise `BundleError` for a name or a size in bytes that no file of a bundle has; `folder` is its folder's name."""
    if name != MANIFEST and not _safe(name):
        raise BundleError.at(f"{folder}/{name}", "not a file of a bundle", _NAMES)
    _check_size(f"{folder}/{name}", name, size)


def file_digest(path: Path) -> str:
    """SHA-256 of a file, read in blocks."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _manifest(folder: Path, digest: str | None) -> Mapping[str, str]:
    path = folder / MANIFEST
    where = f"{folder.name}/{MANIFEST}"
    if not path.is_file() or path.is_symlink():
        raise BundleError.at(where, "missing", "a bundle written by candle-ml")
    _check_size(where, MANIFEST, path.stat().st_size)
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if digest is not None and found != digest:
        raise BundleError.at(where, f"digest {found[:12]}...", f"{digest[:12]}..., as recorded when it was registered")
    try:
        manifest = _Manifest.model_validate_json(content)
    except ValidationError as error:
        raise BundleError.at(where, "not a manifest", "a bundle written by candle-ml") from error
    if manifest.format != FORMAT:
        raise BundleError.at(where, f"format {manifest.format}", f"format {FORMAT}; train again with this version")
    for name in manifest.files:
        if not _safe(name):
            raise BundleError.at(where, f"the file name {name!r}", _NAMES)
    return manifest.files


class _Manifest(Frozen):
    format: int
    files: dict[str, str]


def _safe(name: str) -> bool:
    parts = PurePosixPath(name).parts
    if name in _FIXED_FILES | _OPTIONAL_FILES:
        return True
    plain = len(parts) == 2 and parts[0] == MODEL_FOLDER and name == "/".join(parts)
    return plain and "\\" not in name and not parts[1].startswith(".")


def _file_names(folder: Path) -> set[str]:
    """Relative names of all files; a link, a special file or one of absurd size is refused."""
    names = set()
    for path in folder.rglob("*"):
        found = path.lstat()
        name = path.relative_to(folder).as_posix()
        if stat.S_ISDIR(found.st_mode):
            continue
        if not stat.S_ISREG(found.st_mode):
            raise BundleError.at(f"{folder.name}/{name}", "a link or a special file", "a regular file")
        _check_size(f"{folder.name}/{name}", name, found.st_size)
        names.add(name)
    return names


def _check_size(where: str, name: str, size: int) -> None:
    largest = _LARGEST.get(name, _LARGEST_OF_MODEL)
    if size > largest:
        raise BundleError.at(where, f"{size} bytes", f"at most {largest}")
