"""Whether the process of a training run still lives."""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import psutil

from candle_ml.errors import StateError

HEARTBEAT_SECONDS = 10.0
STALE_AFTER = timedelta(seconds=60)
"""A run elsewhere counts as dead when its heartbeat is older than this."""

_SAME_START_SECONDS = 5.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """One process. `host` is for people; `machine` names the boot and the process table that `process_id` counts in.

    `process_started` is in Unix seconds by the clock of that machine.
    """

    host: str
    machine: str
    process_id: int
    process_started: float

    @classmethod
    def current(cls) -> ProcessIdentity:
        """This process."""
        return cls(socket.gethostname(), _machine(), os.getpid(), psutil.Process().create_time())


def cause_of_death(process: ProcessIdentity, heartbeat_at: datetime, now: datetime) -> str | None:
    """How it shows that a process has died; None while it lives.

    On this machine the process itself is looked at, elsewhere its heartbeat.
    """
    gone = _is_gone(process) if process.machine == _machine() else None
    if gone:
        return f"process {process.process_id} on {process.host} has ended"
    if gone is None and now - heartbeat_at > STALE_AFTER:
        return f"no heartbeat of process {process.process_id} on {process.host} since {heartbeat_at:%Y-%m-%d %H:%M:%S}"
    return None


class Heartbeat:
    """Calls `beat` with the ids of this process's running runs, every few seconds, from a thread of its own."""

    def __init__(self, beat: Callable[[frozenset[str]], None], seconds: float) -> None:
        self._beat = beat
        self._seconds = seconds
        self._runs: frozenset[str] = frozenset()
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def runs(self) -> frozenset[str]:
        """The runs that are kept alive."""
        return self._runs

    def add(self, run_id: str) -> None:
        """Keep a run alive from now on."""
        with self._lock:
            self._runs |= {run_id}
            if self._thread is None:
                self._thread = threading.Thread(target=self._loop, name="candle-ml-heartbeat", daemon=True)
                self._thread.start()

    def remove(self, run_id: str) -> None:
        """Let a run go."""
        with self._lock:
            self._runs -= {run_id}

    def stop(self) -> None:
        """End the thread, after the beat it may be in."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()

    def _loop(self) -> None:
        while not self._stopped.wait(self._seconds):
            try:
                self._beat(self._runs)
            except StateError as error:
                _log.warning("no heartbeat: %s", error)


def _machine() -> str:
    """The host's name where the system does not tell more; containers share names and boots, not process tables."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return socket.gethostname()


def _is_gone(process: ProcessIdentity) -> bool | None:
    """Whether the process has ended, its number perhaps given to another; None where the system does not tell."""
    try:
        found = psutil.Process(process.process_id)
        other = abs(found.create_time() - process.process_started) > _SAME_START_SECONDS
        return other or found.status() == psutil.STATUS_ZOMBIE
    except psutil.AccessDenied:
        return None
    except psutil.NoSuchProcess:
        # The system may hide the processes of others, but not that there are some.
        return None if psutil.pid_exists(process.process_id) else True
