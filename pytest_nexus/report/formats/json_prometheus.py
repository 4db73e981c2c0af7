"""Write a run for programs: as JSON, and in the text format of Prometheus. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pytest_nexus.report.ci.headline import verdict
from pytest_nexus.report.formats.escaping import label_value, plain

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_nexus.report.ci.results import Status, TestResult
    from pytest_nexus.report.ci.summary import Failed, Summary

_STATUSES: Final[tuple[Status, ...]] = (
    "passed",
    "failed",
    "healed",
    "order-dependent",
    "quarantined",
    "skipped",
    "xfailed",
)


def as_json(summary: Summary) -> dict[str, Any]:
    """Return the run as JSON values; durations in seconds, times in seconds since the epoch."""
    return {
        "verdict": verdict(summary),
        "good": summary.is_good,
        "commit": summary.commit or None,
        "tests": len(summary.results),
        "counts": {status: summary.counts[status] for status in _STATUSES},
        "base_known": summary.known.has_base,
        "new_failures": [_failure(one) for one in summary.new_failures],
        "known_failures": [_failure(one) for one in summary.known_failures],
        "healed": [_result(one) for one in summary.of("healed")],
        "order_dependent": [_result(one) for one in summary.of("order-dependent")],
        "quarantined": [_result(one) for one in summary.of("quarantined")],
        "left_out": list(summary.left_out),
        "proofs": [
            {"proven": one.is_proven, "sentence": one.sentence, "problems": _sentences(one)}
            for one in summary.proofs
        ],
        "shards": [
            {"name": one.name, "tests": one.n_tests, "seconds": one.wall_s} for one in summary.parts
        ],
        "seconds": {
            "tests": summary.tests_s,
            "longest_job": summary.wall_s,
            "first_failure": summary.first_failure_s,
        },
        "model": summary.known.model,
        "runs_known": summary.known.n_runs,
    }


def prometheus(summary: Summary) -> str:
    """Return the run as metrics, for a push gateway or a textfile collector."""
    lines = list(_metric("pytest_nexus_tests", "Tests by what became of them", _by_status(summary)))
    lines += _metric(
        "pytest_nexus_new_failures",
        "Failures that the base branch does not have",
        [("", len(summary.new_failures))],
    )
    lines += _metric(
        "pytest_nexus_proven",
        "1 if no shard lost a test, 0 if one may have",
        [("", 0 if summary.problems else 1)],
    )
    lines += _metric(
        "pytest_nexus_shard_seconds",
        "Wall seconds of each job",
        [(_label("shard", one.name), one.wall_s) for one in summary.parts],
    )
    lines += _metric("pytest_nexus_tests_seconds", "Seconds of all tests", [("", summary.tests_s)])
    if summary.first_failure_s is not None:
        lines += _metric(
            "pytest_nexus_first_failure_seconds",
            "From the start to the first failure",
            [("", summary.first_failure_s)],
        )
    return "\n".join(lines) + "\n"


def _metric(name: str, about: str, samples: Iterable[tuple[str, float]]) -> list[str]:
    values = [f"{name}{labels} {value:g}" for labels, value in samples]
    return [f"# HELP {name} {about}", f"# TYPE {name} gauge", *values]


def _by_status(summary: Summary) -> list[tuple[str, float]]:
    return [(_label("status", status), summary.counts[status]) for status in _STATUSES]


def _label(name: str, value: str) -> str:
    return f'{{{name}="{label_value(plain(value))}"}}'


def _failure(failed: Failed) -> dict[str, Any]:
    since = failed.since
    return _result(failed.result) | {
        "since": None
        if since is None
        else {"started_at": since.started_at, "commit": since.commit, "runs": since.runs}
    }


def _result(result: TestResult) -> dict[str, Any]:
    failure = result.failure
    return {
        "nodeid": result.nodeid,
        "variant": result.variant,
        "attempts": [attempt.outcome for attempt in result.attempts],
        "failure": None
        if failure is None
        else {
            "phase": failure.phase,
            "exception": failure.exception,
            "where": failure.where,
            "message": failure.message,
            "signature": failure.signature,
        },
    }


def _sentences(proof: Any) -> list[str]:
    return [problem.sentence for problem in proof.problems]
