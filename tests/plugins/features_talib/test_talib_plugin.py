"""The plugin module of the TA-Lib features: what it offers and what it does not import."""

from __future__ import annotations

import subprocess
import sys

import pytest

from candle_ml.components import Component
from candle_ml_features_talib import plugin

COMPONENTS = [*plugin.candle_ml_feature_extractors(), *plugin.candle_ml_annotation_sources()]
EVERY_COMPONENT = pytest.mark.parametrize("component", COMPONENTS, ids=lambda component: component.name)


def test_the_components() -> None:
    """The plugin offers five feature extractors and one source of labels."""
    assert [(component.kind, component.name) for component in COMPONENTS] == [
        ("feature-extractor", "talib-cdl"),
        ("feature-extractor", "talib-indicators"),
        ("feature-extractor", "candle-shape"),
        ("feature-extractor", "window-shape"),
        ("feature-extractor", "window-kernels"),
        ("annotation-source", "talib-patterns"),
    ]


def test_the_plugin_module_imports_nothing_heavy() -> None:
    """Importing the plugin and reading its options imports neither TA-Lib nor NumPy's users among its components."""
    code = (
        "import sys; from candle_ml_features_talib import plugin; list(plugin.candle_ml_feature_extractors());"
        "print([name for name in ('talib', 'pandas', 'candle_ml_features_talib.cdl') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@EVERY_COMPONENT
def test_a_component_is_built_from_its_defaults(component: Component) -> None:
    """Every component works without a single option."""
    assert component.build(component.options()) is not None


@EVERY_COMPONENT
def test_every_option_is_described_and_has_a_default(component: Component) -> None:
    """Each option says what it does and can be left out."""
    for name, field in component.options.model_fields.items():
        assert field.description, name
        assert not field.is_required(), name


@EVERY_COMPONENT
def test_options_survive_a_round_trip(component: Component) -> None:
    """The defaults, written out in full, are valid options that mean the same."""
    defaults = component.options()
    assert component.options.model_validate(defaults.model_dump(mode="json")) == defaults
