"""Read the size of the trees that somebody asks for: `auto`, or `4x8`."""

from __future__ import annotations

import re
from typing import Final

from pytest_nexus.predictor.model.tree_size import MOST_LEAVES, MOST_TREES, TreeSize

AUTO: Final = "auto"


def asked_size(text: str) -> TreeSize | None:
    """Return a size from a text such as `4x8`; None for `auto`.

    Raises:
        ValueError: the text is no size, or a size that no model may have; the message says so.

    >>> asked_size("4x8")
    TreeSize(trees=4, leaves=8)
    """
    if text == AUTO:
        return None
    found = re.fullmatch(r"([0-9]{1,3})x([0-9]{1,3})", text, re.ASCII)
    size = TreeSize(*map(int, found.groups())) if found else TreeSize(0, 0)
    if not (1 <= size.trees <= MOST_TREES and 2 <= size.leaves <= MOST_LEAVES):
        raise ValueError(
            f"must be auto, or TREESxLEAVES such as 4x8 with 1 to {MOST_TREES} trees of 2 to"
            f" {MOST_LEAVES} leaves, got {text!r}"
        )
    return size
