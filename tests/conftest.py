"""Fixtures of several folders."""

from __future__ import annotations

import contextlib
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hatchling.build import build_wheel

FAKE_DISTRIBUTIONS = Path(__file__).parent / "fake_distributions"

Installer = Callable[..., Path]
"""Called with names of fake distributions: a folder in which their wheels are installed."""


@pytest.fixture(scope="session")
def fake_wheel(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The wheel of a fake distribution, built once."""
    folder = tmp_path_factory.mktemp("wheels")
    built: dict[str, Path] = {}

    def wheel(name: str) -> Path:
        if name not in built:
            with contextlib.chdir(FAKE_DISTRIBUTIONS / name):
                built[name] = folder / build_wheel(str(folder))
        return built[name]

    return wheel


@pytest.fixture
def install_fake(fake_wheel: Callable[[str], Path], tmp_path: Path) -> Installer:
    """Installs fake distributions as an installer would: their wheels unpacked into one folder."""

    def install(*names: str) -> Path:
        site = tmp_path / "site"
        site.mkdir(exist_ok=True)
        for name in names:
            with zipfile.ZipFile(fake_wheel(name)) as wheel:
                wheel.extractall(site)
        return site

    return install
