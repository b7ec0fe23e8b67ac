"""Fixtures of several folders, and the figures that a test run prints."""

from __future__ import annotations

import contextlib
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

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


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker that counts a test towards a figure."""
    config.addinivalue_line("markers", "figure(name, cases=1): count the test's cases towards a figure of the summary")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Put the figure into the test's report, which crosses from worker processes."""
    for mark in item.iter_markers("figure"):
        name, *cases = mark.args
        item.user_properties.append((f"figure: {name}", cases[0] if cases else 1))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print each figure: in how many cases it held, of how many."""
    held, counted = Counter[str](), Counter[str]()
    for outcome in ("passed", "failed", "error"):
        for report in terminalreporter.stats.get(outcome, ()):
            # The report of a file that could not be imported has none.
            properties = getattr(report, "user_properties", ())
            figures = {name: cases for name, cases in properties if name.startswith("figure: ")}
            counted.update(figures)
            held.update(figures if outcome == "passed" else {})
    for name in sorted(counted):
        terminalreporter.write_line(f"{name}: {held[name]:,} of {counted[name]:,}")
