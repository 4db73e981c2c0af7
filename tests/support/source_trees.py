"""The syntax trees of the package and of the predictor, for tests of their source."""

from __future__ import annotations

import ast
import gc
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]


@cache
def trees() -> dict[str, ast.Module]:
    """Parse each source file once; return the tree of each by its path below `ROOT`, in order.

    A test calls this. At import, every worker would parse all files while it collects.
    """
    found = {
        path.relative_to(ROOT).as_posix(): ast.parse(path.read_text("utf-8"))
        for folder in ("pytest_nexus", "predictor")
        for path in sorted((ROOT / folder).rglob("*.py"))
    }
    gc.freeze()  # else each later collection visits a million nodes
    return found
