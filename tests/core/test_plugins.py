"""What the plugin manager says of good, broken, misspelt, rival and disabled plugins, all of them real wheels."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

import pytest

from candle_ml.components import ComponentKind, FeatureExtractorComponent, NoOptions
from candle_ml.errors import PluginError
from candle_ml.plugins import PluginManager, PluginRow
from candle_ml.plugins.records import Offer, Provider
from candle_ml.plugins.source_code import source_digests

Load = Callable[..., PluginManager]


@pytest.fixture
def load(install_fake: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[Load]:
    """Loads the manager with fake distributions installed beside candle-ml."""
    before = set(sys.modules)

    def load_with(*names: str, disabled: tuple[str, ...] = ()) -> PluginManager:
        monkeypatch.syspath_prepend(str(install_fake(*names)))
        return PluginManager.load(disabled)

    yield load_with
    for name in set(sys.modules) - before:
        if name.partition(".")[0] in {
            "acme_features",
            "rival_features",
            "rival_name",
            "needs_package",
            "rule_breakers",
        }:
            del sys.modules[name]


def row_of(manager: PluginManager, name: str) -> PluginRow:
    rows = [row for row in manager.listing() if row.name == name]
    assert len(rows) == 1, rows
    return rows[0]


def message(manager: PluginManager, kind: ComponentKind, name: str) -> str:
    with pytest.raises(PluginError) as caught:
        manager.component(kind, name)
    return str(caught.value)


def run_python(site: Path, code: str) -> str:
    """The output of a fresh interpreter that has the site folder."""
    path = os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_wheel_of_its_own_offers_components_beside_the_bundled_ones(load: Load) -> None:
    """A component of an installed wheel is listed with its distribution, version, summary and option schema."""
    manager = load("acme-features")
    row = row_of(manager, "momentum")
    assert (row.kind, row.plugin, row.distribution, row.version) == (
        "feature-extractor",
        "acme-features",
        "acme-features",
        "1.2.0",
    )
    assert (row.status, row.summary, row.error) == ("ok", "log return over some candles", "")
    assert row.options is not None
    assert json.loads(json.dumps(row.options))["properties"]["candles"]["default"] == 5
    assert row_of(manager, "windowed").distribution == "candle-ml"


def test_a_component_is_built_from_its_options(load: Load) -> None:
    """What `build` returns is the plugin's own object, made from the given options."""
    manager = load("acme-features")
    options = manager.component("feature-extractor", "momentum").options.model_validate({"candles": 7})
    assert manager.build("feature-extractor", "momentum", options).columns == ("momentum_7",)


def test_a_misspelt_component_is_answered_with_the_nearest_one(load: Load) -> None:
    """Asking for an unknown component names the closest known one of its kind."""
    assert message(load("acme-features"), "feature-extractor", "momentun") == (
        "plugins: no plugin provides feature-extractor 'momentun'; did you mean 'momentum'?"
    )


def test_an_unknown_component_is_answered_with_all_of_its_kind() -> None:
    """A name that is like no other is answered with every name of the kind."""
    assert message(PluginManager.load(), "label-encoder", "zzz") == (
        "plugins: no plugin provides label-encoder 'zzz'; one of windowed"
    )


def test_without_any_plugin_there_is_nothing_to_choose() -> None:
    """A kind that nobody offers is said to need a plugin."""
    assert message(PluginManager((), (), ()), "model-trainer", "xgboost") == (
        "plugins: no plugin provides model-trainer 'xgboost'; install a plugin that does"
    )


def test_a_plugin_that_cannot_be_imported_breaks_nothing_that_does_not_ask_for_it(load: Load) -> None:
    """A plugin whose import fails is listed as broken with its cause, and the others work."""
    manager = load("broken-import", "acme-features")
    row = row_of(manager, "broken-import")
    assert (row.kind, row.distribution, row.version, row.status) == ("plugin", "broken-import", "2.0.0", "broken")
    assert row.error == (
        "could not be imported (ModuleNotFoundError: No module named 'package_that_is_nowhere'); "
        "pip install 'broken-import[broken-import]'"
    )
    assert manager.component("feature-extractor", "momentum").name == "momentum"


