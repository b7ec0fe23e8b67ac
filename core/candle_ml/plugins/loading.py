"""Installed plugins, imported one by one; what each offers, or why it cannot be used."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import pluggy

from candle_ml import hookspecs
from candle_ml.components import (
    AnnotationSourceComponent,
    Component,
    FeatureExtractorComponent,
    LabelEncoderComponent,
    ModelTrainerComponent,
    Options,
)
from candle_ml.errors import PluginError
from candle_ml.plugins.records import CORE_KEYS, Failure, Offer, Provider, described, nearest

_COMPONENT_OF_HOOK: Mapping[str, type[Component]] = {
    "candle_ml_annotation_sources": AnnotationSourceComponent,
    "candle_ml_feature_extractors": FeatureExtractorComponent,
    "candle_ml_label_encoders": LabelEncoderComponent,
    "candle_ml_model_trainers": ModelTrainerComponent,
}


def load_installed(disabled: Sequence[str]) -> tuple[list[Offer], list[Failure], list[Provider]]:
    """Import every installed plugin but the disabled ones: what they offer, which failed, which are disabled."""
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
    return offers, failures, off


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
        raise PluginError.at("", f"could not be imported ({described(error)})", _advice(provider, error)) from error
    if registry.get_name(plugin) is not None:
        raise PluginError.at("", f"is the same module as {registry.get_name(plugin)}")
    try:
        registry.register(plugin, str(provider))
    except pluggy.PluginValidationError as error:
        raise PluginError.at("", f"breaks its hook ({described(error)})") from error
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
        raise PluginError.at("", f"fails in {hook} ({described(error)})") from error
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
