"""Which model a command works with: a registered one, or a bundle folder."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from candle_ml.errors import RegistryError

if TYPE_CHECKING:
    from candle_ml.config import PipelineConfig
    from candle_ml.inference import LoadedModel

_Command = TypeVar("_Command", bound=Callable[..., Any])


def model_options(command: _Command) -> _Command:
    """`--model/-m` (parameter `model`) and `--bundle` (parameter `bundle`: a folder)."""
    of_registry = click.option(
        "-m", "--model", metavar="VERSION|ALIAS|RUN", help="Registered model  [default: the served alias]"
    )
    folder = click.Path(path_type=Path, exists=True, file_okay=False)
    return of_registry(click.option("--bundle", type=folder, help="A bundle folder instead.")(command))


@dataclass(frozen=True, slots=True)
class Located:
    """A model, and the folder of its bundle while it is worked with."""

    loaded: LoadedModel
    folder: Path


@contextmanager
def selected(config: PipelineConfig, model: str | None, bundle: Path | None) -> Iterator[LoadedModel]:
    """The chosen model, proven and loaded. Raises `BundleError` or `RegistryError`."""
    with located(config, model, bundle) as found:
        yield found.loaded


@contextmanager
def located(config: PipelineConfig, model: str | None, bundle: Path | None) -> Iterator[Located]:
    """The chosen model with its folder. Raises as `selected` does."""
    from candle_ml.inference import load_model
    from candle_ml.registry import Registry
    from candle_ml.tracking import TrackingPlace
    from candle_ml.whereabouts import of_folder, of_version

    if bundle is not None and model is not None:
        raise click.UsageError("--model and --bundle exclude each other")
    if bundle is not None:
        with of_folder(bundle):
            loaded = load_model(bundle)
        yield Located(loaded, bundle)
        return
    registry = Registry(TrackingPlace.of(config.tracking.uri, config.root), config.model_name)
    version = registry.select(model or config.registry.alias)
    if not version.digest:
        where = f"model {version.name} version {version.version}"
        raise RegistryError.at(where, "no digest recorded", "a version that candle-ml registered")
    with tempfile.TemporaryDirectory() as folder:
        with of_version(registry, version):
            fetched = registry.fetch(version, Path(folder))
            loaded = load_model(fetched, version.digest)
            version.check(loaded.info)
        yield Located(loaded, fetched)
