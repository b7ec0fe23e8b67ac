"""Connections to the annotator, from its name to the last byte within one time."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from threading import Thread, Timer

from urllib3.connection import HTTPConnection, HTTPSConnection

from candle_ml_sources.annotator_address import Address

_SHORTEST = 0.001  # no time-out at all is what 0 means to a socket


class PassingError(Exception):
    """A failure that may be over when the request is sent again, at least `pause` seconds later."""

    def __init__(self, found: str, expected: str, pause: float = 0.0) -> None:
        super().__init__(found)
        self.found, self.expected, self.pause = found, expected, pause


@contextmanager
def dialled(address: Address, timeout: float, left: Callable[[], float]) -> Iterator[HTTPConnection]:
    """A connection that is cut when no seconds are `left`, whatever the other side does; no wait exceeds `timeout`.

    Raises `PassingError` where nobody is reached, and `OSError` where the connection fails later.
    """

    def patience() -> float:
        return max(min(timeout, left()), _SHORTEST)

    with _reached(address, patience) as plain, _cut_after(plain, left()):
        if address.scheme == "http":
            connection = HTTPConnection(address.host, address.port, timeout=patience())
            connection.sock = plain
        else:
            connection = HTTPSConnection(address.host, address.port, timeout=patience())
            connection.sock = ssl.create_default_context().wrap_socket(plain, server_hostname=address.host)
        try:
            yield connection
        finally:
            connection.close()


def _reached(address: Address, patience: Callable[[], float]) -> socket.socket:
    """A connection to the first address of the host that takes one."""
    failed: OSError = TimeoutError()
    for place in _places(address, patience()):
        try:
            return socket.create_connection(place, patience())
        except OSError as error:
            failed = error
    if isinstance(failed, TimeoutError):
        raise failed
    reason = (failed.strerror or "it failed").lower()
    raise PassingError(f"no connection ({reason})", "start the annotator there, or set url") from failed


def _places(address: Address, seconds: float) -> list[tuple[str, int]]:
    """The addresses of the host. They are looked up by a thread, because a resolver cannot be interrupted."""
    looked_up: Future[list[tuple[str, int]]] = Future()

    def look_up() -> None:
        try:
            rows = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            looked_up.set_exception(error)
        else:
            looked_up.set_result([(str(row[4][0]), address.port) for row in rows])

    Thread(target=look_up, daemon=True).start()
    try:
        return looked_up.result(seconds)
    except TimeoutError as error:
        found = f"no address of the host {address.host} within {seconds:g} s"
        raise PassingError(found, "a longer timeout, or a host that is quicker to find") from error
    except (OSError, UnicodeError) as error:
        raise PassingError(f"the host {address.host} has no address", "the name of a host that is there") from error


@contextmanager
def _cut_after(connected: socket.socket, seconds: float) -> Iterator[None]:
    """Ends whatever goes on over a connection after so many seconds.

    By a handle of its own, below any TLS: that is not made for two threads, and takes the socket for itself.
    """

    def cut() -> None:
        with suppress(OSError):  # the other side may have gone just now
            handle.shutdown(socket.SHUT_RDWR)

    with connected.dup() as handle:
        timer = Timer(max(seconds, 0), cut)
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()
