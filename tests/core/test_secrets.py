"""Passwords in addresses, in whatever form."""

from __future__ import annotations

import pytest

from candle_ml.config.secrets import has_password, masked

SECRET = {
    "http://user:s3cret@host:5000": "http://***@host:5000",
    "http:/user:s3cret@host": "http:/***@host",
    "//user:s3cret@host": "//***@host",
    "http://user%3As3cret@host": "http://***@host",
    "https://s3cret@host/path": "https://***@host/path",
    "s3://s3cret@bucket/store": "s3://***@bucket/store",
    "user:s3cret@host:5000": "***@host:5000",
    "postgresql+psycopg://user:s3@cret@host/db": "postgresql+psycopg://***@host/db",
    "postgresql+psycopg://host/db?user=x&password=s3cret": "postgresql+psycopg://host/db?user=x&password=***",
    "mssql+pyodbc:///?odbc_connect=UID%3Dme%3BPWD%3Ds3cret%3BDATABASE%3Ddb": (
        "mssql+pyodbc:///?odbc_connect=UID%3Dme%3BPWD%3D***"
    ),
    "http://host/?access_token=s3cret&a=b": "http://host/?***",
}
PLAIN = (
    "http://127.0.0.1:5000",
    "https://tracking.example.org/mlflow/",
    "postgresql+psycopg://user@host:5432/db?passfile=/run/pgpass",
    "mysql+pymysql://user@host/db",
    "sqlite:///folder/mlflow.db",
    "sqlite:////user@nas/c#/mlflow.db",
)


@pytest.mark.parametrize("address", SECRET)
def test_a_password_is_found_and_hidden(address: str) -> None:
    """It is not in what is shown, in an address or in a text around it."""
    assert has_password(address)
    assert masked(address) == SECRET[address]
    assert masked(f"--set tracking.uri={address}") == f"--set tracking.uri={SECRET[address]}"


@pytest.mark.parametrize("address", PLAIN)
def test_an_address_without_one_stays_as_it_is(address: str) -> None:
    """A user, a port and a file of passwords are no secret."""
    assert not has_password(address)
    assert masked(address) == address


@pytest.mark.parametrize("address", ["http://host:5000/#s3cret", "https://host;s3cret=1"])
def test_what_follows_the_address_of_a_server_is_hidden(address: str) -> None:
    """A fragment or parameters may hold a token."""
    assert masked(address) == f"{address.partition('s3cret')[0]}***"
