"""What is known of installed plugins."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from candle_ml.components import Component, ComponentKind

PluginStatus = Literal["ok", "disabled", "broken", "conflict"]

CORE_KEYS: Mapping[ComponentKind, tuple[str, ...]] = {
    "annotation-source": ("use", "enabled"),
    "feature-extractor": ("use", "enabled"),
    "label-encoder": ("use", "enabled"),
    "model-trainer": ("use", "enabled", "refit"),
}
"""Keys beside a component's options that belong to the core, so that no option may have their names."""


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


def described(error: BaseException) -> str:
    """An error in one line: its type and its message."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
