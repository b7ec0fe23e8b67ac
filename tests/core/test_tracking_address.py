"""Addresses that runs are tracked at: which are taken, and what is said of the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from candle_ml.config import parse_config
from candle_ml.errors import ConfigError
from candle_ml.plugins import PluginManager

BASE = "name: demo\nsources: {use: [candle-files]}\nfeatures: {use: [candle-shape]}\nlabels: {enabled: false}\n"


@pytest.fixture(scope="module")
def manager() -> PluginManager:
    """The plugins that are installed."""
    return PluginManager.load()


@pytest.mark.parametrize(
    ("address", "server"),
    [
        ("127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("localhost", "http://localhost"),
        ("tracking.example.org/mlflow", "http://tracking.example.org/mlflow"),
        ("./mlruns", "http://host:5000"),
        ("ftp://x", "http://host:5000"),
        ("file:///mlruns", "http://host:5000"),
        ("http://", "http://host:5000"),
        ("http:/host:5000", "http://host:5000"),
        ("http://host:port", "http://host:5000"),
        ("http://ho st", "http://host:5000"),
        ("http://host:99999", "http://host:5000"),
        ("HTTP://127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("postgres://host/db", "http://host:5000"),
        ("sqlite://", "http://host:5000"),
        ("databricks-uc", "http://host:5000"),
    ],
)
def test_an_address_that_nothing_can_be_tracked_at(manager: PluginManager, address: str, server: str) -> None:
    """An address without a scheme, or with one that MLflow does not track at, is refused with what could be meant."""
    with pytest.raises(ConfigError) as caught:
        parse_config(f"{BASE}tracking: {{uri: '{address}'}}\n", "p.yaml", Path("project"), (), manager)
    assert str(caught.value) == (
        f"p.yaml:5:17: tracking.uri: '{address}'; "
        f"write {server} for an MLflow server, or sqlite:///mlflow.db for a file"
    )


@pytest.mark.parametrize("behind", ["#/experiments/0", "#s3cret", ";s3cret=1", "?s3cret"])
def test_what_follows_an_address_is_refused_and_not_shown(manager: PluginManager, behind: str) -> None:
    """An address as a browser shows it, or with parameters, is refused with the part that would do."""
    override = f"tracking.uri=http://127.0.0.1:5000/{behind}"
    with pytest.raises(ConfigError) as caught:
        parse_config(BASE, "p.yaml", Path("project"), (override,), manager)
    shown = f"http://127.0.0.1:5000/{behind[0]}***"
    assert str(caught.value) == (
        f"--set tracking.uri={shown}: tracking.uri: '{shown}'; "
        "write http://127.0.0.1:5000/ for an MLflow server, or sqlite:///mlflow.db for a file"
    )


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:5000",
        "https://tracking.example.org/team/mlflow/",
        "http://[::1]:5000",
        "sqlite:///folder/mlflow.db",
        "sqlite:////srv/mlflow.db",
        "postgresql+psycopg://user@host:5432/db",
        "mysql+pymysql://user@host/db",
        "databricks",
        "databricks://profile",
    ],
)
def test_an_address_that_mlflow_takes(manager: PluginManager, address: str) -> None:
    """Servers, databases and Databricks are left to MLflow."""
    text = f"{BASE}tracking: {{uri: '{address}'}}\n"
    assert parse_config(text, "p.yaml", Path("project"), (), manager).tracking.uri == address
