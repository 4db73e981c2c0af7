"""Combine the attempts of each test of a CI run, over reruns and over CI attempts. Pure."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from pytest_nexus.domain.records import ALONE, BAD
from pytest_nexus.plan.order_dependence.judge import is_proved
from pytest_nexus.plan.selection.rest import REST_ALONE
from pytest_nexus.plan.verification.groups import variant_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_nexus.domain.records import Attempt, Failure, TestKey
    from pytest_nexus.journal.sessions import Session

Status = Literal[
    "failed", "healed", "order-dependent", "quarantined", "passed", "skipped", "xfailed"
]
"""`healed`: the test failed first and passed at last. `order-dependent`: the same, but it passed in
a fresh process in collection order, or after it failed every time alone. `quarantined`: the test
failed, and the failure does not count. An unexpected pass that pytest accepts is `passed`."""


STATUSES: Final[tuple[Status, ...]] = (
    "passed",
    "failed",
    "healed",
    "order-dependent",
    "quarantined",
    "skipped",
    "xfailed",
)


@dataclass(frozen=True, slots=True)
class TestResult:
    """One test in one run."""

    __test__ = False  # pytest collects classes by their name

    nodeid: str
    key: TestKey
    variant: str
    """The difference between its job and other jobs of the same run, such as the Python version."""
    attempts: tuple[Attempt, ...]
    """In order; at least one."""
    status: Status

    @property
    def last(self) -> Attempt:
        """Return the attempt that counts."""
        return self.attempts[-1]

    @property
    def n_attempts(self) -> int:
        """Return the number of attempts, without those that the test had alone."""
        return sum(attempt.worker != ALONE for attempt in self.attempts)

    @property
    def failure(self) -> Failure | None:
        """Return the failure of the last failed attempt; None if none failed or unknown."""
        failures = [one.failure for one in self.attempts if one.outcome in BAD]
        return failures[-1] if failures else None


def chosen(sessions: Iterable[Session], run: str | None = None) -> list[Session]:
    """Return the sessions of the CI run with an id; without an id, of the newest run by start.

    Without a CI, the shards of one plan form a run, so do the jobs of a shared queue, and any other
    session is a run.
    """
    given = sorted(sessions, key=lambda one: (one.run.started_at, one.name))
    wanted = run if run is not None or not given else group_of(given[-1])
    return [one for one in given if group_of(one) == wanted]


def current(sessions: Sequence[Session]) -> list[Session]:
    """Return the sessions that count: for each job and shard, the session of the last attempt.

    All sessions of a shared queue count, because each ran other tests. So does a session that ran
    only the rest of a shard, beside the session of the shard.
    """
    newest: dict[tuple[str, int, str], Session] = {}
    for one in sorted(sessions, key=_age):
        shard = 0 if one.shard is None else one.shard.shard
        beside = REST_ALONE if one.is_rest else ""
        newest[variant_of(one.run), shard, beside if one.queue is None else one.name] = one
    return list(newest.values())


def results_of(sessions: Sequence[Session]) -> list[TestResult]:
    """Return the result of each test, in the order in which the tests first started.

    A test is `healed` if it failed in a job and passed when the job was run again on the same
    commit, just like a test that passed in a rerun within the session.
    """
    attempts: defaultdict[tuple[str, str], list[Attempt]] = defaultdict(list)
    quarantined: set[tuple[str, str]] = set()
    for one in sorted(sessions, key=_age):
        variant = variant_of(one.run)
        for attempt in sorted(one.attempts, key=lambda each: each.number):
            attempts[variant, attempt.key].append(attempt)
            if attempt.nodeid in one.quarantined:
                quarantined.add((variant, attempt.key))
    return [
        TestResult(
            every[-1].nodeid,
            every[-1].key,
            test[0],
            tuple(every),
            status_of(every, is_quarantined=test in quarantined),
        )
        for test, every in attempts.items()
    ]


def status_of(attempts: Sequence[Attempt], *, is_quarantined: bool = False) -> Status:
    """Return the combined status of the attempts of one test."""
    last = attempts[-1].outcome
    if last in BAD:
        return "quarantined" if is_quarantined else "failed"
    if any(attempt.outcome in BAD for attempt in attempts):
        places = [(attempt.outcome in BAD, attempt.worker) for attempt in attempts]
        return "order-dependent" if is_proved(places) else "healed"
    if last == "skipped":
        return "skipped"
    return "xfailed" if last == "xfailed" else "passed"


def group_of(session: Session) -> str:
    """Return the id of the run of a session: of the CI, of a plan, of a queue, or its own."""
    if session.shard is not None:
        return session.shard.ci_run or session.shard.plan
    if session.run.ci is not None:
        return session.run.ci.run_id
    return session.run.run_uid if session.queue is None else session.queue.queue_run


def _age(session: Session) -> tuple[int, float, str]:
    attempt = session.run.ci.run_attempt if session.run.ci is not None else 1
    return (attempt, session.run.started_at, session.name)
