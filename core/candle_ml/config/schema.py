"""The JSON Schema (2020-12) of pipeline.yaml, for editors."""

from __future__ import annotations

from typing import Any

from candle_ml.components import Component, ComponentKind
from candle_ml.config.models import FeaturesStage, LabelsStage, ModelStage, Settings, SourcesStage, Stage
from candle_ml.plugins import PluginManager

_Schema = dict[str, Any]
_LISTING: tuple[tuple[type[Stage], ComponentKind], ...] = (
    (SourcesStage, "annotation-source"),
    (FeaturesStage, "feature-extractor"),
)
_CHOOSING: dict[str, tuple[type[Stage], ComponentKind]] = {
    "labels": (LabelsStage, "label-encoder"),
    "model": (ModelStage, "model-trainer"),
}


def schema(manager: PluginManager) -> _Schema:
    """What pipeline.yaml may say; each component's options stand beside its `use`. Unusable components are left out."""
    root = Settings.model_json_schema()
    definitions = root.setdefault("$defs", {})
    for stage, kind in _LISTING:
        items = [_with_use(component, definitions) for component in _usable(manager, kind)]
        items.append({"enum": [component.name for component in _usable(manager, kind)]})
        description = stage.model_fields["use"].description
        listed = {"type": "array", "items": {"oneOf": items}, "description": description}
        definitions[stage.__name__]["properties"]["use"] = listed
    for key, node in root["properties"].items():
        if "$ref" in node:  # all its keys may be commented out
            root["properties"][key] = {"anyOf": [{"$ref": node["$ref"]}, {"type": "null"}]}
    for key, (stage, kind) in _CHOOSING.items():
        root["properties"][key] = {"anyOf": _choices(stage, _usable(manager, kind), definitions)}
        del definitions[stage.__name__]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **root, "title": "pipeline.yaml"}


def _choices(stage: type[Stage], components: list[Component], definitions: _Schema) -> list[_Schema]:
    """One schema for each component that the stage could use, and one for the stage that is disabled."""
    core: _Schema = definitions[stage.__name__]["properties"]
    disabled = {
        "properties": {**core, "enabled": {"const": False}},
        "required": ["enabled"],
        "type": "object",
    }
    chosen = [_with_use(component, definitions) for component in components]
    return [*({**each, "properties": {**core, **each["properties"]}} for each in chosen), disabled]


def _with_use(component: Component, definitions: _Schema) -> _Schema:
    """The options of a component beside `use: <its name>`; shared definitions go to the root's."""
    prefix = f"{component.kind}.{component.name}."
    options = component.options.model_json_schema(ref_template=f"#/$defs/{prefix}{{model}}")
    definitions.update({f"{prefix}{name}": each for name, each in options.pop("$defs", {}).items()})
    core = {"use": {"const": component.name, "description": component.summary}, "enabled": {"type": "boolean"}}
    return {**options, "properties": {**core, **options.get("properties", {})}, "required": ["use"]}


def _usable(manager: PluginManager, kind: ComponentKind) -> list[Component]:
    names = {row.name for row in manager.listing() if row.kind == kind and row.status == "ok"}
    return [manager.component(kind, name) for name in sorted(names)]
