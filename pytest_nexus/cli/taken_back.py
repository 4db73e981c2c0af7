"""Which change a recorded build takes back, and so the text of what was changed in it.

The files of `sample_history/` have no text for `fresh` builds, which take back the change of their
own commit, nor for `regress` builds, which take back that of an earlier one and do not say which:
their sources and number of lines tell. Taking a change back changes the same lines, so its words
are those of the change itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_NEAR: Final = 0.75
"""How near the numbers of lines must be: what was changed since around them makes them differ."""

Row = dict[str, str]
"""Of the table of builds."""
Files = dict[str, dict[str, Any]]
"""The text of a change, by path: `added`, `deleted`, `identifiers`, `context`."""


def text_of(row: Row, builds: Sequence[Row], known: Mapping[str, Files]) -> Files:
    """Return the text of the change in a build; empty where it is not known.

    Its own where it has one. For `fresh` that of its commit; for `regress` that of the earlier
    commit that changed all of its sources by as many lines, or nearly as many: the nearest one, and
    of several the last.

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
    # Of those that are equally near the first one, which is the last in time.
    best = max(texts, key=lambda text: _nearness(row, text), default={})
    return best if _nearness(row, best) >= _NEAR else {}


def _nearness(row: Row, text: Files) -> float:
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
