"""The page about the service does what it says."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[2] / "docs" / "service.md"
EXAMPLE = re.compile(r"<!-- service -->\n```sh\n(.*?)```\n\n```text\n(.*?)```", re.DOTALL)


def test_the_page_s_requests_answer_what_it_shows(client: Any) -> None:
    """Every request of the page is answered with the lines that are shown below it."""
    examples = EXAMPLE.findall(PAGE.read_text("utf-8"))
    assert len(examples) == 3
    for commands, shown in examples:
        asked = commands.replace("127.0.0.1:8001", f"127.0.0.1:{client.port}")
        done = subprocess.run(["bash", "-ec", asked], capture_output=True, text=True, check=True)
        for line in shown.splitlines():
            assert line in done.stdout, line
