"""Run the probes of a bisection: each is one unrecorded pytest session in one process."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.domain.system import clock
from pytest_nexus.launch.collect import collect, loading
from pytest_nexus.launch.probe_plugin import PROBE_VARIABLE, read_ending, write_probe
from pytest_nexus.launch.session_process import (
    UNDISTURBED,
    files_of,
    run_to_end,
    tail,
    whole_environment,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pytest_nexus.domain.records import CollectedTest, TestKey
    from pytest_nexus.plan.order_dependence.bisection import Ending, Probe

_FIRST_S: Final = 3600.0
"""Time limit of a session with more tests than any session before it."""

_GRACE_S: Final = 60.0
_GRACE_FACTOR: Final = 3.0
"""Limit of any other session: this factor times the longest session, plus the grace."""


class Probed(NamedTuple):
    """The result of one probe."""

    ending: Ending
    why: str
    """The exception of a failed test in one line; else empty."""
    seconds: float
    """Duration of the whole session."""
    is_cut: bool = False
    """Whether the time limit ended the session before a result."""
    output: tuple[str, ...] = ()
    """The last output lines of a session in which the test did not end."""


class Prober:
    """Runs one test after others.

    Args:
        tests: the collected suite.
        arguments: the user's arguments for pytest.
        folder: for files of the probes.
    """

    def __init__(
        self, tests: Sequence[CollectedTest], arguments: Sequence[str], folder: Path
    ) -> None:
        self._paths = {test.key: test.path for test in tests}
        self._arguments = arguments
        self._folder = folder
        self._longest_s = 0.0
        self._most = -1

    def run(self, before: Probe, key: TestKey, left_s: float | None) -> Probed:
        """Run a test after others, in this order.

        Args:
            before: the tests that run before it.
            key: the test.
            left_s: seconds until the command must end; None for no limit.
        """
        tests = (*before, key)
        write_probe(self._folder, tests)
        environment = whole_environment(**{PROBE_VARIABLE: str(self._folder)})
        limit_s = self._limit_s(len(tests))
        is_bounded = left_s is not None and left_s < limit_s
        started = clock.perf_counter()
        done = run_to_end(self._command(tests), environment, left_s if is_bounded else limit_s)
        took_s = clock.perf_counter() - started
        if done is None and is_bounded:
            return Probed("missing", "", took_s, is_cut=True)
        self._longest_s = max(self._longest_s, took_s)
        self._most = max(self._most, len(tests))
        why = f"no end in {took_s:.0f} s" if done is None else f"exit status {done.returncode}"
        return _probed(self._folder, why, took_s, () if done is None else tail(done))

    def _limit_s(self, n_tests: int) -> float:
        if n_tests > self._most:
            return _FIRST_S
        return _GRACE_FACTOR * self._longest_s + _GRACE_S

    def _command(self, tests: Probe) -> list[str]:
        arguments = [*self._arguments, *files_of(self._paths[key] for key in tests)]
        command = [sys.executable, "-m", "pytest", *loading(self._arguments), *UNDISTURBED]
        command += ["-p", "pytest_nexus.launch.probe_plugin", *arguments]
        return [*command, "--maxfail=0", "--no-nexus"]


def collect_in_order(arguments: Sequence[str]) -> list[CollectedTest]:
    """Return the tests of the suite, each once, in collection order before any shuffle.

    Raises:
        PlanError: the collection failed; the error has the end of pytest's output.
    """
    tests = collect([*UNDISTURBED, *arguments], tied=False).tests
    return list({test.key: test for test in reversed(tests)}.values())[::-1]


def _probed(folder: Path, how: str, took_s: float, output: tuple[str, ...]) -> Probed:
    """Return the result that a session wrote; a test that began and did not end has failed."""
    found = read_ending(folder)
    if found is None:
        return Probed("missing", "", took_s, output=output)
    if found[0] == "began":
        return Probed("failed", f"the session ended inside the test: {how}", took_s, output=output)
    return Probed(found[0], found[1], took_s)  # type: ignore[arg-type] # as our plugin wrote it
