"""The speed benchmark at tiny sizes: what it says is finite and compares equal outputs; no figure is looked at."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from benchmarks.environments import ROOT
from benchmarks.speed import load
from benchmarks.speed.__main__ import MEASUREMENTS, main, measured
from benchmarks.speed.bench import QUICK, Bench
from benchmarks.speed.measurements.services import check_same
from benchmarks.speed.project import frame_body, long_series, request_body
from benchmarks.speed.results import Goal, Row
from benchmarks.speed.timing import by_turns, ratio


class Refusing(BaseHTTPRequestHandler):
    """Answers `/well` and fails at anything else."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/well" else 503)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *arguments: object) -> None:
        """Nothing."""


@pytest.fixture
def port() -> Iterator[int]:
    """A server in this process."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """One run, whose models are trained once."""
    return Bench(tmp_path_factory.mktemp("speed"), QUICK)


@pytest.mark.parametrize("name", ["features", "start", "growth"])
def test_a_measurement_gives_finite_ratios(name: str, bench: Bench) -> None:
    """Every ratio of a measurement is a positive number with its spread around it."""
    _all_finite(measured(name, bench))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["request", "health", "tracking", "training"])
def test_a_longer_measurement_gives_finite_ratios(
    name: str, bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The measurements that serve, train or ask MLflow give positive numbers, and leave nothing where one stands."""
    monkeypatch.chdir(tmp_path)
    _all_finite(measured(name, bench))
    assert not list(tmp_path.iterdir())


def test_an_exponent_of_growth_is_one_reading(bench: Bench) -> None:
    """However many lengths a line is laid through, it has one slope."""
    assert [row.repeats for row in measured("growth", bench)] == [1, 1]


def _all_finite(rows: list[Row]) -> None:
    assert rows
    for row in rows:
        assert all(math.isfinite(value) and value > 0 for value in (row.ratio, row.ours, row.theirs))
        assert row.low <= row.ratio <= row.high


def test_a_ratio_is_the_median_of_each_repeat_s_own() -> None:
    """A repeat in which both were slow weighs no more than another."""
    row = ratio("m", "name", [2.0, 40.0, 9.0], [1.0, 10.0, 3.0], "ms", Goal(3))
    assert (row.ratio, row.low, row.high, row.ours, row.theirs) == (3.0, 2.0, 4.0, 9.0, 3.0)


def test_works_alternate_and_take_turns_at_beginning() -> None:
    """Each work runs once uncounted and once a repeat, and every repeat begins with another."""
    done: list[str] = []
    by_turns({"a": lambda: done.append("a"), "b": lambda: done.append("b")}, 2)
    assert "".join(done) == "ab" + "ab" + "ba"


def test_load_is_answered_over_several_connections(port: int) -> None:
    """Every answer has a latency, and throughput counts them all."""
    found = load.loaded(load.Plan(port, "/well", None, 3, 0.3))
    assert len(found.latencies) >= 3
    assert found.per_second == len(found.latencies) / found.seconds
    assert 0 < found.percentile(50) <= found.percentile(99)


def test_a_load_that_is_refused_is_an_error(port: int) -> None:
    """A server that fails is not fast."""
    with pytest.raises(RuntimeError, match=r"^the load generator failed; what it said stands above$"):
        load.loaded(load.Plan(port, "/ill", None, 1, 0.2))


def test_a_long_series_repeats_its_first_candles() -> None:
    """After 16,000 candles their prices come again, and time goes on."""
    candles = long_series(16_003)
    assert candles.close[16_000:].tolist() == candles.close[:3].tolist()
    assert set(np.diff(candles.time).tolist()) == {candles.key.seconds}


def test_the_memory_of_a_training_is_its_own() -> None:
    """What the process held that started it, here 600 MB more, does not count."""
    held = np.ones(75_000_000)
    code = "from benchmarks.speed.trainings.problem import peak_bytes; print(peak_bytes())"
    output = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert 1_000_000 < int(output) < held.nbytes


def test_services_are_sent_the_same_candles() -> None:
    """Rows and frames hold the same numbers in the same order."""
    candles = long_series(60)
    rows = json.loads(request_body(candles))["candles"]
    frame = json.loads(frame_body(candles))["dataframe_split"]
    assert [list(row.values()) for row in rows] == frame["data"]
    assert list(rows[0]) == frame["columns"]


@pytest.mark.parametrize(("field", "value"), [("label", "doji"), ("confidence", 0.7 + 2e-6), ("time", 7)])
def test_services_that_answer_differently_are_not_timed(field: str, value: object) -> None:
    """Another label, candle or confidence stops the benchmark; 1e-7 of confidence does not."""
    ours = [{"time": 1, "label": None, "confidence": None}, {"time": 2, "label": "hammer", "confidence": 0.7}]
    check_same(ours, [{"time": 2, "label": "hammer", "confidence": 0.7 + 1e-7}], "peer")
    with pytest.raises(AssertionError, match=r"^peer"):
        check_same(ours, [{"time": 2, "label": "hammer", "confidence": 0.7, field: value}], "peer")


def test_services_that_say_nothing_or_the_same_twice_are_not_timed() -> None:
    """No candle at all and a candle that is answered twice stop the benchmark."""
    row = {"time": 2, "label": "hammer", "confidence": 0.7}
    with pytest.raises(AssertionError, match="no candle"):
        check_same([], [], "peer")
    with pytest.raises(AssertionError, match=r"^peer answers for other candles"):
        check_same([row], [row, row], "peer")


def test_an_unknown_measurement_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The error lists what there is."""
    with pytest.raises(SystemExit):
        main(["run", "hurry", "--output", str(tmp_path / "speed.json")])
    assert f"hurry: choose of {', '.join(MEASUREMENTS)}" in capsys.readouterr().err
