"""The running service against its own OpenAPI document."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

KEY = "contract"
CONFIGURATION = """
[checks]
# What a schema cannot say (high below low, an unknown version, no stored candles) is refused with a reason.
positive_data_acceptance = { expected-statuses = ["2xx", 401, 404, 409, 422, 503] }
"""


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_service_keeps_to_its_document(start: Any, tmp_path: Path) -> None:
    """Schemathesis finds no answer that the document does not have, with all of its checks."""
    service = start(wait=False, api_key=KEY)
    service.client.headers["X-API-Key"] = KEY
    service.client.wait_for_model()
    (tmp_path / "schemathesis.toml").write_text(CONFIGURATION)
    command = [sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()"]
    place = f"http://127.0.0.1:{service.client.port}/openapi.json"
    options = ["--checks", "all", "--max-examples", "200", "--continue-on-failure", "-H", f"X-API-Key: {KEY}"]
    found = subprocess.run(
        [*command, "--config-file", str(tmp_path / "schemathesis.toml"), "run", place, *options],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stdout[-5000:] + found.stderr[-2000:]
