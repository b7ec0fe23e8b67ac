"""Loads changed copies of a saved booster, each with the checksum that fits it.

    python mutations.py FOLDER FIRST LAST

A line a copy: `refused`, or `loaded` where it predicts shares. Run it in a process of its own: what the checks let
through goes to XGBoost, and a process that ends early has died of it.
"""

from __future__ import annotations

import random
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from candle_ml.errors import BundleError
from candle_ml_models_tree.files import META, Meta, digest
from candle_ml_models_tree.xgboost_model import MODEL_FILE, load

STRUCTURE = b"#$LliUI[{S}"
STRANGE = (b"\xff" * 8, b"\x7f" + b"\xff" * 7, bytes(8), b"\x80" + bytes(7), bytes(4) + b"\x7f\xff\xff\xff")


def changed(content: bytes, seed: int) -> bytes:
    """Bytes changed, exchanged, taken out, put in or copied, mostly where types and sizes stand."""
    chance = random.Random(seed)
    result = bytearray(content)
    for _ in range(chance.choice((1, 1, 1, 2, 5))):
        place = chance.randrange(len(result))
        while chance.random() < 0.95 and result[place] not in STRUCTURE:
            place = chance.randrange(len(result))
        place = min(place + chance.randrange(9), len(result) - 1)
        other = chance.randrange(len(result))
        chance.choice(
            (
                lambda at, _: result.__setitem__(at, chance.randrange(256)),
                lambda at, _: result.__setitem__(at, result[at] ^ 1 << chance.randrange(8)),
                lambda at, _: result.__setitem__(slice(at, at + 8), chance.choice(STRANGE)),
                lambda at, _: result.__delitem__(slice(at, at + chance.randrange(1, 50))),
                lambda at, _: result.__setitem__(slice(at, at), chance.randbytes(chance.randrange(1, 20))),
                lambda at, to: result.__setitem__(slice(at, at + 100), result[to : to + 100]),
            )
        )(place, other)
    return bytes(result)


def outcomes(folder: Path, seeds: range) -> Iterator[str]:
    """What becomes of each changed copy of the model in a folder."""
    content = (folder / MODEL_FILE).read_bytes()
    meta = Meta.model_validate_json((folder / META).read_bytes())
    rows = np.random.default_rng(0).standard_normal((50, meta.columns)).astype(np.float32)
    with tempfile.TemporaryDirectory() as name:
        for seed in seeds:
            copy = changed(content, seed)
            (Path(name) / MODEL_FILE).write_bytes(copy)
            (Path(name) / META).write_text(meta.model_copy(update={"sha256": digest(copy)}).model_dump_json())
            try:
                shares = load(Path(name))._share_of_each_class(rows)
            except BundleError:
                yield "refused"
            else:
                yield "loaded" if np.allclose(shares.sum(axis=1), 1) else "loaded, but predicts no shares"


if __name__ == "__main__":
    for outcome in outcomes(Path(sys.argv[1]), range(int(sys.argv[2]), int(sys.argv[3]))):
        print(outcome, flush=True)
