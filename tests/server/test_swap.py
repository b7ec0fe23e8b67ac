"""Models are changed while clients predict."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any

import numpy as np

from candle_ml.inference import answer


def test_no_request_fails_while_models_are_swapped(start: Any, project: Any, body: Any) -> None:
    """Every answer is a 200, names the version that made it, and holds that version's probabilities."""
    client = start().client
    expected = {str(version): answer(project.loaded(version), project.candles[-200:]).prediction for version in (1, 2)}
    last = {version: prediction.probabilities[-1] for version, prediction in expected.items()}
    assert np.abs(last["1"] - last["2"]).max() > 1e-6
    statuses: Counter[int] = Counter()
    versions: Counter[str] = Counter()
    stop = threading.Event()

    def send() -> None:
        while not stop.is_set():
            found = client.post("/predict", {**body, "include": ["probabilities"]})
            statuses[found.status] += 1
            version = found.json["model_version"]
            versions[version] += 1
            given = [found.json["candles"][-1]["probabilities"][name] for name in expected[version].classes]
            np.testing.assert_allclose(given, last[version], rtol=0, atol=1e-6)

    threads = [threading.Thread(target=send) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for number in range(6):
            wanted = 2 - number % 2
            if number < 3:
                assert client.post("/model/load", {"version": wanted}).status == 200
            else:
                assert client.post("/model/load", {"alias": "champion"}).status == 200
                project.registry.promote(wanted, "champion")
                client.wait_for_model(str(wanted), seconds=30)
    finally:
        project.registry.promote(1, "champion")
        stop.set()
        for thread in threads:
            thread.join()
    assert set(statuses) == {200}
    assert min(versions["1"], versions["2"]) > 0
