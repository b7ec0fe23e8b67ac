"""pipeline.yaml to `PipelineConfig`, with every error at once."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from candle_ml.components import (
    AnnotationSourceComponent,
    Component,
    FeatureExtractorComponent,
    LabelEncoderComponent,
    ModelTrainerComponent,
)
from candle_ml.config.choosing import Chooser
from candle_ml.config.models import Settings, Stage
from candle_ml.config.overrides import overridden
from candle_ml.config.pipeline_config import PipelineConfig
from candle_ml.config.problems import validated
from candle_ml.config.reading import Node, described, read_file_text
from candle_ml.config.report import Report
from candle_ml.config.rules import contradictions, disabled_stages
from candle_ml.config.section import Section
from candle_ml.errors import ConfigError
from candle_ml.plugins import CORE_KEYS, PluginManager, nearest

_LISTING: Mapping[str, type[Component]] = {
    "sources": AnnotationSourceComponent,
    "features": FeatureExtractorComponent,
}
_CHOOSING: Mapping[str, type[Component]] = {"labels": LabelEncoderComponent, "model": ModelTrainerComponent}


def load_config(path: Path, overrides: Sequence[str] = (), manager: PluginManager | None = None) -> PipelineConfig:
    """The configuration in a file. Raises `ConfigError` with everything that is wrong, each with its position."""
    try:
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        raise ConfigError.at(str(path), error.strerror or "cannot be read", "name a readable file") from error
    except UnicodeDecodeError as error:
        raise ConfigError.at(str(path), f"byte {error.start} is not UTF-8", "save it as UTF-8") from error
    folder = path.resolve().parent
    root = folder.parent if folder.name == "config" else folder
    return parse_config(text, str(path), root, overrides, manager)


def parse_config(
    text: str, name: str, root: Path, overrides: Sequence[str] = (), manager: PluginManager | None = None
) -> PipelineConfig:
    """The configuration in a text; `name` stands for it in messages. Raises `ConfigError` as `load_config` does.

    Without a manager the installed plugins are loaded, except those that the text disables.
    """
    document = overridden(read_file_text(text, name), tuple(overrides))
    report = Report(document)
    root_node = _with_empty_sections(document.root)
    sections = _sections(root_node)
    settings = _settings(root_node, report)
    disabled = settings.plugins.disabled
    manager = manager.without(disabled) if manager is not None else PluginManager.load(disabled)
    notes = _check_disabled(sections["plugins"], disabled, manager, report)
    settings = _complete(settings, sections, Chooser(manager, report), report)
    report.raise_any()
    positions = {node.path: node.where for node in document.root.every()}
    own = {name: getattr(settings, name) for name in Settings.model_fields if name != "plugins"}
    return PipelineConfig(
        **own,
        disabled_plugins=disabled,
        source_text=text,
        source_name=name,
        overrides=tuple(overrides),
        root=root,
        manager=manager,
        positions=MappingProxyType(positions),
        notes=notes,
    )


def varied(config: PipelineConfig, overrides: Sequence[str]) -> PipelineConfig:
    """The configuration with further overrides of its file. Raises `ConfigError` as `load_config` does."""
    every = (*config.overrides, *overrides)
    return parse_config(config.source_text, config.source_name, config.root, every, config.manager)


def _with_empty_sections(root: Node) -> Node:
    """The same file; a section whose keys are all commented out is an empty mapping."""
    if root.value is not None and not isinstance(root.value, dict):
        raise ConfigError(root.problem(described(root.plain()), "a mapping of stages"))
    own = {name for name, field in Settings.model_fields.items() if isinstance(field.default, Section)}
    empty = {key: replace(node, value={}) for key, node in _members(root).items() if key in own and node.value is None}
    return replace(root, value=_members(root) | empty)


def _sections(root: Node) -> dict[str, Node]:
    """The place of each section; an absent one stands empty at the start of the file."""
    members = _members(root)
    return {name: members.get(name) or Node(root.where, name, {}, root.where) for name in Settings.model_fields}


def _settings(root: Node, report: Report) -> Settings:
    """The core's own keys; a section with an error is taken with its defaults."""
    own = {key: _core_part(key, node) for key, node in _members(root).items()}
    result = validated(Settings, replace(root, value=own))
    if isinstance(result, Settings):
        return result
    report.add(*result)
    sound: dict[str, Node] = {"name": replace(root, value="unknown")}
    for key in Settings.model_fields.keys() & own.keys():
        sound |= _sound_part(root, sound, key, own[key])
    return Settings.model_validate_json(json.dumps(replace(root, value=sound).plain()))


def _sound_part(root: Node, sound: Mapping[str, Node], key: str, node: Node) -> dict[str, Node]:
    """What can be kept of one section: all of it, or whether it is enabled, or nothing."""
    switch = {name: each for name, each in _members(node).items() if name == "enabled"}
    for part in (node, replace(node, value=switch)):
        if isinstance(validated(Settings, replace(root, value={**sound, key: part})), Settings):
            return {key: part}
    return {}


def _core_part(key: str, node: Node) -> Node:
    """A section without what belongs to its plugins."""
    if key in _LISTING:
        kept = {name: each for name, each in _members(node).items() if name != "use"}
    elif key in _CHOOSING:
        own = CORE_KEYS[_CHOOSING[key].kind]
        kept = {name: each for name, each in _members(node).items() if name in own and name != "use"}
    else:
        return node
    return replace(node, value=kept) if isinstance(node.value, dict) else node


def _complete(settings: Settings, stages: Mapping[str, Node], chooser: Chooser, report: Report) -> Settings:
    """The settings with the chosen components, and every stage enabled or not as it will run."""
    disabled = disabled_stages(settings)
    report.add(*contradictions(settings, disabled, stages))
    chosen: dict[str, object] = {}
    for name, kind in _LISTING.items():
        chosen[name] = chooser.several(kind, stages[name], name not in disabled)
    for name, kind in _CHOOSING.items():
        chosen[name] = chooser.one(kind, stages[name], name not in disabled)
    changes: dict[str, Stage] = {}
    for name, stage in settings.stages().items():
        use = {"use": chosen[name]} if name in chosen else {}
        changes[name] = stage.model_copy(update={"enabled": name not in disabled, **use})
    return settings.model_copy(update=changes)


def _check_disabled(node: Node, names: tuple[str, ...], manager: PluginManager, report: Report) -> tuple[str, ...]:
    """Refuse a misspelt name; one that is like none may be of a plugin that is not installed here, and is noted."""
    known = {name for provider in manager.providers for name in (provider.plugin, provider.distribution)}
    listed = _members(node)["disabled"].value if names else []
    notes = []
    for name, place in zip(names, listed if isinstance(listed, list) else [], strict=True):
        if name in known:
            continue
        hint = nearest(name, known)
        if hint.startswith("did you mean"):
            report.add(place.problem(f"no plugin is called {name!r}", hint))
        else:
            notes.append(str(place.problem(f"no plugin {name!r} is installed here", "it disables nothing")))
    return tuple(notes)


def _members(node: Node) -> dict[str, Node]:
    return node.value if isinstance(node.value, dict) else {}
