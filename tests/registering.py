"""Register a folder as somebody may who can write to the registry."""

from __future__ import annotations

from pathlib import Path

from candle_ml.registry import Registry


def register_folder(registry: Registry, artifacts: Path, digest: str, like: str | None = None) -> int:
    """Make a folder of artifacts the next version; but for the digest like version 1 of this or of another model."""
    client = registry.place.client()
    original = client.get_model_version(like or registry.name, "1")
    tags = {**original.tags, "digest": digest}
    return int(client.create_model_version(registry.name, artifacts.as_uri(), original.run_id, tags=tags).version)
