"""Convert a test case of a JUnit report into attempts."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from pytest_nexus.domain.failure_signature import failure, split_exception
from pytest_nexus.domain.records import PhaseResult
from pytest_nexus.importers import traceback_text
from pytest_nexus.importers.report_values import attempt_of, clamped

if TYPE_CHECKING:
    from pytest_nexus.domain.records import Attempt, Failure, NodeId, Outcome, Phase

EARLIER: Final = frozenset({"flakyFailure", "flakyError"})
LATER: Final = frozenset({"rerunFailure", "rerunError"})
PROBLEMS: Final = frozenset({"failure", "error", "skipped"}) | EARLIER | LATER

_MAX_TEXT_CHARS: Final = 65_536
"""Only the end of a traceback is kept, because it holds the innermost frame."""

_NUMBER: Final = re.compile(r"\d{1,15}(?:\.\d{0,20})?(?:[eE][+-]?\d{1,3})?|\.\d{1,20}")
_IN_FIXTURE: Final = re.compile(r'failed on (setup|teardown) with "(.*)"', re.DOTALL)
_OLD_WORDING: Final = re.compile(r"test (setup|teardown) failure")
_CRASHED: Final = re.compile(r"worker '\w+' crashed while running ")
_NOT_RUN: Final = frozenset({"notrun", "disabled", "skipped"})
_SEVERITY: Final[tuple[Outcome, ...]] = (
    "failed",
    "error",
    "xpassed",
    "xfailed",
    "skipped",
    "passed",
)


@dataclass(slots=True)
class Problem:
    """A child of a test case that explains why an attempt failed or did not run."""

    tag: str
    type: str = ""
    message: str = ""
    duration_s: float | None = None
    """Its own duration, which newer Surefire writes; None if it is missing."""
    body: str = ""

    def add(self, data: str) -> None:
        """Append text and keep its end. Called by the parser."""
        self.body = (self.body + data)[-_MAX_TEXT_CHARS:]


@dataclass(slots=True)
class Case:
    """One `testcase` element."""

    classname: str
    name: str
    file: str = ""
    duration_s: float = 0.0
    status: str = ""
    problems: list[Problem] = field(default_factory=list)


def seconds_of(text: str) -> float:
    """Return a duration as tools write it: with comma or point, with or without thousands marks.

    If both marks occur, the last one is the decimal mark. A single mark is the decimal mark. A text
    that is not a number gives 0.

    >>> [seconds_of(text) for text in ("0,5", "1,234.5", "1.234,5", "-1", "nan", "")]
    [0.5, 1234.5, 1234.5, 0.0, 0.0, 0.0]
    """
    text = text.strip()[:64]
    decimal = max(text.rfind("."), text.rfind(","))
    if decimal >= 0:
        mark, other = text[decimal], "." if text[decimal] == "," else ","
        whole = text[:decimal].replace(other, "")
        text = whole.replace(mark, "") + ("" if mark in whole else ".") + text[decimal + 1 :]
    return clamped(float(text)) if _NUMBER.fullmatch(text) else 0.0


def attempts_of(case: Case, nodeid: NodeId) -> list[Attempt]:
    """Return the attempts of a case; empty if it is a file that could not be collected.

    Surefire's `flakyFailure` is an attempt before the one that passed. Its `rerunFailure` is an
    attempt after the first failed one. An attempt without a duration gets the duration of the case.
    """
    if any(problem.message == "collection failure" for problem in case.problems):
        return []
    told = [p for p in case.problems if p.tag not in EARLIER | LATER]
    verdict = _Verdict(nodeid, case.duration_s, told, is_run=case.status not in _NOT_RUN)
    earlier = [_reran(p, case, nodeid) for p in case.problems if p.tag in EARLIER]
    later = [_reran(p, case, nodeid) for p in case.problems if p.tag in LATER]
    attempts = [*earlier, verdict.attempt(), *later]
    return [attempt._replace(number=number) for number, attempt in enumerate(attempts, 1)]


def merge(before: list[Attempt], again: list[Attempt]) -> list[Attempt]:
    """Return the certain facts about a test that a suite names twice.

    Pytest repeats a case for an error in tear-down, for failed subtests and, without any content,
    for an attempt that was rerun. The report does not distinguish these cases. So both mentions
    become one attempt, with the worse outcome of each phase and the longer duration. If reruns are
    explicit, the first mention counts.
    """
    if len(before) > 1 or len(again) > 1:
        return before
    first, second = before[0], again[0]
    return [
        first._replace(
            setup=_worse(first.setup, second.setup),
            call=_worse(first.call, second.call),
            teardown=_worse(first.teardown, second.teardown),
            failure=first.failure or second.failure,
        )
    ]


@dataclass(slots=True)
class _Verdict:
    """Assigns the results of a case's last attempt to phases."""

    nodeid: NodeId
    duration_s: float
    problems: list[Problem]
    is_run: bool

    def attempt(self) -> Attempt:
        phases: dict[Phase, PhaseResult] = {}
        cause: Failure | None = None
        for problem in self.problems:
            phase, outcome = _phase_of(problem)
            worse = _worse(phases.get(phase), PhaseResult(outcome, self.duration_s))
            if worse is not None:
                phases[phase] = worse
            if cause is None and outcome in {"failed", "error"}:
                cause = _explain(problem, phase)
        if "setup" not in phases and "call" not in phases:
            phases["call"] = PhaseResult("passed" if self.is_run else "skipped", self.duration_s)
        if "teardown" in phases:
            phases["teardown"] = PhaseResult(phases["teardown"].outcome, 0.0)
        return attempt_of(self.nodeid, phases, failure=cause)


def _reran(problem: Problem, case: Case, nodeid: NodeId) -> Attempt:
    duration_s = case.duration_s if problem.duration_s is None else problem.duration_s
    outcome: Outcome = "error" if problem.tag.endswith("Error") else "failed"
    phases: dict[Phase, PhaseResult] = {"call": PhaseResult(outcome, duration_s)}
    return attempt_of(nodeid, phases, failure=_explain(problem, "call"))


def _phase_of(problem: Problem) -> tuple[Phase, Outcome]:
    if problem.tag == "skipped":
        return "call", _skipped(problem)
    if problem.tag == "failure" or _crashed(problem):
        return "call", "failed"
    match = _IN_FIXTURE.match(problem.message) or _OLD_WORDING.match(problem.message)
    if match is None:
        return "call", "error"
    return ("setup" if match[1] == "setup" else "teardown"), "error"


def _skipped(problem: Problem) -> Outcome:
    if problem.message.startswith("xfail-marked test passes unexpectedly"):
        return "xpassed"
    return "xfailed" if problem.type == "pytest.xfail" else "skipped"


def _crashed(problem: Problem) -> bool:
    match = _IN_FIXTURE.match(problem.message)
    return match is not None and _CRASHED.match(match[2]) is not None


def _explain(problem: Problem, phase: Phase) -> Failure:
    wrapped = _IN_FIXTURE.fullmatch(problem.message.strip())
    text = (wrapped[2] if wrapped else problem.message) or problem.body
    exception, message = split_exception(text)
    named = problem.type.strip()
    if named.rpartition(".")[2][:1].isupper() and not named.startswith("pytest."):
        exception, message = named, text
    return failure(phase, exception, traceback_text.innermost(problem.body.splitlines()), message)


def _worse(one: PhaseResult | None, other: PhaseResult | None) -> PhaseResult | None:
    if one is None or other is None:
        return one or other
    worse = min(one.outcome, other.outcome, key=_SEVERITY.index)
    return PhaseResult(worse, max(one.duration_s, other.duration_s))
