"""Which components `use:` names, with the options beside it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from candle_ml.components import Component, Options
from candle_ml.config.models import Choice
from candle_ml.config.problems import validated
from candle_ml.config.reading import Node, described, joined
from candle_ml.config.report import Report
from candle_ml.errors import PluginError
from candle_ml.plugins import CORE_KEYS, PluginManager

_Component = TypeVar("_Component", bound=Component)


class Chooser:
    """Reads `use:`; what is wrong goes to the report and is left out of the result."""

    def __init__(self, manager: PluginManager, report: Report) -> None:
        self._manager = manager
        self._report = report

    def one(self, kind: type[_Component], stage: Node, enabled: bool) -> Choice[_Component] | None:
        """The component of a stage that has one; None where the stage is disabled."""
        return self._choice(kind, stage, enabled) if isinstance(stage.value, dict) else None

    def several(self, kind: type[_Component], stage: Node, enabled: bool) -> tuple[Choice[_Component], ...]:
        """The enabled components of a stage that takes a list, in its order; none where the stage is disabled."""
        listed = _members(stage).get("use")
        if not isinstance(stage.value, dict):
            return ()
        if listed is None:
            self._missing(kind, stage, enabled)
            return ()
        if not isinstance(listed.value, list):
            self._report.add(listed.problem(described(listed.plain()), "a list"))
            return ()
        items = [_as_mapping(item) for item in listed.value]
        wanted = [self._is_enabled(item) for item in items]
        if enabled and not any(wanted):
            found = "every item is disabled" if items else "an empty list"
            self._report.add(listed.problem(found, f"enable one, or write {stage.path}: {{enabled: false}}"))
        pairs = zip(items, wanted, strict=True)
        choices = [self._choice(kind, item, enabled and item_enabled) for item, item_enabled in pairs]
        return tuple(choice for choice in choices if choice is not None)

    def _choice(self, kind: type[_Component], node: Node, enabled: bool) -> Choice[_Component] | None:
        """The choice, if enabled; options are checked even where it is not, as far as its plugin is at hand."""
        if not isinstance(node.value, dict):
            self._report.add(node.problem(described(node.plain()), "a name, or a mapping with use"))
            return None
        name = node.value.get("use")
        if name is None:
            self._missing(kind, node, enabled)
            return None
        if not isinstance(name.value, str):
            self._report.add(name.problem(described(name.plain()), f"the name of a component: {kind.kind}"))
            return None
        component = self._component(kind, name, name.value, enabled)
        options = self._options(component, node) if component is not None else None
        if component is None or options is None or not enabled:
            return None
        return Choice(name.value, options, component, node.path)

    def _component(self, kind: type[_Component], node: Node, name: str, enabled: bool) -> _Component | None:
        try:
            component = self._manager.component(kind.kind, name)
        except PluginError as error:
            if enabled:
                self._report.add(
                    *(node.problem(_without_place(each.where, each.found), each.expected) for each in error.problems)
                )
            return None
        return component if isinstance(component, kind) else None

    def _options(self, component: Component, node: Node) -> Options | None:
        core = CORE_KEYS[component.kind]
        members = {key: each for key, each in _members(node).items() if key not in core}
        result = validated(component.options, Node(node.where, node.path, members, node.key_where), core)
        if isinstance(result, Options):
            return _as_if_defaults_were_unwritten(result)
        self._report.add(*result)
        return None

    def _is_enabled(self, item: Node) -> bool:
        switch = _members(item).get("enabled")
        if switch is not None and not isinstance(switch.value, bool):
            self._report.add(switch.problem(described(switch.plain()), "true or false"))
        return switch is None or switch.value is not False

    def _missing(self, kind: type[Component], node: Node, enabled: bool) -> None:
        if enabled:
            names = _either(self._manager.names(kind.kind)) or f"the name of a component: {kind.kind}"
            place = Node(node.where, joined(node.path, "use"), None, node.key_where)
            self._report.add(place.problem("missing", f"write {names}, or enabled: false beside it"))


def _as_if_defaults_were_unwritten(options: Options) -> Options:
    """Equal options; a plugin cannot tell a default that somebody wrote from one that nobody did.

    So the effective text of a configuration, where every default is written, means what the file does.
    """
    return type(options).model_validate_json(options.model_dump_json(by_alias=True, exclude_defaults=True))


def _members(node: Node) -> dict[str, Node]:
    return node.value if isinstance(node.value, dict) else {}


def _as_mapping(item: Node) -> Node:
    """A bare name as the mapping it stands for."""
    if not isinstance(item.value, str):
        return item
    name = Node(item.where, item.path, item.value, item.key_where)
    return Node(item.where, item.path, {"use": name}, item.key_where)


def _either(names: Iterable[str]) -> str:
    *most, last = list(names) or [""]
    return f"{', '.join(most)} or {last}" if most else last


def _without_place(where: str, found: str) -> str:
    return found if where == "plugins" else f"{where}: {found}"
