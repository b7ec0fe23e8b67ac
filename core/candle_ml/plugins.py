"""Plugins: what is installed, what each offers, and why something cannot be used."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Literal, Self, cast, get_args, overload

import pluggy

from candle_ml import hookspecs
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
from candle_ml.errors import PluginError

PluginStatus = Literal["ok", "disabled", "broken", "conflict"]

CORE_KEYS: Mapping[ComponentKind, tuple[str, ...]] = {
    "annotation-source": ("use", "enabled"),
    "feature-extractor": ("use", "enabled"),
    "label-encoder": ("use", "enabled"),
    "model-trainer": ("use", "enabled", "refit"),
}
"""Keys beside a component's options that belong to the core, so that no option may have their names."""

_COMPONENT_OF_HOOK: Mapping[str, type[Component]] = {
    "candle_ml_annotation_sources": AnnotationSourceComponent,
    "candle_ml_feature_extractors": FeatureExtractorComponent,
    "candle_ml_label_encoders": LabelEncoderComponent,
    "candle_ml_model_trainers": ModelTrainerComponent,
}


@dataclass(frozen=True, slots=True)
class Provider:
    """A plugin and the distribution that it came with; `extra` is the pip extra of the plugin's own name, if any."""

    plugin: str
    distribution: str
    version: str
    extra: str | None = None

    def is_named(self, names: Iterable[str]) -> bool:
        """Whether one of the names is the plugin's or its distribution's."""
        return not {self.plugin, self.distribution}.isdisjoint(names)

    def __str__(self) -> str:
        return f"plugin {self.plugin!r} of {self.distribution} {self.version}"


@dataclass(frozen=True, slots=True)
class Offer:
    """A component with its provider; `error` says which rule it breaks."""

    provider: Provider
    component: Component
    error: str = ""

    @property
    def key(self) -> tuple[ComponentKind, str]:
        return self.component.kind, self.component.name

    def __str__(self) -> str:
        return f"{self.component.kind} {self.component.name!r}"


@dataclass(frozen=True, slots=True)
class Failure:
    """A plugin that could not be imported or breaks the rules, and why."""

    provider: Provider
    cause: str


@dataclass(frozen=True, slots=True)
class PluginRow:
    """A line of `candle-ml plugins`: a component, or a whole plugin (kind `plugin`) that could not be asked.

    `options` is the JSON Schema of the component's options.
    """

    name: str
    kind: ComponentKind | Literal["plugin"]
    plugin: str
    distribution: str
    version: str
    status: PluginStatus
    summary: str = ""
    options: Mapping[str, object] | None = None
    error: str = ""


def nearest(name: str, known: Iterable[str]) -> str:
    """What would do instead of an unknown name: the closest known one, else all of them."""
    names = sorted(set(known))
    close = difflib.get_close_matches(name, names, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"one of {', '.join(names)}" if names else ""


@dataclass(frozen=True, slots=True)
class PluginManager:
    """The installed plugins, by what they offer; those that failed or are disabled are kept as data."""

    offers: tuple[Offer, ...]
    failures: tuple[Failure, ...]
    disabled: tuple[Provider, ...]

    @classmethod
    def load(cls, disabled: Sequence[str] = ()) -> Self:
        """Import every installed plugin but the disabled ones (named by plugin or distribution). Raises nothing."""
        registry = pluggy.PluginManager("candle_ml")
        registry.add_hookspecs(hookspecs)
        offers: list[Offer] = []
        failures: list[Failure] = []
        off: list[Provider] = []
        for provider, entry_point in _installed():
            if provider.is_named(disabled):
                registry.set_blocked(str(provider))
                off.append(provider)
                continue
            try:
                plugin = _registered(registry, provider, entry_point)
                offers.extend(Offer(provider, *checked) for checked in _offered(registry, plugin))
            except PluginError as error:
                failures.append(Failure(provider, str(error)))
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
        """What the component builds from its options. Raises `PluginError` where a package it needs is missing."""
        offer = self._offer(kind, name)
        try:
            return _with_packages(offer, lambda: offer.component.build(options))
        except (AttributeError, TypeError) as error:
            raise PluginError.at(f"{offer} of {offer.provider}", f"cannot be built ({_described(error)})") from error

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
        raise PluginError.at(f"{offer} of {offer.provider}", _described(error), advice) from error


def _described(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _installed() -> Iterator[tuple[Provider, EntryPoint]]:
    for entry_point in sorted(entry_points(group=hookspecs.ENTRY_POINT_GROUP), key=_identity):
        distribution = entry_point.dist
        if distribution is not None:
            extras = distribution.metadata.get_all("Provides-Extra") or []
            extra = entry_point.name if entry_point.name in extras else None
            yield Provider(entry_point.name, distribution.name, distribution.version, extra), entry_point


def _identity(entry_point: EntryPoint) -> tuple[str, str]:
    return entry_point.name, entry_point.dist.name if entry_point.dist is not None else ""


def _registered(registry: pluggy.PluginManager, provider: Provider, entry_point: EntryPoint) -> object:
    try:
        plugin = entry_point.load()
    except (Exception, SystemExit) as error:
        raise PluginError.at("", f"could not be imported ({_described(error)})", _advice(provider, error)) from error
    if registry.get_name(plugin) is not None:
        raise PluginError.at("", f"is the same module as {registry.get_name(plugin)}")
    try:
        registry.register(plugin, str(provider))
    except pluggy.PluginValidationError as error:
        raise PluginError.at("", f"breaks its hook ({_described(error)})") from error
    return plugin


def _advice(provider: Provider, error: BaseException) -> str:
    known = isinstance(error, ImportError) and provider.extra is not None
    return f"pip install '{provider.distribution}[{provider.extra}]'" if known else ""


def _offered(registry: pluggy.PluginManager, plugin: object) -> list[tuple[Component, str]]:
    """Each component that the plugin's hooks yield, with the rule it breaks."""
    callers = registry.get_hookcallers(plugin) or []
    for caller in callers:
        if not caller.has_spec():
            raise PluginError.at(
                "", f"implements the unknown hook {caller.name!r}", nearest(caller.name, _COMPONENT_OF_HOOK)
            )
    offered: list[tuple[Component, str]] = []
    for caller in callers:
        for implementation in caller.get_hookimpls():
            if implementation.plugin is plugin:
                offered += _yielded(caller.name, implementation.function)
    if not offered:
        raise PluginError.at("", "offers no component", "mark its hook functions with candle_ml.hookspecs.hookimpl")
    return offered


def _yielded(hook: str, function: Callable[..., Any]) -> list[tuple[Component, str]]:
    expected = _COMPONENT_OF_HOOK[hook]
    try:
        yielded = list(function())
    except Exception as error:
        raise PluginError.at("", f"fails in {hook} ({_described(error)})") from error
    for item in yielded:
        if not isinstance(item, expected):
            raise PluginError.at("", f"yields {item!r} from {hook}", f"yield {expected.__name__} records")
    return [(item, _broken_rule(item)) for item in yielded]


def _broken_rule(component: Component) -> str:
    options = component.options
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", str(component.name)):
        return f"its name {component.name!r} is not kebab-case"
    if not (isinstance(options, type) and issubclass(options, Options)):
        return f"its options {options!r} are no subclass of candle_ml.components.Options"
    reserved = [key for key in CORE_KEYS[component.kind] if key in options.model_fields]
    if reserved:
        return f"its option {reserved[0]!r} has the name of a key of the core"
    required = [name for name, field in options.model_fields.items() if field.is_required()]
    return f"its option {required[0]!r} has no default" if required else ""
