"""What a run that waits has at a tracking place that it does not go to any more."""

from __future__ import annotations

from candle_ml.errors import RegistryError
from candle_ml.registry import RegisteredVersion, Registry
from candle_ml.spool import RunRecord
from candle_ml.tracking import TrackingPlace, close_left_open

MOVED_TAG = "moved_to"
"""Of a registered version whose run went to another place: which."""


def leave(place: TrackingPlace, record: RunRecord, instead: TrackingPlace | None = None) -> tuple[str, ...]:
    """Close what a run has begun at a place, and mark what it was registered as; returns what stays, and what would do.

    A version keeps its aliases, because a service may follow them. A place that does not answer is told where it has
    something of the run.
    """
    try:
        close_left_open(place, record.experiment, {record.run_id: "KILLED"})
        versions = _versions(place, record)
        if instead is not None:
            _mark(place, versions, instead)
    except RegistryError as error:
        done = ", ".join(record.done)
        return (f"what was done of it ({done}) stays as it is: {error}",) if done else ()
    return tuple(_told(place, version) for version in versions)


def _versions(place: TrackingPlace, record: RunRecord) -> list[RegisteredVersion]:
    if record.registration is None:
        return []
    versions = Registry(place, record.registration.model_name).versions()
    return [version for version in versions if version.run_id == record.run_id]


def _mark(place: TrackingPlace, versions: list[RegisteredVersion], instead: TrackingPlace) -> None:
    if not versions:
        return
    client = place.client()
    with place.guarded():
        for version in versions:
            client.set_model_version_tag(version.name, str(version.version), MOVED_TAG, instead.shown)


def _told(place: TrackingPlace, version: RegisteredVersion) -> str:
    stays = f"{version.name} version {version.version} stays registered at {place.shown}"
    if not version.aliases:
        return f"{stays}; delete it in MLflow if nothing is to use it"
    aliases = ", ".join(map(repr, version.aliases))
    moves = f"candle-ml model promote VERSION --set tracking.uri={place.shown} moves the alias"
    return f"{stays}, where it serves alias {aliases}; {moves}"
