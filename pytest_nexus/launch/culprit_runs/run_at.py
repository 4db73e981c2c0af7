"""Run one test at one commit: one unrecorded pytest session in one process."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.domain.identity import key_of_nodeid
from pytest_nexus.domain.system import clock, originals
from pytest_nexus.domain.system.git import GitError
from pytest_nexus.launch.collect import loading
from pytest_nexus.launch.culprit_runs.past_commits import git_in, path_at
from pytest_nexus.launch.kept.kept_answers import KeptAnswer
from pytest_nexus.launch.probe_plugin import PROBE_VARIABLE, read_ending, write_probe
from pytest_nexus.launch.session_process import UNDISTURBED, run_to_end, tail

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Sequence
    from pathlib import Path

    from pytest_nexus.launch.culprit_runs.worktree import Worktree
    from pytest_nexus.plan.culprit.beliefs import Answer

_FIRST_S: Final = 3600.0
"""Time limit of the first session."""

_GRACE_S: Final = 60.0
_GRACE_FACTOR: Final = 3.0
"""Limit of any other session: this factor times the longest session, plus the grace."""

_NO_TESTS: Final = 5
"""Exit status of pytest without a collected test that is selected."""

_ANSWERS: Final[dict[str, Answer]] = {"passed": "passed", "failed": "failed", "began": "failed"}


class Question(NamedTuple):
    """The test that runs at each commit."""

    root: Path
    """The folder of the suite in the checkout of the user."""
    prefix: str
    """That folder from the top of the checkout, ending in `/`; empty for the top."""
    test: str
    """Node id at the bad commit."""
    bad: str
    arguments: Sequence[str]
    """The user's arguments for pytest."""
    slower_than_s: float | None = None
    """Seconds of the call from which on the test counts as failed; None to ask for failures."""


class RunnerAt:
    """Runs one test at any commit.

    Args:
        question: the test.
        worktree: an open worktree.
        folder: for files of the sessions.
    """

    def __init__(self, question: Question, worktree: Worktree, folder: Path) -> None:
        self._question = question
        self._worktree = worktree
        self._folder = folder
        self._longest_s: float | None = None

    def run(self, commit: str, left_s: float | None) -> KeptAnswer | None:
        """Run the test at a commit; None if `left_s`, the rest of the budget, ended the session."""
        started = clock.perf_counter()
        try:
            self._worktree.move(commit)
            test = self._test_at(commit)
        except GitError as exc:
            return KeptAnswer(commit, "unknown", str(exc), clock.perf_counter() - started)
        write_probe(self._folder, [key_of_nodeid(test)])
        limit_s = self._limit_s()
        is_bounded = left_s is not None and left_s < limit_s
        environment = self._worktree.environment(**{PROBE_VARIABLE: str(self._folder)})
        command = self._command(test.partition("::")[0])
        done = run_to_end(
            command, environment, left_s if is_bounded else limit_s, self._worktree.suite
        )
        took_s = clock.perf_counter() - started
        if done is None and is_bounded:
            return None
        self._longest_s = max(self._longest_s or 0.0, took_s)
        return KeptAnswer(commit, *self._answer(done), took_s)

    def _test_at(self, commit: str) -> str:
        """Return the node id at a commit; a renamed file has its earlier name."""
        root, prefix, test, bad = self._question[:4]
        path, _, name = test.partition("::")
        then = path_at(git_in(root, originals.environ), commit, bad, prefix + path)
        if not then.startswith(prefix):
            raise GitError("NX658", f"the test was outside of {prefix}, in {then}")
        return f"{then.removeprefix(prefix)}::{name}"

    def _answer(self, done: subprocess.CompletedProcess[str] | None) -> tuple[Answer, str]:
        found = read_ending(self._folder)
        if found is None:
            return "unknown", _why_nothing(done)
        ending, why, call_s = found
        limit_s = self._question.slower_than_s
        if limit_s is not None:
            return _answer_about_time(ending, call_s, limit_s)
        if ending == "began":
            why = "the session ended inside the test"
        return _ANSWERS.get(ending, "unknown"), why or ("" if ending in _ANSWERS else ending)

    def _limit_s(self) -> float:
        if self._longest_s is None:
            return _FIRST_S
        return _GRACE_FACTOR * self._longest_s + _GRACE_S

    def _command(self, path: str) -> list[str]:
        """Return the command line; settings and conftest files are those of the commit."""
        arguments = self._question.arguments
        root = f"--rootdir={self._worktree.suite}"
        command = [sys.executable, "-m", "pytest", *loading(arguments), *UNDISTURBED]
        command += ["-p", "pytest_nexus.launch.probe_plugin", "-p", "no:cacheprovider", root]
        return [*command, *arguments, path, "--maxfail=0", "--no-nexus"]


def _why_nothing(done: subprocess.CompletedProcess[str] | None) -> str:
    """Return why a session did not reach the test, as a clause."""
    if done is None:
        return "the session ended before the test"
    if done.returncode == _NO_TESTS:
        return "no test has this id there"
    lines = [plain for line in tail(done) if (plain := line.strip("=! "))]
    return lines[-1] if lines else "the session ended before the test"


def _answer_about_time(ending: str, call_s: float, limit_s: float) -> tuple[Answer, str]:
    """Return `failed` for a test that passed too slowly; a test that fails tells no time."""
    if ending != "passed":
        return "unknown", f"the test {ending}"
    return ("failed", f"its call took {call_s:.2f} s") if call_s > limit_s else ("passed", "")