def test_a_plugin_that_cannot_be_imported_is_named_when_something_is_not_found(load: Load) -> None:
    """Asking for an unknown component names the broken plugin, its cause and the extra that would cure it."""
    assert message(load("broken-import", "acme-features"), "feature-extractor", "momentun") == (
        "plugins: no plugin provides feature-extractor 'momentun'; did you mean 'momentum'?; "
        "plugin 'broken-import' of broken-import 2.0.0 might, but could not be imported "
        "(ModuleNotFoundError: No module named 'package_that_is_nowhere'); pip install 'broken-import[broken-import]'"
    )


def test_a_misspelt_hook_is_answered_with_the_nearest_hook(load: Load) -> None:
    """A plugin that implements an unknown hook is broken, and told which hook it may have meant."""
    manager = load("misspelt-hook")
    assert row_of(manager, "misspelt-hook").error == (
        "implements the unknown hook 'candle_ml_feature_extractor'; did you mean 'candle_ml_feature_extractors'?"
    )
    assert "'misspelt-hook' of misspelt-hook 0.1.0 might" in message(manager, "feature-extractor", "unreachable")


def test_two_providers_of_one_component_are_both_named_when_it_is_asked_for(load: Load) -> None:
    """A component that two distributions offer is an error naming both; what only one offers works."""
    manager = load("acme-features", "rival-features")
    both = (
        "feature-extractor 'momentum' comes from plugin 'acme-features' of acme-features 1.2.0 "
        "and from plugin 'rival-features' of rival-features 4.0.0"
    )
    assert message(manager, "feature-extractor", "momentum") == (
        f"plugins: {both}; uninstall one of the two, or name one in plugins.disabled"
    )
    listed = [(row.status, row.distribution) for row in manager.listing() if row.name == "momentum"]
    assert sorted(listed) == [("conflict", "acme-features"), ("conflict", "rival-features")]
    assert manager.component("feature-extractor", "rival-only").name == "rival-only"


def test_two_plugins_of_one_name_are_both_named_when_asked_for(load: Load) -> None:
    """A plugin name that two distributions use makes the components of both an error naming both."""
    manager = load("acme-features", "rival-name")
    taken = "the plugin name 'acme-features' is taken by acme-features 1.2.0 and by rival-name 5.0.0"
    for name in ("momentum", "rival-named"):
        assert message(manager, "feature-extractor", name) == (
            f"plugins: {taken}; uninstall one of the two, or name one in plugins.disabled"
        )
        assert (row_of(manager, name).status, row_of(manager, name).error) == ("conflict", taken)


@pytest.mark.parametrize("rival", ["rival-features", "rival-name"])
def test_disabling_one_of_two_rivals_by_its_distribution_settles_the_conflict(load: Load, rival: str) -> None:
    """With one distribution disabled, the other's component can be chosen."""
    manager = load("acme-features", rival, disabled=(rival,))
    assert manager.provider("feature-extractor", "momentum").distribution == "acme-features"
    assert [row.status for row in manager.listing() if row.distribution == rival] == ["disabled"]


def test_plugins_disabled_later_are_as_good_as_disabled_at_once(load: Load) -> None:
    """A manager without some plugins lists and refuses as one that never loaded them."""
    at_once = load("acme-features", disabled=("acme-features",))
    later = PluginManager.load().without(("acme-features",))
    assert later.listing() == at_once.listing()
    assert message(later, "feature-extractor", "momentum") == message(at_once, "feature-extractor", "momentum")


def test_a_component_of_a_disabled_plugin_is_not_found_and_the_plugin_is_named(load: Load) -> None:
    """Asking for what a disabled plugin may provide says that it is disabled."""
    manager = load("acme-features", disabled=("acme-features", "features-talib"))
    assert message(manager, "feature-extractor", "momentum") == (
        "plugins: no plugin provides feature-extractor 'momentum'; install a plugin that does; "
        "plugin 'acme-features' of acme-features 1.2.0 might, but is disabled; "
        "plugin 'features-talib' of candle-ml 0.1.0 might, but is disabled"
    )


