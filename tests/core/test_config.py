"""What a good pipeline.yaml gives: types, defaults, stages that follow each other, overrides, text and hash."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from candle_ml.config import PipelineConfig, load_config, parse_config
from candle_ml.errors import ConfigError
from candle_ml.plugins import PluginManager

SHIPPED = Path(__file__).parents[2] / "config" / "pipeline.yaml"
SMALL = """\
name: demo
sources: {use: [candle-files, {use: talib-patterns, enabled: false}]}
features: {use: [{use: window-shape, points: 8}, candle-shape]}
labels: {use: windowed, window: 12}
model: {use: xgboost, learning_rate: 1e-3}
"""
MANAGER = PluginManager.load()


def parse(text: str, *overrides: str) -> PipelineConfig:
    return parse_config(text, "p.yaml", Path("project"), overrides, MANAGER)


def enabled(config: PipelineConfig) -> set[str]:
    stages = (config.sources, config.features, config.labels, config.split, config.model, config.calibration)
    stages = (*stages, config.evaluation, config.tracking, config.registry, config.inference, config.data)
    names = ("sources", "features", "labels", "split", "model", "calibration", "evaluation", "tracking", "registry")
    names = (*names, "inference", "data")
    return {name for name, stage in zip(names, stages, strict=True) if stage.enabled}


def test_choices_carry_their_options_in_the_order_of_the_file() -> None:
    """Extractors stand in the order of the list, with the options beside their names and defaults for the others."""
    config = parse(SMALL)
    assert [choice.name for choice in config.features.use] == ["window-shape", "candle-shape"]
    assert config.features.use[0].options.model_dump()["points"] == 8
    assert config.labels.chosen.options.model_dump()["window"] == 12
    assert config.model.chosen.component.kinds == {"window"}


def test_an_item_that_is_disabled_is_left_out() -> None:
    """A source with `enabled: false` is no choice."""
    assert [choice.name for choice in parse(SMALL).sources.use] == ["candle-files"]


def test_everything_that_is_not_written_has_its_default() -> None:
    """A small file has every stage but the dataset versions, with the documented values."""
    config = parse(SMALL)
    assert enabled(config) == {
        *("sources", "features", "labels", "split", "model", "calibration", "evaluation", "tracking", "registry"),
        "inference",
    }
    assert (config.seed, config.split.embargo, config.calibration.thresholds) == (0, 10, "f1")
    assert (config.inference.port, config.registry.alias, config.model_name) == (8001, "champion", "demo")


@pytest.mark.parametrize(
    ("written", "value"),
    [("1e-3", 0.001), ("1", 1.0), (".5", 0.5), ("5.e-1", 0.5), ("+0.25", 0.25), ("1E-2", 0.01)],
)
def test_numbers_are_read_however_they_are_written(written: str, value: float) -> None:
    """Scientific and short forms of numbers are numbers."""
    config = parse(SMALL.replace("1e-3", written))
    assert config.model.chosen.options.model_dump()["learning_rate"] == value


@pytest.mark.parametrize(
    "written", ["yes", "no", "on", "off", "True", "2024-01-31", "12:30", "0x1f", "1_000", "007", ".inf", "1e999", "="]
)
def test_words_that_other_readers_convert_stay_text(written: str) -> None:
    """Yes and no, dates, base-60 and base-16 numbers are text as they are written."""
    assert parse(f"{SMALL}tracking: {{experiment: {written}}}\n").tracking.experiment == written


def test_labels_may_look_like_anything() -> None:
    """Keys that are labels stay text, whatever they look like."""
    config = parse(f"{SMALL}calibration: {{thresholds: {{no: 0.5, 1: 0.6, true: 0.7, ~: 0.8}}}}\n")
    assert config.calibration.thresholds == {"no": 0.5, "1": 0.6, "true": 0.7, "~": 0.8}


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(tmp_path: Path) -> None:
    """A file as Windows editors save it means the same, and its text is kept exactly."""
    text = "\ufeff" + SMALL.replace("\n", "\r\n")
    (tmp_path / "p.yaml").write_bytes(text.encode())
    config = load_config(tmp_path / "p.yaml", (), MANAGER)
    assert config.hash == parse(SMALL).hash
    assert config.source_text == text


@pytest.mark.parametrize(("place", "root"), [("config/pipeline.yaml", "."), ("pipeline.yaml", ".")])
def test_paths_start_from_the_project_folder(tmp_path: Path, place: str, root: str) -> None:
    """The project folder is the one that holds the file, or that holds the `config` folder it is in."""
    (tmp_path / place).parent.mkdir(exist_ok=True)
    (tmp_path / place).write_text(SMALL, "utf-8")
    assert load_config(tmp_path / place, (), MANAGER).root == (tmp_path / root).resolve()


@pytest.mark.parametrize(
    ("lines", "also_off"),
    [
        ("evaluation: {enabled: false}", {"evaluation"}),
        ("calibration: {enabled: false}", {"calibration"}),
        ("tracking: {enabled: false}", {"tracking", "registry"}),
        ("split: {enabled: false}", {"split", "calibration", "evaluation"}),
        ("inference: {enabled: false}", {"inference"}),
    ],
)
def test_a_disabled_stage_takes_those_with_it_that_need_it(lines: str, also_off: set[str]) -> None:
    """A stage that does not say whether it is enabled is disabled when a stage that it needs is."""
    assert enabled(parse(SMALL)) - enabled(parse(SMALL + lines)) == also_off


@pytest.mark.parametrize("stage", ["sources", "features", "labels", "model"])
def test_a_stage_with_plugins_can_be_disabled_and_left_without_any(stage: str) -> None:
    """A disabled stage needs no `use`."""
    text = re.sub(rf"^{stage}: .*$", f"{stage}: {{enabled: false}}", SMALL, flags=re.MULTILINE)
    assert stage not in enabled(parse(text))


def test_asking_a_disabled_stage_for_its_component_says_how_to_enable_it() -> None:
    """The chosen model of a disabled stage is an error that says what to set."""
    config = parse(SMALL, "model.enabled=false")
    assert config.model.use is None
    with pytest.raises(ConfigError) as caught:
        assert config.model.chosen
    assert str(caught.value) == "model: disabled; enable it with --set model.enabled=true"


def test_overrides_replace_values_of_the_file() -> None:
    """Each `--set` puts its value in its place: stages and keys that the file lacks, items of lists, whole stages."""
    config = parse(
        SMALL,
        "seed=7",
        "registry.promote=always",
        "features.use.0.points=4",
        "features.use.1.scale=none",
        "features.use.2=talib-cdl",
        "sources.use.1.enabled=true",
        "model={use: random-forest, trees: 10}",
    )
    assert (config.seed, config.registry.promote) == (7, "always")
    assert [choice.name for choice in config.features.use] == ["window-shape", "candle-shape", "talib-cdl"]
    assert config.features.use[0].options.model_dump()["points"] == 4
    assert config.features.use[1].options.model_dump()["scale"] == "none"
    assert [choice.name for choice in config.sources.use] == ["candle-files", "talib-patterns"]
    assert config.model.chosen.options.model_dump()["trees"] == 10


def test_the_later_override_counts() -> None:
    """Of two overrides of one key the later is used."""
    assert parse(SMALL, "seed=7", "seed=8").seed == 8


def test_the_effective_text_reads_as_the_same_configuration() -> None:
    """The effective YAML, overrides and defaults filled in, gives the same hash and the same text."""
    config = parse(SMALL, "seed=7", "tracking.experiment='1e-3'")
    again = parse(config.text)
    assert (again.hash, again.text, again.tracking.experiment) == (config.hash, config.text, "1e-3")


def test_a_plugin_cannot_tell_a_written_default_from_another() -> None:
    """Options are the same objects in all respects whether a default stands in the file or not."""
    unwritten, written = parse(SMALL), parse(parse(SMALL).text)
    for one, other in zip(
        (*unwritten.features.use, unwritten.labels.chosen, unwritten.model.chosen),
        (*written.features.use, written.labels.chosen, written.model.chosen),
        strict=True,
    ):
        assert (one.options, one.options.model_fields_set) == (other.options, other.options.model_fields_set)
    assert unwritten.model.chosen.options.model_fields_set == {"learning_rate"}


def test_the_hash_is_of_the_meaning() -> None:
    """Comments, order, written defaults and disabled items do not change the hash; any value does."""
    config = parse(SMALL)
    rewritten = "# comment\nseed: 0\n" + "".join(reversed(SMALL.splitlines(keepends=True)))
    assert parse(rewritten.replace(", {use: talib-patterns, enabled: false}", "")).hash == config.hash
    assert parse(SMALL, "split.embargo=11").hash != config.hash
    assert re.fullmatch("[0-9a-f]{64}", config.hash)


def test_a_position_is_known_for_every_key() -> None:
    """A key of the file is found at its own value, one that the file lacks at the nearest key above."""
    config = parse(SMALL, "seed=7")
    assert config.where("model.learning_rate") == "p.yaml:5:38: model.learning_rate"
    assert config.where("split.embargo") == "p.yaml:1:1: split.embargo"
    assert config.where("seed") == "--set seed=7: seed"


def test_a_component_of_a_disabled_plugin_is_refused() -> None:
    """Naming a plugin under `plugins.disabled` and one of its components is an error, with or without a manager."""
    text = f"{SMALL}plugins: {{disabled: [models-tree]}}\n"
    expected = (
        "p.yaml:5:14: model.use: no plugin provides model-trainer 'xgboost'; install a plugin that does; "
        "plugin 'models-tree' of candle-ml 0.1.0 might, but is disabled"
    )
    for manager in (MANAGER, None):
        with pytest.raises(ConfigError) as caught:
            parse_config(text, "p.yaml", Path("project"), (), manager)
        assert str(caught.value) == expected


def test_a_disabled_plugin_that_is_not_installed_is_noted() -> None:
    """A name under `plugins.disabled` that no installed plugin is like is accepted, with a note of its place."""
    config = parse(f"{SMALL}plugins: {{disabled: [sources-of-elsewhere, candle-features]}}\n")
    assert config.disabled_plugins == ("sources-of-elsewhere", "candle-features")
    assert config.notes == (
        "p.yaml:6:22: plugins.disabled.0: no plugin 'sources-of-elsewhere' is installed here; it disables nothing",
        "p.yaml:6:44: plugins.disabled.1: no plugin 'candle-features' is installed here; it disables nothing",
    )
    assert parse(SMALL).notes == ()


def uncommented(text: str) -> str:
    """The shipped file with every commented default switched on."""
    return re.sub(r"^(\s*)#(?=[a-z{])", r"\1", text, flags=re.MULTILINE)


def test_the_shipped_configuration_is_valid_without_any_override() -> None:
    """`config/pipeline.yaml` as it stands is good."""
    config = load_config(SHIPPED, (), MANAGER)
    assert config.root == SHIPPED.parents[1]
    assert [choice.name for choice in config.sources.use] == ["candle-files", "annotation-files"]


def test_the_commented_defaults_of_the_shipped_configuration_are_the_defaults() -> None:
    """Taking the # from every commented default changes nothing."""
    written = parse(uncommented(SHIPPED.read_text("utf-8")))
    assert written.text == load_config(SHIPPED, (), MANAGER).text


def effective_keys(config: PipelineConfig) -> Iterator[str]:
    """The path of every key of the configuration; the content of options that are mappings or lists is one value."""
    for choice in (*config.sources.use, *config.features.use):
        yield from (f"{choice.path}.{name}" for name in type(choice.options).model_fields)
    for stage, choice in (("labels", config.labels.chosen), ("model", config.model.chosen)):
        yield from (f"{stage}.{name}" for name in type(choice.options).model_fields)
    for name in ("sources", "split", "calibration", "evaluation", "tracking", "registry", "inference", "data", "tune"):
        yield from (f"{name}.{key}" for key in type(getattr(config, name)).model_fields)
    yield from (
        "seed",
        "plugins.disabled",
        "model.refit",
        *(f"execution.{key}" for key in ("engine", "workers", "scheduler", "tls", "memory")),
    )


def test_the_shipped_configuration_shows_every_key() -> None:
    """Every stage's keys and every option of the chosen components stand in the file, used or commented."""
    written = parse(uncommented(SHIPPED.read_text("utf-8")), "sources.use.2.enabled=true")
    missing = [path for path in effective_keys(written) if path not in written.positions]
    assert missing == []
