"""The page about an app of one's own: its first step, followed to the letter, and what the later ones hand on."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/integrate.md").read_text("utf-8")


def block(language: str, containing: str) -> str:
    """The one code block of a language that holds a text."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    (found,) = [one for one in blocks if containing in one]
    return str(found)


def run(script: str, folder: Path) -> str:
    command = ["bash", "-euo", "pipefail", "-c", script]
    environment = {"PATH": os.environ["PATH"], "COMPOSE": "false"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("own", [None, "TITLE=my app", "TITLE=my app\nCANDLE_ML_API_KEY=\n"])
def test_the_first_step_keeps_what_the_app_has(tmp_path: Path, own: str | None) -> None:
    """With no `.env`, one without an end of its last line, or half a one: whole, closed to others, ignored by git."""
    app = tmp_path / "app"
    app.mkdir()
    (tmp_path / "candle-ml").symlink_to(ROOT)
    run("git init --quiet; printf node_modules > .gitignore", app)
    if own is not None:
        (app / ".env").write_text(own, "utf-8")
    run(block("sh", "git -C ../candle-ml archive"), app)
    lines = (app / ".env").read_text("utf-8").splitlines()
    values = dict(line.split("=", 1) for line in lines)
    assert values.pop("TITLE", "my app") == "my app"
    assert sorted(values) == [
        "CANDLE_ML_API_KEY",
        "CANDLE_ML_DATABASE_PASSWORD",
        "MLFLOW_DATABASE_PASSWORD",
        "POSTGRES_PASSWORD",
    ]
    assert "" not in values.values()
    assert (app / ".env").stat().st_mode & 0o777 == 0o600
    assert (app / ".gitignore").read_text("utf-8").split() == ["node_modules", ".env*", "/backups/"]
    assert run("git check-ignore .env backups/one", app).split() == [".env", "backups/one"]
    assert int(run("git status --short --untracked-files=all | grep -c services/ml", app)) > 100


def test_the_apps_service_is_given_every_variable_of_the_table() -> None:
    """What the copied routes need without a default stands in the app's service, and each variable in the table."""
    service = yaml.safe_load(block("yaml", "include:"))["services"]["app"]
    table = re.findall(r"`(\w+)`", PAGE[PAGE.index("| variable of the app") : PAGE.index("Check: `npx tsc")])
    assert set(service["environment"]) <= set(table)
    assert {"INFERENCE_API_URL", "INFERENCE_API_KEY", "ANNOTATOR_ALLOWED_HOSTS"} == set(service["environment"])
    routes = "".join((ROOT / "web/src/server" / name).read_text("utf-8") for name in ("http.ts", "inference.ts"))
    assert set(re.findall(r'"((?:ANNOTATOR|INFERENCE)_[A-Z_]+)"', routes)) == set(table) - {"CANDLE_ML_API_KEY"}


def test_backups_are_made_from_the_apps_folder(tmp_path: Path) -> None:
    """The commands of the page need no other folder, and end where the stack does not answer or no backup is."""
    (tmp_path / "services").mkdir()
    (tmp_path / "services/ml").symlink_to(ROOT)
    said = []
    for command in re.findall(r"^services/ml/docker/\w+.*?(?=  #)", block("sh", "docker/restore"), re.MULTILINE):
        with pytest.raises(subprocess.CalledProcessError) as failed:
            run(command, tmp_path)
        said.append(failed.value.stderr.splitlines()[-1:])
    assert said == [[], ["backups/20261123T143000Z is no whole backup; nothing was changed"]]
