"""Who is asked and with which key is settled before anything is sent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from candle_ml.cli import main
from candle_ml.components import SourceContext
from candle_ml.config import load_config
from candle_ml.errors import ConfigError, DataError
from candle_ml_sources.annotator_api import AnnotatorApi
from candle_ml_sources.options import AnnotatorApiOptions

ADDRESS = "url is no plain address such as http://127.0.0.1:3000"
SECRET = "url holds a user or password; name the variable of a key by api_key_variable"
BAD = {
    "url: annotator:3000": ADDRESS,
    "url: ftp://annotator": ADDRESS,
    "url: http://annotator:0": ADDRESS,
    "url: http://annotator:99999": ADDRESS,
    'url: "http://annotator?chart=1"': ADDRESS,
    'url: "http://127.0.0.1\\\\.evil.example"': ADDRESS,
    'url: "http://annotator/ x"': ADDRESS,
    "url: http://me:secret-1@annotator": SECRET,
    "url: http://annotator@evil.example": SECRET,
    "url: http://evil.example, allowed_hosts: [annotator, desk]": (
        "the host evil.example of url is not one of allowed_hosts: annotator, desk"
    ),
    "api_key_variable: sk-secret-1": (
        "api_key_variable is the name of an environment variable, such as ANNOTATOR_API_KEY"
    ),
}


def write(root: Path, options: str) -> Path:
    """A configuration with these options."""
    (root / "config").mkdir()
    use = f"{{use: annotator-api, {options}}}"
    path = root / "config" / "pipeline.yaml"
    path.write_text(
        f"name: api\nsources:\n  use: [          {use}]\nfeatures: {{enabled: false}}\n"
        "labels: {use: windowed}\nmodel: {use: random-forest}\n"
    )
    return path


def load(root: Path, options: str) -> AnnotatorApiOptions:
    """The options as the configuration has them."""
    (choice,) = load_config(write(root, options)).sources.use
    assert isinstance(choice.options, AnnotatorApiOptions)
    return choice.options


@pytest.mark.parametrize(("options", "expected"), BAD.items())
def test_an_unsafe_address_or_key_is_refused(tmp_path: Path, options: str, expected: str) -> None:
    """The configuration's error names the place, and never what may be a password or key."""
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, options)
    assert str(caught.value).partition("sources.use.0: ")[2] == expected
    assert "secret-1" not in str(caught.value)


@pytest.mark.parametrize(
    "options",
    [
        "url: https://annotator.example/desk/",
        "url: http://annotator, allowed_hosts: [Annotator]",
        "url: 'http://[::1]:3000', allowed_hosts: [elsewhere]",
        "url: http://127.0.0.2:3000, allowed_hosts: [elsewhere]",
        "url: http://localhost:3000, allowed_hosts: [elsewhere]",
    ],
)
def test_listed_hosts_and_this_machine_are_asked(tmp_path: Path, options: str) -> None:
    """A listed host will do, this machine always, and any host where none is listed."""
    assert load(tmp_path, options).url.startswith("http")


def test_a_key_in_the_configuration_is_an_unknown_option(tmp_path: Path) -> None:
    """`api_key` is no option, and its value is not repeated."""
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, "api_key: secret-1")
    assert "unknown key 'api_key'" in str(caught.value)
    assert "secret-1" not in str(caught.value)


KEYS = {
    "": "ANNOTATOR_KEY: not set; put the annotator's key into this environment variable",
    "two\r\nlines": "ANNOTATOR_KEY: a key that no header can carry; printable ASCII without spaces",
    "schlüssel": "ANNOTATOR_KEY: a key that no header can carry; printable ASCII without spaces",
}


@pytest.mark.parametrize(("key", "expected"), KEYS.items())
def test_a_key_that_cannot_be_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str, expected: str) -> None:
    """`candle-ml validate` tells a missing key, or one that no header can carry, beside what else is wrong."""
    monkeypatch.setenv("ANNOTATOR_KEY", key)
    path = write(tmp_path, "api_key_variable: ANNOTATOR_KEY")
    result = CliRunner().invoke(main, ["validate", "--config", str(path)])
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == f"{path}:3:19: sources.use.0: {expected}\n"


def test_a_refused_key_is_not_repeated(
    annotator: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reply: Any
) -> None:
    """Where the annotator's refusal or redirect repeats the key, the error does not."""
    monkeypatch.setenv("ANNOTATOR_KEY", "secret-1")
    source = AnnotatorApi(AnnotatorApiOptions(url=annotator.url, api_key_variable="ANNOTATOR_KEY"))
    refusal, redirect = reply(403, b'{"error": "wrong key secret-1"}'), reply(301, b"", {"Location": "/?key=secret-1"})
    answers = (
        (refusal, "HTTP 403: 'wrong key ...'; a valid key in ANNOTATOR_KEY"),
        (redirect, "HTTP 301 to '/?key=...'; redirects are not followed: set url"),
    )
    for answer, expected in answers:
        annotator.reply("/api/charts", answer)
        with pytest.raises(DataError) as caught:
            source.read(SourceContext(tmp_path))
        assert str(caught.value) == f"{annotator.url}/api/charts: {expected}"