@pytest.mark.parametrize(
    ("plugin", "error"),
    [
        ("fails-in-hook", "fails in candle_ml_label_encoders (RuntimeError: no licence file)"),
        (
            "no-marked-hook",
            "offers no component; mark its hook functions with candle_ml.hookspecs.hookimpl",
        ),
        ("same-module", "is the same module as plugin 'odd-components' of rule-breakers 0.0.1"),
    ],
)
def test_a_plugin_that_breaks_the_rules_is_broken_as_a_whole(load: Load, plugin: str, error: str) -> None:
    """A failing, unmarked or doubled plugin is listed as broken with the reason."""
    row = row_of(load("rule-breakers"), plugin)
    assert (row.kind, row.status, row.error) == ("plugin", "broken", error)


def test_a_hook_that_wants_arguments_is_named(load: Load) -> None:
    """A hook function with parameters that the hook does not give makes its plugin broken, naming the parameter."""
    error = row_of(load("rule-breakers"), "takes-arguments").error
    assert error.startswith("breaks its hook (PluginValidationError: Plugin")
    assert "Argument(s) {'settings'} are declared in the hookimpl but can not be found in the hookspec" in error


def test_a_component_of_the_wrong_kind_is_named(load: Load) -> None:
    """A plugin that yields a component under another kind's hook is broken and told what to yield."""
    error = row_of(load("rule-breakers"), "wrong-kind").error
    assert error.startswith("yields LabelEncoderComponent(name='lost-encoder'")
    assert error.endswith(" from candle_ml_feature_extractors; yield FeatureExtractorComponent records")


@pytest.mark.parametrize(
    ("kind", "name", "rule"),
    [
        ("feature-extractor", "Not_Kebab", "its name 'Not_Kebab' is not kebab-case"),
        (
            "feature-extractor",
            "plain-options",
            "its options <class 'rule_breakers.odd_components.Plain'> are no subclass of candle_ml.components.Options",
        ),
        ("feature-extractor", "without-default", "its option 'period' has no default"),
        ("feature-extractor", "takes-use", "its option 'use' has the name of a key of the core"),
        ("model-trainer", "takes-refit", "its option 'refit' has the name of a key of the core"),
    ],
)
def test_a_component_that_breaks_a_rule_is_named_with_the_rule(
    load: Load, kind: ComponentKind, name: str, rule: str
) -> None:
    """Asking for a component that breaks a rule says which; it is listed as broken."""
    manager = load("rule-breakers")
    assert message(manager, kind, name) == f"{kind} {name!r} of plugin 'odd-components' of rule-breakers 0.0.1: {rule}"
    broken = [row for row in manager.listing() if (row.kind, row.name) == (kind, name)]
    assert [(row.status, row.error, row.options) for row in broken] == [("broken", rule, None)]


@pytest.mark.parametrize("name", ["good", "takes-refit"])
def test_good_components_of_a_plugin_work_beside_its_bad_ones(load: Load, name: str) -> None:
    """A component that breaks no rule can be chosen whatever the others of its plugin do."""
    assert load("rule-breakers").component("feature-extractor", name).name == name


def test_a_missing_package_is_named_with_the_extra_that_brings_it(load: Load) -> None:
    """Building a component whose module cannot be imported says why and what to install."""
    with pytest.raises(PluginError) as caught:
        load("needs-package").build("feature-extractor", "heavy", NoOptions())
    assert str(caught.value) == (
        "feature-extractor 'heavy' of plugin 'needs-package' of needs-package 1.0.0: "
        "ModuleNotFoundError: No module named 'package_that_is_nowhere'; pip install 'needs-package[fast]'"
    )


def test_a_missing_package_without_an_extra_is_named(load: Load) -> None:
    """Without an extra the advice is to install what the module imports."""
    with pytest.raises(PluginError) as caught:
        load("needs-package").build("feature-extractor", "heavy-without-extra", NoOptions())
    assert str(caught.value).endswith("No module named 'package_that_is_nowhere'; install what it imports")


