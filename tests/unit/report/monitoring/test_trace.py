"""A run as spans and measures, without any package of OpenTelemetry but its list of names."""

from __future__ import annotations

import importlib
import re
from collections import Counter

import pytest

from pytest_nexus.ci.links import NO_LINKS, Links
from pytest_nexus.domain.records import Attempt, Change, CIRun
from pytest_nexus.journal.sessions import Session
from pytest_nexus.report.ci.summary import Known, summarise
from pytest_nexus.report.monitoring import conventions as names
from pytest_nexus.report.monitoring.measures import measures_of
from pytest_nexus.report.monitoring.trace import Span, pipeline_of, result_of, trace_of
from tests.support.builders import attempt, failure, run


def session(
    *attempts: Attempt, uid: int = 1, exit_status: int | None = 0, **facts: object
) -> Session:
    made = run(uid)._replace(exit_status=exit_status, duration_s=10.0)._replace(**facts)  # type: ignore[arg-type] # fields by name
    return Session(f"{uid}.jsonl", made, attempts, frozenset(), None)


def flaky() -> list[Attempt]:
    return [
        attempt("a.py::x", "failed", started_s=1.0, worker="gw0", failure=failure()),
        attempt("a.py::x", number=2, started_s=3.0, worker="gw0"),
    ]


def by_name(spans: tuple[Span, ...]) -> dict[str, Span]:
    assert len({one.name for one in spans}) == len(spans)
    return {one.name: one for one in spans}


def test_the_levels_are_run_shard_worker_test_attempt() -> None:
    trace = trace_of([session(*flaky())], NO_LINKS)
    spans = by_name(trace.spans)
    assert list(spans) == ["RUN pytest", "pytest", "gw0", "a.py::x", "attempt 1", "attempt 2"]
    parents = {one.span_id: name for name, one in spans.items()}
    assert {name: parents.get(one.parent) for name, one in spans.items()} == {
        "RUN pytest": None, "pytest": "RUN pytest", "gw0": "pytest", "a.py::x": "gw0",
        "attempt 1": "a.py::x", "attempt 2": "a.py::x",
    }  # fmt: skip
    test, first = spans["a.py::x"], spans["attempt 1"]
    assert test.attributes[names.STATUS] == "healed"
    assert test.attributes[names.TEST_RESULT] == "pass"
    assert (test.error, bool(first.error)) == ("", True)
    start = spans["RUN pytest"].start_ns
    assert [round((one - start) / 1e9, 2) for one in (test.start_ns, test.end_ns)] == [1.0, 3.1]


def test_each_span_lies_within_its_parent_and_comes_after_it() -> None:
    spans = trace_of([session(*flaky(), attempt("b.py::y", started_s=4.0))], NO_LINKS).spans
    seen: dict[int, Span] = {}
    for one in spans:
        if one.parent:
            above = seen[one.parent]
            assert above.start_ns <= one.start_ns <= one.end_ns <= above.end_ns
        seen[one.span_id] = one
    assert len(seen) == len(spans)


def test_identifiers_are_the_same_each_time_and_differ_between_runs() -> None:
    one, again = (trace_of([session(*flaky())], NO_LINKS) for _ in range(2))
    other = trace_of([session(*flaky(), uid=2)], NO_LINKS)
    assert one == again
    assert one.trace_id != other.trace_id
    assert not {span.span_id for span in one.spans} & {span.span_id for span in other.spans}


def test_jobs_of_one_ci_run_share_a_trace() -> None:
    jobs = [session(*flaky(), uid=uid, ci=CIRun("github", "7", job=f"job-{uid}")) for uid in (1, 2)]
    apart = {trace_of([job], NO_LINKS).trace_id for job in jobs}
    whole = trace_of(jobs, Links(run="https://github.com/o/r/actions/runs/7"))
    assert apart == {whole.trace_id}
    assert Counter(one.parent == 0 for one in whole.spans)[True] == 1
    assert whole.spans[0].attributes[names.RUN_URL] == "https://github.com/o/r/actions/runs/7"


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ([0, 0], "success"), ([0, 1], "failure"), ([5], "skip"), ([0, 5], "success"),
        ([1, 2], "cancellation"), ([None, 1], "error"), ([3], "error"), ([4], "error"),
    ],
)  # fmt: skip
def test_the_result_of_a_run_is_the_worst(statuses: list[int | None], expected: str) -> None:
    assert result_of([session(exit_status=one) for one in statuses]) == expected


def test_the_change_is_named() -> None:
    change = Change(commit="c" * 40, branch="main", base="b" * 40)
    root = trace_of([session(change=change)], NO_LINKS).spans[0]
    assert root.attributes[names.COMMIT] == "c" * 40
    assert root.attributes[names.BASE_COMMIT] == "b" * 40
    assert root.attributes[names.BRANCH] == "main"


def test_a_failure_is_an_event_with_its_exception() -> None:
    bad = attempt("a.py::x", "failed", failure=failure())
    spans = by_name(trace_of([session(bad, exit_status=1)], NO_LINKS).spans)
    one = spans["attempt 1"]
    assert one.exception == failure().exception
    assert one.attributes[names.ERROR_TYPE] == failure().exception
    assert spans["a.py::x"].attributes[names.TEST_RESULT] == "fail"
    assert spans["RUN pytest"].error == "failure"


def test_measures_count_each_test_once() -> None:
    bad = attempt("b.py::y", "failed", failure=failure(), started_s=5.0)
    sessions = [session(*flaky(), bad, attempt("c.py::z", "skipped"), exit_status=1)]
    found = {one.name: one for one in measures_of(summarise(sessions, (), Known()), sessions)}
    counts = {
        dict(labels)[names.STATUS]: values
        for labels, values in found[names.TEST_COUNT].values.items()
    }
    assert counts == {"healed": [1.0], "failed": [1.0], "skipped": [1.0]}
    assert sum(sum(one) for one in found[names.ATTEMPT_COUNT].values.values()) == 4
    assert [sum(one) for one in found[names.RUN_ERRORS].values.values()] == [1.0]
    assert [*found[names.RUN_DURATION].values.values()] == [[10.0]]
    assert (
        len([value for values in found[names.TEST_DURATION].values.values() for value in values])
        == 3
    )


def test_a_workflow_names_the_pipeline() -> None:
    assert pipeline_of([session()]) == "pytest"
    assert pipeline_of([session(ci=CIRun("github", "7", workflow="nightly"))]) == "nightly"


OURS = {value for name, value in vars(names).items() if name.isupper() and name != "SCOPE"}


@pytest.mark.parametrize("name", sorted(OURS))
def test_names_are_those_of_the_conventions_or_ours(name: str) -> None:
    if name.startswith("pytest_nexus."):
        return
    pytest.importorskip("opentelemetry.semconv", reason="the extra otel is not installed")
    area = name.partition(".")[0]
    known: set[object] = set()
    for place in ("_incubating.attributes", "_incubating.metrics", "attributes"):
        try:
            kind = place.rpartition(".")[2]
            module = importlib.import_module(f"opentelemetry.semconv.{place}.{area}_{kind}")
        except ImportError:
            continue
        known |= {value for key, value in vars(module).items() if key.isupper()}
    assert name in known
    assert re.fullmatch(r"[a-z_]+(\.[a-z_]+)+", name)
