"""The border to TA-Lib: a function with its inputs and parameters, called on arrays without pandas in between."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from inspect import unwrap
from typing import Any

import talib
from numpy.typing import NDArray
from talib.abstract import Function  # type: ignore[attr-defined]  # the stub omits it

from candle_ml.candles import Candles
from candle_ml.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Call:
    """A TA-Lib function ready to be called; `lookback` is TA-Lib's own: the candles without an output."""

    function: Callable[..., Any]
    inputs: tuple[str, ...]
    arguments: tuple[int | float, ...]
    outputs: tuple[str, ...]
    lookback: int

    def __call__(self, candles: Candles) -> tuple[NDArray[Any], ...]:
        """One array for each output: `float64`, or `int32` where TA-Lib counts."""
        result = self.function(*(getattr(candles, name) for name in self.inputs), *self.arguments)
        return result if isinstance(result, tuple) else (result,)


def call(name: str, parameters: Mapping[str, int | float]) -> Call:
    """The call of `name` with all its parameters. Raises `ConfigError` where TA-Lib does not take them."""
    info = description(name)
    order = tuple(info["parameters"])
    if set(order) != set(parameters):
        found = f"takes {', '.join(order) or 'no parameter'} in TA-Lib {talib.__version__}"
        raise ConfigError.at(name, found, f"install a release where it takes {', '.join(parameters) or 'none'}")
    return Call(
        function=unwrap(getattr(talib, name)),
        inputs=_flat(info["input_names"].values()),
        arguments=tuple(parameters[key] for key in order),
        outputs=tuple(info["output_names"]),
        lookback=_lookback(name, parameters),
    )


def description(name: str) -> Mapping[str, Any]:
    """What TA-Lib says of a function. Raises `ConfigError` where the installed release does not have it."""
    if not hasattr(talib, name):
        raise ConfigError.at(name, f"TA-Lib {talib.__version__} does not have it", "install a newer release")
    info: Mapping[str, Any] = Function(name).info
    return info


def threads_at_hand() -> int:
    """How many calls can run at the same time: TA-Lib computes without holding Python's lock."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _lookback(name: str, parameters: Mapping[str, int | float]) -> int:
    lookback = int(Function(name, **parameters).lookback)
    if lookback < 0:
        listed = ", ".join(f"{key} {value}" for key, value in parameters.items())
        raise ConfigError.at(name, f"TA-Lib refuses {listed}", "use values within the limits of its manual")
    return lookback


def _flat(names: Any) -> tuple[str, ...]:
    return tuple(part for name in names for part in ([name] if isinstance(name, str) else name))
