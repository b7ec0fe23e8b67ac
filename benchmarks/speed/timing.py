"""Timing by turns: what is compared runs one after the other, again and again, so that both see the same machine."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from statistics import median

from benchmarks.speed.results import Goal, Row

Work = Callable[[], object]


@contextmanager
def on_cores(cores: tuple[int, ...]) -> Iterator[None]:
    """This thread, and whatever it starts, on these cores only; nothing changes where the system cannot do that."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def first_core() -> tuple[int, ...]:
    """The core that servers, and work of one thread, run on."""
    return _cores()[:1]


def other_cores() -> tuple[int, ...]:
    """The core that load comes from; the first one where there is no other."""
    return _cores()[1:2] or _cores()


def both_cores() -> tuple[int, ...]:
    """Two cores for work of two threads."""
    return _cores()[:2]


def by_turns(
    works: Mapping[str, Work], repeats: int, clock: Callable[[], float] = time.perf_counter
) -> dict[str, list[float]]:
    """Seconds of each repeat of each work, after one that is not counted; every repeat begins with another work.

    `time.thread_time` as the clock leaves out what other programs take of the core; it is for work of one thread.
    """
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for work in works.values():
        work()
    names = list(works)
    for repeat in range(repeats):
        for name in names[repeat % len(names) :] + names[: repeat % len(names)]:
            started = clock()
            works[name]()
            seconds[name].append(clock() - started)
    return seconds


def ratio(
    measurement: str,
    name: str,
    ours: list[float],
    theirs: list[float],
    unit: str,
    goal: Goal | None = None,
) -> Row:
    """The row of two measured series, one value a repeat: the median of ours / theirs."""
    ratios = [one / other for one, other in zip(ours, theirs, strict=True)]
    spread = (median(ratios), min(ratios), max(ratios))
    return Row(measurement, name, *spread, median(ours), median(theirs), unit, len(ratios), goal)


def _cores() -> tuple[int, ...]:
    if hasattr(os, "sched_getaffinity"):
        return tuple(sorted(os.sched_getaffinity(0)))
    return tuple(range(os.cpu_count() or 1))
