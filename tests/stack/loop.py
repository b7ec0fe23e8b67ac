"""A trader's way through the annotator's port: charts, marks, predictions."""

from __future__ import annotations

import hashlib
import json
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from urllib3 import PoolManager, Timeout
from urllib3.exceptions import HTTPError

CHART = "AAPL_1d"
HTTP = PoolManager(timeout=Timeout(60), retries=False)


@dataclass(frozen=True)
class Annotator:
    """The annotator at an address, as a browser talks to it."""

    url: str

    def ask(self, method: str, path: str, body: object = None, expected: int = 200) -> Any:
        """The JSON answer to one request. Raises `AssertionError` for another status than the expected one."""
        answer = HTTP.request(method, self.url + path, json=body)
        assert answer.status == expected, f"{method} {path}: {answer.status} {answer.data[:500]!r}"
        return answer.json()

    def status(self, method: str, path: str, body: object = None) -> int:
        """The status of an answer; 0 where none comes."""
        try:
            return int(HTTP.request(method, self.url + path, json=body).status)
        except HTTPError:
            return 0

    def upload(self, candles: Path) -> int:
        """The number of the chart that a CSV becomes."""
        file = (candles.name, candles.read_bytes(), "text/csv")
        answer = HTTP.request("POST", f"{self.url}/api/upload", fields={"file": file})
        assert answer.status == 200, answer.data
        return int(answer.json()["chart"]["id"])

    def mark(self, chart: int, label: str, start: int, end: int, **more: object) -> int:
        """The number of a new span."""
        body = {"chart_id": chart, "label": label, "start_time": start, "end_time": end, **more}
        return int(self.ask("POST", "/api/span-annotations", body, 201)["id"])

    def bring(self, project: Path) -> int:
        """Upload the charts of a demo project and mark what a person marked on them; how many marks."""
        marks = 0
        for candles in sorted(project.glob("data/candles/*.csv")):
            chart = self.upload(candles)
            marked = json.loads((project / "data" / "annotations" / f"{candles.stem}.json").read_text())
            for one in marked["annotations"]:
                self.ask("POST", "/api/span-annotations", {"chart_id": chart} | one, 201)
            for one in marked["reviewed_ranges"]:
                self.ask("POST", "/api/reviewed-ranges", {"chart_id": chart} | one, 201)
            marks += len(marked["annotations"])
        return marks

    def model_version(self) -> str | None:
        """The version that the service serves; None while there is none."""
        info = HTTP.request("GET", f"{self.url}/api/model/info")
        return str(info.json()["model_info"]["model_version"]) if info.status == 200 else None

    def chart(self) -> Any:
        """The chart that is predicted."""
        return next(one for one in self.ask("GET", "/api/charts") if one["name"] == CHART)

    def prediction_request(self) -> dict[str, Any]:
        """What the page sends to predict the whole chart."""
        chart = self.chart()
        candles = self.ask("GET", f"/api/candles?chartId={chart['id']}")
        return {"pair": chart["pair"], "timeframe": chart["timeframe"], "candles": candles}

    def predict(self) -> Any:
        """The service's answer for the whole chart."""
        return self.ask("POST", "/api/predict?rows=all", self.prediction_request())

    def contents(self) -> dict[str, str]:
        """A digest of every chart's candles, marks and reviewed ranges, and of what is predicted."""
        paths = ["/api/charts", "/api/span-label-types", "/api/models"]
        for chart in self.ask("GET", "/api/charts"):
            for kind in ("candles", "annotations", "span-annotations", "reviewed-ranges"):
                paths.append(f"/api/{kind}?chartId={chart['id']}")
        return {path: digest(self.ask("GET", path)) for path in paths} | {"prediction": self.predicted()}

    def predicted(self) -> str:
        """A digest of what is predicted."""
        return digest(self.predict())


def digest(content: object) -> str:
    """SHA-256 of something as JSON."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def demo(candle_ml: Path, folder: Path) -> Path:
    """The demo project: five stocks by day and a person's marks on them."""
    project = folder / "demo"
    if not project.exists():
        subprocess.run([str(candle_ml), "init", "--demo", str(project)], check=True, stdout=subprocess.DEVNULL)
    return project


def until(true: Callable[[], bool], what: str, patience: float = 600) -> float:
    """The seconds until something holds. Raises `AssertionError` when it does not in time."""
    started = time.monotonic()
    while not true():
        assert time.monotonic() - started < patience, f"{what}: not within {patience:.0f} s"
        time.sleep(0.2)
    return time.monotonic() - started
