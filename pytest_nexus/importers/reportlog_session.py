"""Convert the reports of one session's log into a run and its attempts."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pytest_nexus.domain.failure_signature import failure, split_exception
from pytest_nexus.domain.records import BAD, PHASES, PhaseResult, Run
from pytest_nexus.importers import traceback_text
from pytest_nexus.importers.report_values import (
    Imported,
    attempt_of,
    clamped,
    clean_nodeid,
    epoch_of,
    number_of,
)

if TYPE_CHECKING:
    from pytest_nexus.domain.records import Attempt, Failure, NodeId, Outcome, Phase

_WORKER: Final = re.compile(r"[\w.-]{1,64}")
_VERSION: Final = re.compile(r"[\w.+-]{1,64}")
_MAX_LINES: Final = 5_000
"""Number of traceback lines that are read."""


@dataclass(slots=True)
class _Pending:
    """An attempt that lacks the reports of some phases."""

    nodeid: NodeId
    worker: str | None
    started_at: float | None = None
    phases: dict[Phase, PhaseResult] = field(default_factory=dict)
    failure: Failure | None = None
    subtest: Failure | None = None

    def note_start(self, started_at: float | None) -> None:
        """Keep the earliest reported start."""
        if self.started_at is None:
            self.started_at = started_at

    def note_failure(self, failure: Failure | None) -> None:
        """Store the failure of the attempt."""
        self.failure = failure

    def note_subtest(self, failure: Failure) -> None:
        """Store the failure of a subtest."""
        self.subtest = failure

    @property
    def is_told(self) -> bool:
        """Whether the attempt has a verdict."""
        setup = self.phases.get("setup")
        return "call" in self.phases or (setup is not None and setup.outcome != "passed")


class Session:
    """Receives the reports of one session in the order of the log."""

    def __init__(self) -> None:
        self.attempts: list[Attempt] = []
        self.dropped = 0
        self.is_begun = False
        self._pending: dict[tuple[NodeId, str | None], _Pending] = {}
        self._numbers: dict[NodeId, int] = {}
        self._starts: list[float | None] = []
        self._workers: set[str] = set()
        self._last_stop: float | None = None
        self._pytest = ""
        self._exit_status: int | None = None

    def drop(self, n_lines: int = 1) -> None:
        """Count lines that are not reports."""
        self.dropped += n_lines

    def take(self, record: dict[str, Any]) -> None:
        """Process one report; kinds without information about tests are skipped."""
        self.is_begun = True
        kind = record["$report_type"]
        if kind in {"TestReport", "SubTestReport"}:
            self._take_report(record, is_subtest=kind == "SubTestReport")
        elif kind == "SessionStart":
            self._pytest = _matching(_VERSION, record.get("pytest_version")) or ""
        elif kind == "SessionFinish":
            status = number_of(record.get("exitstatus"))
            self._exit_status = int(status) if status is not None and 0 <= status < 256 else None

    def imported(self, fallback: float) -> Imported:
        """Return the run, with an empty `run_uid`, and its attempts as far as they are known."""
        for pending in list(self._pending.values()):
            self._emit(pending)
        known = [start for start in self._starts if start is not None]
        started_at = min(known, default=fallback)
        run = Run(
            run_uid="",
            started_at=started_at,
            pytest=self._pytest,
            workers=len(self._workers),
            source="reportlog",
            duration_s=clamped(self._last_stop - started_at) if self._last_stop else None,
            exit_status=self._exit_status,
            complete=self._exit_status in {0, 1},
        )
        return Imported(run, tuple(self._placed(started_at)), self.dropped)

    def _placed(self, started_at: float) -> list[Attempt]:
        clock_s = 0.0
        placed: list[Attempt] = []
        for attempt, start in zip(self.attempts, self._starts, strict=True):
            offset_s = clock_s if start is None else clamped(start - started_at)
            placed.append(attempt._replace(started_s=offset_s))
            clock_s += attempt.duration_s
        return placed

    def _take_report(self, record: dict[str, Any], *, is_subtest: bool) -> None:
        text = record.get("nodeid")
        nodeid = clean_nodeid(text) if isinstance(text, str) else None
        if nodeid is None:
            self.drop()
        elif is_subtest:
            self._take_subtest(self._pending_of(nodeid, record), record)
        elif record.get("when") == "???":
            self._take_crash(nodeid, record)
        elif record.get("when") in PHASES:
            self._take_phase(nodeid, record)
        else:
            self.drop()

    def _take_subtest(self, pending: _Pending, record: dict[str, Any]) -> None:
        if record.get("outcome") == "failed" and pending.subtest is None:
            pending.note_subtest(_failure("call", record.get("longrepr")))

    def _take_crash(self, nodeid: NodeId, record: dict[str, Any]) -> None:
        """Process xdist's report of a dead worker, which does not name the phase of the crash."""
        same = [pending for key, pending in self._pending.items() if key[0] == nodeid]
        pending = same[0] if same else self._pending_of(nodeid, record)
        pending.phases["call"] = PhaseResult("failed", 0.0)
        pending.note_failure(_failure("call", record.get("longrepr")))
        self._emit(pending)

    def _take_phase(self, nodeid: NodeId, record: dict[str, Any]) -> None:
        phase: Phase = record["when"]
        pending = self._pending_of(nodeid, record)
        if phase in pending.phases:
            # Older pytest-rerunfailures reports no tear-down of an attempt that is rerun.
            self._emit(pending)
            pending = self._pending_of(nodeid, record)
        outcome = _outcome(phase, record)
        if outcome is None:
            self.drop()
            return
        if (
            phase == "call"
            and pending.subtest is not None
            and outcome not in {"skipped", "xfailed"}
        ):
            outcome = "failed"
            pending.note_failure(pending.subtest)
        elif outcome in BAD and pending.failure is None:
            pending.note_failure(_failure(phase, record.get("longrepr")))
        pending.phases[phase] = PhaseResult(
            outcome, clamped(number_of(record.get("duration")) or 0)
        )
        self._note_times(pending, record)
        if phase == "teardown":
            self._emit(pending)

    def _note_times(self, pending: _Pending, record: dict[str, Any]) -> None:
        start, stop = epoch_of(record.get("start")), epoch_of(record.get("stop"))
        pending.note_start(start)
        if stop is not None:
            self._last_stop = max(self._last_stop or 0.0, stop)

    def _pending_of(self, nodeid: NodeId, record: dict[str, Any]) -> _Pending:
        worker = _matching(_WORKER, record.get("worker_id"))
        if worker is not None:
            self._workers.add(worker)
        return self._pending.setdefault((nodeid, worker), _Pending(nodeid, worker))

    def _emit(self, pending: _Pending) -> None:
        del self._pending[(pending.nodeid, pending.worker)]
        if not pending.is_told:
            return
        number = self._numbers.get(pending.nodeid, 0) + 1
        self._numbers[pending.nodeid] = number
        self._starts.append(pending.started_at)
        self.attempts.append(
            attempt_of(
                pending.nodeid,
                pending.phases,
                number=number,
                worker=pending.worker,
                failure=pending.failure,
            )
        )


