"""What stages need of each other."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from candle_ml.config.models import Settings
from candle_ml.config.reading import Node, described
from candle_ml.config.secrets import has_password
from candle_ml.errors import Problem

NEEDS: Mapping[str, tuple[str, ...]] = {
    "features": ("sources",),
    "labels": ("sources",),
    "split": ("labels",),
    "model": ("labels",),
    "audit": ("model",),
    "calibration": ("model", "split"),
    "evaluation": ("model", "split"),
    "registry": ("model", "tracking"),
}
"""The stages without which a stage cannot run, in the order that stages run in."""
_STORE = r"sqlite(\+\w+)?:///\S.*|(postgresql|mysql|mssql)(\+\w+)?://\S+|databricks(://\S+)?"
"""Addresses that MLflow takes beside those of servers."""
_MEANT = r"(?i)(?!databricks)(?:(https?)://)?([\w-]+(?:\.[\w-]+)*(?::\d+)?(?:/[^\s?#;]*)?)(?:[?#;]\S*)?"
"""What the address of a server may be meant by: without its scheme, or copied from a browser."""


def disabled_stages(settings: Settings) -> frozenset[str]:
    """The stages that say they are disabled, and those that say nothing and need one of them."""
    stages = settings.stages()
    disabled = {name for name, stage in stages.items() if not stage.enabled}
    for name, needed in NEEDS.items():
        if "enabled" not in stages[name].model_fields_set and not disabled.isdisjoint(needed):
            disabled.add(name)
    return frozenset(disabled)


def contradictions(settings: Settings, disabled: frozenset[str], places: Mapping[str, Node]) -> list[Problem]:
    """Everything that sections say against each other; `places` are the sections in the file."""
    problems = []
    for name, needed in NEEDS.items():
        missing = " and ".join(other for other in needed if other in disabled)
        if name not in disabled and missing:
            advice = f"enable {missing}, or write {name}: {{enabled: false}}"
            problems.append(_key(places[name], "enabled").problem(f"true, but {missing} is disabled", advice))
    problems += _blocks(settings, disabled, places)
    return problems + _address(settings.tracking.uri or "", places["tracking"]) + _remote(settings, places["data"])


def _blocks(settings: Settings, disabled: frozenset[str], places: Mapping[str, Node]) -> list[Problem]:
    split, folds = settings.split, settings.calibration.folds
    blocks = (("calibration", "calibration", split.calibration or folds), ("evaluation", "test", split.test))
    problems = [
        _key(places["split"], block).problem(
            f"0, which leaves nothing for {stage}", f"raise it, or write {stage}: {{enabled: false}}"
        )
        for stage, block, share in blocks
        if share == 0 and stage not in disabled
    ]
    if folds and split.calibration:
        found = f"{folds}, but split.calibration holds back {split.calibration:g}"
        problems.append(_key(places["calibration"], "folds").problem(found, "write split.calibration: 0, or folds: 0"))
    return problems


def _address(uri: str, place: Node) -> list[Problem]:
    if has_password(uri):
        advice = "take it out and set MLFLOW_TRACKING_PASSWORD, or PGPASSWORD, in the environment"
        return [_key(place, "uri").problem("an address with a password in it", advice)]
    if not uri or re.fullmatch(_STORE, uri) or _is_of_server(uri):
        return []
    meant = re.fullmatch(_MEANT, uri)
    server = f"{(meant[1] or 'http').lower()}://{meant[2]}" if meant else ""
    server = server if _is_of_server(server) else "http://host:5000"
    advice = f"write {server} for an MLflow server, or sqlite:///mlflow.db for a file"
    return [_key(place, "uri").problem(described(uri), advice)]


def _is_of_server(uri: str) -> bool:
    """Whether paths can be added to an address, as MLflow does."""
    try:
        parts = urlsplit(uri)
        return bool(re.fullmatch(r"https?://[^\s?#;]+", uri)) and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _remote(settings: Settings, place: Node) -> list[Problem]:
    remote = settings.data.remote or ""
    if "://" not in remote and not has_password(remote):
        return []
    return [_key(place, "remote").problem(described(remote), "a folder; mount what is elsewhere")]


def _key(node: Node, key: str) -> Node:
    return node.value[key] if isinstance(node.value, dict) and key in node.value else node
