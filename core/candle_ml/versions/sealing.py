"""Sealed folders: a manifest with the SHA-256 of every file, proven before any of them is used."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import JsonValue, ValidationError

from candle_ml.bundle import MANIFEST, Frozen, file_digest
from candle_ml.errors import DataError, Problem

FORMAT = 1
PARTIAL = ".partial-"
"""How the name of a folder begins that is not complete."""

Facts = TypeVar("Facts", bound=Frozen)


@dataclass(frozen=True, slots=True)
class Sealed(Generic[Facts]):
    """A folder whose every byte has been proven against its manifest; `facts` is what the manifest says of it."""

    folder: Path
    facts: Facts
    files: dict[str, str]
    remedy: str

    def read(self, name: str) -> bytes:
        """The bytes of one of its files, proven once more. Raises `DataError`."""
        content = (self.folder / name).read_bytes()
        if hashlib.sha256(content).hexdigest() != self.files[name]:
            raise DataError.at(str(self.folder / name), "its bytes have changed", self.remedy)
        return content


@contextmanager
def written_whole(target: Path) -> Iterator[Path]:
    """An empty folder beside `target` that takes its place when all has gone well; an earlier `target` is removed."""
    folder = target.with_name(f"{PARTIAL}{target.name}")
    shutil.rmtree(folder, ignore_errors=True)
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise DataError.at(str(target), f"cannot be made: {error.strerror}", "a folder that can be written") from error
    try:
        yield folder
        shutil.rmtree(target, ignore_errors=True)
        folder.rename(target)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def seal(folder: Path, facts: Frozen) -> None:
    """Write `manifest.json` over every file of `folder`: `facts`, the files' SHA-256 and a digest over all of it."""
    files = {name: file_digest(folder / name) for name in _file_names(folder) if name != MANIFEST}
    manifest = _Manifest(format=FORMAT, facts=facts.model_dump(mode="json"), files=files).sealed()
    (folder / MANIFEST).write_bytes(manifest.rendered())


def open_sealed(folder: Path, facts: type[Facts], remedy: str) -> Sealed[Facts]:
    """Prove every file of a sealed folder before any is parsed.

    Raises `DataError` that names each missing, additional and changed file; `remedy` says what would do.
    """
    path = folder / MANIFEST
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError.at(str(path), "missing or unreadable", remedy) from error
    manifest = _proven_manifest(path, content, remedy)
    problems = _file_problems(folder, manifest.files, remedy)
    if problems:
        raise DataError(*problems)
    try:
        return Sealed(folder, _facts(manifest, facts), manifest.files, remedy)
    except ValidationError as error:
        found = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()[:3])
        raise DataError.at(str(path), found, "a file of this version of candle-ml") from error


def manifest_facts(content: bytes, facts: type[Facts]) -> Facts | None:
    """What the bytes of a manifest say, whatever became of the files; None where they are not as they were written."""
    try:
        return _facts(_proven_manifest(Path(MANIFEST), content, ""), facts)
    except (DataError, ValidationError):
        return None


class _Manifest(Frozen):
    format: int
    facts: JsonValue
    files: dict[str, str]
    digest: str = ""

    def rendered(self) -> bytes:
        text = json.dumps(self.model_dump(mode="json"), indent=1, sort_keys=True, ensure_ascii=False)
        return text.encode() + b"\n"

    def sealed(self) -> _Manifest:
        """The same manifest with the digest of all the rest."""
        bare = self.model_copy(update={"digest": ""})
        return self.model_copy(update={"digest": hashlib.sha256(bare.rendered()).hexdigest()})


def _proven_manifest(path: Path, content: bytes, remedy: str) -> _Manifest:
    """The manifest, whose bytes must be exactly those that were written."""
    try:
        manifest = _Manifest.model_validate_json(content)
    except ValidationError as error:
        raise DataError.at(str(path), "its bytes have changed", remedy) from error
    if manifest.sealed().rendered() != content:
        raise DataError.at(str(path), "its bytes have changed", remedy)
    if manifest.format != FORMAT:
        raise DataError.at(str(path), f"format {manifest.format}", f"format {FORMAT}; update candle-ml")
    return manifest


def _facts(manifest: _Manifest, facts: type[Facts]) -> Facts:
    return facts.model_validate_json(json.dumps(manifest.facts))


def _file_problems(folder: Path, files: dict[str, str], remedy: str) -> list[Problem]:
    there = _file_names(folder) - {MANIFEST}
    problems = [Problem(str(folder / name), "missing", remedy) for name in sorted(files.keys() - there)]
    problems += [Problem(str(folder / name), "not in the manifest", remedy) for name in sorted(there - files.keys())]
    changed = [name for name in sorted(there & files.keys()) if file_digest(folder / name) != files[name]]
    return problems + [Problem(str(folder / name), "its bytes have changed", remedy) for name in changed]


def _file_names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}
