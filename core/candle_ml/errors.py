"""What candle-ml tells a user when something is wrong: where, what was found, what would do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong.

    `where` names a file, row, key or component; `found` says what is there; `expected` what would do.
    """

    where: str
    found: str
    expected: str = ""

    def __str__(self) -> str:
        message = f"{self.where}: {self.found}" if self.where else self.found
        return f"{message}; {self.expected}" if self.expected else message


class CandleMLError(Exception):
    """An error whose message is meant for the user; `problems` holds every part of it."""

    exit_code = 1

    def __init__(self, *problems: Problem) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems

    @classmethod
    def at(cls, where: str, found: str, expected: str = "") -> Self:
        """The error of a single problem."""
        return cls(Problem(where, found, expected))


class ConfigError(CandleMLError):
    """The configuration, an option or an environment variable is wrong."""

    exit_code = 2


class DataError(CandleMLError):
    """Candles, annotations or reviewed ranges are wrong."""

    exit_code = 3


class PluginError(CandleMLError):
    """A plugin or component is missing, broken, ambiguous or breaks its contract."""

    exit_code = 4


class TrainingError(CandleMLError):
    """The data is well-formed, but no model can be trained from it."""

    exit_code = 5


class BundleError(CandleMLError):
    """A bundle is damaged, tampered with or does not compute what it computed at training."""

    exit_code = 6


class RegistryError(CandleMLError):
    """The tracking server or the model registry is away or does not have what was asked for."""

    exit_code = 7


class StateError(CandleMLError):
    """The state store cannot be read or written, its schema does not fit, or it does not have what was asked for."""

    exit_code = 8


class AuditError(CandleMLError):
    """Features, labels or blocks let a model know at training what it could not know when it predicts."""

    exit_code = 9


class ExecutionError(CandleMLError):
    """The processes or the cluster that work was divided over are away, or died of it."""

    exit_code = 10


class CandleMLWarning(UserWarning):
    """Something worth knowing that does not stop the work."""
