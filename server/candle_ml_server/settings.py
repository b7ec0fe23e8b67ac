"""What the service runs with: pipeline.yaml's inference stage, the flags of `serve` and secrets of the environment."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field

from candle_ml.config import InferenceStage
from candle_ml.errors import ConfigError

API_KEY_VARIABLE = "CANDLE_ML_API_KEY"
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How the service listens, whom it answers, and its limits. Sizes are in bytes, times in seconds."""

    host: str = "127.0.0.1"
    port: int = 8001
    api_key: str | None = field(default=None, repr=False)
    allowed_hosts: frozenset[str] = LOOPBACK_NAMES
    cors_origins: frozenset[str] = frozenset()
    body_limit: int = 32 << 20
    body_timeout: float = 30.0
    request_timeout: float = 30.0
    queue: int = 64
    threads: int = 2
    candle_limit: int = 500_000
    allow_other_timeframes: bool = False
    poll_seconds: float = 2.0
    retry_seconds: float = 30.0
    drain_seconds: float = 1.0


def service_settings(
    stage: InferenceStage,
    environment: Mapping[str, str],
    *,
    host: str | None = None,
    port: int | None = None,
    insecure: bool = False,
) -> Settings:
    """The settings of one service; flags win over the configuration.

    Raises `ConfigError` for an address that others can reach without an API key, unless `insecure`.
    """
    host = host or stage.host
    api_key = environment.get(API_KEY_VARIABLE, "").strip() or None
    if api_key is None and not insecure and not is_loopback(host):
        found = f"{host} can be reached from other machines, and no API key is set"
        raise ConfigError.at("inference.host", found, f"set {API_KEY_VARIABLE}, or pass --insecure")
    return Settings(
        host=host,
        port=stage.port if port is None else port,
        api_key=api_key,
        allowed_hosts=LOOPBACK_NAMES | {_plain(name) for name in (*stage.allowed_hosts, *_own_name(host))},
        cors_origins=frozenset(origin.rstrip("/").lower() for origin in stage.cors_origins),
        body_limit=stage.body_limit,
        body_timeout=stage.body_timeout,
        request_timeout=stage.request_timeout,
        queue=stage.queue,
        threads=stage.threads,
        candle_limit=stage.batch_limit_candles,
        allow_other_timeframes=stage.allow_other_timeframes,
    )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address; a name other than `localhost` may lead anywhere."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _own_name(host: str) -> tuple[str, ...]:
    """The address listened on, where it is one that a client would write."""
    return () if host.strip("[]") in ("0.0.0.0", "::", "") else (host,)


def _plain(name: str) -> str:
    return name.strip().strip("[]").rstrip(".").lower()
