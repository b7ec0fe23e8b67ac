"""Plugins from wheels of their own keep the same promises."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from candle_ml.testing import check_plugin


@pytest.fixture
def acme(install_fake: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The wheels `acme-features` and `acme-sequence`, installed for one test."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(install_fake("acme-features", "acme-sequence")))
    yield
    for name in set(sys.modules) - before:
        if name.startswith("acme_"):
            del sys.modules[name]


@pytest.mark.parametrize("name", ["acme-features", "acme-sequence"])
@pytest.mark.usefixtures("acme")
def test_a_plugin_of_a_separate_wheel_keeps_its_promises(name: str) -> None:
    """An extractor, a sequence encoder and a sequence trainer from outside pass every check."""
    check_plugin(name)
