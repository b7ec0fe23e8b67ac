"""What computes: packages, and the source of each as a digest, so that code that was edited in place is told apart."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType

COMPUTING_PACKAGES = ("candle-ml", "numpy", "scipy", "TA-Lib", "scikit-learn", "skops", "xgboost", "xgboost-cpu")
"""Distributions whose version may change a result."""


def source_digests(parts: Iterable[object]) -> dict[str, str]:
    """SHA-256 (hex) of the Python files of the top-level package of each object's class, by its name."""
    names = {type(part).__module__ for part in parts}
    tops = {name.partition(".")[0]: name for name in sorted(names)}
    return {top: _digest(sys.modules.get(top, sys.modules[name])) for top, name in sorted(tops.items())}


def _digest(module: ModuleType) -> str:
    digest = hashlib.sha256()
    for name, path in sorted(_files(module)):
        digest.update(name.encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _files(module: ModuleType) -> Iterator[tuple[str, Path]]:
    for folder in getattr(module, "__path__", ()):
        yield from ((path.relative_to(folder).as_posix(), path) for path in Path(folder).rglob("*.py"))
    if not hasattr(module, "__path__") and module.__file__ is not None:
        yield Path(module.__file__).name, Path(module.__file__)
