"""The state store as the service uses it: asked whether it answers, told of every load, never waited for."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from candle_ml.inference import Receipt
from candle_ml.registry import RegisteredVersion
from candle_ml_server.problems import ProblemError
from candle_ml_server.workers import IMPORTING, WorkerPool

if TYPE_CHECKING:
    from candle_ml.state import LoadOutcome, StateStore

log = structlog.get_logger(part="state")
_ANSWER_SECONDS = 5.0
_LOCK_SECONDS = 2.0
# The log has every load, too: what does not fit here is not lost.
_MOST_WAITING = 1000


@dataclass(frozen=True, slots=True)
class Load:
    """One attempt to load a version, as the state store will keep it."""

    version: RegisteredVersion
    outcome: LoadOutcome
    receipt: Receipt | None = None
    error: str | None = None


class LoadRecords:
    """Keeps loads until the state store has them. `away` says why it does not answer, None while it does."""

    def __init__(self, root: Path, pool: WorkerPool) -> None:
        self.away: str | None = "not asked yet"
        self._root = root
        self._pool = pool
        self._store: StateStore | None = None
        self._waiting: deque[Load] = deque(maxlen=_MOST_WAITING)
        self._last: Load | None = None
        self._asking = threading.Lock()

    @property
    def store(self) -> StateStore | None:
        """The store, if it answers."""
        return self._store if self.away is None else None

    def add(self, load: Load) -> None:
        """Keep a load; a refusal that repeats the one before, as retries do, is left out."""
        load = replace(load, version=replace(load.version, aliases=()))
        if load.outcome == "loaded" or load != self._last:
            self._waiting.append(load)
        self._last = load

    async def watch(self, poll_seconds: float) -> None:
        """Ask and tell the store for ever; nothing that goes wrong ends it."""
        while True:
            await self.tell()
            await asyncio.sleep(poll_seconds)

    async def tell(self) -> None:
        """Look whether the store answers and tell it what waits; returns within seconds whatever it does."""
        try:
            await self._pool.run(self._tell, time.monotonic() + _ANSWER_SECONDS)
        except Exception as error:
            found = "no answer in time" if isinstance(error, ProblemError) else str(error) or type(error).__name__
            if self.away != found:
                log.warning("state store away", error=found, loads_waiting=len(self._waiting))
            self.away = found
            return
        if self.away is not None:
            log.info("state store answers")
        self.away = None

    async def close(self) -> None:
        """Tell the store what still waits and close it."""
        await self.tell()
        if self._store is not None and self.away is None:
            self._store.close()
        self._pool.close()

    def _tell(self) -> None:
        # A call that an unreachable server still holds must end before the next one begins.
        with self._asking:
            store = self._opened()
            store.ping()
            while self._waiting:
                _record(store, self._waiting[0])
                self._waiting.popleft()

    def _opened(self) -> StateStore:
        if self._store is None:
            # Imported in a thread, so that the port opens without waiting for SQLAlchemy.
            with IMPORTING:
                from candle_ml.state import StateStore

            self._store = StateStore.open(self._root, anew=False, patience=_LOCK_SECONDS)
        return self._store


def _record(store: StateStore, load: Load) -> None:
    version = load.version
    store.record_load(
        version.name,
        load.outcome,
        version=version.version,
        run_id=version.run_id,
        digest=version.digest or None,
        receipt=load.receipt,
        error=load.error,
    )
