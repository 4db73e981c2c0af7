"""Choose the commit to compare with. Pure decisions on the results of git."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from pytest_nexus.ci import branches
from pytest_nexus.errors import with_code

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_nexus.impact.git_output import Relation

PARENT: Final = "HEAD^1"
OTHER_PARENT: Final = "HEAD^2"

_MAX_ASKED_CHARS: Final = 1000
_REMEDY: Final = "check out with fetch-depth: 0 to see the whole change"


class Candidate(NamedTuple):
    """A revision that may be the base."""

    revision: str
    named_by: Literal["option", "ci", "default"]


class Base(NamedTuple):
    """The commit to compare the tree with."""

    commit: str | None
    """None if there is no commit before the one checked out."""
    note: str = ""
    """One sentence if the base is not as requested; else empty."""


class Head(NamedTuple):
    """The commit that is checked out."""

    commit: str
    is_final: bool
    """Whether its last commit may be the change: nothing is uncommitted, or a CI runs."""
    parent: str | None
    """Its first parent; None for a first commit, or at the end of a shallow clone."""


def candidates(asked: str | None, environ: Mapping[str, str]) -> tuple[Candidate, ...]:
    """Return the possible bases, best first: as requested, as the CI names, the default branch.

    >>> [candidate.revision for candidate in candidates("v1.0", {})][:2]
    ['v1.0', 'refs/remotes/origin/HEAD']
    """
    first = [Candidate(asked, "option")] if asked and is_askable(asked) else []
    return (
        *first,
        *(Candidate(name, "ci") for name in branches.named_bases(environ)),
        *(Candidate(name, "default") for name in branches.default_branches(environ)),
    )


def is_askable(revision: str) -> bool:
    """Return whether a revision can be sent to git, which reads one revision from each line."""
    return len(revision) <= _MAX_ASKED_CHARS and not {"\n", "\r", "\0"} & set(revision)


def first_present(options: tuple[Candidate, ...], commits: Mapping[str, str]) -> Candidate | None:
    """Return the best candidate that exists in this clone.

    The first parent stands for the base branch only if HEAD is a merge.
    """
    for option in options:
        is_no_merge = option.revision == branches.MERGED and OTHER_PARENT not in commits
        if option.revision in commits and not (is_no_merge and option.named_by == "ci"):
            return option
    return None


def decide(chosen: Candidate | None, commit: str | None, head: Head, relation: Relation) -> Base:
    """Return the base, given the best candidate and its commit.

    A named commit is always the base, even if it is HEAD itself or shares no commit with HEAD. The
    default branch is the base only if HEAD is not on it.
    """
    if chosen is None or commit is None:
        return _last_commit(head, relation)
    if chosen.named_by == "default" and relation.merge_base == head.commit:
        return _last_commit(head, relation)
    if relation.merge_base:
        return Base(relation.merge_base)
    start = "shallow clone: no" if relation.is_shallow else "no"
    end = f"; {_REMEDY}" if relation.is_shallow else ""
    return Base(
        commit,
        with_code(
            "NX413",
            f"{start} common commit with {chosen.revision};"
            f" the files are compared with {chosen.revision} directly{end}",
        ),
    )


def absence(
    asked: str | None,
    options: tuple[Candidate, ...],
    chosen: Candidate | None,
    relation: Relation,
) -> str:
    """Return the sentence about a named base that does not exist here; empty if all is well."""
    found_by = chosen.named_by if chosen else None
    remedy = f" (shallow clone: {_REMEDY})" if relation.is_shallow else ""
    if asked and found_by != "option":
        shown = asked if len(asked) <= 80 else f"{asked[:80]}..."
        return with_code("NX414", f"nexus_base: there is no commit {shown!r} here{remedy}")
    was_named = any(option.named_by == "ci" for option in options)
    if was_named and found_by not in {"option", "ci"} and relation.is_shallow:
        return with_code(
            "NX415", f"shallow clone: the base that the CI names is missing; {_REMEDY}"
        )
    return ""


def _last_commit(head: Head, relation: Relation) -> Base:
    if not head.is_final:
        return Base(head.commit)
    if head.parent:
        return Base(head.parent)
    if relation.is_shallow:
        return Base(None, with_code("NX412", f"shallow clone: nothing to compare with; {_REMEDY}"))
    return Base(None, with_code("NX411", "first commit: nothing to compare with"))
