"""The folder of a data version: everything comes back, same data has the same name, no bit changes unnoticed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from candle_ml.candles import Candles
from candle_ml.errors import DataError
from candle_ml.samples import concatenate
from candle_ml.versions import data_samples, open_contents, read_snapshot, version_name, write_contents

from .conftest import BTC, EURUSD, dataset, day, files, flip, project, with_colors

REMEDY = "write or check out the folder again"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A version's folder."""
    config = project(tmp_path / "project")
    made = tmp_path / "version"
    made.mkdir()
    write_contents(made, dataset(), data_samples(dataset(), config))
    return made


def same(one: Candles, other: Candles) -> bool:
    columns = ("time", "open", "high", "low", "close", "volume")
    pairs = [(getattr(one, name), getattr(other, name)) for name in columns]
    return one.key == other.key and all(
        (a is None and b is None) or (a.dtype == b.dtype and np.array_equal(a, b)) for a, b in pairs
    )


def test_everything_comes_back(folder: Path) -> None:
    """Candles, annotations, reviewed ranges, colours, rejected rows and notes are read as they were written."""
    given, found = dataset(), read_snapshot(folder)
    assert list(found.series) == list(given.series)
    for key, data in given.series.items():
        assert same(found.series[key].candles, data.candles)
        assert found.series[key].annotations == data.annotations
        assert found.series[key].reviewed == data.reviewed
    assert (found.hash, found.rejected, found.notes) == (given.hash, given.rejected, given.notes)
    assert dict(found.label_colors) == dict(given.label_colors)


def test_the_samples_are_an_index_into_the_candles(folder: Path, tmp_path: Path) -> None:
    """Each sample's row names its series, its first and last candle, its label and the annotation it came from."""
    table = pq.read_table(folder / "samples.parquet").to_pylist()
    patterns = {row["annotation"]: row for row in table if row["label"] == "flag"}
    assert set(patterns) == {"EURUSD 1d span:1", "BTC/USDT 1d span:1"}
    row = patterns["EURUSD 1d span:1"]
    assert (row["pair"], row["timeframe"], row["last_time"], row["span_length"]) == ("EURUSD", "1d", day(16), 7)
    assert row["first_time"] == day(16) - 7 * 86400
    assert (row["first"], row["last"]) == (9, 16)
    assert open_contents(folder).facts.samples == len(table)


def test_labels_of_sequences_are_lists(tmp_path: Path) -> None:
    """A sample with a label a step has a list of them; a step that is not known is null."""
    given = dataset()
    windows = data_samples(given, project(tmp_path / "project"))
    assert windows is not None
    steps = np.tile(np.array([0, 1, -1, 0, 0, 0, 0, 0], dtype=np.int32), (len(windows), 1))
    made = tmp_path / "version"
    made.mkdir()
    write_contents(made, given, windows.replace(kind="sequence", codes=steps))
    label = pq.read_table(made / "samples.parquet").column("label").to_pylist()[0]
    assert label == ["O", "flag", None, "O", "O", "O", "O", "O"]


def test_data_without_an_annotation_is_kept_and_read(tmp_path: Path) -> None:
    """Bare candles give a version without samples, which is read back."""
    bare = replace(dataset(), series={EURUSD: replace(dataset().series[EURUSD], annotations=(), reviewed=())})
    from candle_ml.dataset import content_hash

    bare = replace(bare, hash=content_hash(bare.series))
    made = tmp_path / "version"
    made.mkdir()
    write_contents(made, bare, None)
    assert read_snapshot(made).hash == bare.hash
    assert not (made / "samples.parquet").exists()


def test_the_same_data_has_the_same_name_and_bytes(folder: Path, tmp_path: Path) -> None:
    """Written twice, a data set gives the same files and the same name."""
    samples = data_samples(dataset(), project(tmp_path / "project"))
    second = tmp_path / "second"
    second.mkdir()
    write_contents(second, dataset(), samples)
    assert files(second) == files(folder)
    assert version_name(dataset(), samples) == open_contents(folder).facts.version


def test_other_data_has_another_name(tmp_path: Path) -> None:
    """A label, a colour or an option that changes the samples changes the name; a note does not."""
    config = project(tmp_path / "project")
    samples = data_samples(dataset(), config)
    name = version_name(dataset(), samples)
    assert samples is not None
    assert version_name(replace(dataset(), notes=("another",)), samples) == name
    others = {
        version_name(dataset("wedge"), samples),
        version_name(with_colors(dataset(), {"flag": "#000000"}), samples),
        version_name(dataset(), samples.take(samples.first > 9)),
        version_name(dataset(), None),
    }
    assert len(others | {name}) == 5


def test_a_name_does_not_depend_on_how_samples_are_joined(tmp_path: Path) -> None:
    """Joining the samples of one part changes nothing."""
    samples = data_samples(dataset(), project(tmp_path / "project"))
    assert samples is not None
    assert version_name(dataset(), concatenate([samples])) == version_name(dataset(), samples)


