"""Calls into the code of a plugin, so that whatever goes wrong there names the plugin."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from candle_ml.errors import CandleMLError, PluginError
from candle_ml.plugins.records import described


@contextmanager
def called(name: str, expected: str = "") -> Iterator[None]:
    """Turn what a plugin raises, an exit of Python included, into a `PluginError` that names the plugin.

    A `CandleMLError` passes as it is: it is what the plugin wants to be told.
    """
    try:
        yield
    except CandleMLError:
        raise
    except (Exception, SystemExit) as error:
        raise PluginError.at(name, f"raised {described(error)}", expected) from error
