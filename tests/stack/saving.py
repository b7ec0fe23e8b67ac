"""Backups and restores: of everything, of damaged backups, over newer annotations, two at once, after a killed one."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
import time
from pathlib import Path

from compose import Stack
from loop import Annotator, until
from showing import show
from surviving import everything, served

ANNOTATIONS = "./annotator/annotator.db"


def saved(stack: Stack) -> None:
    """A backup of the running stack, and two at once: each that is kept holds the annotations."""
    started = time.monotonic()
    size = stack.run("make", "backup", "TO=saved/").splitlines()[-1].split()[1]
    show("make backup", f"{size} in {time.monotonic() - started:.0f} s")
    backup = ["docker/backup"]
    both = [
        subprocess.Popen([*backup, name], cwd=stack.folder, env=stack.environment, stderr=subprocess.DEVNULL)
        for name in ("first", "second")
    ]
    codes = [one.wait() for one in both]
    kept = [stack.folder / name for name in ("first", "second") if (stack.folder / name).exists()]
    assert len(kept) == codes.count(0) >= 1
    for folder in (stack.folder / "saved", *kept):
        stack.run("sh", "-c", f"cd {folder} && sha256sum --check --quiet --strict SHA256SUMS")
        with tarfile.open(folder / "data.tar") as archive:
            assert ANNOTATIONS in archive.getnames(), folder
    assert list(stack.folder.glob("*.part")) == []
    show("two backups at once", f"{len(kept)} made, whole; {2 - len(kept)} refused")


def refused(stack: Stack, annotator: Annotator) -> None:
    """Damaged and cut backups, and any backup over a filled stack: nothing changes, and the services go on."""
    before = everything(stack, annotator)
    _refused(stack, "saved", "the stack holds data already (", OVERWRITE="")
    for name, damage, reason in (
        ("flipped", _flip, "flipped is no whole backup; nothing was changed"),
        ("cut", _cut, "is cut off or damaged"),
        ("cut-dump", _cut_dump, "not restored: nothing was changed"),
    ):
        shutil.copytree(stack.folder / "saved", stack.folder / name)
        damage(stack.folder / name)
        _refused(stack, name, reason, OVERWRITE="yes")
        assert everything(stack, annotator) == before
        shutil.rmtree(stack.folder / name)
    show("restore of a damaged backup, of two cut ones with valid checksums", "refused; nothing changed or stopped")


def newer_annotations(stack: Stack, annotator: Annotator) -> None:
    """When PostgreSQL's volume is lost, a restore asks before it replaces the annotations that are still there."""
    before = everything(stack, annotator)
    project = stack.config()["name"]
    stack.compose("down")
    stack.engine.podman("volume", "rm", f"{project}_databases")
    _refused(stack, "saved", "rows of the annotator", OVERWRITE="")
    _restored(stack, annotator, "FROM=saved", "OVERWRITE=yes")
    assert everything(stack, annotator) == before
    show("PostgreSQL's volume lost, make restore", "refused because of the annotations that are there")


def leftovers(stack: Stack, annotator: Annotator) -> None:
    """What a killed restore has left is in no backup; such a backup fills volumes that were destroyed."""
    before = everything(stack, annotator)
    for place in ("data", ".candle-ml"):
        stack.inside("ml-service", "sh", "-c", f"mkdir {place}/.restored; echo 1 >{place}/.restored/half")
    stack.run("docker/backup", "left")
    stack.compose("down", "--volumes")
    assert stack.engine.podman("volume", "ls", "--quiet", "--filter", "label=com.docker.compose.project") == ""
    seconds = _restored(stack, annotator, "FROM=left")
    assert everything(stack, annotator) == before
    for place in ("data", ".candle-ml"):
        assert stack.inside("ml-service", "sh", "-c", f"ls -A {place} | grep -c restored || true") == "0"
    show("volumes destroyed, make restore", f"everything there after {seconds:.0f} s, `up` included")


def into_a_started_stack(stack: Stack, annotator: Annotator) -> None:
    """A stack that was started and not used is restored into without a question."""
    before = everything(stack, annotator)
    stack.compose("down", "--volumes")
    stack.up()
    _restored(stack, annotator, "FROM=saved")
    assert everything(stack, annotator) == before
    show("restore into a stack that was only started", "everything there; not asked for OVERWRITE")


def _restored(stack: Stack, annotator: Annotator, *settings: str) -> float:
    started = time.monotonic()
    stack.run("make", "restore", *settings)
    stack.up()
    until(lambda: served(annotator) is not None, "the restored model")
    return time.monotonic() - started


def _refused(stack: Stack, name: str, reason: str, **environment: str) -> None:
    said = stack.attempt("docker/restore", name, **environment)
    assert said.returncode == 1, said.stdout
    assert reason in said.stderr, said.stderr
    assert "nothing was changed" in said.stderr, said.stderr


def _flip(backup: Path) -> None:
    with (backup / "runs.tar").open("r+b") as file:
        file.seek(700)
        byte = file.read(1)
        file.seek(700)
        file.write(bytes([byte[0] ^ 1]))


def _cut(backup: Path) -> None:
    with tarfile.open(backup / "data.tar") as archive:
        last = archive.getmembers()[-1].offset
    _shorten(backup / "data.tar", last)


def _cut_dump(backup: Path) -> None:
    _shorten(backup / "mlflow.dump", (backup / "mlflow.dump").stat().st_size * 3 // 4)


def _shorten(file: Path, size: int) -> None:
    with file.open("r+b") as opened:
        opened.truncate(size)
    subprocess.run("sha256sum ./*.dump ./*.tar >SHA256SUMS", shell=True, check=True, cwd=file.parent)
