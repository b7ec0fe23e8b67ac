"""The address of an annotator, checked before anything is sent there."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection
from dataclasses import dataclass

_URL = re.compile(
    r"(https?)://([A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,252})|\[[0-9A-Fa-f:.]{2,45}\])(?::([0-9]{1,5}))?((?:/[A-Za-z0-9._~-]+)*)/?"
)
_PORTS = {"http": 80, "https": 443}
_LATEST_PORT = 65535


@dataclass(frozen=True, slots=True)
class Address:
    """Where requests go: exactly this host and port are dialled. `path` comes before that of every route."""

    scheme: str
    host: str
    port: int
    path: str

    @classmethod
    def of(cls, url: str) -> Address:
        """The parts of a URL. Raises `ValueError`, which does not repeat it: it may hold a password."""
        match = _URL.fullmatch(url)
        port = int(match[3] or _PORTS[match[1]]) if match else 0
        if match is None or not 0 < port <= _LATEST_PORT:
            if "@" in url:
                raise ValueError("url holds a user or password; name the variable of a key by api_key_variable")
            raise ValueError("url is no plain address such as http://127.0.0.1:3000")
        return cls(match[1], match[2].strip("[]").lower(), port, match[4])

    @property
    def is_loopback(self) -> bool:
        """Whether it never leaves this machine."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    def check_allowed(self, hosts: Collection[str]) -> None:
        """Raise `ValueError` for a host that is not listed; without a list every host that was asked for will do."""
        if hosts and not self.is_loopback and self.host not in {host.strip("[]").lower() for host in hosts}:
            raise ValueError(f"the host {self.host} of url is not one of allowed_hosts: {', '.join(hosts)}")
