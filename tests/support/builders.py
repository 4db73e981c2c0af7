"""Values for tests: each builder fills in what a test does not care about."""

from __future__ import annotations

from pytest_nexus.domain.identity import function_of_key
from pytest_nexus.domain.records import (
    Attempt,
    Change,
    ChangedFile,
    CIRun,
    CollectedTest,
    Failure,
    Forecast,
    Marker,
    NodeId,
    Outcome,
    PhaseResult,
    Run,
    TestKey,
    TestStats,
)


def collected(
    nodeid: str, scopes: tuple[str, ...] = (), marker: Marker | None = None
) -> CollectedTest:
    key = TestKey(nodeid)
    path = nodeid.partition("::")[0]
    return CollectedTest(NodeId(nodeid), key, function_of_key(key), path, scopes, marker)


def known(nodeid: str, **fields: object) -> TestStats:
    values = {"runs": 10, "call_s": 0.1} | fields
    return TestStats(TestKey(nodeid), function_of_key(nodeid), **values)  # type: ignore[arg-type] # fields by name


def by_key(*stats: TestStats) -> dict[TestKey, TestStats]:
    return {each.key: each for each in stats}


def changed(*paths: str, renames: dict[str, str] | None = None) -> Change:
    modified = tuple(ChangedFile(path, "M") for path in paths)
    moved = tuple(ChangedFile(new, "R", old_path=old) for new, old in (renames or {}).items())
    return Change(files=modified + moved)


def expect(p_fail: float, duration_s: float = 1.0) -> Forecast:
    return Forecast(p_fail, duration_s)


def attempt(
    nodeid: str = "test_a.py::test_x",
    outcome: Outcome = "passed",
    *,
    number: int = 1,
    call_s: float = 0.1,
    started_s: float = 0.0,
    worker: str | None = None,
    failure: Failure | None = None,
) -> Attempt:
    """An attempt whose call has the outcome, with set-up and tear-down passed."""
    passed = PhaseResult("passed", 0.001)
    call = PhaseResult(outcome, call_s)
    return Attempt(
        nodeid=NodeId(nodeid),
        key=TestKey(nodeid),
        function_key=function_of_key(nodeid),
        number=number,
        started_s=started_s,
        setup=passed,
        call=call,
        teardown=passed,
        worker=worker,
        failure=failure,
    )


def one_failing(n_tests: int, bad: int) -> list[Attempt]:
    """The attempts of a run of `t/test_0.py` to `t/test_(n - 1).py`, one of which fails."""
    return [
        attempt(
            f"t/test_{at}.py::test_it",
            "failed" if at == bad else "passed",
            started_s=float(at),
            failure=failure() if at == bad else None,
        )
        for at in range(n_tests)
    ]


def failure(message: str = "assert # == #", signature: str = "00112233445566aa") -> Failure:
    return Failure("call", "AssertionError", "src/a.py::run", message, signature)


def run(
    uid: int = 1,
    started_at: float | None = None,
    *,
    commit: str | None = None,
    dirty: bool = False,
    ci_number: int | None = None,
    complete: bool = True,
    **fields: object,
) -> Run:
    """A run told from others by a small integer, which also is its start unless given."""
    return Run(
        run_uid=f"{uid:032x}",
        started_at=float(uid if started_at is None else started_at),
        change=Change(commit=commit, dirty=dirty),
        ci=None if ci_number is None else CIRun("github", "77", ci_number, workflow="ci"),
        complete=complete,
        **fields,  # type: ignore[arg-type] # fields by name
    )
