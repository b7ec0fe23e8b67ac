"""The data versions of one project while nobody else touches them.

A version `v` is the folder `<data.path>/v` (see `contents`), the file `v.dvc` beside it, which names it for DVC and
goes into git, and a copy of every file in DVC's cache and in the remote. Folders are written beside their place and
renamed when they are complete. A missing copy is made again from an intact one; a damaged one is named and never used.
"""

from __future__ import annotations

import re
import shutil
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from candle_ml.bundle import MANIFEST
from candle_ml.config import PipelineConfig
from candle_ml.dataset import Dataset
from candle_ml.errors import CandleMLWarning, DataError, Problem
from candle_ml.scores import Samples
from candle_ml.versions.contents import VersionFacts, open_contents, write_contents
from candle_ml.versions.copies import Copies, Copy, Pointer, State
from candle_ml.versions.locking import exclusive, patiently
from candle_ml.versions.repository import opened, versions_folder
from candle_ml.versions.sealing import PARTIAL, manifest_facts, written_whole

_NAME = r"[0-9a-f]{12}"


def names(folder: Path) -> tuple[str, ...]:
    """The versions that a folder has pointers of."""
    return tuple(path.stem for path in sorted(folder.glob("*.dvc")) if re.fullmatch(_NAME, path.stem))


def remedy(folder: Path, name: str) -> str:
    """What a user can do about the damaged folder of a version."""
    return f"delete the folder {folder}, then candle-ml data checkout {name}"


