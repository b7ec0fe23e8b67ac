"""What all measurements share: sizes, a folder to work in, and projects that are made when first asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.speed.project import ModelName, Project, trained


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How much is measured. `seconds` is how long one load lasts, `windows` how many are trained on."""

    repeats: int
    seconds: float
    short: tuple[int, ...]
    long: tuple[int, ...]
    growth: tuple[int, ...]
    predicted: tuple[int, ...]
    windows: int
    compared_windows: int
    rounds: int


FULL = Sizes(
    repeats=5,
    seconds=3.0,
    short=(1000, 10_000),
    long=(100_000,),
    growth=(1000, 10_000, 100_000, 1_000_000),
    predicted=(1000, 10_000, 100_000, 1_000_000),
    windows=1_000_000,
    compared_windows=50_000,
    rounds=100,
)
QUICK = Sizes(
    repeats=2,
    seconds=0.5,
    short=(1000,),
    long=(70_000,),
    growth=(1000, 4000),
    predicted=(500, 1000),
    windows=2000,
    compared_windows=1000,
    rounds=2,
)


@dataclass
class Bench:
    """One run of the benchmark."""

    folder: Path
    sizes: Sizes
    _projects: dict[ModelName, Project] = field(default_factory=dict)

    @property
    def quick(self) -> bool:
        """Whether figures do not matter."""
        return self.sizes is QUICK

    def project(self, model: ModelName) -> Project:
        """A trained and registered model."""
        if model not in self._projects:
            self._projects[model] = trained(self.folder, model, self.quick)
        return self._projects[model]
