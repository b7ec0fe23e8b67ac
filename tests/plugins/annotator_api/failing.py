"""Reading an annotator once, without a second attempt."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from candle_ml.annotations import Ingest
from candle_ml.components import SourceContext
from candle_ml.errors import DataError
from candle_ml_sources.annotator_api import AnnotatorApi
from candle_ml_sources.options import AnnotatorApiOptions


def read(url: str, root: Path, **more: object) -> Ingest:
    options = AnnotatorApiOptions.model_validate_json(json.dumps({"url": url, "retries": 0, **more}))
    return AnnotatorApi(options).read(SourceContext(root))


def failure(url: str, root: Path, **more: object) -> str:
    with pytest.raises(DataError) as caught:
        read(url, root, **more)
    return str(caught.value)
