"""The two files of a saved tree model: one with the trees, and `meta.json`, which says what they are."""

from __future__ import annotations

import hashlib
import stat
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from candle_ml.errors import BundleError

FORMAT: Literal[1] = 1
META = "meta.json"
_LARGEST_META = 1 << 20
_LARGEST_MODEL = 1 << 31


class Meta(BaseModel):
    """What a saved model says of itself; `sha256` is the digest of the file with the trees."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    format: Literal[1] = FORMAT
    trainer: str
    layout: Literal["flat"] = "flat"
    classes: tuple[str, ...] = Field(min_length=2)
    columns: int = Field(ge=1)
    sha256: str
    versions: dict[str, str]


def digest(content: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def write_model(folder: Path, name: str, content: bytes, meta: Meta) -> None:
    """Write `name` and `meta.json` into `folder`. Raises `BundleError` where one of them is there already."""
    for file, data in ((name, content), (META, meta.model_dump_json(indent=1).encode())):
        try:
            with (folder / file).open("xb") as stream:
                stream.write(data)
        except FileExistsError as error:
            raise BundleError.at(f"{folder.name}/{file}", "already there", "an empty folder") from error


def read_model(folder: Path, name: str, trainer: str) -> tuple[Meta, bytes]:
    """The meta data and the unparsed trees of a model folder.

    Raises `BundleError` for a missing, additional, linked, empty, oversized or changed file.
    """
    _check_names(folder, {name, META})
    meta = _read_meta(folder)
    if meta.trainer != trainer:
        raise BundleError.at(f"{folder.name}/{META}", f"a model of {meta.trainer!r}", f"one of {trainer!r}")
    content = _read(folder, name, _LARGEST_MODEL)
    if digest(content) != meta.sha256:
        raise BundleError.at(f"{folder.name}/{name}", "its bytes have changed", f"SHA-256 {meta.sha256[:12]}...")
    return meta, content


def _check_names(folder: Path, names: set[str]) -> None:
    found = {path.name: path.lstat().st_mode for path in folder.iterdir()} if folder.is_dir() else {}
    for name in sorted(names - set(found)):
        raise BundleError.at(f"{folder.name}/{name}", "missing", "the files that were saved with the model")
    for name in sorted(set(found) - names):
        raise BundleError.at(f"{folder.name}/{name}", "not a file of the model", f"only {' and '.join(sorted(names))}")
    for name in sorted(names):
        if not stat.S_ISREG(found[name]):
            raise BundleError.at(f"{folder.name}/{name}", "a link or a special file", "a regular file")


def _read_meta(folder: Path) -> Meta:
    try:
        return Meta.model_validate_json(_read(folder, META, _LARGEST_META))
    except ValidationError as error:
        first = error.errors()[0]
        found = ": ".join((*map(str, first["loc"]), first["msg"]))
        raise BundleError.at(f"{folder.name}/{META}", found, "a model of this version of candle-ml") from error


def _read(folder: Path, name: str, largest: int) -> bytes:
    size = (folder / name).stat().st_size
    if not size:
        raise BundleError.at(f"{folder.name}/{name}", "empty", "the file that was saved")
    if size > largest:
        raise BundleError.at(f"{folder.name}/{name}", f"{size} bytes", f"at most {largest}")
    return (folder / name).read_bytes()
