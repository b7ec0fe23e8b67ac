"""`make env`, `make backup` and `make restore` up to where they ask the stack, and what they run in its volumes."""

from __future__ import annotations

import hashlib
import io
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tarfile
from contextlib import closing
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SECRETS = ("POSTGRES_PASSWORD", "CANDLE_ML_DATABASE_PASSWORD", "MLFLOW_DATABASE_PASSWORD", "CANDLE_ML_API_KEY")
DATABASE = Path("annotator", "annotator.db")


def run(command: list[str], folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """What a command does in a folder, with next to no environment."""
    whole = {"PATH": os.environ["PATH"], **environment}
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=whole)


def make_env(folder: Path) -> str:
    """What `make env` says in a clone in the folder."""
    (folder / "docker").mkdir(exist_ok=True)
    shutil.copy(ROOT / ".env.example", folder)
    for name in ("make-env", "pipeline.yaml"):
        shutil.copy(ROOT / "docker" / name, folder / "docker")
    done = run(["docker/make-env"], folder)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def volumes(command: str, folder: Path, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """What `docker/volumes.py` does with a folder."""
    program = [sys.executable, str(ROOT / "docker/volumes.py"), command, str(folder)]
    return subprocess.run(program, input=given, capture_output=True, check=False)


def filled(folder: Path, charts: int = 1) -> Path:
    """A volume with a file and an annotator's database."""
    (folder / "annotator").mkdir(parents=True)
    with closing(sqlite3.connect(folder / DATABASE)) as connection, connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE charts (name TEXT)")
        connection.execute("CREATE TABLE span_label_types (name TEXT)")
        connection.execute("INSERT INTO span_label_types VALUES ('bull_flag')")
        connection.executemany("INSERT INTO charts VALUES (?)", [("AAPL",)] * charts)
    return folder


def charts(folder: Path) -> int:
    """How many charts the annotator's database in a volume holds."""
    with closing(sqlite3.connect(folder / DATABASE)) as connection:
        return int(connection.execute("SELECT count(*) FROM charts").fetchone()[0])


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def saved(folder: Path) -> bytes:
    """The archive of a volume, proven as `backup` proves it."""
    done = volumes("save", folder)
    assert (done.returncode, done.stderr.decode()) == (0, hashlib.sha256(done.stdout).hexdigest())
    return done.stdout


def test_secrets_are_drawn_once_and_readable_by_their_owner(tmp_path: Path) -> None:
    """`make env` draws new secrets, readable by the owner alone, and leaves a `.env` that is there as it is."""
    drawn = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        assert make_env(folder) == "wrote .env: random secrets, readable by you only\n"
        text = (folder / ".env").read_text("utf-8")
        assert (folder / ".env").stat().st_mode & 0o777 == 0o600
        drawn += re.findall(r"^\w*(?:PASSWORD|_KEY)=([0-9a-f]{48})$", text, re.MULTILINE)
        assert make_env(folder) == ".env is there already and stays as it is\n"
        assert (folder / ".env").read_text("utf-8") == text
    assert len(drawn) == len(set(drawn)) == 8


@pytest.mark.parametrize("empty", ["", '""', "''", "  ", "\r"])
def test_make_env_fills_what_a_file_lacks(tmp_path: Path, empty: str) -> None:
    """Empty and missing secrets are drawn; the rest stays, also a last line without an end and keys of others."""
    own = f"# mine\nOTHER_KEY=\nPOSTGRES_PASSWORD=kept\nMLFLOW_DATABASE_PASSWORD={empty}\nTITLE=a $b"
    (tmp_path / ".env").write_text(own, "utf-8")
    (tmp_path / ".env").chmod(0o600)
    said = make_env(tmp_path)
    assert said == "filled in .env: MLFLOW_DATABASE_PASSWORD CANDLE_ML_DATABASE_PASSWORD CANDLE_ML_API_KEY\n"
    lines = (tmp_path / ".env").read_text("utf-8").splitlines()
    assert (lines[:3], lines[4]) == (own.splitlines()[:3], "TITLE=a $b")
    drawn = dict(line.split("=") for line in [lines[3], *lines[5:]])
    assert sorted(drawn) == sorted(set(SECRETS) - {"POSTGRES_PASSWORD"})
    assert [value for value in drawn.values() if not re.fullmatch(r"[0-9a-f]{48}", value)] == []
    assert sorted(path.name for path in tmp_path.glob(".env*")) == [".env", ".env.example"]


def test_make_env_closes_a_file_that_others_can_read(tmp_path: Path) -> None:
    """A `.env` that is open to other users is closed to them, and that is said."""
    (tmp_path / ".env").write_text("".join(f"{name}=kept\n" for name in SECRETS), "utf-8")
    (tmp_path / ".env").chmod(0o644)
    assert make_env(tmp_path).splitlines() == [
        ".env was open to other users of this machine and is closed to them now",
        ".env is there already and stays as it is",
    ]
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600


def test_make_env_opens_the_configuration_to_the_containers(tmp_path: Path) -> None:
    """In a clone that is closed to others, the configuration that containers mount becomes readable."""
    make_env(tmp_path)
    (tmp_path / "docker/pipeline.yaml").chmod(0o600)
    run(["docker/make-env"], tmp_path)
    assert (tmp_path / "docker/pipeline.yaml").stat().st_mode & 0o777 == 0o644


def test_a_backup_that_is_not_whole_is_refused(tmp_path: Path) -> None:
    """`restore` asks nothing of the stack when a file of the backup is damaged, or missing."""
    backup = tmp_path / "saved"
    backup.mkdir()
    restore = [str(ROOT / "docker/restore"), str(backup)]
    (backup / "runs.tar").write_text("runs")
    subprocess.run("sha256sum ./*.tar >SHA256SUMS", cwd=backup, shell=True, check=True)
    missing = run(restore, tmp_path, COMPOSE="false")
    assert (missing.returncode, missing.stderr) == (1, f"{backup} holds no candle_ml.dump; nothing was changed\n")
    (backup / "runs.tar").write_text("nuns")
    damaged = run(restore, tmp_path, COMPOSE="false")
    assert damaged.returncode == 1
    assert damaged.stderr.endswith(f"{backup} is no whole backup; nothing was changed\n")


@pytest.mark.parametrize("name", ["one", "one/", "one//"])
def test_a_backup_never_takes_the_place_of_another(tmp_path: Path, name: str) -> None:
    """`backup` refuses a folder that is there, before it asks anything of the stack."""
    (tmp_path / "one").mkdir()
    refused = run([str(ROOT / "docker/backup"), name], tmp_path, COMPOSE="false")
    assert (refused.returncode, refused.stderr) == (1, "one is there already: name another folder by TO=\n")


@pytest.mark.parametrize("arguments", [[], ["backups/one/"]])
def test_a_backup_that_fails_leaves_nothing(tmp_path: Path, arguments: list[str]) -> None:
    """When the stack does not answer, no part of a backup stays."""
    failed = run([str(ROOT / "docker/backup"), *arguments], tmp_path, COMPOSE="false")
    assert failed.returncode == 1
    assert list((tmp_path / "backups").iterdir()) == []


def test_an_interrupted_backup_leaves_nothing(tmp_path: Path) -> None:
    """A backup that is told to end while the stack works ends, and takes its part away."""
    (tmp_path / "compose").write_text("#!/bin/sh\nkill -TERM $PPID\n")
    (tmp_path / "compose").chmod(0o755)
    stopped = run([str(ROOT / "docker/backup"), "backups/one"], tmp_path, COMPOSE=str(tmp_path / "compose"))
    assert stopped.returncode in {1, -signal.SIGTERM}
    assert list((tmp_path / "backups").iterdir()) == []


def test_what_is_saved_comes_back(tmp_path: Path) -> None:
    """A volume's files and the annotator's database, which is open meanwhile, are restored as they were."""
    volume = filled(tmp_path / "volume", charts=3)
    (volume / "versions").mkdir(mode=0o700)
    (volume / "versions/one").write_text("1")
    (volume / "versions/link").symlink_to("one")
    with closing(sqlite3.connect(volume / DATABASE)) as writer, writer:
        writer.execute("INSERT INTO charts VALUES ('MSFT')")
        writer.commit()
        archive = saved(volume)
    other = filled(tmp_path / "other")
    (other / "newer").write_text("gone")
    unpacked = volumes("unpack", other, archive)
    assert (unpacked.returncode, unpacked.stdout.decode()) == (0, hashlib.sha256(archive).hexdigest())
    assert (charts(other), (other / "newer").exists()) == (1, True)
    assert volumes("swap", other).stdout == b"swapped"
    assert charts(other) == 4
    assert sorted(path.name for path in other.iterdir()) == ["annotator", "versions"]
    assert ((other / "versions/link").read_text(), (other / "versions").stat().st_mode & 0o777) == ("1", 0o700)


def test_an_archive_that_is_cut_off_changes_nothing(tmp_path: Path) -> None:
    """Cut anywhere, also between two files or within its end, an archive is refused and what is there stays."""
    volume = filled(tmp_path / "volume")
    (volume / "one").write_bytes(b"1" * 600)
    archive = saved(volume)
    with tarfile.open(fileobj=io.BytesIO(archive)) as members:
        starts = [one.offset for one in members][1:]
        end = members.offset
    before = contents(volume)
    for cut in {0, 700, *starts, end, end + 512, end - 512}:
        refused = volumes("unpack", volume, archive[:cut])
        assert refused.returncode == 1, cut
        volumes("clear", volume)
        assert contents(volume) == before
    cut_between = volumes("unpack", volume, archive[: starts[-1]])
    assert cut_between.stderr.decode() == f"the archive for {volume} is cut off or damaged\n"
    assert volumes("unpack", volume, archive[: end + 1024]).returncode == 0


def test_an_archive_that_goes_on_after_damage_is_refused(tmp_path: Path) -> None:
    """A header that cannot be read is not taken for the end of the archive."""
    volume = filled(tmp_path / "volume")
    archive = bytearray(saved(volume))
    with tarfile.open(fileobj=io.BytesIO(archive)) as members:
        start = [one.offset for one in members][-1]
    archive[start + 148 : start + 156] = b"garbage!"
    refused = volumes("unpack", volume, bytes(archive))
    assert refused.stderr.decode() == f"the archive for {volume} is cut off or damaged\n"


def test_a_damaged_database_is_not_restored(tmp_path: Path) -> None:
    """An archive whose annotations SQLite cannot read whole is refused."""
    volume = filled(tmp_path / "volume")
    for number in range(200):
        (volume / f"{number}").write_text("1")
    archive = bytearray(saved(volume))
    start = archive.index(b"SQLite format 3")
    archive[start + 4096 : start + 4196] = b"\xff" * 100
    refused = volumes("unpack", volume, bytes(archive))
    assert refused.returncode == 1
    assert refused.stderr.decode().startswith(f"{volume / '.restored' / DATABASE}: ")


@pytest.mark.parametrize("name", ["annotator/annotator.db", "elsewhere"])
def test_links_are_not_restored(tmp_path: Path, name: str) -> None:
    """An archive with a link in it is refused, and the annotations that it leads to are still there."""
    volume, archive = filled(tmp_path / "volume"), io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as made:
        link = tarfile.TarInfo(f"./{name}")
        link.type, link.linkname = tarfile.SYMTYPE, "../../annotator/annotator.db"
        made.addfile(link)
    done = volumes("unpack", volume, archive.getvalue())
    assert done.returncode == 1
    assert done.stderr.decode().startswith(f"the archive for {volume} is cut off or damaged: ")
    assert charts(volume) == 1


def test_of_a_link_what_it_leads_to_is_saved(tmp_path: Path) -> None:
    """A link in a volume comes back as a file of its own."""
    volume = filled(tmp_path / "volume")
    (volume / "notes").write_text("text", "utf-8")
    (volume / "soft").symlink_to("notes")
    (volume / "hard").hardlink_to(volume / "notes")
    again = filled(tmp_path / "again")
    assert volumes("unpack", again, saved(volume)).returncode == 0
    assert volumes("swap", again).stdout == b"swapped"
    assert {(again / one).read_text("utf-8") for one in ("notes", "soft", "hard")} == {"text"}
    assert not (again / "soft").is_symlink()


def test_annotations_are_never_replaced_by_none(tmp_path: Path) -> None:
    """An archive without the annotator's database is refused by a volume that has annotations only."""
    empty = tmp_path / "empty"
    empty.mkdir()
    archive = saved(empty)
    volume = filled(tmp_path / "volume")
    refused = volumes("unpack", volume, archive)
    assert refused.stderr.decode() == (
        f"the archive holds no annotations, {volume} does; remove annotator/annotator.db there first if that is meant\n"
    )
    assert charts(volume) == 1
    assert volumes("unpack", filled(tmp_path / "started", charts=0), archive).returncode == 0


def test_leftovers_are_not_saved_and_not_restored(tmp_path: Path) -> None:
    """What a killed backup or restore has left goes into no archive, and out of older ones into no volume."""
    volume = filled(tmp_path / "volume")
    for name in (".saving", ".restored"):
        (volume / name).mkdir()
        (volume / name / "half").write_text("1")
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as older:
        older.add(volume, ".")
    with tarfile.open(fileobj=io.BytesIO(saved(volume))) as newer:
        assert newer.getnames() == [".", "./annotator", "./annotator/annotator.db"]
    assert not (volume / ".saving").exists()
    other = tmp_path / "other"
    other.mkdir()
    assert volumes("unpack", other, packed.getvalue()).returncode == 0
    assert volumes("swap", other).returncode == 0
    assert sorted(path.name for path in other.iterdir()) == ["annotator"]
    assert charts(other) == 1


def test_a_swap_that_was_interrupted_is_made_good_by_another_restore(tmp_path: Path) -> None:
    """After a swap that ended halfway, unpacking and swapping once more gives the whole backup and nothing else."""
    archive = saved(filled(tmp_path / "volume"))
    other = filled(tmp_path / "other")
    (other / "newer").write_text("1")
    volumes("unpack", other, archive)
    (other / ".restored/annotator").rename(other / "annotator-half")
    assert volumes("unpack", other, archive).returncode == 0
    assert volumes("swap", other).stdout == b"swapped"
    assert sorted(path.name for path in other.iterdir()) == ["annotator"]
    assert volumes("swap", other).returncode == 1
    assert charts(other) == 1


def test_one_is_at_work_at_a_time(tmp_path: Path) -> None:
    """While a backup reads a volume, another one is refused; a lock does not outlive its process."""
    volume = filled(tmp_path / "volume")
    (volume / "large").write_bytes(b"1" * (1 << 22))
    program = [sys.executable, str(ROOT / "docker/volumes.py"), "save", str(volume)]
    with subprocess.Popen(program, stdout=subprocess.PIPE) as first:
        assert first.stdout is not None
        first.stdout.read(1)
        second = volumes("save", volume)
        first.kill()
    said = f"another backup or restore is at work in {volume}; try again after it\n"
    assert (second.returncode, second.stderr.decode()) == (1, said)
    assert (volume / ".saving").exists() or charts(volume) == 1
    saved(volume)


def test_a_volume_says_what_it_holds(tmp_path: Path) -> None:
    """A started but unused stack's volume counts as empty, leftovers do too; charts and any file count as held."""
    volume = filled(tmp_path / "volume", charts=0)
    (volume / ".restored").mkdir()
    (volume / ".restored/half").write_text("1")
    assert volumes("held", volume).stdout == b"nothing"
    assert volumes("held", filled(tmp_path / "charts", charts=2)).stdout == b"2 rows of the annotator"
    (volume / "annotator/newer").write_text("mine")
    assert volumes("held", volume).stdout.decode() == f"files such as {volume / 'annotator/newer'}"


@pytest.mark.parametrize("password", ["p@ssw/rd%41-and-more", "short1", ""])
def test_a_password_that_an_address_cannot_hold_is_refused(password: str, tmp_path: Path) -> None:
    """Before anything is asked of PostgreSQL the step says which password cannot be used, and not the password."""
    given = {"CANDLE_ML_DATABASE_PASSWORD": "0123456789abcdef", "MLFLOW_DATABASE_PASSWORD": password}
    refused = run([sys.executable, str(ROOT / "docker/candle-ml/databases")], tmp_path, **given)
    said = "16 or more letters and digits are needed; empty it in .env, and make env draws one"
    assert (refused.returncode, refused.stderr) == (1, f"MLFLOW_DATABASE_PASSWORD: {said}\n")
