"""What the project promises about itself: locks that install anywhere, documented commands, modules in layers."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from candle_ml import __version__

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
LOCKS = {"requirements.lock": "dev", "requirements-serve.lock": "serve"}
TRAINING_ONLY = {"mlflow", "dvc", "pandas", "pyarrow", "matplotlib", "pytest"}
HEAVY = {"dvc", "mlflow", "pandas", "quart", "sklearn", "talib", "xgboost"}


def entries(lock: str) -> list[str]:
    """Every requirement of a lock file with its hashes, on one line."""
    text = (ROOT / lock).read_text("utf-8").replace("\\\n", " ")
    return [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]


def pinned(lock: str) -> list[Requirement]:
    return [Requirement(entry.partition("--hash=")[0]) for entry in entries(lock)]


def wanted(extra: str) -> list[Requirement]:
    """What `pip install candle-ml[extra]` asks for, with the project's own extras followed."""
    found = []
    for text in PROJECT["project"]["optional-dependencies"][extra]:
        requirement = Requirement(text)
        if requirement.name == PROJECT["project"]["name"]:
            found += [inner for name in requirement.extras for inner in wanted(canonicalize_name(name))]
        else:
            found.append(requirement)
    return found


def makefile_targets() -> set[str]:
    return set(re.findall(r"^([a-z][a-z-]*):.*## ", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))


def make_commands(document: str) -> set[str]:
    text = (ROOT / document).read_text("utf-8")
    return set(re.findall(r"(?:`|^)make ([a-z][a-z-]*)", text, re.MULTILINE))


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_package_has_one_version_and_hashes(lock: str) -> None:
    """Each requirement of a lock file is pinned with `==` and carries at least one SHA-256."""
    form = re.compile(r"[a-z0-9-]+==[\w.]+( ; [^\\]+?)?(\s+--hash=sha256:[0-9a-f]{64})+\s*")
    assert entries(lock)
    assert [entry for entry in entries(lock) if not form.fullmatch(entry)] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_locks_hold_no_address_and_no_path(lock: str) -> None:
    """A lock file names no index, no address, no folder and no editable or direct reference."""
    text = (ROOT / lock).read_text("utf-8")
    assert (
        re.findall(r"://|^\s*-(?!-hash=)(?!c requirements\.lock$).*|index-url|find-links| @ |\s/\w+", text, re.M) == []
    )


@pytest.mark.parametrize(("lock", "extra"), LOCKS.items())
def test_locks_answer_the_project_file(lock: str, extra: str) -> None:
    """Every dependency in `pyproject.toml` is locked at a version that it allows."""
    versions = {requirement.name: str(requirement.specifier).removeprefix("==") for requirement in pinned(lock)}
    dependencies = [Requirement(text) for text in PROJECT["project"]["dependencies"]] + wanted(extra)
    unmet = [
        str(requirement)
        for requirement in dependencies
        if not requirement.specifier.contains(versions.get(canonicalize_name(requirement.name), "0"))
    ]
    assert unmet == []


def test_serving_uses_the_versions_of_training() -> None:
    """A package in both locks has the same version in both."""
    training = {requirement.name: requirement.specifier for requirement in pinned("requirements.lock")}
    serving = {requirement.name: requirement.specifier for requirement in pinned("requirements-serve.lock")}
    differing = {name for name, version in serving.items() if version != training.get(name, version)}
    assert differing == set()


def test_serving_needs_no_training_package() -> None:
    """The serving lock holds neither the tracking server nor data versioning, data frames, plots or tests."""
    assert TRAINING_ONLY & {requirement.name for requirement in pinned("requirements-serve.lock")} == set()


@pytest.mark.parametrize("lock", LOCKS)
def test_linux_gets_the_small_xgboost(lock: str) -> None:
    """On Linux the CPU build of XGBoost is installed and no package for graphics cards."""
    linux = {"sys_platform": "linux"}
    names = {entry.name for entry in pinned(lock) if entry.marker is None or entry.marker.evaluate(linux)}
    assert "xgboost-cpu" in names
    assert [name for name in names if name == "xgboost" or name.startswith("nvidia")] == []


def test_every_documented_target_exists() -> None:
    """Each `make` command in README and CONTRIBUTING is a target of the Makefile."""
    assert (make_commands("CONTRIBUTING.md") | make_commands("README.md")) - makefile_targets() == set()


def test_every_target_is_documented() -> None:
    """CONTRIBUTING names each target of the Makefile."""
    assert makefile_targets() - make_commands("CONTRIBUTING.md") == set()


def test_every_slow_suite_is_listed() -> None:
    """CONTRIBUTING lists each test file that holds a slow test."""
    guide = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    files = (path for path in (ROOT / "tests").rglob("test_*.py") if path != Path(__file__))
    slow = [path.relative_to(ROOT).as_posix() for path in files if "mark.slow" in path.read_text("utf-8")]
    assert [name for name in slow if f"`{name}`" not in guide] == []


def test_make_help_lists_every_target() -> None:
    """`make help` prints each target and what it does."""
    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert set(re.findall(r"^make ([a-z-]+) +\S", shown.replace("  make", "make"), re.MULTILINE)) == makefile_targets()


def test_make_refuses_an_old_python(tmp_path: Path) -> None:
    """A Python before 3.11 is refused by its version, before anything is created."""
    old = tmp_path / "python"
    old.write_text(f'#!/bin/sh\nexec {sys.executable} -c "import sys; sys.version_info = (3, 10); $2"\n')
    old.chmod(0o755)
    command = ["make", "venv", f"PYTHON={old}", f"VENV={tmp_path / 'venv'}"]
    made = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert made.returncode != 0
    assert made.stderr.startswith(f"Python 3.11 or newer is needed; {sys.executable} is ")
    assert not (tmp_path / "venv").exists()


def test_every_core_module_has_a_layer() -> None:
    """Each module of the core stands in exactly one layer of the import contract."""
    layers = PROJECT["tool"]["importlinter"]["contracts"][0]["layers"]
    placed = re.findall(r"candle_ml\.(\w+)", " ".join(layers))
    folder = ROOT / "core" / "candle_ml"
    modules = {path.stem for path in folder.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert sorted(placed) == sorted(set(placed))
    assert modules - {"__init__"} - set(placed) == set()


def test_entry_points_import_nothing_heavy() -> None:
    """Importing every bundled plugin's entry point imports no package that takes long to import."""
    modules = list(PROJECT["project"]["entry-points"]["candle_ml"].values())
    code = f"import sys; [__import__(name) for name in {modules}]; print(*sorted({HEAVY} & set(sys.modules)))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.split() == []


def test_every_command_and_plugin_of_the_project_file_exists() -> None:
    """Each script and entry point in `pyproject.toml` names a module that is there."""
    project = PROJECT["project"]
    named = [*project["scripts"].values(), *project["entry-points"]["candle_ml"].values()]
    assert [name for name in named if find_spec(name.partition(":")[0]) is None] == []


def test_the_changelog_knows_the_version() -> None:
    """The package's version stands in the changelog, and the project's licence file is the one it names."""
    assert __version__ in (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert (ROOT / "LICENSE").read_text("utf-8").startswith(f"{PROJECT['project']['license']} License")
