"""Memory and processor time of processes and of all that they start, looked at twice a second. Linux only."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Lock, Thread

import psutil

_SECONDS_BETWEEN_LOOKS = 0.5
_PRIVATE, _MAPPED = ("Pss_Anon", "Pss_Shmem"), ("Pss_File",)


@dataclass(frozen=True, slots=True)
class Used:
    """What a stage took: seconds by the clock and of all processors, and the peaks of memory of all processes in bytes.

    `mapped` are pages of files, which the system takes away where it needs room; `private` is everything else. A page
    that several processes share counts once.
    """

    stage: str
    seconds: float
    processor: float
    private: int
    mapped: int


@contextmanager
def watched(roots: Sequence[int]) -> Iterator[Watch]:
    """A watch over these processes and all below them, while it is open."""
    watch, ended = Watch(roots), Event()

    def look() -> None:
        while not ended.wait(_SECONDS_BETWEEN_LOOKS):
            watch.look()

    thread = Thread(target=look, daemon=True)
    thread.start()
    try:
        yield watch
    finally:
        ended.set()
        thread.join()


class Watch:
    """What processes have used since the last stage; what a process did after the last look at it is missed."""

    def __init__(self, roots: Sequence[int]) -> None:
        self._roots = [psutil.Process(pid) for pid in roots]
        self._processor: dict[psutil.Process, float] = {}
        self._private = self._mapped = 0
        self._lock = Lock()
        self._begun = time.perf_counter()
        self._before = 0.0

    def look(self) -> None:
        """Look at every process."""
        with self._lock:
            private = mapped = 0
            for process in self._all():
                with suppress(psutil.NoSuchProcess, OSError):
                    times = process.cpu_times()
                    self._processor[process] = times.user + times.system
                    pages = Path(f"/proc/{process.pid}/smaps_rollup").read_text("ascii").splitlines()
                    private += _bytes(pages, _PRIVATE)
                    mapped += _bytes(pages, _MAPPED)
            self._private, self._mapped = max(self._private, private), max(self._mapped, mapped)

    def used(self, stage: str) -> Used:
        """What was used since the last call."""
        self.look()
        with self._lock:
            now, processor = time.perf_counter(), sum(self._processor.values())
            used = Used(stage, now - self._begun, processor - self._before, self._private, self._mapped)
            self._begun, self._before = now, processor
            self._private = self._mapped = 0
        return used

    def _all(self) -> Iterator[psutil.Process]:
        for root in self._roots:
            with suppress(psutil.NoSuchProcess):
                yield root
                yield from root.children(recursive=True)


def _bytes(pages: Sequence[str], names: Sequence[str]) -> int:
    """The sum of these rows of `smaps_rollup`, which are in kB."""
    rows = (line.split() for line in pages)
    return sum(int(row[1]) << 10 for row in rows if row[0].rstrip(":") in names)
