"""Logs: one JSON object a line on standard error, from the service and the packages it uses alike."""

from __future__ import annotations

import logging
import re
import secrets
import sys
from typing import TextIO

import structlog
from structlog.types import Processor

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_SHARED: tuple[Processor, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)


def configure(stream: TextIO | None = None) -> None:
    """Write everything of level info and above to `stream`, standard error by default."""
    stream = stream or sys.stderr
    rendering = (structlog.processors.format_exc_info, structlog.processors.JSONRenderer())
    structlog.configure(
        processors=[*_SHARED, *rendering],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        # One write a line: threads and the packages that log would otherwise come between a line and its end.
        logger_factory=structlog.WriteLoggerFactory(stream),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)
    named = (structlog.stdlib.add_logger_name, *_SHARED)
    remove_meta = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=named, processors=[remove_meta, *rendering])
    )
    # Its retries of a registry that is away would fill the log, which says once that it is away.
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)


def request_id(given: bytes | None) -> str:
    """The id that a client gave, where it is one of letters, digits, `.`, `_` and `-`; otherwise a new one."""
    if given is not None and _REQUEST_ID.fullmatch(given):
        return given.decode()
    return secrets.token_hex(8)
