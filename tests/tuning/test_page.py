"""The page about searches says what the code does."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

from candle_ml.config import check_search, parse_config
from candle_ml.config.tune_section import TuneSection

PAGE = (Path(__file__).parents[2] / "docs" / "tuning.md").read_text("utf-8")
DEMO = files("candle_ml.demo").joinpath("pipeline.yaml").read_text("utf-8")


def test_the_search_of_the_page_is_good() -> None:
    """The section that the page shows is valid in the demo's pipeline, and its values are taken."""
    (section,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    config = parse_config(f"{DEMO}\n{section}", "p.yaml", Path("project"))
    check_search(config)
    assert len(config.tune.search) == 3


def test_the_page_lists_every_key() -> None:
    """Each key of the section has a row in the table."""
    assert set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)) == set(TuneSection.model_fields)
