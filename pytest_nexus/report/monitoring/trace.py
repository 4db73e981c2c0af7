"""Describe a run as spans: run, shard, worker, test, attempt. Pure."""

from __future__ import annotations

from collections import defaultdict
from hashlib import blake2b
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.domain.records import BAD
from pytest_nexus.report.ci.results import group_of, status_of
from pytest_nexus.report.monitoring import conventions as names

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_nexus.ci.links import Links
    from pytest_nexus.domain.records import Attempt, NodeId
    from pytest_nexus.journal.sessions import Session
    from pytest_nexus.report.ci.results import Status

Value = str | int | float

MAIN: Final = "main"
"""The name of the only worker of a session without xdist."""

_RESULTS: Final[Mapping[Status, str]] = {
    **dict.fromkeys(("passed", "healed", "order-dependent", "xfailed"), "pass"),
    **dict.fromkeys(("failed", "quarantined"), "fail"),
}
"""The conventions know these two results; a skipped test has none."""

_PIPELINE_RESULTS: Final = {0: "success", 1: "failure", 2: "cancellation", 5: "skip"}
_SUITE_STATUSES: Final = {
    "success": "success",
    "failure": "failure",
    "cancellation": "aborted",
    "skip": "skipped",
}


class Span(NamedTuple):
    """One part of a run, with its start and end in nanoseconds since the epoch."""

    name: str
    span_id: int
    parent: int
    """0 for the run, which has no parent."""
    start_ns: int
    end_ns: int
    attributes: Mapping[str, Value]
    error: str = ""
    """Why it failed; empty if it did not fail."""
    exception: str = ""
    """The type of the exception that an event of the span describes; empty for no event."""


class Trace(NamedTuple):
    """All spans of a run; the parent of each span comes before the span."""

    trace_id: int
    spans: tuple[Span, ...]


def trace_of(sessions: Sequence[Session], links: Links) -> Trace:
    """Return the trace of a run.

    The identifiers are digests. So the jobs of one CI run send parts of one trace, and a trace
    that is sent twice has the same identifiers.

    Args:
        sessions: of one run, at least one.
        links: addresses of the repository and of the run.
    """
    ordered = sorted(sessions, key=lambda one: (one.run.started_at, one.name))
    group = group_of(ordered[0])
    root = _run(ordered, links)
    spans = [root]
    for session in ordered:
        spans += _shard(session, root.span_id)
    return Trace(_digest(16, group), tuple(spans))


def pipeline_of(sessions: Sequence[Session]) -> str:
    """Return the name of the pipeline of a run: its workflow, or pytest outside of a CI."""
    found = (one.run.ci.workflow for one in sessions if one.run.ci is not None)
    return next(filter(None, found), "pytest")


def result_of(sessions: Sequence[Session]) -> str:
    """Return the result of a run in the words of the conventions."""
    results = [_result(one) for one in sessions]
    order = ("error", "cancellation", "failure", "success", "skip")
    return next(word for word in order if word in results)


def result_word(status: Status) -> str | None:
    """Return the result of a test in the words of the conventions; None for a skipped test."""
    return _RESULTS.get(status)


def wall_s(session: Session) -> float:
    """Return the seconds of a session; those up to its last attempt if it was killed."""
    if session.run.duration_s is not None:
        return session.run.duration_s
    return max((one.started_s + one.duration_s for one in session.attempts), default=0.0)


def _result(session: Session) -> str:
    status = session.run.exit_status
    return "error" if status is None else _PIPELINE_RESULTS.get(status, "error")


def _run(sessions: Sequence[Session], links: Links) -> Span:
    first = sessions[0].run
    ci, change, result = first.ci, first.change, result_of(sessions)
    pipeline = pipeline_of(sessions)
    end = max(one.run.started_at + wall_s(one) for one in sessions)
    attributes = {
        names.PIPELINE: pipeline,
        names.ACTION: "RUN",
        names.RUN_ID: ci.run_id if ci is not None else first.run_uid,
        names.RUN_URL: links.run,
        names.RESULT: result,
        names.BRANCH: change.branch,
        names.COMMIT: change.commit,
        names.BASE_COMMIT: change.base,
        names.REPOSITORY_URL: links.repository,
    }
    return Span(
        f"RUN {pipeline}",
        _digest(8, "run", *(one.run.run_uid for one in sessions)),
        0,
        _ns(first.started_at),
        _ns(end),
        _known(attributes),
        "" if result in ("success", "skip") else result,
    )


