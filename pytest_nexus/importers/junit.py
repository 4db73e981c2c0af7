"""Read JUnit XML: pytest's xunit1 and xunit2 families, and Surefire's reruns."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from pytest_nexus.domain.records import Attempt, NodeId, Run
from pytest_nexus.errors import ImportFileError
from pytest_nexus.importers import bounded_xml
from pytest_nexus.importers.junit_case import (
    PROBLEMS,
    Case,
    Problem,
    attempts_of,
    merge,
    seconds_of,
)
from pytest_nexus.importers.junit_names import nodeid_of
from pytest_nexus.importers.report_values import (
    MAX_ATTEMPTS,
    MAX_FILE_BYTES,
    Imported,
    clean_nodeid,
    epoch_of,
    modified_at,
)

if TYPE_CHECKING:
    from pathlib import Path

_UID_DIGITS: Final = 32


def read_junit(path: Path, max_bytes: int = MAX_FILE_BYTES) -> list[Imported]:
    """Return the runs of a JUnit report, in the order of the file; empty without tests.

    Test suites without a common test are parts of one run, such as shards, or one suite for each
    class. A suite that repeats a test begins another run. `run_uid` is a digest of the content, so
    that the same report is the same run in any place.

    The format has less information than pytest. It has one duration for all phases of a test,
    which is stored as the duration of the call. The start of a test is the sum of the durations
    before it. A time stamp without a zone counts as UTC. Without a time stamp, the run starts at
    the file's own time. `complete` means that the report is whole, since pytest writes it when the
    session ends. The format does not say whether `-x` stopped the session early.

    Raises:
        ImportFileError: the file is not a JUnit report, is not well-formed, or exceeds a limit.
    """
    reader = _Reader(path)
    digest = bounded_xml.parse(path, reader, max_bytes)
    return [
        _imported(group, uid=_uid(digest, index), fallback=modified_at(path))
        for index, group in enumerate(_grouped(reader.suites))
    ]


@dataclass(slots=True)
class _Suite:
    started_at: float | None = None
    duration_s: float = 0.0
    attempts: dict[NodeId, list[Attempt]] = field(default_factory=dict)
    clock_s: float = 0.0
    dropped: int = 0

    def drop(self) -> None:
        self.dropped += 1

    def take(self, nodeid: NodeId, attempts: list[Attempt]) -> None:
        placed = [attempt._replace(started_s=self.clock_s) for attempt in attempts]
        self.clock_s += sum(attempt.duration_s for attempt in attempts)
        before = self.attempts.get(nodeid)
        self.attempts[nodeid] = merge(before, placed) if before else placed


class _Reader:
    """Collects the outermost suites. Called by the parser."""

    def __init__(self, path: Path) -> None:
        self.suites: list[_Suite] = []
        self._path = path
        self._open: list[str] = []
        self._n_attempts = 0
        self._case: Case | None = None
        self._problem: Problem | None = None

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if not self._open and name not in {"testsuites", "testsuite"}:
            raise ImportFileError(
                "NX610",
                f"{self._path}: not a JUnit report: it begins with <{name[:40]}>, not <testsuites>",
            )
        if name == "testsuite" and "testsuite" not in self._open:
            self.suites.append(_suite_of(attributes))
        elif name == "testcase" and self.suites:
            self._case = _case_of(attributes)
        elif name in PROBLEMS and self._case is not None:
            self._problem = _problem_of(name, attributes)
            self._case.problems.append(self._problem)
        self._open.append(name)

    def end(self, name: str) -> None:
        self._open.pop()
        if name in PROBLEMS:
            self._problem = None
        elif name == "testcase" and self._case is not None:
            self._take(self._case)
            self._case = None

    def text(self, data: str) -> None:
        if self._problem is not None and self._open[-1] in {self._problem.tag, "stackTrace"}:
            self._problem.add(data)

    def _take(self, case: Case) -> None:
        suite = self.suites[-1]
        nodeid = (
            clean_nodeid(nodeid_of(case.classname, case.name, case.file)) if case.name else None
        )
        attempts = attempts_of(case, nodeid) if nodeid else []
        self._n_attempts += len(attempts)
        if self._n_attempts > MAX_ATTEMPTS:
            raise ImportFileError(
                "NX611", f"{self._path}: more than {MAX_ATTEMPTS} tests; split the report"
            )
        if nodeid and attempts:
            suite.take(nodeid, attempts)
        else:
            suite.drop()


def _suite_of(attributes: dict[str, str]) -> _Suite:
    return _Suite(
        started_at=_epoch(attributes.get("timestamp", "")),
        duration_s=seconds_of(attributes.get("time", "")),
    )


def _case_of(attributes: dict[str, str]) -> Case:
    return Case(
        classname=attributes.get("classname", ""),
        name=attributes.get("name", ""),
        file=attributes.get("file", ""),
        duration_s=seconds_of(attributes.get("time", "")),
        status=attributes.get("status", ""),
    )


def _problem_of(tag: str, attributes: dict[str, str]) -> Problem:
    return Problem(
        tag=tag,
        type=attributes.get("type", ""),
        message=attributes.get("message", ""),
        duration_s=seconds_of(attributes["time"]) if "time" in attributes else None,
    )


def _epoch(timestamp: str) -> float | None:
    try:
        moment = datetime.fromisoformat(timestamp.strip())
        return epoch_of((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        return None


def _grouped(suites: list[_Suite]) -> list[list[_Suite]]:
    groups: list[list[_Suite]] = []
    seen: set[NodeId] = set()
    for suite in suites:
        if not suite.attempts:
            continue
        if not groups or not seen.isdisjoint(suite.attempts):
            groups.append([])
            seen = set()
        groups[-1].append(suite)
        seen.update(suite.attempts)
    return groups


def _imported(group: list[_Suite], *, uid: str, fallback: float) -> Imported:
    stamps = [suite.started_at for suite in group if suite.started_at is not None]
    run = Run(
        run_uid=uid,
        started_at=min(stamps, default=fallback),
        source="junit",
        duration_s=sum(suite.duration_s or suite.clock_s for suite in group),
        complete=True,
    )
    attempts = tuple(
        attempt for suite in group for of_test in suite.attempts.values() for attempt in of_test
    )
    return Imported(run, attempts, sum(suite.dropped for suite in group))


def _uid(digest: str, index: int) -> str:
    return hashlib.sha256(f"junit {digest} {index}".encode()).hexdigest()[:_UID_DIGITS]
