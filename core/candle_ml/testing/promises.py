"""What a broken promise looks like."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from candle_ml.errors import PluginError
from candle_ml.features import agreeing

Promise: TypeAlias = Callable[[Any], None]
"""A check: its docstring is the promise, its argument what is checked; it raises `ContractError`."""


class ContractError(PluginError):
    """A component does not keep a promise that the core relies on."""


def require(kept: bool, found: str) -> None:
    """Raise `ContractError` with what was found, unless the promise is kept."""
    if not kept:
        raise ContractError.at("", found)


def require_same(found: NDArray[Any], expected: NDArray[Any], what: str) -> None:
    """Two arrays must be equal in type, shape and every bit of meaning; NaN equals NaN."""
    require(found.dtype == expected.dtype, f"{what}: {found.dtype} instead of {expected.dtype}")
    require(found.shape == expected.shape, f"{what}: shape {found.shape} instead of {expected.shape}")
    if not np.array_equal(found, expected, equal_nan=found.dtype.kind == "f"):
        with np.errstate(invalid="ignore"):
            different = (found != expected) & ~((found != found) & (expected != expected))
        place = tuple(np.argwhere(different)[0].tolist())
        raise ContractError.at("", f"{what}: {found[place]} instead of {expected[place]} at {place}")


def require_close(
    found: NDArray[np.float32], expected: NDArray[np.float32], scale: NDArray[np.float64], what: str
) -> None:
    """Rows `(n, k)` must agree, as the audit compares them, where `scale` holds each column's deviation."""
    require(found.shape == expected.shape, f"{what}: shape {found.shape} instead of {expected.shape}")
    close = agreeing(found, expected, scale)
    if not close.all():
        row, column = np.argwhere(~close)[0].tolist()
        raise ContractError.at(
            "", f"{what}: {found[row, column]} instead of {expected[row, column]} in column {column}"
        )


def require_type(value: object, name: str, expected: type | tuple[type, ...]) -> None:
    """A declared attribute must be of a type; true and false are no numbers."""
    good = isinstance(value, expected) and not (isinstance(value, bool) and expected is int)
    require(good, f"{name} is {value!r}")
