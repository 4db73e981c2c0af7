"""Which commit to compare with: pure decisions over what git found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from pytest_nexus.ci import branches

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_nexus.impact.git_output import Relation

PARENT: Final = "HEAD^1"
OTHER_PARENT: Final = "HEAD^2"

_MAX_ASKED_CHARS: Final = 1000
_REMEDY: Final = "check out with fetch-depth: 0 to know all that changed"


class Candidate(NamedTuple):
    """A revision that may be the base."""

    revision: str
    named_by: Literal["option", "ci", "default"]


class Base(NamedTuple):
    """What to compare the tree with."""

    commit: str | None
    """None when there is nothing before the commit checked out."""
    note: str = ""
    """One sentence about what was not as asked for."""


class Head(NamedTuple):
    """The commit checked out."""

    commit: str
    is_final: bool
    """Whether its last commit may be the change: nothing is uncommitted, or a CI runs."""
    parent: str | None
    """Its first parent; None for a first commit, or where the clone ends."""


def candidates(asked: str | None, environ: Mapping[str, str]) -> tuple[Candidate, ...]:
    """Return what may be the base, best first: asked for, named by the CI, the default branch.

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
    """Whether git can be asked for a revision, one to a line."""
    return len(revision) <= _MAX_ASKED_CHARS and not {"\n", "\r", "\0"} & set(revision)


def first_present(options: tuple[Candidate, ...], commits: Mapping[str, str]) -> Candidate | None:
    """Return the best candidate that exists in this clone.

    The first parent stands for the base branch only where HEAD is a merge.
    """
    for option in options:
        is_no_merge = option.revision == branches.MERGED and OTHER_PARENT not in commits
        if option.revision in commits and not (is_no_merge and option.named_by == "ci"):
            return option
    return None


def decide(chosen: Candidate | None, commit: str | None, head: Head, relation: Relation) -> Base:
    """Return the base, given the best candidate and its commit.

    A commit that was named is compared with even where it is HEAD itself, or has no commit in
    common with it; the default branch only where HEAD is not on it.
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
        commit, f"{start} commit in common with {chosen.revision}: compared with it directly{end}"
    )


def absence(
    asked: str | None,
    options: tuple[Candidate, ...],
    chosen: Candidate | None,
    relation: Relation,
) -> str:
    """Return the sentence about a base that was named but is not here; empty if there is none."""
    found_by = chosen.named_by if chosen else None
    remedy = f" (shallow clone: {_REMEDY})" if relation.is_shallow else ""
    if asked and found_by != "option":
        shown = asked if len(asked) <= 80 else f"{asked[:80]}..."
        return f"nexus_base: there is no commit {shown!r} here{remedy}"
    was_named = any(option.named_by == "ci" for option in options)
    if was_named and found_by not in {"option", "ci"} and relation.is_shallow:
        return f"shallow clone: it lacks the base the CI names; {_REMEDY}"
    return ""


def _last_commit(head: Head, relation: Relation) -> Base:
    if not head.is_final:
        return Base(head.commit)
    if head.parent:
        return Base(head.parent)
    if relation.is_shallow:
        return Base(None, f"shallow clone: nothing to compare with; {_REMEDY}")
    return Base(None, "first commit: nothing to compare with")
