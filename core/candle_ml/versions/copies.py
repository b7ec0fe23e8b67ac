"""The copies of a version in DVC's cache and remote: which are there, which are damaged, and how they are made."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from candle_ml.bundle import MANIFEST
from candle_ml.errors import DataError, Problem
from candle_ml.versions.repository import REMOTE

State = Literal["intact", "missing", "damaged"]

_BLOCK = 1 << 20
_FILE_NAME = r"(candles/)?[A-Za-z0-9_-][A-Za-z0-9._-]*"
_COMMENTS = frozenset({"desc", "labels", "meta", "type"})
"""What a user may write into a `.dvc` file: DVC keeps it and does nothing by it."""


@dataclass(frozen=True, slots=True)
class Place:
    """A store of objects by their MD5: DVC's cache or remote."""

    name: Literal["cache", "remote"]
    store: Any

    def path(self, md5: str) -> Path:
        """The file of one object."""
        return Path(self.store.oid_to_path(md5))

    def state(self, md5: str, prove: bool = True) -> State:
        """Whether an object is there and, if it is to be proven, whether its bytes are what its name says."""
        path = self.path(md5)
        if not path.is_file() or self.is_unfinished(md5):
            return "missing"
        return "intact" if not prove or _md5(path) == md5.removesuffix(".dir") else "damaged"

    def listings(self) -> Iterator[str]:
        """The MD5 of every list of files that is here."""
        return (path.parent.name + path.name for path in sorted(Path(self.store.path).glob("??/*.dir")))

    def is_unfinished(self, md5: str) -> bool:
        """Whether an object is the empty file that DVC leaves where it is killed at the start of a copy."""
        path = self.path(md5)
        return path.is_file() and not path.stat().st_size and _md5(path) != md5.removesuffix(".dir")


@dataclass(frozen=True, slots=True)
class Copy:
    """One file of a version (the listing itself has the name ``) and the states of its two copies."""

    name: str
    md5: str
    cache: State
    remote: State


@dataclass(frozen=True, slots=True)
class Pointer:
    """What `<version>.dvc` says: the MD5 of the listing of the files, their size in bytes, their number and folder.

    `others` are what it says beside that though DVC would go by it: names of keys, and of further entries.
    """

    md5: str
    size: int
    nfiles: int
    path: str
    hash: str = "md5"
    others: tuple[str, ...] = ()

    @classmethod
    def read(cls, path: Path) -> Pointer | None:
        """The pointer in a `.dvc` file; None where there is no such file or DVC did not write it to its end."""
        try:
            content = yaml.safe_load(path.read_text("utf-8"))
            output, *further = content["outs"]
            md5, size, nfiles = str(output["md5"]), int(output["size"]), int(output["nfiles"])
            path_said, hash_said = str(output["path"]), str(output.get("hash", "missing"))
            others = {*content} - {"outs"} | {*output} - {"md5", "size", "nfiles", "hash", "path"}
        except (
            OSError,
            ValueError,
            KeyError,
            TypeError,
            AttributeError,
            OverflowError,
            RecursionError,
            yaml.YAMLError,
        ):
            return None
        named = (*sorted(map(str, others - _COMMENTS)), *("a further entry in outs" for _ in further))
        known = re.fullmatch(r"[0-9a-f]{32}\.dir", md5)
        return cls(md5, size, nfiles, path_said, hash_said, named) if known else None

    @classmethod
    def of_folder(cls, folder: Path) -> Pointer:
        """What DVC writes of a folder."""
        from dvc_data.hashfile.tree import Tree

        files = [path for path in folder.rglob("*") if path.is_file()]
        names = [path.relative_to(folder).as_posix() for path in files]
        listed = [{"md5": _md5(path), "relpath": name} for path, name in zip(files, names, strict=True)]
        tree = Tree.from_list(listed, "md5")
        tree.digest()
        return cls(str(tree.oid), sum(path.stat().st_size for path in files), len(files), folder.name)

    @property
    def text(self) -> str:
        """The `.dvc` file as DVC writes it."""
        keys = ("md5", "size", "nfiles", "hash", "path")
        return "outs:\n- " + "  ".join(f"{key}: {getattr(self, key)}\n" for key in keys)

    def differences(self, right: Pointer) -> Iterator[tuple[str, str, str]]:
        """What this one says otherwise than the right one: the key, its value and the right value."""
        for key in ("md5", "size", "nfiles", "hash", "path"):
            found, wanted = str(getattr(self, key)), str(getattr(right, key))
            if found != wanted:
                yield key, found, wanted


