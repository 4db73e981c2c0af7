"""Write a run for programs, as JSON. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_nexus.report.ci.headline import verdict
from pytest_nexus.report.ci.results import STATUSES

if TYPE_CHECKING:
    from pytest_nexus.report.ci.results import TestResult
    from pytest_nexus.report.ci.summary import Failed, Summary


def as_json(summary: Summary) -> dict[str, Any]:
    """Return the run as JSON values; durations in seconds, times in seconds since the epoch."""
    return {
        "verdict": verdict(summary),
        "good": summary.is_good,
        "commit": summary.commit or None,
        "tests": len(summary.results),
        "counts": {status: summary.counts[status] for status in STATUSES},
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
        "queue_jobs": [one._asdict() for one in summary.jobs],
        "seconds": {
            "tests": summary.tests_s,
            "longest_job": summary.wall_s,
            "first_failure": summary.first_failure_s,
        },
        "risk": None
        if summary.risk is None
        else {
            "probability": summary.risk.probability,
            "likeliest": [{"test": key, "p_fail": p} for key, p in summary.risk.likeliest],
        },
        "outlook": None if summary.outlook is None else summary.outlook._asdict(),
        "estimated_wh": summary.used_wh,
        "model": summary.known.model,
        "runs_known": summary.known.n_runs,
    }


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
