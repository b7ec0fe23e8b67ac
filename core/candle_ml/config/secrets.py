"""Passwords in addresses: found, and hidden from people."""

from __future__ import annotations

import re

_OF_USER = r"(?i)(?:^|(?<=[/=]))[^/?#\s@]*(?::|%3a)[^/?#\s]*@"
# A database's user is no secret; what stands there in any other address may be a token.
_TOKEN = r"(?i)(?<![\w+.-])((?!postgres|mysql|mssql|sqlite)[a-z][\w+.-]*:/+)[^/?#\s@]+@"
_IN_QUERY = r"(?i)((?:[?&;]|%3b)[^=&#\s]*?(?:pass(?!file)|pwd|secret|token)[^=&#\s]*?(?:=|%3d))[^&#\s]*"
_BEHIND = r"(?i)(https?:/+[^\s?#;]*[?#;])\S+"


def has_password(address: str) -> bool:
    """Whether an address carries what is to be kept secret: a user's password, a token, or one in its query."""
    return _without_passwords(address) != address


def masked(text: str) -> str:
    """The text with `***` for every such password, and for what follows `?`, `#` or `;` in the address of a server."""
    return re.sub(_BEHIND, r"\1***", _without_passwords(text))


def _without_passwords(text: str) -> str:
    text = re.sub(_OF_USER, "***@", text)
    text = re.sub(_TOKEN, r"\1***@", text)
    return re.sub(_IN_QUERY, r"\1***", text)