@dataclass(frozen=True, slots=True)
class Copies:
    """DVC's cache and remote."""

    repo: Any
    cache: Place
    remote: Place

    @classmethod
    def of(cls, repo: Any) -> Copies:
        """Those of a DVC project."""
        remote = Place("remote", repo.cloud.get_remote_odb(REMOTE))
        return cls(repo, Place("cache", repo.cache.local), remote)

    @property
    def remote_folder(self) -> Path:
        """The folder that the remote is."""
        return Path(self.repo.config["remote"][REMOTE]["url"])

    def survey(self, pointer: Pointer, prove: bool = True) -> tuple[Copy, ...]:
        """Every file of a version with the states of its copies; without an intact listing only the listing itself."""
        listing = self._copy("", pointer.md5, prove=True)
        files = self._files(listing)
        return (listing, *(self._copy(name, md5, prove) for name, md5 in sorted(files.items())))

    def drop_unfinished(self, copies: Iterable[Copy]) -> None:
        """Remove the empty files that stand for objects, because DVC would take them for these."""
        for copy in copies:
            for place in (self.cache, self.remote):
                if place.is_unfinished(copy.md5):
                    place.path(copy.md5).unlink()

    def damage(self, version: str, copies: Iterable[Copy]) -> tuple[Problem, ...]:
        """Every damaged copy and what would do."""
        again = f"delete it, then candle-ml data checkout {version} makes it again from "
        problems = []
        for copy in copies:
            for place, state, other, source in (
                (self.cache, copy.cache, copy.remote, "the remote"),
                (self.remote, copy.remote, copy.cache, "the cache"),
            ):
                if state == "damaged":
                    source = source if other == "intact" else "what is intact elsewhere"
                    found = f"its bytes have changed; it is the {place.name}'s copy of {_shown(version, copy.name)}"
                    problems.append(Problem(str(place.path(copy.md5)), found, again + source))
        return tuple(problems)

    def losses(self, version: str, copies: Iterable[Copy], pointer: Path) -> tuple[Problem, ...]:
        """Every file of which no copy is left and what would do."""
        expected = f"restore it from a backup, or delete {pointer} and keep the same data again"
        return tuple(
            Problem(
                f"data version {version}",
                f"no copy of {_shown(version, copy.name)} in the cache ({self.cache.path(copy.md5)}) "
                f"or the remote ({self.remote.path(copy.md5)})",
                expected,
            )
            for copy in copies
            if copy.cache == copy.remote == "missing"
        )

    def transfer(self, source: Place, target: Place, copies: Iterable[Copy]) -> None:
        """Copy objects by DVC, which writes each whole and compares its MD5."""
        from dvc_data.hashfile.hash_info import HashInfo

        wanted = {HashInfo("md5", copy.md5) for copy in copies}
        if wanted:
            self.repo.cloud.transfer(source.store, target.store, wanted, verify=True)

    def manifest(self, listing: str) -> bytes | None:
        """The bytes of a version's manifest, by the MD5 of its list of files; None where no intact copy is there."""
        md5 = self._files(self._copy("", listing, prove=True)).get(MANIFEST)
        path = None if md5 is None else self._intact(self._copy(MANIFEST, md5, prove=True))
        return None if path is None else path.read_bytes()

    def manifests(self, first: str) -> Iterator[tuple[str, bytes]]:
        """Every list of files with the manifest that it names, as far as both are intact: that of an MD5 first."""
        for md5 in dict.fromkeys((first, *self.cache.listings(), *self.remote.listings())):
            # DVC keeps other folders than versions here too.
            with suppress(DataError):
                content = self.manifest(md5)
                if content is not None:
                    yield md5, content

    def nfiles(self, listing: str) -> int | None:
        """How many files a list has; None where no copy of it is intact."""
        return len(self._files(self._copy("", listing, prove=True))) or None

    def size(self, copies: Iterable[Copy], proven: bool) -> int | None:
        """Bytes of a version's files; None where that is not sure: not proven, and not two copies of one size."""
        total = 0
        for copy in copies:
            places = ((self.cache, copy.cache), (self.remote, copy.remote))
            found = [place.path(copy.md5).stat().st_size for place, state in places if state == "intact"]
            if copy.name and (len(set(found)) != 1 or not (proven or len(found) == 2)):
                return None
            total += found[0] if copy.name else 0
        return total or None

    def _files(self, listing: Copy) -> dict[str, str]:
        """The MD5 of each file of a version by its name; nothing where no copy of the listing is intact."""
        path = self._intact(listing)
        files = {} if path is None else {item["relpath"]: item["md5"] for item in json.loads(path.read_bytes())}
        for name in files:
            if re.fullmatch(_FILE_NAME, name) is None:
                raise DataError.at(str(path), f"the file name {name!r}", "the files of a data version")
        return files

    def _copy(self, name: str, md5: str, prove: bool) -> Copy:
        return Copy(name, md5, self.cache.state(md5, prove), self.remote.state(md5, prove))

    def _intact(self, copy: Copy) -> Path | None:
        if copy.cache == "intact":
            return self.cache.path(copy.md5)
        return self.remote.path(copy.md5) if copy.remote == "intact" else None


def _shown(version: str, name: str) -> str:
    return f"{version}/{name}" if name else f"the list of files of {version}"


def _md5(path: Path) -> str:
    """DVC names objects by their MD5; against damage, not against an attacker."""
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
