"""List which tests cover the commits that escaped, and what was left out then. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from collections.abc import Set as AbstractSet


class Escape(NamedTuple):
    """A commit whose fault no test found."""

    commit: str
    why: str
    files: tuple[str, ...]
    """The files that it changed."""
    covering: tuple[str, ...]
    """Tests that are known to use one of these files."""
    left_out: tuple[str, ...] | None
    """Of these, the tests that no run of this commit executed; None without a recorded run."""


def escapes(
    accused: Mapping[str, str],
    files: Mapping[str, Sequence[str]],
    users: Mapping[str, AbstractSet[str]],
    executed: Mapping[str, Collection[str]],
) -> list[Escape]:
    """Return what is known about each accused commit, in the given order.

    Args:
        accused: by commit, why it counts as escaped.
        files: by commit, the files that it changed.
        users: by file, the tests that are known to use it.
        executed: by commit, the tests that ran at it; without an entry, no run is recorded.

    >>> users = {"a.py": {"t1", "t2"}}
    >>> escapes({"c": "reverted"}, {"c": ["a.py"]}, users, {"c": ["t1"]})[0].left_out
    ('t2',)
    """
    found = []
    for commit, why in accused.items():
        changed = tuple(files.get(commit, ()))
        covering = sorted({test for path in changed for test in users.get(path, ())})
        ran = executed.get(commit)
        left = None if ran is None else tuple(test for test in covering if test not in set(ran))
        found.append(Escape(commit, why, changed, tuple(covering), left))
    return found
