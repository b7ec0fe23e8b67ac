"""The plugin manager: components by kind and name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Self, cast, get_args, overload

from candle_ml.components import (
    AnnotationSource,
    AnnotationSourceComponent,
    Component,
    ComponentKind,
    FeatureExtractor,
    FeatureExtractorComponent,
    LabelEncoder,
    LabelEncoderComponent,
    Model,
    ModelTrainer,
    ModelTrainerComponent,
    Options,
)
from candle_ml.errors import CandleMLError, PluginError
from candle_ml.plugins.loading import load_installed
from candle_ml.plugins.records import Failure, Offer, PluginRow, PluginStatus, Provider, described, nearest


@dataclass(frozen=True, slots=True)
class PluginManager:
    """The installed plugins, by what they offer; those that failed or are disabled are kept as data."""

    offers: tuple[Offer, ...]
    failures: tuple[Failure, ...]
    disabled: tuple[Provider, ...]

    @classmethod
    def load(cls, disabled: Sequence[str] = ()) -> Self:
        """Import every installed plugin but the disabled ones (named by plugin or distribution). Raises nothing."""
        offers, failures, off = load_installed(disabled)
        return cls(tuple(offers), tuple(failures), tuple(off))

    def without(self, disabled: Sequence[str]) -> Self:
        """The same plugins with further ones disabled (named by plugin or distribution)."""
        off = tuple(dict.fromkeys(provider for provider in self.providers if provider.is_named(disabled)))
        return replace(
            self,
            offers=tuple(offer for offer in self.offers if offer.provider not in off),
            failures=tuple(failure for failure in self.failures if failure.provider not in off),
            disabled=tuple(dict.fromkeys((*self.disabled, *off))),
        )

    @property
    def providers(self) -> tuple[Provider, ...]:
        """Every installed plugin once, whatever its state."""
        offering = (offer.provider for offer in self.offers)
        failed = (failure.provider for failure in self.failures)
        return tuple(dict.fromkeys((*offering, *failed, *self.disabled)))

    def provider(self, kind: ComponentKind, name: str) -> Provider:
        """Who offers a component. Raises `PluginError` as `component` does."""
        return self._offer(kind, name).provider

    def names(self, kind: ComponentKind) -> tuple[str, ...]:
        """The component names of a kind, sorted."""
        return tuple(sorted({name for offered, name in (offer.key for offer in self.offers) if offered == kind}))

    @overload
    def component(self, kind: Literal["annotation-source"], name: str) -> AnnotationSourceComponent: ...
    @overload
    def component(self, kind: Literal["feature-extractor"], name: str) -> FeatureExtractorComponent: ...
    @overload
    def component(self, kind: Literal["label-encoder"], name: str) -> LabelEncoderComponent: ...
    @overload
    def component(self, kind: Literal["model-trainer"], name: str) -> ModelTrainerComponent: ...
    @overload
    def component(self, kind: ComponentKind, name: str) -> Component: ...
    def component(self, kind: ComponentKind, name: str) -> Component:
        """The component of this kind and name. Raises `PluginError` where none or two offer it or it breaks a rule."""
        return self._offer(kind, name).component

    @overload
    def build(self, kind: Literal["annotation-source"], name: str, options: Options) -> AnnotationSource: ...
    @overload
    def build(self, kind: Literal["feature-extractor"], name: str, options: Options) -> FeatureExtractor: ...
    @overload
    def build(self, kind: Literal["label-encoder"], name: str, options: Options) -> LabelEncoder: ...
    @overload
    def build(self, kind: Literal["model-trainer"], name: str, options: Options) -> ModelTrainer: ...
    @overload
    def build(self, kind: ComponentKind, name: str, options: Options) -> object: ...
    def build(self, kind: ComponentKind, name: str, options: Options) -> object:
        """What the component builds from its options. Raises `PluginError` where it builds nothing, and says why."""
        offer = self._offer(kind, name)
        where = f"{offer} of {offer.provider}"
        try:
            built = _with_packages(offer, lambda: offer.component.build(options))
        except CandleMLError:
            raise
        except (Exception, SystemExit) as error:
            raise PluginError.at(where, f"cannot be built ({described(error)})") from error
        if built is None:
            raise PluginError.at(where, "its build returns None", "the contract is an object")
        return built

    def load_model(self, name: str, folder: Path) -> Model:
        """A model from the files its trainer saved. Raises `PluginError` where a package it needs is missing."""
        offer = self._offer("model-trainer", name)
        component = cast(ModelTrainerComponent, offer.component)
        return cast(Model, _with_packages(offer, lambda: component.load(folder)))

    def listing(self) -> tuple[PluginRow, ...]:
        """Every component, then every plugin that could not be asked for its components."""
        kinds = get_args(ComponentKind)
        offers = sorted(self.offers, key=lambda offer: (kinds.index(offer.component.kind), offer.component.name))
        rows = [self._row(offer) for offer in offers]
        rows += [_plugin_row(failure.provider, "broken", failure.cause) for failure in self.failures]
        return (*rows, *(_plugin_row(provider, "disabled") for provider in self.disabled))

    def _offer(self, kind: ComponentKind, name: str) -> Offer:
        offers = [offer for offer in self.offers if offer.key == (kind, name)]
        if not offers:
            raise PluginError.at("plugins", f"no plugin provides {kind} {name!r}", self._instead(kind, name))
        conflict = self._conflict(offers[0])
        if conflict:
            raise PluginError.at("plugins", conflict, "uninstall one of the two, or name one in plugins.disabled")
        if offers[0].error:
            raise PluginError.at(f"{offers[0]} of {offers[0].provider}", offers[0].error)
        return offers[0]

    def _instead(self, kind: ComponentKind, name: str) -> str:
        hints = [nearest(name, self.names(kind)) or "install a plugin that does"]
        hints += [f"{failure.provider} might, but {failure.cause}" for failure in self.failures]
        hints += [f"{provider} might, but is disabled" for provider in self.disabled]
        return "; ".join(hints)

    def _conflict(self, offer: Offer) -> str:
        for other in self.offers:
            if other is not offer and other.key == offer.key:
                return f"{offer} comes from {offer.provider} and from {other.provider}"
        for provider in self.providers:
            if provider.plugin == offer.provider.plugin and provider not in (offer.provider, *self.disabled):
                both = sorted(f"{each.distribution} {each.version}" for each in (provider, offer.provider))
                return f"the plugin name {provider.plugin!r} is taken by {both[0]} and by {both[1]}"
        return ""

    def _row(self, offer: Offer) -> PluginRow:
        component, provider = offer.component, offer.provider
        conflict = self._conflict(offer)
        return PluginRow(
            name=component.name,
            kind=component.kind,
            plugin=provider.plugin,
            distribution=provider.distribution,
            version=provider.version,
            status="conflict" if conflict else "broken" if offer.error else "ok",
            summary=component.summary,
            options=None if offer.error else component.options.model_json_schema(),
            error=conflict or offer.error,
        )


def _plugin_row(provider: Provider, status: PluginStatus, error: str = "") -> PluginRow:
    name, distribution, version = provider.plugin, provider.distribution, provider.version
    return PluginRow(name, "plugin", name, distribution, version, status, error=error)


def _with_packages(offer: Offer, action: Callable[[], object]) -> object:
    """The action's result; a missing package becomes a `PluginError` that says what to install."""
    try:
        return action()
    except ImportError as error:
        extra = offer.component.extra
        advice = f"pip install '{offer.provider.distribution}[{extra}]'" if extra else "install what it imports"
        raise PluginError.at(f"{offer} of {offer.provider}", described(error), advice) from error