@dataclass(frozen=True, slots=True)
class Versions:
    """The versions in `folder`, whose copies are in `copies`."""

    root: Path
    folder: Path
    repo: Any
    copies: Copies

    @classmethod
    @contextmanager
    def locked(cls, config: PipelineConfig, *, create: bool = False) -> Iterator[Versions]:
        """Those of a project, for this process alone; what a killed process left half-written is removed.

        With `create`, DVC and the folders are set up where they are not.
        """
        with exclusive(config.root), cls.seen(config, create=create) as versions:
            if create:
                _make_folders(versions.folder, versions.copies.remote_folder)
            for left in versions.folder.glob(f"{PARTIAL}*"):
                shutil.rmtree(left)
            yield versions

    @classmethod
    @contextmanager
    def seen(cls, config: PipelineConfig, *, create: bool = False) -> Iterator[Versions]:
        """Those of a project to look at, while others may work with them."""
        with opened(config, create=create) as repo:
            yield cls(config.root, versions_folder(config), repo, Copies.of(repo))

    def place(self, name: str) -> Path:
        """The folder of a version."""
        return self.folder / name

    def pointer_file(self, name: str) -> Path:
        """The file that names a version for DVC."""
        return self.folder / f"{name}.dvc"

    def pointer(self, name: str) -> Pointer:
        """What names a version for DVC. Raises `DataError` for one that is not kept."""
        if name not in names(self.folder):
            known = ", ".join(names(self.folder)) or "none"
            raise DataError.at(f"data version {name}", f"not in {self.folder}", f"one of those kept: {known}")
        pointer = Pointer.read(self.pointer_file(name))
        if pointer is None:
            expected = "restore it from git, or delete it and keep the same data again"
            raise DataError.at(str(self.pointer_file(name)), "not what DVC wrote", expected)
        return pointer

    def drop_unfinished_pointer(self, name: str) -> None:
        """Remove a pointer that DVC was killed over while it wrote it of the folder beside it.

        A `CandleMLWarning` tells that. Raises `DataError` where the pointer or the folder is damaged.
        """
        path, folder = self.pointer_file(name), self.place(name)
        if path.exists():
            begun = path.read_bytes()
            if not folder.is_dir() or not Pointer.of_folder(folder).text.encode().startswith(begun):
                self.pointer(name)
            self.prove(name)
            path.unlink()
            found = f"ended after {len(begun)} bytes, as a killed process leaves it; written again of {folder}"
            warnings.warn(f"{path}: {found}", CandleMLWarning, stacklevel=2)

    def check_pointer(self, name: str, copies: Iterable[Copy] = ()) -> None:
        """Raise a `DataError` that names what the pointer says wrongly; its size is known by proven copies."""
        _refuse(self.pointer_problems(name, copies))

    def pointer_problems(self, name: str, copies: Iterable[Copy] = (), proven: bool = True) -> tuple[Problem, ...]:
        """What a version's pointer says otherwise than its files, as far as these can be told. Raises `DataError`."""
        pointer = self.pointer(name)
        size = self.copies.size(copies, proven)
        right = self._right_pointer(name, pointer)
        right = right if size is None else replace(right, size=size)
        where = str(self.pointer_file(name))
        wrong = [
            Problem(
                where,
                f"{key} is {found}, but the files of the version give {wanted}",
                "restore it from git, or write that value",
            )
            for key, found, wanted in pointer.differences(right)
        ]
        others = [Problem(where, f"holds {other}", "restore it from git, or take that out") for other in pointer.others]
        return (*wrong, *others)

    def prove(self, name: str, folder: Path | None = None) -> VersionFacts:
        """Prove every file of a version's folder, or of another `folder` that holds it."""
        folder = folder or self.place(name)
        facts = open_contents(folder, remedy(folder, name)).facts
        if facts.version != name:
            raise DataError.at(str(folder), f"holds data version {facts.version}", remedy(folder, name))
        return facts

    def write(self, name: str, dataset: Dataset, samples: Samples | None) -> None:
        """Write the folder of a version, whole or not at all."""
        with written_whole(self.place(name)) as folder:
            write_contents(folder, dataset, samples)

    def add(self, name: str) -> None:
        """Let DVC copy a version's folder, once proven, into its cache and write the pointer."""
        self.prove(name)
        try:
            patiently(lambda: self.repo.add([str(self.place(name))], relink=False), self.root)
        except RecursionError:
            # DVC reads the pointers of all versions, and does not name the one that it fails at.
            for other in names(self.folder):
                self.pointer(other)
            raise

    def complete(self, name: str) -> tuple[Copy, ...]:
        """Make every missing copy of a version from an intact one; a remote that is away stays away.

        Raises `DataError` that names what is damaged, or of what no copy is left.
        """
        copies = self._intact(name)
        self.copies.transfer(self.copies.remote, self.copies.cache, _only(copies, "missing", "intact"))
        copies = self._intact(name)
        if any(copy.cache == "missing" for copy in copies) and self.place(name).exists():
            self.add(name)
            copies = self._intact(name)
        _refuse(self.copies.losses(name, copies, self.pointer_file(name)))
        if self.copies.remote_folder.is_dir():
            self.copies.transfer(self.copies.cache, self.copies.remote, _only(copies, "intact", "missing"))
        return copies

    def restore(self, name: str, target: Path, copies: tuple[Copy, ...]) -> None:
        """Write a version's files from the cache into a new folder, whole or not at all, and prove them before."""
        with written_whole(target) as folder:
            for copy in copies[1:]:
                path = folder / copy.name
                path.parent.mkdir(exist_ok=True)
                shutil.copyfile(self.copies.cache.path(copy.md5), path)
            self.prove(name, folder)

    def facts(self, name: str) -> VersionFacts | None:
        """What a version's manifest says, from the first place where it is intact."""
        path, pointer = self.place(name) / MANIFEST, Pointer.read(self.pointer_file(name))
        facts = manifest_facts(path.read_bytes(), VersionFacts) if path.is_file() else None
        if facts is None and pointer is not None:
            content = self.copies.manifest(pointer.md5)
            facts = None if content is None else manifest_facts(content, VersionFacts)
        return facts

    def folder_problems(self, name: str) -> tuple[Problem, ...]:
        """What is wrong in a version's folder, by every byte of it; nothing where it is not there."""
        try:
            if self.place(name).exists():
                self.prove(name)
        except DataError as error:
            return error.problems
        return ()

    def _right_pointer(self, name: str, pointer: Pointer) -> Pointer:
        """The pointer as the version's folder or the copies have it; what they do not tell is as it says itself."""
        found = (md5 for md5, manifest in self.copies.manifests(pointer.md5) if _version(manifest) == name)
        md5 = next(found, None)
        if md5 != pointer.md5 and self.place(name).exists() and not self.folder_problems(name):
            return Pointer.of_folder(self.place(name))
        md5 = md5 or pointer.md5
        return Pointer(md5, pointer.size, self.copies.nfiles(md5) or pointer.nfiles, name)

    def _intact(self, name: str) -> tuple[Copy, ...]:
        copies = self.copies.survey(self.pointer(name))
        _refuse(self.copies.damage(name, copies))
        self.copies.drop_unfinished(copies)
        return copies


def _refuse(problems: tuple[Problem, ...]) -> None:
    if problems:
        raise DataError(*problems)


def _version(manifest: bytes) -> str | None:
    facts = manifest_facts(manifest, VersionFacts)
    return None if facts is None else facts.version


def _only(copies: tuple[Copy, ...], cache: State, remote: State) -> list[Copy]:
    return [copy for copy in copies if (copy.cache, copy.remote) == (cache, remote)]


def _make_folders(folder: Path, remote: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    try:
        remote.mkdir(parents=True, exist_ok=True)
        # A project in a subfolder has its remote inside the git repository, where it must not be committed.
        (remote / ".gitignore").write_text("*\n", "utf-8")
    except OSError as error:
        expected = "name a folder that can be written by data.remote"
        raise DataError.at(str(remote), error.strerror or "cannot be written", expected) from error
