"""What must hold of a decision tree that came from a file before anything walks it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from candle_ml.errors import BundleError

LEAF = -1


@dataclass(frozen=True, slots=True, eq=False)
class TreeArrays:
    """Parallel arrays with one entry a node: children (-1 in a leaf), the column it splits on and its threshold."""

    left: NDArray[np.signedinteger]
    right: NDArray[np.signedinteger]
    column: NDArray[np.signedinteger]
    threshold: NDArray[np.floating]


def check_tree(where: str, tree: TreeArrays, columns: int) -> None:
    """Raise `BundleError` unless every walk from the root stays inside the arrays and ends in a leaf.

    Children stand after their parent, so no walk can come round to where it was.
    """
    if not len(tree.left):
        raise BundleError.at(where, "no node", "at least a leaf")
    if len({len(tree.left), len(tree.right), len(tree.column), len(tree.threshold)}) > 1:
        raise BundleError.at(where, "arrays of different lengths", "one entry a node in each")
    inner = tree.left != LEAF
    lonely = np.flatnonzero(inner != (tree.right != LEAF))
    if len(lonely):
        raise BundleError.at(where, f"one child of node {lonely[0]}", "two children or none")
    for child in (tree.left, tree.right):
        _check_children(where, child, inner)
    _check_columns(where, tree.column, inner, columns)
    strange = np.flatnonzero(~np.isfinite(tree.threshold))
    if len(strange):
        raise BundleError.at(where, f"{tree.threshold[strange[0]]} in node {strange[0]}", "a finite number")


def _check_children(where: str, child: NDArray[np.signedinteger], inner: NDArray[np.bool_]) -> None:
    nodes = np.arange(len(child))
    bad = np.flatnonzero(inner & ((child <= nodes) | (child >= len(child))))
    if len(bad):
        found = f"child {child[bad[0]]} of node {bad[0]}"
        raise BundleError.at(where, found, f"a later node, below {len(child)}")


def _check_columns(where: str, column: NDArray[np.signedinteger], inner: NDArray[np.bool_], columns: int) -> None:
    bad = np.flatnonzero(inner & ((column < 0) | (column >= columns)))
    if len(bad):
        raise BundleError.at(where, f"column {column[bad[0]]} in node {bad[0]}", f"0 to {columns - 1}")
