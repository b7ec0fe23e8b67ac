"""The model that is served: one reference, moved only to a model that has proven itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import structlog

from candle_ml.errors import BundleError, CandleMLError, Problem, RegistryError
from candle_ml.registry import RegisteredVersion
from candle_ml.trace import Trace
from candle_ml_server.models import ModelStore, Selection, ServedModel
from candle_ml_server.problems import (
    MODEL_REFUSED,
    NO_MODEL,
    NO_SUCH_VERSION,
    TRACKING_AWAY,
    ProblemError,
    without_paths,
)
from candle_ml_server.workers import WorkerPool

if TYPE_CHECKING:
    from candle_ml.state import StateStore

log = structlog.get_logger(part="models")
Answered = TypeVar("Answered")
_LOAD_SECONDS = 600.0
_ASK_SECONDS = 60.0
_UNTOLD = Problem("model", "could not be loaded", "the log of the service says why")
_UNFETCHED = Problem("model", "its files cannot be fetched", "the log of the service says why")
_TRY_LATER = "the model registry does not answer; try again later"
_TRAIN_ONE = "train one with: candle-ml train"


@dataclass(frozen=True, slots=True)
class FailedLoad:
    """A version that could not be loaded: why, and from which monotonic time on it may be tried again."""

    version: int
    problems: tuple[Problem, ...]
    retry_at: float

    def __str__(self) -> str:
        return f"version {self.version}: {'; '.join(map(str, self.problems))}"


class ModelHolder:
    """Serves one model, follows an alias or stays pinned.

    `current` is read once by each request. `tracking_error` says why the registry does not answer; `failed` which
    version was refused last, until another one has been loaded.
    """

    def __init__(
        self,
        store: ModelStore,
        pool: WorkerPool,
        alias: str,
        retry_seconds: float,
        on_swap: Callable[[ServedModel], None],
        on_refusal: Callable[[RegisteredVersion, Exception], None],
    ) -> None:
        self.store = store
        self.current: ServedModel | None = None
        self.following: Selection = Selection(alias=alias)
        self.tracking_error: str | None = None
        self.failed: FailedLoad | None = None
        self._pool = pool
        self._retry_seconds = retry_seconds
        self._on_swap = on_swap
        self._on_refusal = on_refusal
        self._swapping = asyncio.Lock()
        self._asked = False
        self._loading: int | None = None

    def served(self) -> ServedModel:
        """The model that answers a request. Raises `ProblemError` (503) where there is none."""
        if self.current is None:
            raise ProblemError.listing(NO_MODEL, (self._why_none(),))
        return self.current

    def _why_none(self) -> Problem:
        if self.failed is not None:
            return Problem("model", f"refused: {self.failed}", "promote another version or train a new one")
        if self._loading is not None:
            return Problem("model", f"version {self._loading} is being loaded", "ask again in a few seconds")
        if self.tracking_error is not None:
            return Problem("model", "the model registry does not answer", "start it; the log of the service says more")
        if not self._asked:
            return Problem("model", "the model registry is being asked", "ask again in a few seconds")
        return Problem("model", f"no version of {self.store.model_name} at {self.following}", _TRAIN_ONE)

    async def watch(self, poll_seconds: float) -> None:
        """Follow the alias for ever; nothing that goes wrong ends it."""
        while True:
            # What these two say is in the log and in `tracking_error` or `failed` already.
            with suppress(RegistryError, ProblemError):
                await self.follow()
            await asyncio.sleep(poll_seconds)

    async def follow(self) -> None:
        """Look once where the alias points and load what is there, if it is another version.

        A pinned model stays; the registry is asked all the same, so that its state is known.
        """
        async with self._swapping:
            version = await self._found(self.following)
            pinned = self.following.alias is None and self.current is not None
            if version is None or pinned or self._is_current(version) or self._refused_lately(version):
                return
            await self._swap(version, self.following)

    async def load(self, selection: Selection) -> ServedModel:
        """Serve the selected version. Raises `ProblemError`; what is served then stays."""
        async with self._swapping:
            try:
                version = await self._found(selection)
            except RegistryError:
                detail = "the model registry does not answer; the model that is loaded keeps serving"
                raise ProblemError(TRACKING_AWAY, detail) from None
            if version is None:
                raise self._unknown(selection)
            if self._is_current(version) and self.current is not None:
                self.following = selection
                return self.current
            return await self._swap(version, selection)

    async def versions(self) -> tuple[RegisteredVersion, ...]:
        """The registered versions. Raises `ProblemError` (503) where the registry does not answer."""
        try:
            with self._pool.admission():
                return await self._ask(self.store.versions)
        except RegistryError:
            raise ProblemError(TRACKING_AWAY, _TRY_LATER) from None

    async def trace(self, number: int | None, states: StateStore | None) -> Trace:
        """What a version, or without one the served model, was made of. Raises `ProblemError`: 404, 409 or 503.

        The served model's own bundle is read, so that it is answered also while the registry is away.
        """
        served = self.served() if number is None else self.current
        own = served if served is not None and number in (None, served.version.version) else None
        with self._pool.admission():
            version = await self._registered(number, own)
            work = partial((self.store if own is None else own).trace, version, states)
            try:
                return await self._pool.run(work, time.monotonic() + _ASK_SECONDS)
            except RegistryError:
                raise ProblemError(TRACKING_AWAY, _TRY_LATER) from None
            except BundleError as error:
                raise ProblemError.of(MODEL_REFUSED, error) from None

    async def _registered(self, number: int | None, own: ServedModel | None) -> RegisteredVersion:
        """What the registry says of a version; of the served model what it said when that was loaded, if it is away."""
        if own is not None and self.tracking_error is not None:
            return own.version
        number = own.version.version if own is not None else number
        try:
            version = await self._found(Selection(version=number))
        except RegistryError:
            if own is not None:
                return own.version
            raise ProblemError(TRACKING_AWAY, _TRY_LATER) from None
        if version is None:
            raise self._unknown(Selection(version=number))
        return version

    def _unknown(self, selection: Selection) -> ProblemError:
        problem = Problem(f"model {self.store.model_name}", f"no {selection}", "a version that GET /models lists")
        return ProblemError.listing(NO_SUCH_VERSION, (problem,))

    async def _found(self, selection: Selection) -> RegisteredVersion | None:
        return await self._ask(lambda: self.store.find(selection))

    async def _ask(self, question: Callable[[], Answered]) -> Answered:
        """What the registry answers. Raises `RegistryError` where it does not, and remembers so."""
        try:
            answered = await self._pool.run(question, time.monotonic() + _ASK_SECONDS)
        except Exception as error:
            text = str(error) if isinstance(error, CandleMLError) else f"{type(error).__name__}: {error}"
            if self.tracking_error is None:
                log.warning("registry away", error=text)
            self.tracking_error = text
            raise RegistryError.at("registry", "does not answer") from error
        if self.tracking_error is not None:
            log.info("registry back")
        self.tracking_error, self._asked = None, True
        return answered

    async def _swap(self, version: RegisteredVersion, selection: Selection) -> ServedModel:
        log.info("loading", model_version=version.version, run_id=version.run_id)
        self._loading = version.version
        try:
            model = await self._pool.run(lambda: self.store.load(version), time.monotonic() + _LOAD_SECONDS)
        except Exception as error:
            self.failed = self._failure(version, error)
            self._on_refusal(version, error)
            raise ProblemError.listing(MODEL_REFUSED, self.failed.problems) from None
        finally:
            self._loading = None
        self.current, self.following, self.failed = model, selection, None
        self._on_swap(model)
        log.info("serving", model_version=version.version, run_id=version.run_id, follows=selection.alias)
        return model

    def _failure(self, version: RegisteredVersion, error: Exception) -> FailedLoad:
        known = isinstance(error, CandleMLError)
        told = "; ".join((str(error), *getattr(error, "__notes__", ())))
        log.error("load failed", model_version=version.version, error=told, exc_info=not known)
        problems: tuple[Problem, ...] = (_UNTOLD,)
        if isinstance(error, RegistryError | OSError):
            problems = (_UNFETCHED,)
        elif isinstance(error, CandleMLError):
            problems = without_paths(error.problems)
        return FailedLoad(version.version, problems, time.monotonic() + self._retry_seconds)

    def _is_current(self, version: RegisteredVersion) -> bool:
        return self.current is not None and self.current.version.version == version.version

    def _refused_lately(self, version: RegisteredVersion) -> bool:
        failed = self.failed
        return failed is not None and failed.version == version.version and time.monotonic() < failed.retry_at
