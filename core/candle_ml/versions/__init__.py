"""Data versions: what a run learns from, as Parquet with a SHA-256 manifest, kept by DVC and proven before use."""

from candle_ml.versions.contents import VersionFacts, open_contents, read_snapshot, version_name, write_contents
from candle_ml.versions.keeping import (
    KeptVersion,
    ListedVersion,
    checkout,
    data_samples,
    find_version,
    listed,
    read_version,
    snapshot,
)

__all__ = [
    "KeptVersion",
    "ListedVersion",
    "VersionFacts",
    "checkout",
    "data_samples",
    "find_version",
    "listed",
    "open_contents",
    "read_snapshot",
    "read_version",
    "snapshot",
    "version_name",
    "write_contents",
]