def test_every_changed_bit_of_the_manifest_is_noticed(folder: Path) -> None:
    """Whichever byte of the manifest changes, it is named, and nothing is read."""
    path = folder / "manifest.json"
    content = path.read_bytes()
    for position in range(len(content)):
        changed = bytearray(content)
        changed[position] ^= 1 << (position % 8)
        path.write_bytes(changed)
        with pytest.raises(DataError) as caught:
            open_contents(folder)
        assert str(caught.value) == f"{path}: its bytes have changed; {REMEDY}"


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "name",
    [
        "candles/0000_BTC-USDT_1d.parquet",
        "candles/0001_EURUSD_1d.parquet",
        "annotations.parquet",
        "reviewed.parquet",
        "rejected.parquet",
        "samples.parquet",
    ],
)
def test_a_changed_bit_of_any_file_is_named(folder: Path, name: str, seed: int) -> None:
    """One bit of one file: the file is named, and nothing is read."""
    flip(folder / name, seed)
    with pytest.raises(DataError) as caught:
        read_snapshot(folder)
    assert str(caught.value) == f"{folder / name}: its bytes have changed; {REMEDY}"


def test_a_file_that_changes_after_the_proof_is_named(folder: Path) -> None:
    """What is read is proven once more."""
    sealed = open_contents(folder)
    flip(folder / "annotations.parquet")
    with pytest.raises(DataError) as caught:
        sealed.read("annotations.parquet")
    assert str(caught.value) == f"{folder / 'annotations.parquet'}: its bytes have changed; {REMEDY}"


def test_missing_and_additional_files_are_all_named(folder: Path) -> None:
    """Several things that are wrong are told at once."""
    (folder / "reviewed.parquet").unlink()
    (folder / "notes.txt").write_text("mine")
    flip(folder / "samples.parquet")
    with pytest.raises(DataError) as caught:
        read_snapshot(folder)
    assert str(caught.value).splitlines() == [
        f"{folder / 'reviewed.parquet'}: missing; {REMEDY}",
        f"{folder / 'notes.txt'}: not in the manifest; {REMEDY}",
        f"{folder / 'samples.parquet'}: its bytes have changed; {REMEDY}",
    ]


def test_a_folder_without_a_manifest_is_refused(folder: Path) -> None:
    """Without its manifest nothing of a version can be proven."""
    (folder / "manifest.json").unlink()
    with pytest.raises(DataError) as caught:
        read_snapshot(folder)
    assert str(caught.value) == f"{folder / 'manifest.json'}: missing or unreadable; {REMEDY}"


def test_content_under_another_name_is_refused(folder: Path, tmp_path: Path) -> None:
    """A well-sealed folder whose data is not what its name says is not read."""
    from candle_ml.versions.contents import VersionFacts
    from candle_ml.versions.sealing import seal

    facts = open_contents(folder).facts
    (folder / "manifest.json").unlink()
    seal(folder, VersionFacts(**facts.model_dump() | {"data_hash": "0" * 64}))
    with pytest.raises(DataError) as caught:
        read_snapshot(folder)
    content = f"content {dataset().hash[:12]}... under the name {facts.version}"
    assert str(caught.value) == f"{folder}: {content}; {REMEDY}"


def test_a_later_format_is_told_as_such(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A version written by a later candle-ml says what would do."""
    from candle_ml.versions import sealing

    facts = open_contents(folder).facts
    (folder / "manifest.json").unlink()
    monkeypatch.setattr(sealing, "FORMAT", 2)
    sealing.seal(folder, facts)
    monkeypatch.undo()
    with pytest.raises(DataError) as caught:
        open_contents(folder)
    assert str(caught.value) == f"{folder / 'manifest.json'}: format 2; format 1; update candle-ml"


def test_a_manifest_of_something_else_is_refused(folder: Path) -> None:
    """A sealed folder of another kind is no data version."""
    from candle_ml.bundle import Frozen
    from candle_ml.versions.sealing import seal

    (folder / "manifest.json").unlink()
    seal(folder, Frozen())
    with pytest.raises(DataError) as caught:
        open_contents(folder)
    found = "version: Field required; data_hash: Field required; samples_hash: Field required"
    assert str(caught.value) == f"{folder / 'manifest.json'}: {found}; a file of this version of candle-ml"


def test_the_manifest_can_be_read_by_people(folder: Path) -> None:
    """The manifest is JSON that names every file and series."""
    manifest = json.loads((folder / "manifest.json").read_bytes())
    assert set(manifest["files"]) == set(files(folder)) - {"manifest.json"}
    assert [one["pair"] for one in manifest["facts"]["series"]] == [BTC.pair, EURUSD.pair]
    assert all(len(digest) == 64 for digest in manifest["files"].values())
