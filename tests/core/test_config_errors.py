"""Malformed configurations, each with the exact message that a user sees."""

from __future__ import annotations

from pathlib import Path

import pytest

from candle_ml.config import check_buildable, check_sample_kind, load_config, parse_config
from candle_ml.errors import ConfigError
from candle_ml.plugins import PluginManager

BASE = """\
name: demo
sources: {use: [candle-files]}
features:
  use:
    - candle-shape
    - {use: window-shape, points: 8}
labels: {use: windowed}
model:
  use: xgboost
"""


@pytest.fixture(scope="module")
def manager() -> PluginManager:
    return PluginManager.load()


def errors(manager: PluginManager, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse_config(text, "p.yaml", Path("project"), (), manager)
    return str(caught.value).split("\n")


WHOLE_FILES = {
    "not YAML": ("name: demo: x\n", "p.yaml:1:11: not YAML: mapping values are not allowed here"),
    "unclosed list": (
        "name: demo\nsources: {use: [candle-files\n",
        "p.yaml:3:1: not YAML: expected ',' or ']', but got '<stream end>'",
    ),
    "control character": ("name: de\x07mo\n", "p.yaml:1:9: not YAML: the character '\\x07'"),
    "a list": ("- name\n", "p.yaml:1:1: a list; a mapping of stages"),
    "a word": ("demo\n", "p.yaml:1:1: 'demo'; a mapping of stages"),
    "tab": ("name: demo\n\tseed: 1\n", "p.yaml:2:1: not YAML: found character '\\t' that cannot start any token"),
    "bottomless": (
        "[" * 30,
        "p.yaml:1:22: 0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0: more than 20 levels; fewer would do",
    ),
}


@pytest.mark.parametrize(("text", "message"), WHOLE_FILES.values(), ids=WHOLE_FILES.keys())
def test_a_file_that_is_no_mapping_is_refused_at_its_position(manager: PluginManager, text: str, message: str) -> None:
    """A text that is no YAML mapping gives one message with line and column."""
    assert errors(manager, text) == [message]


APPENDED = {
    "duplicate key": (
        "seed: 1\nseed: 2\n",
        "p.yaml:11:1: seed: the key 'seed' a second time; keep this or the one at p.yaml:10:1",
    ),
    "anchor": ("seed: &start 1\n", "p.yaml:10:7: seed: the anchor &start; leave it out"),
    "alias": ("seed: *start\n", "p.yaml:10:7: seed: the alias *start; write the value out"),
    "tag": (
        "seed: !!python/object:os.system 1\n",
        "p.yaml:10:7: seed: the tag tag:yaml.org,2002:python/object:os.system; leave it out",
    ),
    "second document": ("---\nname: x\n", "p.yaml:10:1: a second document; keep one document in a file"),
    "list as key": ("? [a]\n: b\n", "p.yaml:10:3: a key that is a list or a mapping; text"),
    "unknown stage": ("evalation: {}\n", "p.yaml:10:1: evalation: unknown key 'evalation'; did you mean 'evaluation'?"),
    "unknown key": (
        "split:\n  embarg: 3\n",
        "p.yaml:11:3: split.embarg: unknown key 'embarg'; did you mean 'embargo'?",
    ),
    "text for a whole number": ("seed: twelve\n", "p.yaml:10:7: seed: 'twelve'; a whole number"),
    "number with a point for a whole number": ("seed: 1.5\n", "p.yaml:10:7: seed: 1.5; a whole number"),
    "quoted number": ('seed: "1"\n', "p.yaml:10:7: seed: '1'; a whole number"),
    "negative seed": ("seed: -1\n", "p.yaml:10:7: seed: -1; at least 0"),
    "yes is a word": ("tracking: {enabled: yes}\n", "p.yaml:10:21: tracking.enabled: 'yes'; true or false"),
    "True is a word": ("tracking: {enabled: True}\n", "p.yaml:10:21: tracking.enabled: 'True'; true or false"),
    "nothing for a number": ("inference: {port: }\n", "p.yaml:10:18: inference.port: nothing; a whole number"),
    "port too large": ("inference: {port: 70000}\n", "p.yaml:10:19: inference.port: 70000; at most 65535"),
    "zero seconds": ("inference: {body_timeout: 0}\n", "p.yaml:10:27: inference.body_timeout: 0; a number above 0"),
    "unknown word": (
        "split: {method: temporale}\n",
        "p.yaml:10:17: split.method: 'temporale'; 'temporal', 'walk_forward' or 'random'",
    ),
    "shares": (
        "split: {train: 0.7}\n",
        "p.yaml:10:8: split: train, validation, calibration and test sum to 1.1; make them sum to 1",
    ),
    "no train share": (
        "split: {train: 0, test: 0.8}\n",
        "p.yaml:10:8: split: train is 0; leave something to train on",
    ),
    "one calibration fold": (
        "calibration: {folds: 1}\n",
        "p.yaml:10:22: calibration.folds: 1; one fold leaves nothing to train on; write 0, or 2 or more",
    ),
    "calibration folds beside a calibration block": (
        "calibration: {folds: 3}\n",
        "p.yaml:10:22: calibration.folds: 3, but split.calibration holds back 0.1; "
        "write split.calibration: 0, or folds: 0",
    ),
    "share of an empty block": (
        "split: {train: 0.7, calibration: 0}\n",
        "p.yaml:10:34: split.calibration: 0, which leaves nothing for calibration; "
        "raise it, or write calibration: {enabled: false}",
    ),
    "no test block": (
        "split: {train: 0.8, test: 0}\n",
        "p.yaml:10:27: split.test: 0, which leaves nothing for evaluation; "
        "raise it, or write evaluation: {enabled: false}",
    ),
    "empty list": ("evaluation: {iou: []}\n", "p.yaml:10:19: evaluation.iou: an empty list; a list of 1 or more"),
    "item of a list": ("evaluation: {iou: [0.3, 1.2]}\n", "p.yaml:10:25: evaluation.iou.1: 1.2; at most 1"),
    "mapping for a list": ("evaluation: {iou: {a: 1}}\n", "p.yaml:10:19: evaluation.iou: a mapping; a list"),
    "list for a mapping": ("tracking: [a]\n", "p.yaml:10:11: tracking: a list; a mapping"),
    "one of two forms": (
        "calibration: {thresholds: 3}\n",
        "p.yaml:10:27: calibration.thresholds: 3; 'f1' or a mapping",
    ),
    "value within one of two forms": (
        "calibration: {thresholds: {flag: 3}}\n",
        "p.yaml:10:34: calibration.thresholds.flag: 3; at most 1",
    ),
    "alias of the registry": (
        "registry: {alias: Champion}\n",
        "p.yaml:10:19: registry.alias: 'Champion'; a lower-case letter, then lower-case letters, digits, '_' and '-'",
    ),
    "word of MLflow": (
        "registry: {alias: v3}\n",
        "p.yaml:10:11: registry: alias 'v3' is a word of MLflow's own; choose another, such as champion",
    ),
    "model name": (
        "registry: {model_name: a/b}\n",
        "p.yaml:10:24: registry.model_name: 'a/b'; letters, digits, '.', '_' and '-', at most 100",
    ),
    "password": (
        "tracking: {uri: 'postgresql://me:secret@host/db'}\n",
        "p.yaml:10:17: tracking.uri: an address with a password in it; "
        "take it out and set MLFLOW_TRACKING_PASSWORD, or PGPASSWORD, in the environment",
    ),
    "address of the remote, which nothing uses": (
        "data: {enabled: false, remote: 's3://secret@bucket'}\n",
        "p.yaml:10:32: data.remote: 's3://***@bucket'; a folder; mount what is elsewhere",
    ),
    "host of the remote": (
        "data: {remote: 'me:secret@host:/store'}\n",
        "p.yaml:10:16: data.remote: '***@host:/store'; a folder; mount what is elsewhere",
    ),
    "misspelt disabled plugin": (
        "plugins: {disabled: [model-tree]}\n",
        "p.yaml:10:22: plugins.disabled.0: no plugin is called 'model-tree'; did you mean 'models-tree'?",
    ),
    "registry without tracking": (
        "tracking: {enabled: false}\nregistry: {enabled: true}\n",
        "p.yaml:11:21: registry.enabled: true, but tracking is disabled; "
        "enable tracking, or write registry: {enabled: false}",
    ),
    "evaluation without split": (
        "split: {enabled: false}\nevaluation: {enabled: true}\n",
        "p.yaml:11:23: evaluation.enabled: true, but split is disabled; "
        "enable split, or write evaluation: {enabled: false}",
    ),
}


@pytest.mark.parametrize(("lines", "message"), APPENDED.values(), ids=APPENDED.keys())
def test_a_wrong_value_is_named_with_position_finding_and_what_would_do(
    manager: PluginManager, lines: str, message: str
) -> None:
    """One wrong value in an otherwise good file gives exactly one message."""
    assert errors(manager, BASE + lines) == [message]


CHANGED = {
    "no name": (("name: demo\n", ""), ["p.yaml:1:1: name: missing; add this key"]),
    "name with a space": (
        ("demo", "my demo"),
        ["p.yaml:1:7: name: 'my demo'; letters, digits, '.', '_' and '-', at most 100"],
    ),
    "misspelt component": (
        ("use: xgboost", "use: xgbost"),
        ["p.yaml:9:8: model.use: no plugin provides model-trainer 'xgbost'; did you mean 'xgboost'?"],
    ),
    "misspelt component in a list": (
        ("- candle-shape", "- candle-shap"),
        [
            "p.yaml:5:7: features.use.0: no plugin provides feature-extractor 'candle-shap'; "
            "did you mean 'candle-shape'?"
        ],
    ),
    "component of another kind": (
        ("use: windowed", "use: xgboost"),
        ["p.yaml:7:15: labels.use: no plugin provides label-encoder 'xgboost'; one of windowed"],
    ),
    "no component": (
        ("use: xgboost", "refit: true"),
        [
            "p.yaml:9:3: model.use: missing; write random-features, random-forest, xgboost or xgboost-dask, "
            "or enabled: false beside it"
        ],
    ),
    "no list": (
        ("sources: {use: [candle-files]}", "sources: {strict: true}"),
        [
            "p.yaml:2:10: sources.use: missing; "
            "write annotation-files, annotator-api, candle-files or talib-patterns, or enabled: false beside it"
        ],
    ),
    "a name where a list stands": (
        ("[candle-files]", "candle-files"),
        ["p.yaml:2:16: sources.use: 'candle-files'; a list"],
    ),
    "a number where a name stands": (
        ("use: xgboost", "use: 3"),
        ["p.yaml:9:8: model.use: 3; the name of a component: model-trainer"],
    ),
    "a list where a name stands": (
        ("- candle-shape", "- [candle-shape]"),
        ["p.yaml:5:7: features.use.0: a list; a name, or a mapping with use"],
    ),
    "item without use": (
        ("{use: window-shape, points: 8}", "{points: 8}"),
        [
            "p.yaml:6:7: features.use.1.use: missing; "
            "write candle-shape, talib-cdl, talib-indicators, window-kernels or window-shape, "
            "or enabled: false beside it"
        ],
    ),
    "empty list": (
        ("[candle-files]", "[]"),
        ["p.yaml:2:16: sources.use: an empty list; enable one, or write sources: {enabled: false}"],
    ),
    "every item disabled": (
        ("[candle-files]", "[{use: candle-files, enabled: false}]"),
        ["p.yaml:2:16: sources.use: every item is disabled; enable one, or write sources: {enabled: false}"],
    ),
    "a word for an item's switch": (
        ("points: 8", "enabled: off"),
        ["p.yaml:6:36: features.use.1.enabled: 'off'; true or false"],
    ),
    "unknown option": (
        ("points: 8", "point: 8"),
        ["p.yaml:6:27: features.use.1.point: unknown key 'point'; did you mean 'points'?"],
    ),
    "misspelt key of the core beside options": (
        ("points: 8", "enable: true"),
        ["p.yaml:6:27: features.use.1.enable: unknown key 'enable'; did you mean 'enabled'?"],
    ),
    "option out of range": (("points: 8", "points: 1"), ["p.yaml:6:35: features.use.1.points: 1; at least 2"]),
    "option of the wrong type": (
        ("points: 8", "points: a"),
        ["p.yaml:6:35: features.use.1.points: 'a'; a whole number"],
    ),
    "option of a disabled item": (
        ("points: 8", "points: 1, enabled: false"),
        ["p.yaml:6:35: features.use.1.points: 1; at least 2"],
    ),
    "option refused by the plugin": (
        ("- candle-shape", "- {use: talib-cdl, functions: [CDLDOJY]}"),
        [
            "p.yaml:5:36: features.use.0.functions.0: 'CDLDOJY'; "
            "'CDLDOJY' is no candle pattern of TA-Lib; did you mean CDLDOJI?"
        ],
    ),
    "options that contradict each other": (
        ("{use: windowed}", "{use: windowed, scales: [12, 24]}"),
        ["p.yaml:7:9: labels: scales [12, 24] with fit 'window'; give one scale, or write fit: stretch"],
    ),
    "option missing within an option": (
        ("- candle-shape", "- {use: talib-indicators, indicators: [{scale: atr}]}"),
        ["p.yaml:5:44: features.use.0.indicators.0.function: missing; add this key"],
    ),
    "key within an option": (
        ("- candle-shape", "- {use: talib-indicators, indicators: [{function: RSI, params: {}}]}"),
        ["p.yaml:5:60: features.use.0.indicators.0.params: unknown key 'params'; did you mean 'parameters'?"],
    ),
    "everything at once": (
        ("{use: windowed}\nmodel:\n", "{use: window}\nmodel:\n  max_dept: 3\n  enabled: 1\n"),
        [
            "p.yaml:7:15: labels.use: no plugin provides label-encoder 'window'; did you mean 'windowed'?",
            "p.yaml:9:3: model.max_dept: unknown key 'max_dept'; did you mean 'max_depth'?",
            "p.yaml:10:12: model.enabled: 1; true or false",
        ],
    ),
}


@pytest.mark.parametrize(("change", "messages"), CHANGED.values(), ids=CHANGED.keys())
def test_a_wrong_choice_or_option_is_named(
    manager: PluginManager, change: tuple[str, str], messages: list[str]
) -> None:
    """A wrong choice of a component, or a wrong option beside it, is named at its position."""
    assert BASE.count(change[0]) == 1
    assert errors(manager, BASE.replace(*change)) == messages


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """Loading a file that does not exist says so."""
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path / "p.yaml")
    assert str(caught.value) == f"{tmp_path / 'p.yaml'}: No such file or directory; name a readable file"


