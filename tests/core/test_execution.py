"""Work over items: the same outcomes here, in processes and on a real Dask cluster, whatever dies on the way."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from distributed import LocalCluster
from distributed.security import Security

from candle_ml.config import PipelineConfig, parse_config
from candle_ml.config.models import ExecutionSection, TlsFiles
from candle_ml.errors import ConfigError, DataError
from candle_ml.execution import Done, Failed, outcomes, results

BASE = """name: work
sources: {use: [candle-files]}
features: {use: [candle-shape]}
labels: {use: windowed}
model: {use: random-forest}
"""
ITEMS = list(range(9))


def configured(root: Path, section: ExecutionSection) -> PipelineConfig:
    return replace(parse_config(BASE, "p.yaml", root), execution=section)


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LocalCluster, Path]]:
    """A cluster of two processes that speaks TLS only, and the folder with its PEM files."""
    security = Security.temporary()
    folder = tmp_path_factory.mktemp("tls")
    for name, content in (
        ("ca.pem", security.tls_ca_file),
        ("client.pem", security.tls_client_cert),
        ("client-key.pem", security.tls_client_key),
    ):
        (folder / name).write_text(content)
    with LocalCluster(
        n_workers=2, threads_per_worker=1, security=security, dashboard_address=":0", protocol="tls"
    ) as cluster:
        yield cluster, folder


def engine(request: pytest.FixtureRequest, root: Path) -> PipelineConfig:
    if request.param == "dask":
        cluster, folder = request.getfixturevalue("secured")
        tls = TlsFiles(ca="ca.pem", certificate="client.pem", key="client-key.pem")
        return configured(folder, ExecutionSection(engine="dask", scheduler=cluster.scheduler_address, tls=tls))
    return configured(root, ExecutionSection(workers=2 if request.param == "processes" else 1))


@pytest.fixture(params=["alone", "processes", "dask"])
def config(request: pytest.FixtureRequest, tmp_path: Path) -> PipelineConfig:
    """Each way to work."""
    return engine(request, tmp_path)


@pytest.fixture(params=["processes", "dask"])
def divided(request: pytest.FixtureRequest, tmp_path: Path) -> PipelineConfig:
    """The ways to work in which something can die without this process."""
    return engine(request, tmp_path)


def later_first(number: int) -> int:
    """Squares, of which the first takes longest."""
    time.sleep(0.2 if number == 0 else 0)
    return number * number


def refusing(number: int) -> int:
    if number % 4 == 1:
        raise DataError.at(f"item {number}", "odd", "an even one")
    return number


def dying_once(folder: Path, number: int) -> int:
    """The worker that has the fifth item in hand first is killed."""
    marker = folder / "died"
    if number == 4 and not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def deadly(number: int) -> int:
    if number == 4:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def breaking(number: int) -> int:
    return number // (number - 4)


def test_results_come_in_the_order_of_items_and_progress_counts_them(config: PipelineConfig) -> None:
    """Results follow the items, whichever is ready first, and progress goes from none to all."""
    seen: list[tuple[str, int, int]] = []
    found = results(config, later_first, ITEMS, "squares", lambda *step: seen.append(step))
    assert found == [number * number for number in ITEMS]
    assert seen == [("squares", done, len(ITEMS)) for done in range(len(ITEMS) + 1)]


def test_an_item_that_fails_does_not_lose_the_others(config: PipelineConfig) -> None:
    """The outcome of a refused item is its error; all others have their results."""
    found = list(outcomes(config, refusing, ITEMS, "items"))
    assert [one.item for one in found] == ITEMS
    assert [one.result for one in found if isinstance(one, Done)] == [0, 2, 3, 4, 6, 7, 8]
    assert [str(one.error) for one in found if isinstance(one, Failed)] == [
        "item 1: odd; an even one",
        "item 5: odd; an even one",
    ]


def test_items_that_must_not_fail_are_all_tried_and_named_together(config: PipelineConfig) -> None:
    """One error names every item that failed."""
    with pytest.raises(DataError) as caught:
        results(config, refusing, ITEMS, "items")
    assert str(caught.value) == "item 1: odd; an even one\nitem 5: odd; an even one"


def test_no_items_give_no_results(config: PipelineConfig) -> None:
    """Nothing to do is done."""
    assert results(config, refusing, [], "items") == []


def test_another_exception_ends_the_work(config: PipelineConfig) -> None:
    """What is no error of candle-ml is not taken for an outcome."""
    with pytest.raises(ZeroDivisionError):
        results(config, breaking, ITEMS, "items")


@pytest.mark.slow
def test_what_a_killed_worker_had_in_hand_is_done_again(divided: PipelineConfig, tmp_path: Path) -> None:
    """A worker that is killed on the way changes no result."""
    assert results(divided, partial(dying_once, tmp_path), ITEMS, "items") == ITEMS
    assert (tmp_path / "died").exists()


@pytest.mark.slow
def test_an_item_that_kills_every_worker_is_given_up_alone(divided: PipelineConfig) -> None:
    """The deadly item fails with a message, the others have their results."""
    found = list(outcomes(divided, deadly, ITEMS, "items"))
    assert [one.item for one in found if isinstance(one, Done)] == [0, 1, 2, 3, 5, 6, 7, 8]
    (failed,) = (one for one in found if isinstance(one, Failed))
    assert failed.item == 4
    assert str(failed.error) == "execution: 4 workers died of it; more memory for each worker, or fewer workers"


REFUSED: dict[str, tuple[str, str]] = {
    "no scheduler": ("{engine: dask}", "engine dask without a scheduler; add scheduler: tls://host:8786"),
    "no files": (
        "{engine: dask, scheduler: 'tls://h:1'}",
        "a scheduler at tls:// and the files under tls belong together; give both or neither",
    ),
    "no TLS": (
        "{scheduler: 'tcp://h:1', tls: {ca: a, certificate: b, key: c}}",
        "a scheduler at tls:// and the files under tls belong together; give both or neither",
    ),
}


@pytest.mark.parametrize(("text", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_a_cluster_that_is_half_described_is_refused(text: str, message: str) -> None:
    """Engine, scheduler and TLS files go together."""
    with pytest.raises(ConfigError) as caught:
        parse_config(f"{BASE}execution: {text}\n", "p.yaml", Path("project"))
    assert str(caught.value) == f"p.yaml:6:12: execution: {message}"
