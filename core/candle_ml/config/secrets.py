"""Passwords in addresses: found, and hidden from people."""

from __future__ import annotations

import re

_OF_USER = r"(?i)(?<=/)[^/?#\s@]*(?::|%3a)[^/?#\s]*@"
_TOKEN = r"(?i)(?<=https:/)/+[^/?#\s@]+@|(?<=http:/)/+[^/?#\s@]+@"
_IN_QUERY = r"(?i)([?&][^=&#\s]*(?:pass(?!file)|pwd|secret|token)[^=&#\s]*=)[^&#\s]*"


def has_password(address: str) -> bool:
    """Whether an address carries what is to be kept secret: a user's password, a token, or one in its query."""
    return masked(address) != address


def masked(text: str) -> str:
    """The text with `***` for every such password."""
    text = re.sub(_OF_USER, "***@", text)
    text = re.sub(_TOKEN, "/***@", text)
    return re.sub(_IN_QUERY, r"\1***", text)
