"""Which checks a component is run through."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from inspect import getdoc
from pathlib import Path
from typing import Any

from candle_ml.components import (
    AnnotationSourceComponent,
    Component,
    FeatureExtractorComponent,
    LabelEncoderComponent,
    ModelTrainerComponent,
    Options,
)
from candle_ml.errors import PluginError, Problem
from candle_ml.plugins import PluginManager, described, nearest
from candle_ml.testing import decoders, encoders, extractors, sources, trainers
from candle_ml.testing import options as option_checks
from candle_ml.testing.promises import ContractError, Promise


@dataclass(frozen=True, slots=True)
class Check:
    """One promise of one component."""

    component: str
    name: str
    promise: str
    function: Promise = field(repr=False)
    subject: Any = field(repr=False)

    def run(self) -> None:
        """Raise `ContractError` with what was found and what was promised, unless the promise is kept."""
        try:
            self.function(self.subject)
        except ContractError as error:
            raise ContractError(*(Problem(str(self), each.found, self._promised) for each in error.problems)) from error
        except (Exception, SystemExit) as error:
            raise ContractError.at(str(self), f"raised {described(error)}", self._promised) from error

    @property
    def _promised(self) -> str:
        return f"the contract is: {self.promise}"

    def __str__(self) -> str:
        return f"{self.component}: {self.name}"


def contract_checks(component: Component, options: Options | None = None, root: Path | None = None) -> Iterator[Check]:
    """Every check of a component, with these options (default: its own).

    A source reads from the project folder `root`; without one it reads from an empty folder.
    """
    chosen = component.options() if options is None else options
    for function, subject in _promises(component, chosen, root):
        name = function.__name__.removeprefix("check_").replace("_", " ")
        yield Check(component.name, name, " ".join((getdoc(function) or "").split()), function, subject)


def check_component(component: Component, options: Options | None = None, root: Path | None = None) -> None:
    """Run every check of a component. Raises `ContractError` that names every broken promise."""
    problems: list[Problem] = []
    for check in contract_checks(component, options, root):
        try:
            check.run()
        except ContractError as error:
            problems += error.problems
    if problems:
        raise ContractError(*problems)


def check_plugin(name: str) -> None:
    """Run every check of every component that an installed plugin offers.

    Raises `PluginError` where no plugin of that name offers any, `ContractError` where a promise is broken.
    """
    manager = PluginManager.load()
    offers = [offer for offer in manager.offers if offer.provider.plugin == name]
    if not offers:
        raise PluginError.at(name, "no installed plugin of this name", nearest(name, _names(manager)))
    problems: list[Problem] = []
    for offer in offers:
        try:
            check_component(manager.component(*offer.key))
        except ContractError as error:
            problems += error.problems
    if problems:
        raise ContractError(*problems)


def _names(manager: PluginManager) -> set[str]:
    return {offer.provider.plugin for offer in manager.offers}


def _promises(component: Component, options: Options, root: Path | None) -> Iterator[tuple[Promise, object]]:
    yield from _of(option_checks.CHECKS, component)
    if isinstance(component, FeatureExtractorComponent):
        yield from _of(extractors.CHECKS, extractors.Subject(component, options))
    elif isinstance(component, LabelEncoderComponent):
        yield from _of((*encoders.CHECKS, *decoders.CHECKS), encoders.Subject(component, options))
    elif isinstance(component, ModelTrainerComponent):
        for kind in sorted(component.kinds):
            yield from _of(trainers.CHECKS, trainers.Subject(component, options, kind))
    elif isinstance(component, AnnotationSourceComponent):
        yield from _of(sources.CHECKS, sources.Subject(component, options, root))


def _of(checks: tuple[Promise, ...], subject: object) -> Iterator[tuple[Promise, object]]:
    return ((check, subject) for check in checks)
