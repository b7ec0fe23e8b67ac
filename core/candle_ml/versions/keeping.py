"""Keeping a data set as a version, restoring it, and listing what is kept."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from candle_ml.config import PipelineConfig
from candle_ml.dataset import Dataset
from candle_ml.errors import DataError, Problem
from candle_ml.samples import build_samples
from candle_ml.scores import Samples
from candle_ml.versions.contents import VersionFacts, read_snapshot, version_name
from candle_ml.versions.copies import Pointer, State
from candle_ml.versions.project import Versions, names, remedy
from candle_ml.versions.repository import versions_folder

_WORST_FIRST: tuple[State, ...] = ("damaged", "missing", "intact")


@dataclass(frozen=True, slots=True)
class KeptVersion:
    """A data version and the proven folder it is in; `remote` is where its copies are, `new` that it was not kept."""

    name: str
    folder: Path
    facts: VersionFacts
    remote: Path
    new: bool = False


@dataclass(frozen=True, slots=True)
class ListedVersion:
    """A version that is kept, and where: without proof whatever is there counts as intact.

    `size` is in bytes; it, `cache` and `remote` are None where the pointer is damaged, `facts` where no intact manifest
    is left. `problems` names what is wrong with the pointer, and what is damaged or, with proof, lost of the files.
    """

    name: str
    size: int | None
    folder: State
    cache: State | None
    remote: State | None
    facts: VersionFacts | None
    problems: tuple[Problem, ...] = ()


def snapshot(config: PipelineConfig, dataset: Dataset) -> KeptVersion:
    """Keep a data set, and the samples that the configured encoder makes of it; the same is not stored twice.

    Written whole or not at all. Raises `DataError` where an earlier copy or its pointer is damaged, or DVC refuses.
    """
    samples = data_samples(dataset, config)
    name = version_name(dataset, samples)
    with Versions.locked(config, create=True) as versions:
        new = Pointer.read(versions.pointer_file(name)) is None
        if new:
            versions.drop_unfinished_pointer(name)
            if not versions.place(name).exists():
                versions.write(name, dataset, samples)
            versions.add(name)
        return _restored(versions, name, versions.place(name), new)


def checkout(config: PipelineConfig, name: str, to: Path | None = None) -> KeptVersion:
    """Restore a version into its own folder, or into the new folder `to`, and prove every SHA-256.

    Raises `DataError` that names each file which is damaged or missing, and what would do.
    """
    with Versions.locked(config) as versions:
        return _restored(versions, name, to or versions.place(name))


def read_version(config: PipelineConfig, name: str) -> Dataset:
    """The data set of a version, restored where it is not there. Raises `DataError` as `checkout` does."""
    folder = checkout(config, name).folder
    return read_snapshot(folder, remedy(folder, name))


def find_version(config: PipelineConfig, name: str) -> Dataset | None:
    """The data set of a version as `read_version` has it; None where the version is not kept here."""
    return read_version(config, name) if name in names(versions_folder(config)) else None


def listed(config: PipelineConfig, prove: bool = False) -> tuple[ListedVersion, ...]:
    """Every version that is kept, by name; with `prove` every byte of every copy is looked at."""
    if not names(versions_folder(config)):
        return ()
    with Versions.seen(config) as versions:
        return tuple(_listed(versions, name, prove) for name in names(versions.folder))


def data_samples(dataset: Dataset, config: PipelineConfig) -> Samples | None:
    """The samples that the configured encoder makes of a data set, before any split; None without an encoder."""
    if not config.labels.enabled:
        return None
    chosen = config.labels.chosen
    return build_samples(dataset, config.manager.build("label-encoder", chosen.name, chosen.options)).samples


def _restored(versions: Versions, name: str, target: Path, new: bool = False) -> KeptVersion:
    """Complete the copies of a version and put it where it is wanted."""
    own = versions.place(name)
    versions.pointer(name)
    if target != own:
        _check_new(target, (Path(versions.repo.dvc_dir), versions.copies.remote_folder))
    proven = versions.prove(name) if own.exists() else None
    versions.check_pointer(name)
    copies = versions.complete(name)
    versions.check_pointer(name, copies)
    if target != own or proven is None:
        versions.restore(name, target, copies)
        proven = versions.prove(name, target)
    return KeptVersion(name, target, proven, versions.copies.remote_folder, new)


def _check_new(target: Path, of_dvc: Iterable[Path]) -> None:
    """Raise a `DataError` for a folder that is not new, or is inside one of DVC's."""
    for folder in of_dvc:
        if target.resolve().is_relative_to(folder.resolve()):
            raise DataError.at(str(target), f"is inside {folder}, which is DVC's", "name a new folder elsewhere")
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise DataError.at(str(target), "is there already", "name a new folder")


def _listed(versions: Versions, name: str, prove: bool) -> ListedVersion:
    damage, facts = versions.folder_problems(name) if prove else (), versions.facts(name)
    folder: State = "damaged" if damage else "intact" if versions.place(name).exists() else "missing"
    try:
        pointer = versions.pointer(name)
        copies = versions.copies.survey(pointer, prove)
        problems = versions.pointer_problems(name, copies, prove)
    except DataError as error:
        problems = error.problems
    if problems:
        return ListedVersion(name, None, folder, None, None, facts, (*damage, *problems))
    damage += versions.copies.damage(name, copies)
    if prove and folder != "intact":
        damage += versions.copies.losses(name, copies, versions.pointer_file(name))
    cache, remote = _worst(copy.cache for copy in copies), _worst(copy.remote for copy in copies)
    return ListedVersion(name, pointer.size, folder, cache, remote, facts, damage)


def _worst(states: Iterable[State]) -> State:
    found = set(states)
    return next(state for state in _WORST_FIRST if state in found)
