"""Good components with one thing altered, and what a check finds in them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from candle_ml.components import Component, ComponentKind, Options
from candle_ml.plugins import PluginManager
from candle_ml.testing import ContractError, contract_checks


class Altered:
    """Something good with some attributes replaced; a replaced method is given the good one's object first."""

    def __init__(self, good: object, changes: dict[str, Any]) -> None:
        self._good = good
        self._changes = changes

    def __getattr__(self, name: str) -> Any:
        if name not in self._changes:
            return getattr(self._good, name)
        change = self._changes[name]
        return partial(change, self._good) if callable(change) else change


@pytest.fixture(scope="session")
def altered() -> Callable[[ComponentKind, str, dict[str, Any]], Component]:
    """An installed component whose built objects have some attributes replaced."""
    manager = PluginManager.load()

    def alter(kind: ComponentKind, name: str, changes: dict[str, Any]) -> Component:
        good = manager.component(kind, name)
        return replace(good, build=lambda options: Altered(good.build(options), changes))

    return alter


@pytest.fixture(scope="session")
def found() -> Callable[..., str]:
    """What the check of a name finds, without the component's name and the promise."""

    def find(component: Component, check_name: str, options: Options | None = None, root: Path | None = None) -> str:
        checks = {check.name: check for check in contract_checks(component, options, root)}
        with pytest.raises(ContractError) as caught:
            checks[check_name].run()
        message = str(caught.value)
        assert message.startswith(f"{component.name}: {check_name}: ")
        assert message.endswith(f"; the contract is: {checks[check_name].promise}")
        return message.removeprefix(f"{component.name}: {check_name}: ").partition("; the contract is: ")[0]

    return find
