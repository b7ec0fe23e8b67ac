"""Each plugin does without the packages of the others."""

from __future__ import annotations

import subprocess
import sys

import pytest

PACKAGES = {
    "features-talib": ("talib",),
    "models-tree": ("sklearn", "xgboost", "skops"),
    "sources": ("pandas", "pyarrow"),
    "annotator": ("tenacity", "urllib3"),
    "tracking": ("mlflow",),
    "data": ("dvc",),
    "server": ("quart", "hypercorn", "structlog", "prometheus_client"),
    "state": ("sqlalchemy", "alembic", "psycopg"),
}
NEEDS = {
    "features-talib": (
        "feature-extractor",
        ("talib-cdl", "talib-indicators", "candle-shape", "window-shape", "window-kernels"),
    ),
    "labels-windowed": ("label-encoder", ("windowed",)),
    "models-tree": ("model-trainer", ("random-features", "random-forest", "xgboost")),
    "sources": ("annotation-source", ("candle-files", "annotation-files")),
    "annotator": ("annotation-source", ("annotator-api",)),
}
SCRIPT = """
import sys
for package in {blocked!r}:
    sys.modules[package] = None
from candle_ml.plugins import PluginManager
manager = PluginManager.load()
assert not manager.failures, manager.failures
for name in {names!r}:
    manager.build({kind!r}, name, manager.component({kind!r}, name).options())
"""


@pytest.mark.parametrize("extra", NEEDS)
def test_a_plugin_builds_with_its_own_packages_only(extra: str) -> None:
    """With every package of the other extras out of reach, all components of a plugin are built."""
    kind, names = NEEDS[extra]
    own = PACKAGES.get(extra, ())
    blocked = tuple(name for packages in PACKAGES.values() for name in packages if name not in own)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(blocked=blocked, kind=kind, names=names)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("package", "kind", "name", "extra"),
    [
        ("talib", "feature-extractor", "talib-cdl", "features-talib"),
        ("xgboost", "model-trainer", "xgboost", "models-tree"),
        ("skops", "model-trainer", "random-forest", "models-tree"),
        ("pandas", "annotation-source", "candle-files", "sources"),
        ("urllib3", "annotation-source", "annotator-api", "annotator"),
    ],
)
def test_a_missing_package_names_the_extra(package: str, kind: str, name: str, extra: str) -> None:
    """Choosing a component whose package is missing says what to install."""
    script = SCRIPT.format(blocked=(package,), kind=kind, names=(name,))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert f"pip install 'candle-ml[{extra}]'" in done.stderr.splitlines()[-1]
