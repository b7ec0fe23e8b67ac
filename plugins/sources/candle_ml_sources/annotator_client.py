"""Requests to the annotator: retried where that may help, within a deadline and a size, to one address only."""

from __future__ import annotations

import http.client
import json
import re
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urljoin

from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential
from urllib3 import BaseHTTPResponse
from urllib3.connection import HTTPConnection
from urllib3.exceptions import HTTPError, ReadTimeoutError

from candle_ml.errors import ConfigError, DataError
from candle_ml_sources.annotator_address import Address
from candle_ml_sources.annotator_dialling import PassingError, dialled
from candle_ml_sources.options import AnnotatorApiOptions
from candle_ml_sources.texts import shown

_CHUNK = 1 << 16
_ERROR_BYTES = 1 << 12
_PASSING = frozenset({408, 429, 500, 502, 503, 504})
_TAG = re.compile(r'(?:W/)?"[!#-~]{1,200}"')
_NEXT = re.compile(r'<([^<>]*)>\s*;\s*rel="?next"?\s*(?:,|$)', re.IGNORECASE)
_BACK_OFF = wait_random_exponential(multiplier=0.25, max=10)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a route says: JSON, a tag of this content, and the path of the page after it, where there are any."""

    body: bytes
    tag: str | None = None
    next: str | None = None


class MissingError(DataError):
    """The annotator has no such route, chart or row."""


class AnnotatorClient:
    """Asks one annotator. Nothing of the environment but the key takes part: no proxy, no stored password."""

    def __init__(self, options: AnnotatorApiOptions, key: str) -> None:
        """The deadline begins now; without a key ("") none is sent."""
        self.url = options.url.rstrip("/")
        self._options = options
        self._address = Address.of(options.url)
        self._key = key
        self._ends = time.monotonic() + options.deadline

    def get(self, path: str, kept: Answer | None = None) -> Answer:
        """The answer of a route, which is `kept` where nothing has changed since. Raises `DataError`."""
        where = self.url + path
        retrying = Retrying(
            retry=retry_if_exception_type(PassingError),
            stop=self._must_stop,
            wait=lambda state: max(_BACK_OFF(state), _passing(state).pause),
            reraise=True,
        )
        try:
            return retrying(self._ask, where, path, kept)
        except PassingError as error:
            attempts: int = retrying.statistics["attempt_number"]
            if attempts <= self._options.retries:
                raise self._late(where, f", at last: {error.found}") from error
            tried = f" ({attempts} attempts)" if attempts > 1 else ""
            raise DataError.at(where, error.found + tried, error.expected) from error

    def _must_stop(self, state: RetryCallState) -> bool:
        enough = stop_after_attempt(self._options.retries + 1)(state)
        return enough or state.upcoming_sleep >= self._left()

    def _left(self) -> float:
        return self._ends - time.monotonic()

    def _check_time(self, where: str) -> None:
        if self._left() <= 0:
            raise self._late(where)

    def _late(self, where: str, at_last: str = "") -> DataError:
        found = f"not read within the deadline of {self._options.deadline:g} s{at_last}"
        return DataError.at(where, found, "a longer deadline, or fewer charts")

    def _ask(self, where: str, path: str, kept: Answer | None) -> Answer:
        with self._dialled(where) as connection:
            connection.request("GET", self._address.path + path, headers=self._headers(kept), preload_content=False)
            response = connection.getresponse()
            self._check_time(where)  # a head that was cut looks like a short one
            if response.status == 304 and kept is not None:
                return kept
            if response.status != 200:
                raise self._refusal(where, response)
            _check_form(where, response.headers)
            body = self._body(where, response)
        found = response.headers.get("ETag", "")
        following = self._next(where, response.headers.get("Link", ""))
        return Answer(body, found if _TAG.fullmatch(found) else None, following)

    def _headers(self, kept: Answer | None) -> dict[str, str]:
        headers = {"Accept": "application/json", "Accept-Encoding": "gzip"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        if kept is not None and kept.tag is not None:
            headers["If-None-Match"] = kept.tag
        return headers

    @contextmanager
    def _dialled(self, where: str) -> Iterator[HTTPConnection]:
        """A connection whose errors say what would do."""
        self._check_time(where)
        try:
            with dialled(self._address, self._options.timeout, self._left) as connection:
                yield connection
        except PassingError as error:
            if self._left() <= 0:
                raise self._late(where) from error
            raise
        except (HTTPError, http.client.HTTPException, OSError) as error:
            raise self._late(where) if self._left() <= 0 else self._failure(where, error) from error

    def _failure(self, where: str, error: Exception) -> DataError | PassingError:
        if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError):
            reason = getattr(error, "verify_message", "") or error.reason or "TLS failed"
            return DataError.at(where, f"no trusted connection ({reason})", "a certificate that this machine trusts")
        if isinstance(error, TimeoutError | ReadTimeoutError):
            return PassingError(f"no answer within {self._options.timeout:g} s", "a longer timeout")
        return PassingError("the connection broke or the answer is damaged", "an annotator that answers in full")

    def _refusal(self, where: str, response: BaseHTTPResponse) -> DataError | PassingError:
        """What a status other than 200 means."""
        found = f"HTTP {response.status}{self._without_key(_said(response))}"
        if response.status in _PASSING:
            return PassingError(found, "the annotator's log says why", _pause(response.headers))
        if response.status in (401, 403):
            variable = self._options.api_key_variable
            wanted = f"a valid key in {variable}" if variable else "name the variable of a key by api_key_variable"
            return DataError.at(where, found, wanted)
        if response.status == 404:
            return MissingError.at(where, found, "check url and charts")
        if 300 <= response.status < 400:
            target = self._without_key(shown(response.headers.get("Location", "")))
            return DataError.at(where, f"HTTP {response.status} to {target}", "redirects are not followed: set url")
        return DataError.at(where, found, "an answer of the annotator")

    def _without_key(self, text: str) -> str:
        return text.replace(self._key, "...") if self._key else text

    def _body(self, where: str, response: BaseHTTPResponse) -> bytes:
        body = bytearray()
        while chunk := response.read1(_CHUNK):
            body += chunk
            if len(body) > self._options.max_bytes:
                raise DataError.at(where, f"more than {self._options.max_bytes} bytes", "a higher max_bytes")
        self._check_time(where)
        return bytes(body)

    def _next(self, where: str, link: str) -> str | None:
        """The path of the next page. Raises `DataError` where it is not one of the same route."""
        match = _NEXT.search(link)
        if match is None:
            return None
        route = where.partition("?")[0]
        target: str = urljoin(where, match[1])
        if target.partition("?")[0] != route or "#" in target or re.search(r"[^!-~]", target):
            raise DataError.at(where, f"its next page is {shown(match[1])}", "a page of the same route")
        return target.removeprefix(self.url)


def key_in(environment: Mapping[str, str], variable: str | None) -> str:
    """The key that a variable holds. Raises `ConfigError` where it is not set or no header can carry it."""
    if variable is None:
        return ""
    key = environment.get(variable, "").strip()
    if not key:
        raise ConfigError.at(variable, "not set", "put the annotator's key into this environment variable")
    if not re.fullmatch(r"[!-~]+", key):
        raise ConfigError.at(variable, "a key that no header can carry", "printable ASCII without spaces")
    return key


def _passing(state: RetryCallState) -> PassingError:
    error = None if state.outcome is None else state.outcome.exception()
    return error if isinstance(error, PassingError) else PassingError("", "")


def _check_form(where: str, headers: Mapping[str, str]) -> None:
    form = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if form != "application/json":
        raise DataError.at(where, f"content type {shown(form)}", "application/json: is url that of an annotator?")
    packing = headers.get("Content-Encoding", "").strip().lower()
    if packing not in ("", "identity", "gzip"):
        raise DataError.at(where, f"content encoding {shown(packing)}", "gzip or none")


def _said(response: BaseHTTPResponse) -> str:
    """The annotator's own words, from `{"error": ...}`."""
    try:
        content = json.loads(response.read1(_ERROR_BYTES))
    except (ValueError, RecursionError):
        return ""
    said = content.get("error") if isinstance(content, dict) else None
    return f": {shown(said)}" if isinstance(said, str) else ""


def _pause(headers: Mapping[str, str]) -> float:
    """Seconds that the answer asks to wait for."""
    asked = headers.get("Retry-After", "")
    return float(asked) if re.fullmatch(r"[0-9]{1,6}", asked) else 0.0