def test_a_missing_package_is_named_when_a_model_is_loaded(load: Load, tmp_path: Path) -> None:
    """Loading a model whose trainer's module cannot be imported says what to install."""
    with pytest.raises(PluginError) as caught:
        load("needs-package").load_model("heavy-model", tmp_path)
    assert str(caught.value) == (
        "model-trainer 'heavy-model' of plugin 'needs-package' of needs-package 1.0.0: "
        "ModuleNotFoundError: No module named 'package_that_is_nowhere'; pip install 'needs-package[fast]'"
    )


def test_a_component_that_points_nowhere_is_named(load: Load) -> None:
    """Building a component whose reference does not exist says so."""
    with pytest.raises(PluginError) as caught:
        load("needs-package").build("feature-extractor", "nowhere", NoOptions())
    assert str(caught.value) == (
        "feature-extractor 'nowhere' of plugin 'needs-package' of needs-package 1.0.0: "
        "cannot be built (AttributeError: module 'needs_package' has no attribute 'Nowhere')"
    )


@pytest.mark.parametrize(
    ("build", "told"),
    [
        (lambda options: 1 / 0, "cannot be built (ZeroDivisionError: division by zero)"),
        (lambda options: sys.exit(0), "cannot be built (SystemExit: 0)"),
        (lambda options: None, "its build returns None; the contract is an object"),
    ],
)
def test_a_component_that_builds_nothing_is_named(build: Callable[[object], object], told: str) -> None:
    """What `build` raises, an exit included, and a `build` without result, are errors of that component."""
    component = FeatureExtractorComponent(name="odd", summary="odd", build=build)
    manager = PluginManager((Offer(Provider("odd-plugin", "odd-things", "1"), component),), (), ())
    with pytest.raises(PluginError) as caught:
        manager.build("feature-extractor", "odd", NoOptions())
    assert str(caught.value) == f"feature-extractor 'odd' of plugin 'odd-plugin' of odd-things 1: {told}"


def test_the_digest_of_a_package_follows_its_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An edit, or another name, of any Python file changes the digest of its top-level package, and of no other."""
    folder = tmp_path / "digested" / "inner"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").write_text("", "utf-8")
    (folder / "__init__.py").write_text("class Part:\n    pass\n", "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    part = import_module("digested.inner").Part()
    first = source_digests([part, NoOptions()])
    assert set(first) == {"candle_ml", "digested"}
    assert source_digests([part]) == {"digested": first["digested"]}
    (folder / "__init__.py").write_text("class Part:\n    ahead = 1\n", "utf-8")
    second = source_digests([part])["digested"]
    (folder.parent / "__init__.py").rename(folder / "moved.py")
    assert len({first["digested"], second, source_digests([part])["digested"]}) == 3


def test_a_disabled_plugin_is_never_imported(install_fake: Callable[..., Path]) -> None:
    """In a fresh interpreter no module of a disabled plugin appears, while other plugins are loaded."""
    code = (
        "import sys; from candle_ml.plugins import PluginManager; "
        "m = PluginManager.load(['acme-features']); "
        "print([r.status for r in m.listing() if r.plugin == 'acme-features'], "
        "'acme_features' in sys.modules, 'acme_sequence.plugin' in sys.modules)"
    )
    site = install_fake("acme-features", "acme-sequence")
    assert run_python(site, code).split("\n")[0] == "['disabled'] False True"


def test_the_module_of_a_component_that_is_not_chosen_is_never_imported(install_fake: Callable[..., Path]) -> None:
    """Loading plugins and building one component imports neither the other components nor any heavy package."""
    code = (
        "import sys; from candle_ml.plugins import PluginManager; m = PluginManager.load(); m.listing(); "
        "m.build('feature-extractor', 'momentum', m.component('feature-extractor', 'momentum').options()); "
        "heavy = ('acme_features.acme_range', 'acme_sequence.centroid', 'talib', 'xgboost', 'sklearn', 'pandas'); "
        "print('acme_features.momentum' in sys.modules, [name for name in heavy if name in sys.modules])"
    )
    assert run_python(install_fake("acme-features", "acme-sequence"), code) == "True []\n"