def _shard(session: Session, parent: int) -> Iterator[Span]:
    run, shard, result = session.run, session.shard, _result(session)
    own = _digest(8, "shard", run.run_uid)
    name = run.ci.job if run.ci is not None and run.ci.job else "pytest"
    if shard is not None:
        name = f"{name} {shard.shard}/{shard.n_shards}"
    attributes = {
        names.TASK: name,
        names.TASK_TYPE: "test",
        names.TASK_RUN_ID: run.run_uid,
        names.TASK_RESULT: result,
        names.SUITE_STATUS: _SUITE_STATUSES.get(result, "aborted"),
        names.SHARD: None if shard is None else shard.shard,
        names.SHARDS: None if shard is None else shard.n_shards,
        names.PYTHON: run.python,
    }
    end = run.started_at + wall_s(session)
    error = "" if result in ("success", "skip") else result
    yield Span(name, own, parent, _ns(run.started_at), _ns(end), _known(attributes), error)
    yield from _workers(session, own)


def _workers(session: Session, parent: int) -> Iterator[Span]:
    """Yield each worker with its tests; a test belongs to the worker of its first attempt."""
    tests: defaultdict[NodeId, list[Attempt]] = defaultdict(list)
    for attempt in session.attempts:
        tests[attempt.nodeid].append(attempt)
    of_worker: defaultdict[str, list[list[Attempt]]] = defaultdict(list)
    for attempts in tests.values():
        of_worker[attempts[0].worker or MAIN].append(attempts)
    at, uid = session.run.started_at, session.run.run_uid
    for worker, theirs in of_worker.items():
        own = _digest(8, "worker", uid, worker)
        start = min(attempts[0].started_s for attempts in theirs)
        end = max(_end_s(one) for attempts in theirs for one in attempts)
        attributes = {names.WORKER_ID: worker, names.WORKER_NAME: worker}
        yield Span(worker, own, parent, _ns(at + start), _ns(at + end), attributes)
        for attempts in theirs:
            is_quarantined = attempts[0].nodeid in session.quarantined
            yield from _test(attempts, own, at, uid, is_quarantined=is_quarantined)


def _test(
    attempts: Sequence[Attempt], parent: int, at: float, uid: str, *, is_quarantined: bool
) -> Iterator[Span]:
    nodeid = attempts[0].nodeid
    own = _digest(8, "test", uid, nodeid)
    status = status_of(attempts, is_quarantined=is_quarantined)
    failure = attempts[-1].failure
    file = nodeid.partition("::")[0]
    attributes = {
        names.TEST: nodeid,
        names.TEST_RESULT: result_word(status),
        names.STATUS: status,
        names.SUITE: file,
        names.FILE: file,
        names.ATTEMPTS: len(attempts),
        names.ERROR_TYPE: None if failure is None else failure.exception,
    }
    start, end = attempts[0].started_s, max(map(_end_s, attempts))
    error = status if status == "failed" else ""
    yield Span(nodeid, own, parent, _ns(at + start), _ns(at + end), _known(attributes), error)
    for place, attempt in enumerate(attempts, 1):
        yield _attempt(attempt, own, at, _digest(8, "attempt", uid, nodeid, str(place)))


def _attempt(attempt: Attempt, parent: int, at: float, own: int) -> Span:
    failure = attempt.failure
    phases = zip((names.SETUP_S, names.CALL_S, names.TEARDOWN_S), attempt.phases, strict=True)
    attributes: dict[str, Value | None] = {
        names.NUMBER: attempt.number,
        names.OUTCOME: attempt.outcome,
        names.WORKER_ID: attempt.worker or MAIN,
        **{name: None if phase is None else phase.duration_s for name, phase in phases},
    }
    error = ""
    if attempt.outcome in BAD:
        error = attempt.outcome
    if failure is not None:
        attributes[names.ERROR_TYPE] = failure.exception
        attributes[names.SIGNATURE] = failure.signature
        attributes[names.EXCEPTION_MESSAGE] = failure.message
        error = failure.message or error
    return Span(
        f"attempt {attempt.number}",
        own,
        parent,
        _ns(at + attempt.started_s),
        _ns(at + _end_s(attempt)),
        _known(attributes),
        error,
        "" if failure is None else failure.exception,
    )


def _end_s(attempt: Attempt) -> float:
    return attempt.started_s + attempt.duration_s


def _known(attributes: Mapping[str, Value | None]) -> dict[str, Value]:
    return {name: value for name, value in attributes.items() if value not in (None, "")}


def _ns(seconds: float) -> int:
    return int(seconds * 1e9)


def _digest(size: int, *words: str) -> int:
    """Return a number of some bytes that is never 0, which OTLP takes for no identifier."""
    text = "\0".join(words).encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(text, digest_size=size).digest(), "big") or 1