def _outcome(phase: Phase, record: dict[str, Any]) -> Outcome | None:
    reported, is_xfail = record.get("outcome"), "wasxfail" in record
    if not isinstance(reported, str):
        return None
    if reported in {"failed", "rerun"}:
        return "failed" if phase == "call" else "error"
    if reported == "skipped":
        return "xfailed" if is_xfail else "skipped"
    if reported == "passed":
        return "xpassed" if is_xfail and phase == "call" else "passed"
    return None


def _failure(phase: Phase, longrepr: object) -> Failure:
    if not isinstance(longrepr, dict):
        return failure(phase, *_named(longrepr if isinstance(longrepr, str) else "", ""))
    crash = longrepr.get("reprcrash")
    message = crash.get("message") if isinstance(crash, dict) else ""
    where = traceback_text.innermost(_shown(longrepr)[:_MAX_LINES])
    return failure(phase, *_named(message if isinstance(message, str) else "", where))


def _named(text: str, where: str) -> tuple[str, str, str]:
    exception, message = split_exception(text)
    return exception, where, message


def _shown(longrepr: dict[str, Any]) -> list[str]:
    """Return a traceback's lines as pytest prints them: each frame's location after its source."""
    traceback = longrepr.get("reprtraceback")
    entries = traceback.get("reprentries") if isinstance(traceback, dict) else None
    lines: list[str] = []
    for entry in entries if isinstance(entries, list) else []:
        data = entry.get("data") if isinstance(entry, dict) else None
        if isinstance(data, dict):
            source = data.get("lines")
            lines += (
                [line for line in source if isinstance(line, str)]
                if isinstance(source, list)
                else []
            )
            lines.append(_location(data.get("reprfileloc")))
    return lines


def _location(place: object) -> str:
    if not isinstance(place, dict):
        return ""
    return f"{place.get('path')}:{place.get('lineno')}: {place.get('message')}"


def _matching(pattern: re.Pattern[str], value: object) -> str | None:
    return value if isinstance(value, str) and pattern.fullmatch(value) else None
