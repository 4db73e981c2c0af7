"""Write a run in the Common Test Report Format 1.0, https://ctrf.io/docs/specification. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pytest_nexus.domain.records import BAD
from pytest_nexus.report.formats.escaping import plain

if TYPE_CHECKING:
    from pytest_nexus.domain.records import Attempt, Outcome
    from pytest_nexus.report.ci.results import Status, TestResult
    from pytest_nexus.report.ci.summary import Summary

SPEC_VERSION: Final = "1.0.0"
_STATUS: Final[dict[Status, str]] = {
    "passed": "passed",
    "healed": "passed",
    "order-dependent": "passed",
    "failed": "failed",
    "quarantined": "other",
    "skipped": "skipped",
    "xfailed": "other",
}
_MAX_CHARS: Final = 4096


def ctrf(summary: Summary, pytest_version: str = "") -> dict[str, Any]:
    """Return the document as JSON values; times and durations in whole milliseconds."""
    tests = [_test(result) for result in summary.results]
    counts = dict.fromkeys(("passed", "failed", "skipped", "pending", "other"), 0)
    for test in tests:
        counts[test["status"]] += 1
    start, stop = _ms(summary.started_at), _ms(summary.ended_at)
    tool = {"name": "pytest"} | ({"version": pytest_version} if pytest_version else {})
    return {
        "reportFormat": "CTRF",
        "specVersion": SPEC_VERSION,
        "generatedBy": "pytest-nexus-ci",
        "results": {
            "tool": tool,
            "summary": {
                "tests": len(tests),
                **counts,
                "flaky": summary.counts["healed"],
                "start": start,
                "stop": stop,
                "duration": stop - start,
            },
            "tests": tests,
        },
    }


def _test(result: TestResult) -> dict[str, Any]:
    test: dict[str, Any] = {
        "name": plain(result.nodeid, _MAX_CHARS),
        "status": _STATUS[result.status],
        "duration": _ms(result.last.duration_s),
        "rawStatus": result.status if result.status != "passed" else result.last.outcome,
        "filePath": plain(result.nodeid.partition("::")[0], _MAX_CHARS),
        "suite": [plain(part, _MAX_CHARS) or "?" for part in _suite(result)],
        "flaky": result.status == "healed",
        "retries": len(result.attempts) - 1,
    }
    if result.last.worker is not None:
        test["threadId"] = result.last.worker
    if result.failure is not None:
        test["message"] = plain(f"{result.failure.exception}: {result.failure.message}", _MAX_CHARS)
    if len(result.attempts) > 1:
        test["retryAttempts"] = [
            _retry(number, attempt) for number, attempt in enumerate(result.attempts, 1)
        ]
    return test


def _suite(result: TestResult) -> list[str]:
    """Return the file and the classes of a test, from the key of its function."""
    return result.last.function_key.split("::")[:-1] or [result.last.function_key]


def _retry(number: int, attempt: Attempt) -> dict[str, Any]:
    return {
        "attempt": number,
        "status": _status_of_attempt(attempt.outcome),
        "duration": _ms(attempt.duration_s),
    }


def _status_of_attempt(outcome: Outcome) -> str:
    if outcome in BAD:
        return "failed"
    return {"skipped": "skipped", "xfailed": "other"}.get(outcome, "passed")


def _ms(value_s: float) -> int:
    return round(value_s * 1000)
