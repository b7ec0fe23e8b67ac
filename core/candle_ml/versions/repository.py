"""The DVC project that keeps data versions: made where there is none, with a remote that is always verified."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from candle_ml.config import PipelineConfig
from candle_ml.errors import ConfigError, DataError
from candle_ml.versions.locking import patiently

REMOTE = "candle-ml"


def versions_folder(config: PipelineConfig) -> Path:
    """Where versions stand: `data.path`, a folder inside the project. Raises `ConfigError`."""
    folder = config.root / config.data.path
    if not folder.resolve().is_relative_to(config.root.resolve()) or folder.resolve() == config.root.resolve():
        raise ConfigError.at(config.where("data.path"), repr(config.data.path), "a folder inside the project")
    return folder


def remote_folder(config: PipelineConfig) -> Path:
    """Where versions are stored: `data.remote`, else `<project>-dvc-remote` beside the project."""
    given = config.data.remote
    return config.root.with_name(f"{config.root.name}-dvc-remote") if given is None else config.root / given


@contextmanager
def opened(config: PipelineConfig, *, create: bool = False) -> Iterator[Any]:
    """The `dvc.repo.Repo` of a project, configured for its versions; whatever DVC raises becomes a `DataError`.

    With `create` it is made where there is none: under git, in a subfolder of a git repository, or without git.
    """
    from dvc.exceptions import DvcException

    for name in ("dvc", "dvc_data", "dvc_objects"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        repo = _opened(config.root, create)
        try:
            patiently(lambda: _configure(repo, config), config.root)
            yield repo
        finally:
            repo.close()
    except DvcException as error:
        found = " ".join(str(error).split()) or type(error).__name__
        raise DataError.at(f"DVC in {config.root}", found, "put that right, then try again") from error


def _opened(root: Path, create: bool) -> Any:
    from dvc.config import ConfigError as BrokenConfigError
    from dvc.exceptions import NotDvcRepoError
    from dvc.repo import Repo
    from dvc.scm import SCMError

    if create and _is_half_made(root):
        return _made(root, force=True)
    try:
        return Repo(str(root))
    except NotDvcRepoError as error:
        if create:
            return _made(root)
        raise DataError.at(str(root), "no data version is kept here", "candle-ml data snapshot makes one") from error
    except (BrokenConfigError, SCMError) as error:
        raise _misconfigured(root, " ".join(str(error).split())) from error


def _misconfigured(root: Path, reason: str) -> DataError:
    """The error of a DVC project whose configuration does not say what it is; the rest of it is written again."""
    folder = next((folder for folder in (root, *root.parents) if (folder / ".dvc").is_dir()), root)
    rest = "empty it" if _git(folder) else "replace its content by the two lines [core] and no_scm = true"
    expected = f"restore it from a backup or git, or {rest}; candle-ml data snapshot writes the rest"
    return DataError.at(str(folder / ".dvc" / "config"), reason, expected)


def _git(root: Path) -> Path | None:
    """The folder of the git repository that a folder is in, if it is in one."""
    return next((folder for folder in (root, *root.parents) if (folder / ".git").exists()), None)


def _made(root: Path, force: bool = False) -> Any:
    """`dvc init`, `dvc init --subdir` or `dvc init --no-scm`, as the folder needs."""
    from dvc.repo import Repo

    git = _git(root)
    return Repo.init(str(root), no_scm=git is None, subdir=git not in (None, root), force=force)


def _is_half_made(root: Path) -> bool:
    """Whether a `dvc init` was ended before it was done: nothing is configured, ignored or stored yet."""
    folder = root / ".dvc"
    if not folder.is_dir() or (root / ".dvcignore").exists() or (folder / "cache").exists():
        return False
    config = folder / "config"
    return not config.exists() or "remote" not in config.read_text("utf-8", "replace")


def _configure(repo: Any, config: PipelineConfig) -> None:
    """Name the remote and have it verified: otherwise DVC takes damaged files from it without a word."""
    from dvc.config_schema import RelPath

    known = repo.config["remote"].get(REMOTE, {})
    url = known.get("url")
    if url is None or config.data.remote is not None:
        url = str(remote_folder(config))
    same = known.get("url") is not None and Path(known["url"]).resolve() == Path(url).resolve()
    if same and known.get("verify") is True:
        return
    absolute = config.data.remote is not None and Path(config.data.remote).is_absolute()
    has_default = "remote" in repo.config["core"]
    with repo.config.edit("repo") as written:
        written["remote"].setdefault(REMOTE, {})["verify"] = True
        if not same:
            written["remote"][REMOTE]["url"] = url if absolute else RelPath(url)
        if not has_default:
            written["core"]["remote"] = REMOTE
        written["core"].setdefault("analytics", False)
        written["core"].setdefault("check_update", False)
