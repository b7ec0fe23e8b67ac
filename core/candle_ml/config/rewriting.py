"""Other values in the text of a pipeline.yaml, with its comments and its order kept."""

from __future__ import annotations

import re
from collections.abc import Sequence

import yaml

from candle_ml.config.loading import parse_config, varied
from candle_ml.config.pipeline_config import PipelineConfig
from candle_ml.errors import ConfigError


def rewritten(config: PipelineConfig, overrides: Sequence[str] = ()) -> str:
    """The text of a file that says what the configuration does with further overrides.

    A key that the file has gets its new value, a default that is commented out is switched on, any other key is added.
    Where that would not mean the same, it is the effective configuration, without comments. Raises `ConfigError` where
    the overrides are refused.
    """
    wanted = varied(config, overrides)
    text = config.source_text
    for override in wanted.overrides:
        path, _, value = override.partition("=")
        text = _with_value(text, path.strip().split("."), value)
    try:
        same = parse_config(text, config.source_name, config.root, (), config.manager).hash == wanted.hash
    except ConfigError:
        same = False
    return text if same else wanted.text


def _with_value(text: str, keys: Sequence[str], value: str) -> str:
    node: yaml.Node | None = yaml.compose(text, Loader=yaml.SafeLoader)
    for depth, key in enumerate(keys):
        inner = _inner(node, key)
        if inner is None:
            return text if node is None else _added(text, node, keys[depth:], value, root=depth == 0)
        node = inner
    return text if node is None else _spliced(text, node.start_mark.index, _end(text, node), value)


def _inner(node: yaml.Node | None, key: str) -> yaml.Node | None:
    if isinstance(node, yaml.MappingNode):
        return next((value for name, value in node.value if name.value == key), None)
    if isinstance(node, yaml.SequenceNode) and key.isdigit() and int(key) < len(node.value):
        item: yaml.Node = node.value[int(key)]
        return item
    return None


def _added(text: str, node: yaml.Node, keys: Sequence[str], value: str, *, root: bool) -> str:
    """The text with a key that a mapping, an empty section or the name of a component lacks."""
    for key in reversed(keys[1:]):
        value = f"{{{key}: {value}}}"
    line, start, end = f"{keys[0]}: {value}", node.start_mark.index, node.end_mark.index
    commented = _commented(text, node, keys[0])
    if commented is not None:
        return _spliced(text, *commented, line)
    if isinstance(node, yaml.ScalarNode):
        inner = f"use: {text[start:end]}, {line}" if node.value else line
        return f"{text[:start]}{'' if node.value else ' '}{{{inner}}}{text[end:]}"
    if isinstance(node, yaml.CollectionNode) and node.flow_style:
        return f"{text[: start + 1]}{line}{', ' if node.value else ''}{text[start + 1 :]}"
    if root:
        return f"{text.rstrip()}\n{line}\n"
    return f"{text[:start]}{line}\n{' ' * node.start_mark.column}{text[start:]}"


def _commented(text: str, node: yaml.Node, key: str) -> tuple[int, int] | None:
    """From where to where `#key: value` stands among the lines of a block mapping, or of a section that is empty."""
    if isinstance(node, yaml.MappingNode) and not node.flow_style:
        indent, end = f" {{{node.start_mark.column}}}", node.end_mark.index
    elif isinstance(node, yaml.ScalarNode) and not node.value:
        section = re.compile(r"^[^\s#]", re.MULTILINE).search(text, node.end_mark.index)
        indent, end = " +", section.start() if section else len(text)
    else:
        return None
    found = re.compile(rf"^{indent}(#{re.escape(key)}:.*?)(?= +#|$)", re.MULTILINE).search(
        text, node.start_mark.index, end
    )
    return found and found.span(1)


def _end(text: str, node: yaml.Node) -> int:
    """Where a value ends; the mark of a block stands at what comes next."""
    return len(text[: node.end_mark.index].rstrip()) if isinstance(node, yaml.CollectionNode) else node.end_mark.index


def _spliced(text: str, start: int, end: int, new: str) -> str:
    """The text with a part replaced; a comment behind it stays in its column where it can."""
    gap = re.compile(" +(?=#)").match(text, end)
    if gap is None:
        return text[:start] + new + text[end:]
    return text[:start] + new.ljust(gap.end() - start - 1) + " " + text[gap.end() :]