def test_a_file_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    """Loading a file in another encoding says which byte is wrong."""
    (tmp_path / "p.yaml").write_bytes("name: münze".encode("latin-1"))
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path / "p.yaml")
    assert str(caught.value) == f"{tmp_path / 'p.yaml'}: byte 7 is not UTF-8; save it as UTF-8"


def test_a_password_is_not_repeated_in_the_message(manager: PluginManager) -> None:
    """The message about a password in the file does not show it."""
    text = BASE + "tracking: {uri: 'https://me:secret@host'}\n"
    assert "secret" not in "\n".join(errors(manager, text))


def test_samples_that_the_trainer_cannot_fit_are_refused(manager: PluginManager) -> None:
    """A sequence encoder before a trainer of windows is an error that names both."""
    config = parse_config(BASE, "p.yaml", Path("project"), (), manager)
    check_sample_kind(config, "window")
    with pytest.raises(ConfigError) as caught:
        check_sample_kind(config, "sequence")
    assert str(caught.value) == (
        "p.yaml:9:8: model.use: 'xgboost' trains on window samples, 'windowed' makes sequence; "
        "choose another label encoder, or install a trainer"
    )


def test_a_choice_that_cannot_be_built_is_named_at_its_position(manager: PluginManager) -> None:
    """What a component refuses when it is built is reported at its place in the file."""
    text = BASE.replace("- candle-shape", "- {use: talib-indicators, indicators: [{function: EMA}], max_lookback: 3}")
    config = parse_config(text, "p.yaml", Path("project"), (), manager)
    with pytest.raises(ConfigError) as caught:
        check_buildable(config)
    assert str(caught.value).startswith("p.yaml:5:7: features.use.0: ")
