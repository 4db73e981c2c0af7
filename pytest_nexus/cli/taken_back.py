"""Which earlier change a recorded build takes back, told by its files and its number of lines.

The files of `sample_history/` do not say which change a `regress` build takes back. Taking a change
back changes the same lines, so its words are those of the change itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NEAR: Final = 0.75
"""How near the numbers of lines must be: what was changed since around them makes them differ."""

Row = dict[str, str]
"""Of the table of builds."""
Files = dict[str, dict[str, Any]]
"""The text of a change, by path: `added`, `deleted`, `identifiers`, `context`."""


def text_of(row: Row, builds: Sequence[Row], known: Mapping[str, Files]) -> Files:
    """Return the text of what differs in a build from a state of the project that passed.

    Its own where it has one. For `fresh` that of its commit; for `regress` that of the earlier
    commit that changed the same sources by as many lines, or nearly as many: of several the nearest
    one, and the last. Nothing where there is none.

    Args:
        row: of the build.
        builds: all rows in time order.
        known: texts by build.
    """
    own = known.get(row["build_id"], {})
    if own or row["kind"] not in {"fresh", "regress"}:
        return own
    passing = [other for other in reversed(builds) if other["kind"] == "pass"]
    if row["kind"] == "fresh":
        same = (other for other in passing if other["commit"] == row["commit"])
        return next((known.get(other["build_id"], {}) for other in same), {})
    texts = [
        known.get(other["build_id"], {}) for other in passing if int(other["seq"]) < int(row["seq"])
    ]
    best = max(texts, key=lambda text: nearness(row, text), default={})
    return best if nearness(row, best) >= NEAR else {}


def nearness(row: Row, text: Files) -> float:
    """Return how near the number of lines that a build takes back comes to that of a change.

    On the sources of the build, the smaller number by the larger one; 0 where the change leaves one
    of them alone.
    """
    sources = {path for path in row["changed_src"].split("|") if path}
    if not sources or not sources <= text.keys():
        return 0.0
    n_taken_back = int(row["lines_changed"])
    n_changed: int = sum(text[path]["added"] + text[path]["deleted"] for path in sources)
    return min(n_taken_back, n_changed) / max(n_taken_back, n_changed, 1)
