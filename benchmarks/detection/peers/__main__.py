"""Run peers on one problem: `python -m benchmarks.detection.peers PROBLEM.npz FOLDER BORDER NAME...`."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from benchmarks.detection.peers.classifiers import ManyScales, RawWindow, mini_rocket, quant, random_forest
from benchmarks.detection.peers.problem import Found, Peer, Problem
from benchmarks.detection.peers.searching import MoreLikeThis, NearestWarped

FOLDS = 3

PEERS: Mapping[str, Peer] = {
    "forest-raw": RawWindow(),
    "forest": ManyScales(random_forest),
    "minirocket": ManyScales(mini_rocket),
    "quant": ManyScales(quant),
    "dtw": NearestWarped(),
    "stumpy": MoreLikeThis(),
}


def main() -> None:
    """Write, for each peer, what it finds of the annotated part out of fold and what it finds after the border."""
    source, folder, border, *names = sys.argv[1:]
    problem = Problem.load(Path(source))
    for name in names:
        started = time.perf_counter()
        known = joined(list(out_of_fold(PEERS[name], problem)))
        unseen = PEERS[name].fit(problem).find(problem.prices, int(border), len(problem.prices) - 1)
        np.savez(
            Path(folder) / f"{name}.npz",
            known_ends=known.ends,
            known_confidence=known.confidence,
            unseen_ends=unseen.ends,
            unseen_confidence=unseen.confidence,
            seconds=np.array(time.perf_counter() - started),
        )


def out_of_fold(peer: Peer, problem: Problem) -> Iterator[Found]:
    """What the peer finds in each third of the reviewed candles when it has learned from the others alone."""
    for first, last in folds(problem):
        yield peer.fit(problem.without(first, last)).find(problem.prices, first, last)


def folds(problem: Problem) -> Iterator[tuple[int, int]]:
    """Runs of candles with about equally many spans each, whose borders cut no span."""
    low, high = int(problem.reviewed[0, 0]), int(problem.reviewed[-1, 1])
    starts = [int(part[0, 1]) for part in np.array_split(problem.spans, FOLDS)]
    yield from zip([low, *starts[1:]], [*(start - 1 for start in starts[1:]), high], strict=True)


def joined(parts: list[Found]) -> Found:
    """All that was found."""
    return Found(np.concatenate([part.ends for part in parts]), np.concatenate([part.confidence for part in parts]))


if __name__ == "__main__":
    main()
