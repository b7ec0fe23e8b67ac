"""Contract checks for plugins: what the core relies on, as plain functions whose docstring is the promise.

In a plugin's own tests::

    @pytest.mark.parametrize("check", contract_checks(COMPONENT), ids=str)
    def test_contract(check: Check) -> None:
        check.run()
"""

from candle_ml.testing.examples import ArrayMatrix, example_annotations, example_candles, example_series
from candle_ml.testing.kit import Check, check_component, check_plugin, contract_checks
from candle_ml.testing.promises import ContractError

__all__ = [
    "ArrayMatrix",
    "Check",
    "ContractError",
    "check_component",
    "check_plugin",
    "contract_checks",
    "example_annotations",
    "example_candles",
    "example_series",
]
