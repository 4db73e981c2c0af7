"""Find the files that differ between a base commit and the tree that the tests run on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_nexus.ci import branches
from pytest_nexus.domain.records import Change, ChangedFile
from pytest_nexus.domain.system.git import Git, GitError
from pytest_nexus.errors import with_code
from pytest_nexus.impact import base as bases
from pytest_nexus.impact import git_output, untracked

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

MAX_FILES: Final = 2000
"""A change of more files says nothing about single tests; further files are left out."""

_STATUS: Final = ("status", "--porcelain=v2", "--branch", "--no-ahead-behind", "-z")
_DIFF: Final = (
    *("diff", "-z", "--raw", "--no-abbrev", "--no-color", "--no-ext-diff", "--no-textconv"),
    "--ignore-submodules=untracked",
)
_COUNTS_AND_RENAMES: Final = ("--numstat", "-M", "-l400")
"""Detects renames among at most 400 deleted and 400 added files; more would take seconds."""


def find_change(root: Path, base: str | None, environ: Mapping[str, str]) -> Change:
    """Return the change, as far as git and the CI know it; never raises.

    The current files, committed or not, are compared with the merge base of HEAD and a base. The
    base is the first of these that exists: `base`; the base that the CI names; the default branch.
    If HEAD is on the default branch itself, the change is the last commit, or the uncommitted part.

    Args:
        root: the folder to which paths are relative; paths of files outside it begin with `../`.
        base: a revision, as the option nexus_base names it.
        environ: the environment of this process.
    """
    change = Change(branch=branches.branch(environ))
    git = Git(root, environ)
    try:
        status = git_output.read_status(git.run(*_STATUS))
        new = untracked.drop_artefacts(status.untracked)
        change = change._replace(
            commit=status.commit,
            branch=git_output.printable(status.branch) if status.branch else change.branch,
            dirty=bool(status.tracked or new),
        )
        if status.commit is None:
            return _before_first_commit(git, change, (*status.tracked, *new))
        return _since_base(git, change, base, new)
    except GitError as exc:
        return change._replace(note=str(exc))
    except (ValueError, IndexError) as exc:
        return change._replace(
            note=with_code("NX409", f"nexus does not understand an answer of git: {exc}")
        )


def _before_first_commit(git: Git, change: Change, paths: tuple[str, ...]) -> Change:
    prefix = git_output.read_relation(git.run(*_relation_query())).prefix
    files = untracked.describe(git.root, untracked.expand(git, paths, prefix), prefix)
    return _with_files(
        change, files, prefix, with_code("NX410", "no commit yet: every file is new")
    )


def _since_base(git: Git, change: Change, asked: str | None, new: tuple[str, ...]) -> Change:
    assert change.commit is not None
    options = bases.candidates(asked, git.environ)
    commits = _resolve(git, [bases.PARENT, bases.OTHER_PARENT, *(o.revision for o in options)])
    chosen = bases.first_present(options, commits)
    commit = commits[chosen.revision] if chosen else None
    query = _relation_query(*([commit, change.commit] if commit else []))
    relation = git_output.read_relation(git.run(*query))
    is_final = not change.dirty or bool(git.environ.get("CI"))
    head = bases.Head(change.commit, is_final, commits.get(bases.PARENT))
    base = bases.decide(chosen, commit, head, relation)
    note = bases.absence(asked, options, chosen, relation) or base.note
    changed = _diff(git, change, base.commit or change.commit)
    expanded = untracked.expand(git, new, relation.prefix)
    files = (*changed, *untracked.describe(git.root, expanded, relation.prefix))
    return _with_files(change._replace(base=base.commit), files, relation.prefix, note)


def _resolve(git: Git, revisions: list[str]) -> dict[str, str]:
    """Return the commit ids of the revisions that exist."""
    lines = "".join(f"{revision}^{{commit}}\n" for revision in revisions)
    output = git.run(
        "cat-file",
        "--batch-check=%(objectname) %(objecttype)",
        stdin=lines.encode("utf-8", "surrogateescape"),
    )
    found = zip(revisions, git_output.read_commits(output), strict=True)
    return {revision: commit for revision, commit in found if commit}


def _relation_query(*commits: str) -> tuple[str, ...]:
    between = ["...".join(commits)] if commits else []
    return ("rev-parse", "--is-shallow-repository", *between, "--show-prefix")


def _diff(git: Git, change: Change, commit: str) -> tuple[ChangedFile, ...]:
    if commit == change.commit and not change.dirty:
        return ()
    try:
        return git_output.read_diff(git.run(*_DIFF, *_COUNTS_AND_RENAMES, commit, "--"))
    except GitError:  # a partial clone lacks the contents for line counts and renames
        return git_output.read_diff(git.run(*_DIFF, "--no-renames", commit, "--"))


def _with_files(change: Change, files: Iterable[ChangedFile], prefix: str, note: str) -> Change:
    """Return the change with its files relative to the root, each path once, in git's order."""
    seen = {file.path: file for file in files}
    if len(seen) > MAX_FILES:
        note = with_code(
            "NX416", f"{len(seen)} files changed; nexus reads only the first {MAX_FILES}"
        )
    kept = [_as_seen(file, prefix) for file in list(seen.values())[:MAX_FILES]]
    return change._replace(files=tuple(kept), note=note)


def _as_seen(file: ChangedFile, prefix: str) -> ChangedFile:
    path = git_output.printable(git_output.from_folder(file.path, prefix))
    old = file.old_path
    old_path = git_output.printable(git_output.from_folder(old, prefix)) if old else None
    return file._replace(path=path, old_path=old_path)
