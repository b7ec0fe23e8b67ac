"""The JSON Schema of pipeline.yaml."""

from __future__ import annotations

import json
import re
from typing import Any

from candle_ml.config import schema
from candle_ml.plugins import PluginManager

MANAGER = PluginManager.load()
SCHEMA = schema(MANAGER)


def section(key: str) -> dict[str, Any]:
    """What may stand under a key of the file, if not nothing."""
    node = SCHEMA["properties"][key]
    reference = node.get("anyOf", [node])[0].get("$ref")
    return node if reference is None else SCHEMA["$defs"][reference.removeprefix("#/$defs/")]


def test_the_schema_says_which_draft_it_is_and_refuses_unknown_stages() -> None:
    """The schema is of draft 2020-12 and closed."""
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert SCHEMA["additionalProperties"] is False
    assert SCHEMA["required"] == ["name"]


def test_every_reference_of_the_schema_leads_somewhere() -> None:
    """Each `$ref` names a definition that is there."""
    references = set(re.findall(r'"\$ref": "([^"]+)"', json.dumps(SCHEMA)))
    assert {name.removeprefix("#/$defs/") for name in references} == set(SCHEMA["$defs"])


def test_the_options_of_each_component_stand_beside_its_name() -> None:
    """A list item that says `use: window-shape` has its options and no others; a bare name is one of the components."""
    items = section("features")["properties"]["use"]["items"]["oneOf"]
    by_name = {item["properties"]["use"]["const"]: item for item in items if "properties" in item}
    assert set(by_name) == set(MANAGER.names("feature-extractor"))
    shape = by_name["window-shape"]
    assert set(shape["properties"]) == {"use", "enabled", "points", "prices", "swing", "context"}
    assert (shape["additionalProperties"], shape["required"]) == (False, ["use"])
    assert items[-1] == {"enum": sorted(by_name)}


def test_a_section_may_be_empty() -> None:
    """A section whose keys are all commented out is fine to editors."""
    assert SCHEMA["properties"]["split"] == {"anyOf": [{"$ref": "#/$defs/SplitStage"}, {"type": "null"}]}


def test_a_stage_with_one_component_has_the_keys_of_both_and_can_be_disabled() -> None:
    """The model stage takes the core's keys and the chosen trainer's options, or `enabled: false` alone."""
    *choices, disabled = SCHEMA["properties"]["model"]["anyOf"]
    by_name = {choice["properties"]["use"]["const"]: choice for choice in choices}
    assert set(by_name) == set(MANAGER.names("model-trainer"))
    assert {"use", "enabled", "refit", "trees"} <= set(by_name["random-forest"]["properties"])
    assert disabled["properties"]["enabled"] == {"const": False}
    assert disabled["required"] == ["enabled"]


def test_every_key_of_the_schema_is_described() -> None:
    """Each key of the core has a description for editors."""
    described = [key for key, node in SCHEMA["properties"].items() if "description" in node or "anyOf" in node]
    sections = [section(key) for key in SCHEMA["properties"]]
    bare = [key for each in sections for key, node in each.get("properties", {}).items() if "description" not in node]
    assert (bare, {"name", "seed"} <= set(described)) == ([], True)


def test_a_broken_component_is_left_out_of_the_schema() -> None:
    """Without its plugin a component's options are not offered."""
    without = schema(MANAGER.without(("models-tree",)))
    assert [choice["properties"].get("use") for choice in without["properties"]["model"]["anyOf"]] == [None]
