"""What a registered version was made of, from the answer it serves back to the annotations.

The sealed bundle says it; the registry, the state store and the kept data version are asked whether they agree.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from candle_ml.bundle import (
    EFFECTIVE,
    PIPELINE,
    BundleInfo,
    Frozen,
    SealedBundle,
    SeriesAnnotations,
    Versions,
    open_bundle,
)
from candle_ml.dataset import Dataset
from candle_ml.errors import DataError, StateError
from candle_ml.whereabouts import of_version

if TYPE_CHECKING:
    from candle_ml.registry import RegisteredVersion, Registry
    from candle_ml.state import StateStore, TrainingRun

FindData = Callable[[str], Dataset | None]
"""The data set of a kept version, proven; None where it is not kept here. Raises `DataError` where it is damaged."""


class Trace(Frozen):
    """Where one registered version comes from. `trained_at` is Unix seconds UTC.

    `digest` is the SHA-256 of the bundle's manifest and covers all that is told here of the bundle. `pipeline` is the
    configuration file as it was written, `effective` what was used of it, whose hash is `config_hash`. `run_status` is
    None where the state store was not asked or does not know the run. `missing` says what cannot be told, and why;
    `mismatches` what two places say differently, or which of them is damaged.
    """

    model_name: str
    version: int
    aliases: tuple[str, ...]
    digest: str
    run_id: str
    run_status: str | None
    experiment_name: str
    model_type: str
    trained_at: int
    data_version: str | None
    data_hash: str
    annotations: tuple[SeriesAnnotations, ...]
    config_hash: str
    pipeline: str
    effective: str
    commit: str | None
    versions: Versions
    missing: tuple[str, ...]
    mismatches: tuple[str, ...]


def trace(registry: Registry, name: str, store: StateStore | None = None, find_data: FindData | None = None) -> Trace:
    """Trace the version of a number, an alias or a run id.

    What is None is not asked. Raises `RegistryError` for an unknown version and `BundleError` for a damaged bundle.
    """
    version = registry.select(name)
    with tempfile.TemporaryDirectory(prefix="candle-ml-trace-") as folder:
        with of_version(registry, version):
            sealed = open_bundle(registry.fetch(version, Path(folder)), version.digest)
        return trace_bundle(sealed, version, store, find_data)


def trace_bundle(
    sealed: SealedBundle,
    version: RegisteredVersion,
    store: StateStore | None = None,
    find_data: FindData | None = None,
) -> Trace:
    """Trace a version whose bundle is at hand; what is None is not asked."""
    info = sealed.info
    run, unknown_run = _run(info, store)
    data, problems = _data(info, find_data)
    return Trace(
        model_name=version.name,
        version=version.version,
        aliases=version.aliases,
        digest=sealed.digest,
        run_id=info.run_id,
        run_status=None if run is None else run.status,
        experiment_name=info.experiment_name,
        model_type=info.model_type,
        trained_at=info.trained_at,
        data_version=info.data_version,
        data_hash=info.data_hash,
        annotations=info.annotations,
        config_hash=info.config_hash,
        pipeline=sealed.text(PIPELINE),
        effective=sealed.text(EFFECTIVE),
        commit=info.commit,
        versions=info.versions,
        missing=(*unknown_run, *_untold(info), *_uncompared(info, find_data, data, problems)),
        mismatches=(*_of_registry(info, version), *_of_run(info, run), *problems, *_of_data(info, data)),
    )


def _run(info: BundleInfo, store: StateStore | None) -> tuple[TrainingRun | None, tuple[str, ...]]:
    """What the state store has of the run, and what keeps it from telling."""
    if store is None:
        return None, ("run: the state store was not asked",)
    try:
        run = store.find_run(info.run_id)
    except StateError:
        return None, ("run: the state store does not answer; candle-ml db status says why",)
    return run, () if run else ("run: the state store does not know it",)


def _data(info: BundleInfo, find_data: FindData | None) -> tuple[Dataset | None, tuple[str, ...]]:
    """The data set of the version that the bundle names, and what is wrong with it."""
    if info.data_version is None or find_data is None:
        return None, ()
    try:
        return find_data(info.data_version), ()
    except DataError as error:
        return None, tuple(map(str, error.problems))


def _untold(info: BundleInfo) -> Iterator[str]:
    """What the bundle itself does not say."""
    if info.data_version is None:
        yield "data version: none was kept, the data stage was disabled; the data hash alone tells the data"
    if info.commit is None:
        yield "code commit: the project was not under git"
    if not info.annotations:
        yield "annotations: an earlier candle-ml wrote this bundle, without their ids by series"


def _uncompared(
    info: BundleInfo, find_data: FindData | None, data: Dataset | None, problems: tuple[str, ...]
) -> Iterator[str]:
    """What of the data version could not be looked at."""
    if info.data_version is None or problems:
        return
    if find_data is None:
        yield f"data version {info.data_version}: it was not looked at; candle-ml trace does"
    elif data is None:
        yield f"data version {info.data_version}: it is not kept here"
    elif data.hash != info.data_hash and not _foreign(info, data):
        part = "the model learned from a part of it, by --from or --to"
        yield f"data version {info.data_version}: {part}, so that the data hashes cannot be compared"


def _of_registry(info: BundleInfo, version: RegisteredVersion) -> Iterator[str]:
    pairs = (("run", version.run_id, info.run_id), ("model type", version.model_type, info.model_type))
    yield from _differing("the registry", pairs)


def _of_run(info: BundleInfo, run: TrainingRun | None) -> Iterator[str]:
    if run is None:
        return
    pairs = (
        ("configuration hash", run.config_hash, info.config_hash),
        ("data version", run.dataset_version, info.data_version),
        ("experiment", run.experiment_name, info.experiment_name),
        ("model type", run.model_type, info.model_type),
    )
    yield from _differing("the state store", pairs)
    if run.status != "finished":
        yield f"run: {run.status} in the state store, although its model is registered"


def _of_data(info: BundleInfo, data: Dataset | None) -> Iterator[str]:
    if data is None or data.hash == info.data_hash:
        return
    for name in _foreign(info, data):
        yield f"annotation {name}: in the bundle, not in data version {info.data_version}"


def _foreign(info: BundleInfo, data: Dataset) -> list[str]:
    """The annotations of the bundle that a data set does not have."""
    there = {(key.pair, key.timeframe, item.id) for key, one in data.series.items() for item in one.annotations}
    return [
        f"{one.pair} {one.timeframe} {name}"
        for one in info.annotations
        for name in one.fitted + one.others
        if (one.pair, one.timeframe, name) not in there
    ]


def _differing(place: str, pairs: tuple[tuple[str, str | None, str | None], ...]) -> Iterator[str]:
    for what, theirs, bundled in pairs:
        if theirs != bundled:
            yield f"{what}: {theirs or 'none'} in {place}, {bundled or 'none'} in the bundle"
