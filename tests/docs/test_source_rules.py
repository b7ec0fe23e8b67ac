"""What every file keeps to: no machine's path, no unsafe loading, short files and functions, lazy heavy imports."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LONGEST_FILE, LONGEST_FUNCTION = 350, 50

LONG_FILES: dict[str, str] = {}
"""Python files that may exceed the limit, each with the reason."""

LONG_FUNCTIONS: dict[str, str] = {}
"""`path::function` that may exceed the limit, each with the reason."""

PATH_EXCEPTIONS: dict[str, str] = {}
"""Files that may show an absolute path, each with the reason."""

RUN_BY_MLFLOW = {"core/candle_ml/mlflow_model.py"}
"""Files that no module imports: MLflow runs them, so MLflow and pandas are there already."""

LAZY_IN_CORE = {"dvc", "hypercorn", "mlflow", "quart", "talib", "xgboost"}
UNSAFE_CALLS = {
    f"{module}.{name}"
    for module, names in {
        "pickle": ("load", "loads", "Unpickler"),
        "cloudpickle": ("load", "loads"),
        "dill": ("load", "loads"),
        "marshal": ("load", "loads"),
        "joblib": ("load",),
        "yaml": ("load", "load_all", "full_load", "unsafe_load"),
        "torch": ("load",),
    }.items()
    for name in names
}
WRITTEN_RULES = {
    "absolute machine path": r"(?<![\w.~}\-/:])/(?:home|root|tmp|work|Users|opt)/\w",
    "package registry": r"pypi\.org|pythonhosted\.org|registry\.(?:npmjs|yarnpkg)\.|anaconda\.org",
    "about how it is made": r"(?i)\bissues? #?\d+\b|\bshared/\w+\.md|\bhelper session|\bsub-?agent|\bchatgpt",
    "unfinished": r"\bTODO\b|\bFIXME\b|\bXXX\b|\bNotImplementedError\b",
    "switched off": r"pragma: no cover|\bmark\.(?:skip|xfail)|\bpytest\.(?:skip|xfail)\(",
}
NOT_TEXT = {".parquet", ".png", ".ico", ".woff2", ".ubj", ".skops", ".gz", ".zip"}
HERE = Path(__file__).relative_to(ROOT).as_posix()


@cache
def project_files() -> tuple[str, ...]:
    """Every file that is tracked or about to be, but this one, which spells out what is refused."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return tuple(name for name in sorted(set(listed)) if (ROOT / name).is_file() and name != HERE)


def python_files() -> Iterator[tuple[str, str]]:
    for name in project_files():
        if name.endswith(".py"):
            yield name, (ROOT / name).read_text("utf-8")


def dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def executed_at_import(node: ast.AST) -> Iterator[ast.stmt]:
    """The statements that run when a module is imported: no function bodies, nothing for the type checker only."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(child, ast.If) and dotted(child.test).endswith("TYPE_CHECKING"):
            continue
        if isinstance(child, ast.stmt):
            yield child
        yield from executed_at_import(child)


def imported_names(statement: ast.stmt) -> list[str]:
    if isinstance(statement, ast.Import):
        return [alias.name for alias in statement.names]
    return [statement.module or ""] if isinstance(statement, ast.ImportFrom) and statement.level == 0 else []


def eager_imports(source: str) -> set[str]:
    names = [name for statement in executed_at_import(ast.parse(source)) for name in imported_names(statement)]
    return {name.partition(".")[0] for name in names}


def line_count(node: ast.stmt) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def long_functions(name: str, source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and line_count(node) > LONGEST_FUNCTION:
            yield f"{name}::{node.name}"


def unsafe_calls(source: str) -> list[str]:
    """Calls that can run what a file says; `from pickle import loads` counts as a call of it."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            found.append(dotted(node.func))
        elif isinstance(node, ast.ImportFrom):
            found += [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.keyword) and node.arg == "allow_pickle" and not is_false(node.value):
            found.append("allow_pickle")
    return [name for name in found if name in UNSAFE_CALLS or name == "allow_pickle"]


def is_false(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is False


@pytest.mark.parametrize("rule", WRITTEN_RULES)
def test_no_file_breaks_a_written_rule(rule: str) -> None:
    """No file holds a machine's path, a registry's name, a note about its making, anything unfinished or skipped."""
    allowed = PATH_EXCEPTIONS if rule == "absolute machine path" else {}
    pattern = re.compile(WRITTEN_RULES[rule])
    broken = [
        f"{name}:{number}: {line.strip()[:100]}"
        for name in project_files()
        if name not in allowed and Path(name).suffix not in NOT_TEXT
        for number, line in enumerate((ROOT / name).read_text("utf-8").splitlines(), 1)
        if pattern.search(line)
    ]
    assert broken == []


def test_nothing_is_unpickled() -> None:
    """No Python file calls a loader that runs what the file it reads says."""
    assert {name: calls for name, source in python_files() if (calls := unsafe_calls(source))} == {}


@pytest.mark.parametrize(
    "code",
    [
        "import pickle\npickle.loads(data)",
        "from joblib import load",
        "import yaml\nyaml.load(text, Loader=L)",
        "import numpy\nnumpy.load(path, allow_pickle=True)",
    ],
)
def test_the_search_finds_unsafe_loading(code: str) -> None:
    """The search for unsafe loaders finds each of the common ones."""
    assert len(unsafe_calls(code)) == 1


def test_core_imports_heavy_packages_lazily() -> None:
    """No core module imports a plugin, the server or a package of theirs, MLflow or DVC when it is imported."""
    forbidden = {
        name: found
        for name, source in python_files()
        if name.startswith("core/") and name not in RUN_BY_MLFLOW
        if (found := {top for top in eager_imports(source) if top in LAZY_IN_CORE or top.startswith("candle_ml_")})
    }
    assert forbidden == {}


def test_no_module_imports_a_file_that_mlflow_runs() -> None:
    """The files that import MLflow at once are imported by no other module."""
    modules = {Path(name).stem for name in RUN_BY_MLFLOW}
    importing = [
        name
        for name, source in python_files()
        if name.startswith(("core/", "plugins/", "server/"))
        if any(re.search(rf"^\s*(?:from|import) .*\b{module}\b", source, re.MULTILINE) for module in modules)
    ]
    assert importing == []


def test_the_search_for_eager_imports_sees_nested_ones() -> None:
    """An import in a `try` or a class runs at once; one in a function or for the type checker does not."""
    eager = "try:\n    import mlflow.pyfunc\nexcept ImportError:\n    from dvc import api\nclass A:\n    import talib"
    later = "if TYPE_CHECKING:\n    import mlflow\ndef f():\n    import dvc"
    assert eager_imports(eager) == {"mlflow", "dvc", "talib"}
    assert eager_imports(later) == set()


def test_files_are_short() -> None:
    """A Python file has at most 350 lines, unless it is listed with a reason, and the list names no other."""
    assert {name for name, source in python_files() if len(source.splitlines()) > LONGEST_FILE} == set(LONG_FILES)


def test_functions_are_short() -> None:
    """A function has at most 50 lines, unless it is listed with a reason, and the list names no other."""
    assert {found for name, source in python_files() for found in long_functions(name, source)} == set(LONG_FUNCTIONS)
