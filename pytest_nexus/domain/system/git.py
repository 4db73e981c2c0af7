"""Run git without a shell, a lock, a prompt, a fetch or a pager, and within a time limit."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from pytest_nexus.domain.system import clock
from pytest_nexus.domain.system.bounded_process import run_bounded
from pytest_nexus.errors import NexusError, with_code

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pytest_nexus.domain.system.bounded_process import Finished

BUDGET_S: Final = 10.0
"""Seconds for all git processes of one session; users do not want to wait longer for tests."""

MAX_OUTPUT_BYTES: Final = 16_000_000
"""Maximum size of one output; enough for a change of 100,000 files."""

_OPTIONS: Final = (
    "--no-optional-locks",  # our lock must not block a commit that the user makes meanwhile
    *("-c", "core.quotepath=off"),
    *("-c", "core.fsmonitor=false"),  # would leave a daemon behind
    *("-c", "diff.autoRefreshIndex=false"),  # writes the index whatever --no-optional-locks says
    *("-c", "protocol.allow=never"),  # a partial clone must not fetch missing objects
    # A change can commit a folder that looks like a repository, with settings that name programs.
    *("-c", "safe.bareRepository=explicit"),
)
_INHERITED: Final = frozenset(
    {
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_COMMON_DIR",
        "GIT_DIFF_OPTS",
        "GIT_DIR",
        "GIT_EXTERNAL_DIFF",
        "GIT_GLOB_PATHSPECS",
        "GIT_ICASE_PATHSPECS",
        "GIT_IMPLICIT_WORK_TREE",
        "GIT_INDEX_FILE",
        "GIT_LITERAL_PATHSPECS",
        "GIT_NAMESPACE",
        "GIT_NOGLOB_PATHSPECS",
        "GIT_OBJECT_DIRECTORY",
        "GIT_PREFIX",
        "GIT_SHALLOW_FILE",
        "GIT_WORK_TREE",
    }
)
"""Variables that git sets for its hooks; they name the repository of the hook, not of the tests."""
_BARE: Final = with_code("NX402", "a bare git repository: the changed files are unknown")
_REASONS: Final = (
    (
        "not a git repository",
        with_code("NX401", "not a git repository: the changed files are unknown"),
    ),
    ("cannot use bare repository", _BARE),
    ("must be run in a work tree", _BARE),
    (
        "dubious ownership",
        with_code(
            "NX405",
            "git refuses a repository of another user (dubious ownership): add it to"
            " safe.directory",
        ),
    ),
)
_MAX_REASON_CHARS: Final = 200


class GitError(NexusError):
    """Git could not answer, so its answer is unknown."""


@dataclass(frozen=True, slots=True)
class Git:
    """Git in one folder, with one time limit for all commands together."""

    root: Path
    environ: Mapping[str, str]
    """The environment of this process."""
    deadline: float = field(default_factory=lambda: clock.perf_counter() + BUDGET_S)
    """Moment on `clock.perf_counter` after which nexus stops waiting for git."""

    def run(self, *arguments: str, stdin: bytes = b"") -> bytes:
        """Return the output of `git ARGUMENTS`.

        Raises:
            GitError: git is missing, refuses, fails, takes too long or prints too much; the
                message says which.
        """
        done = self._start(arguments, stdin, MAX_OUTPUT_BYTES)
        if done.is_cut:
            raise GitError(
                "NX406", f"git printed more than {MAX_OUTPUT_BYTES:,} bytes; nexus stopped reading"
            )
        return self._checked(done)

    def run_to(self, max_bytes: int, *arguments: str) -> bytes:
        """Return the first `max_bytes` of the output of `git ARGUMENTS`.

        Raises:
            GitError: git is missing, refuses, fails or takes too long; the message says which.
        """
        done = self._start(arguments, b"", max_bytes)
        return done.stdout if done.is_cut else self._checked(done)

    def _checked(self, done: Finished) -> bytes:
        if done.returncode != 0:
            raise GitError(reason_of(done.stderr.decode("utf-8", "replace")))
        return done.stdout

    def _start(self, arguments: tuple[str, ...], stdin: bytes, max_bytes: int) -> Finished:
        """Run the user's own git from PATH; pass foreign names on stdin."""
        left_s = self.deadline - clock.perf_counter()
        command = ["git", *_OPTIONS, *arguments]
        try:
            done = run_bounded(
                command,
                self.root,
                clean_environ(self.environ),
                stdin=stdin,
                max_bytes=max_bytes,
                timeout_s=left_s,
            )
        except (OSError, ValueError) as exc:
            raise GitError(_why_not_started(self.root)) from exc
        if done is None:
            raise GitError(
                "NX407", f"git took more than {BUDGET_S:.0f} seconds; nexus stopped waiting"
            )
        return done


def clean_environ(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for git: without a hook's repository or prompts, in English.

    >>> clean_environ({"GIT_DIR": "/else", "HOME": "/h"})["HOME"]
    '/h'
    """
    kept = {name: value for name, value in environ.items() if name not in _INHERITED}
    return kept | {
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C",
    }


def reason_of(stderr: str) -> str:
    r"""Return one sentence for the error output of git.

    >>> reason_of("fatal: bad thing\nmore")
    'git failed: bad thing [NX408]'
    """
    for sign, sentence in _REASONS:
        if sign in stderr:
            return sentence
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    fatal = [line.removeprefix("fatal: ") for line in lines if line.startswith("fatal: ")]
    reason = (fatal or lines or ["git printed no reason"])[0]
    return with_code("NX408", f"git failed: {reason[:_MAX_REASON_CHARS]}")


def _why_not_started(root: Path) -> str:
    try:
        is_folder = root.is_dir()
    except (OSError, ValueError):
        is_folder = False
    if is_folder:
        return with_code("NX403", "git is not installed")
    return with_code("NX404", "the root of the tests is not a folder")
