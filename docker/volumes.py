"""Saves what a volume holds and puts it back; `backup` and `restore` run this in the containers that have the volumes.

Usage: save FOLDER >TAR, unpack FOLDER <TAR, swap FOLDER, held FOLDER, clear FOLDER. `save` (as an error message) and
`unpack` end by telling the SHA-256 of the whole archive, as proof that nothing of it got lost.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import sqlite3
import sys
import tarfile
from contextlib import closing
from pathlib import Path
from typing import IO

SAVING, RESTORED = ".saving", ".restored"
DATABASE = Path("annotator", "annotator.db")
NOT_CONTENT = ("span_label_types", "sqlite_%", "\\_\\_%")
END_OF_ARCHIVE = 1024


class Passing:
    """A stream that knows what has passed through it."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.stream, self.hash, self.passed, self.last = stream, hashlib.sha256(), 0, 0

    def read(self, size: int) -> bytes:
        return self._seen(self.stream.read(size))

    def write(self, part: bytes) -> int:
        return self.stream.write(self._seen(part))

    def _seen(self, part: bytes) -> bytes:
        self.hash.update(part)
        if filled := len(part.rstrip(b"\0")):
            self.last = self.passed + filled
        self.passed += len(part)
        return part


def save(folder: Path) -> None:
    """All but leftovers; of SQLite's files, which may be written to meanwhile, a whole copy that SQLite makes."""
    _alone(folder)
    clear(folder, SAVING)
    output = Passing(sys.stdout.buffer)
    # Of a link what it leads to is saved: links are not restored.
    form = {"format": tarfile.GNU_FORMAT, "dereference": True}
    with tarfile.open(fileobj=output, mode="w|", **form) as archive:  # type: ignore[call-overload]
        archive.add(folder, ".", filter=lambda member: member if _is_content(Path(member.name)) else None)
        if (folder / DATABASE).exists():
            archive.add(_copy(folder), f"./{DATABASE}")
    sys.stdout.flush()
    clear(folder, SAVING)
    sys.stderr.write(output.hash.hexdigest())


def unpack(folder: Path) -> None:
    """Beside what is there; ends with an error unless the archive was whole and all of it is on the disk."""
    _alone(folder)
    clear(folder, RESTORED)
    place, source = folder / RESTORED, Passing(sys.stdin.buffer)
    place.mkdir()
    try:
        with tarfile.open(fileobj=source, mode="r|") as archive:  # type: ignore[call-overload]
            archive.extractall(place, filter=_extracted)
            members, end = archive.getmembers(), archive.offset
    except tarfile.TarError as error:
        sys.exit(f"the archive for {folder} is cut off or damaged: {error}")
    while source.read(1 << 20):
        pass
    # tarfile takes whatever it cannot read after the first entry for the end.
    if source.last > end or source.passed < end + END_OF_ARCHIVE:
        sys.exit(f"the archive for {folder} is cut off or damaged")
    for one in members:
        if one.isfile() and _is_kept(one) and (place / one.name).stat().st_size != one.size:
            sys.exit(f"{place / one.name}: not the {one.size} bytes of the archive")
    _prove_annotations(folder, place)
    sys.stdout.write(source.hash.hexdigest())


def swap(folder: Path) -> None:
    """What was unpacked takes the place of what was there."""
    _alone(folder)
    restored = folder / RESTORED
    arriving = list(restored.iterdir())
    for one in folder.iterdir():
        if one != restored:
            _remove(one)
    for one in arriving:
        one.rename(folder / one.name)
    restored.rmdir()
    sys.stdout.write("swapped")


def held(folder: Path) -> None:
    """Tells `nothing` of a volume without content, as that of a stack that was only started."""
    files = [path for path in folder.rglob("*") if path.is_file() and _is_content(path.relative_to(folder))]
    found = [f"files such as {files[0]}"] if files else []
    if rows := _rows(folder / DATABASE):
        found.append(f"{rows} rows of the annotator")
    sys.stdout.write(", ".join(found) or "nothing")


def clear(folder: Path, *names: str) -> None:
    """Remove what a backup or restore that was killed has left."""
    for name in names or (SAVING, RESTORED):
        if (folder / name).exists():
            _remove(folder / name)


def _alone(folder: Path) -> None:
    """Ends with an error while another process is at work in the folder; the lock goes with this process."""
    try:
        fcntl.flock(os.open(folder, os.O_RDONLY), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.exit(f"another backup or restore is at work in {folder}; try again after it")


def _is_content(path: Path) -> bool:
    database = path.parent == DATABASE.parent and path.name.startswith(DATABASE.name)
    return not database and path.parts[:1] not in {(SAVING,), (RESTORED,)}


def _is_kept(member: tarfile.TarInfo) -> bool:
    return Path(member.name) == DATABASE or _is_content(Path(member.name))


def _extracted(member: tarfile.TarInfo, place: str) -> tarfile.TarInfo | None:
    """As it was saved. Links and whatever else could lead out of the folder are refused."""
    if not (member.isreg() or member.isdir()):
        raise tarfile.SpecialFileError(member)
    return tarfile.tar_filter(member, place) if _is_kept(member) else None


def _copy(folder: Path) -> Path:
    (folder / SAVING).mkdir()
    copy = folder / SAVING / DATABASE.name
    with closing(sqlite3.connect(folder / DATABASE)) as connection:
        connection.execute("VACUUM INTO ?", (str(copy),))
    return copy


def _prove_annotations(folder: Path, place: Path) -> None:
    if (place / DATABASE).exists():
        if (said := _checked(place / DATABASE)) != "ok":
            sys.exit(f"{place / DATABASE}: {said}")
    elif _rows(folder / DATABASE):
        sys.exit(f"the archive holds no annotations, {folder} does; remove {DATABASE} there first if that is meant")


def _checked(database: Path) -> str:
    with closing(sqlite3.connect(f"file:{database}?immutable=1", uri=True)) as connection:
        try:
            return str(connection.execute("PRAGMA integrity_check").fetchone()[0])
        except sqlite3.DatabaseError as error:
            return str(error)


def _rows(database: Path) -> int:
    """How many rows people have brought into the annotator's database."""
    if not database.exists():
        return 0
    with closing(sqlite3.connect(database)) as connection:
        kept = " AND ".join(f"name NOT LIKE '{pattern}' ESCAPE '\\'" for pattern in NOT_CONTENT)
        tables = connection.execute(f"SELECT name FROM sqlite_schema WHERE type = 'table' AND {kept}").fetchall()
        return sum(connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for (name,) in tables)


def _remove(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


if __name__ == "__main__":
    commands = {"save": save, "unpack": unpack, "swap": swap, "held": held, "clear": clear}
    commands[sys.argv[1]](Path(sys.argv[2]))
