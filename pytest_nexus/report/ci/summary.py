"""Summarise a CI run, most important facts first, in one value for all formats. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from pytest_nexus.ci.links import NO_LINKS, Links
from pytest_nexus.domain.records import BAD
from pytest_nexus.plan.delivery.change_history import outlook
from pytest_nexus.report.ci.left_out import left_out
from pytest_nexus.report.ci.results import Status, TestResult, current, results_of
from pytest_nexus.report.ci.run_risk import run_risk
from pytest_nexus.report.ci.used_energy import used_wh
from pytest_nexus.report.session.order_gain import gain
from pytest_nexus.session.timeline import Timeline

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from pytest_nexus.history.queries.failing import FailingSince
    from pytest_nexus.journal.sessions import Session
    from pytest_nexus.plan.delivery.change_history import ChangeOutlook, PastChange
    from pytest_nexus.plan.selection.change_risk import Calibration
    from pytest_nexus.plan.verification.queue_jobs import JobWork
    from pytest_nexus.plan.verification.verify import Verification
    from pytest_nexus.report.ci.run_risk import RunRisk
    from pytest_nexus.report.session.order_gain import Gain

MOST_SLOW: Final = 10
_WORTH_SHOWING_S: Final = 0.01
_UNKNOWN: Final = "order by the model that is shipped"


@dataclass(frozen=True, slots=True)
class Known:
    """The facts from the history that a report needs."""

    n_runs: int = 0
    failing: Mapping[tuple[str, str], FailingSince] = field(default_factory=dict)
    """Tests whose last run on a branch failed, before this run; by key and branch."""
    branch: str = ""
    """The branch of this run."""
    base: str = ""
    """The branch that this run's branch is merged into; the same branch if there is no other."""
    has_base: bool = True
    """Whether the history has a run of the base branch. Without one, no failure can be called
    new."""
    model: str = _UNKNOWN
    """What decided the order, with its quality."""
    trial: str = ""
    """Which value of a setting this run tries; empty without an experiment."""
    calibration: Calibration | None = None
    """What turns the forecasts of a run into the probability that a test fails."""
    past_changes: Sequence[PastChange] = ()
    """What became of earlier changes after the tests, the oldest first."""


@dataclass(frozen=True, slots=True)
class Failed:
    """A test that failed, and since when."""

    result: TestResult
    is_new: bool
    """Whether the test does not fail in the same way on the base branch."""
    since: FailingSince | None
    """The first run with this failure; None if this run is the first."""

    @property
    def signature(self) -> str:
        """Return the signature of the failure; empty if unknown."""
        failure = self.result.failure
        return failure.signature if failure is not None else ""


@dataclass(frozen=True, slots=True)
class Part:
    """One session of the run: a shard, a job of a queue, or a whole job."""

    name: str
    n_tests: int
    tests_s: float
    """Seconds of all attempts."""
    wall_s: float
    """Seconds of the session; seconds of its tests if the session was killed."""


@dataclass(frozen=True, slots=True)
class Summary:
    """A summarised CI run, which every format renders."""

    results: tuple[TestResult, ...]
    failed: tuple[Failed, ...]
    """New failures first; within each kind, the most informative failures first."""
    parts: tuple[Part, ...]
    proofs: tuple[Verification, ...]
    """One proof for each divided suite; empty if no suite was divided."""
    first_failure_s: float | None
    """Shortest time in seconds from a session's start to the end of its first failed attempt."""
    gain: Gain | None
    """Gain against collection order; None if nothing failed or that order is unknown."""
    known: Known
    started_at: float
    ended_at: float
    commit: str
    """Full commit id; empty if unknown."""
    links: Links = NO_LINKS
    left_out: tuple[str, ...] = ()
    """What selections left out, and why; one sentence for each job."""
    risk: RunRisk | None = None
    """How probable a failing test was before the run; None if that is unknown."""
    outlook: ChangeOutlook | None = None
    """How probable it is that the change is taken back; None without recorded outcomes."""
    used_wh: float | None = None
    """Estimated watt hours of all sessions; None if a processor time is unknown."""

    @property
    def counts(self) -> Counter[Status]:
        """Return the number of tests of each status."""
        return Counter(result.status for result in self.results)

    @property
    def new_failures(self) -> list[Failed]:
        """Return the failures that the base branch does not have."""
        return [one for one in self.failed if one.is_new]

    @property
    def known_failures(self) -> list[Failed]:
        """Return the failures that the base branch has too."""
        return [one for one in self.failed if not one.is_new]

    @property
    def jobs(self) -> list[JobWork]:
        """Return what each job of a shared queue did; empty without a queue."""
        return [job for proof in self.proofs for job in proof.jobs]

    @property
    def problems(self) -> list[str]:
        """Return the obstacles to a proof about the shards, one sentence each."""
        return [problem.sentence for proof in self.proofs for problem in proof.problems]

    @property
    def is_good(self) -> bool:
        """Return whether tests ran, none failed, and none was lost."""
        return bool(self.results) and not self.failed and not self.problems

    @property
    def tests_s(self) -> float:
        """Return the seconds of all attempts in the sessions that count."""
        return sum(part.tests_s for part in self.parts)

    @property
    def wall_s(self) -> float:
        """Return the seconds of the longest session."""
        return max((part.wall_s for part in self.parts), default=0.0)

    def of(self, status: Status) -> list[TestResult]:
        """Return the tests of one status, in order."""
        return [result for result in self.results if result.status == status]

    def slowest(self) -> list[TestResult]:
        """Return the slowest tests, if they are slow enough to mention."""
        ranked = sorted(self.results, key=lambda one: -one.last.duration_s)[:MOST_SLOW]
        return [one for one in ranked if one.last.duration_s >= _WORTH_SHOWING_S]

    def slowest_setups(self) -> list[TestResult]:
        """Return the tests with the longest set-ups, if these are long enough to mention."""
        ranked = sorted(self.results, key=lambda one: -longest_setup_s(one))[:MOST_SLOW]
        return [one for one in ranked if longest_setup_s(one) >= _WORTH_SHOWING_S]


def summarise(
    sessions: Sequence[Session],
    proofs: Sequence[Verification],
    known: Known,
    links: Links = NO_LINKS,
) -> Summary:
    """Return the summary of the sessions of one run."""
    results = results_of(sessions)
    counting = current(sessions)
    failed = {one.last.nodeid for one in results if one.status == "failed"}
    starts = [one.run.started_at for one in sessions]
    return Summary(
        results=tuple(results),
        failed=tuple(_failed(results, known)),
        parts=_parts(counting),
        proofs=tuple(proofs),
        first_failure_s=min(
            (found for one in counting if (found := _first_failure_s(one, failed)) is not None),
            default=None,
        ),
        gain=_gain(counting, failed),
        known=known,
        started_at=min(starts, default=0.0),
        ended_at=max((one.run.started_at + _wall_s(one) for one in sessions), default=0.0),
        commit=next((one.run.change.commit for one in sessions if one.run.change.commit), ""),
        links=links,
        left_out=tuple(left_out(counting, failed)),
        risk=run_risk(counting, known.calibration),
        outlook=_outlook(counting, known),
        used_wh=used_wh(sessions),
    )


def _outlook(counting: Sequence[Session], known: Known) -> ChangeOutlook | None:
    change = next((one.run.change for one in counting if one.run.change.files), None)
    if change is None:
        return None
    past = [each for each in known.past_changes if each.commit != change.commit]
    lines = sum(file.added + file.deleted for file in change.files)
    return outlook(past, [file.path for file in change.files], lines)


def longest_setup_s(result: TestResult) -> float:
    """Return the seconds of the longest set-up of a test.

    A second attempt finds shared set-up in place, so the attempts differ.
    """
    return max(one.setup.duration_s if one.setup is not None else 0.0 for one in result.attempts)


def _failed(results: Sequence[TestResult], known: Known) -> list[Failed]:
    """Return the failures; for each signature, one failure comes first and the others later."""
    found = [_judged(result, known) for result in results if result.status == "failed"]
    seen: Counter[str] = Counter()
    ranked = []
    for place, one in enumerate(found):
        ranked.append(((not one.is_new, seen[one.signature] > 0, place), one))
        seen[one.signature] += bool(one.signature)
    return [one for _, one in sorted(ranked, key=lambda pair: pair[0])]


def _judged(result: TestResult, known: Known) -> Failed:
    failure = result.failure
    signature = failure.signature if failure is not None else ""
    on_base = known.failing.get((result.key, known.base or known.branch))
    on_own = known.failing.get((result.key, known.branch))
    is_known = on_base is not None and on_base.signature == signature
    same = on_base if is_known else on_own
    return Failed(
        result, not is_known, same if same is not None and same.signature == signature else None
    )


def _parts(sessions: Sequence[Session]) -> tuple[Part, ...]:
    """Return the sessions in order; their names contain the Python version only if it differs."""
    are_mixed = len({one.run.python for one in sessions}) > 1
    return tuple(_part(one, is_named=are_mixed) for one in sorted(sessions, key=_place))


def _part(session: Session, *, is_named: bool) -> Part:
    shard = session.shard
    job = session.run.ci.job if session.run.ci is not None else ""
    python = session.run.python if is_named else ""
    name = f"{shard.shard}/{shard.n_shards}" if shard is not None else job or "all"
    name += " rest" if session.is_rest else ""
    if session.queue is not None:
        name = session.queue.job
    tests_s = sum(attempt.duration_s for attempt in session.attempts)
    n_tests = len({attempt.key for attempt in session.attempts})
    return Part(f"{name} ({python})" if python else name, n_tests, tests_s, _wall_s(session))


def _place(session: Session) -> tuple[str, int, str]:
    shard = session.shard.shard if session.shard is not None else 0
    return (session.run.python, shard, session.name)


def _wall_s(session: Session) -> float:
    if session.run.duration_s is not None:
        return session.run.duration_s
    return max((one.started_s + one.duration_s for one in session.attempts), default=0.0)


def _first_failure_s(session: Session, failed: Collection[str]) -> float | None:
    """Return the time of the first failure that is final: not of a healed or quarantined test."""
    bad = (one for one in session.attempts if one.outcome in BAD and one.nodeid in failed)
    return min((one.started_s + one.duration_s for one in bad), default=None)


def _gain(sessions: Sequence[Session], failed: Collection[str]) -> Gain | None:
    """Return the gain of the session with the earliest failure, among those of known order."""
    gains = [found for one in sessions if (found := _gain_of(one, failed)) is not None]
    return min(gains, key=lambda one: one.first_failure_s, default=None)


def _gain_of(session: Session, failed: Collection[str]) -> Gain | None:
    """Return the gain of the order, if one process ran tests of a known collection."""
    if session.shard is None or session.run.workers or session.is_rest:
        return None
    own = (group for group in session.shard.verdicts if group.shard == session.shard.shard)
    expected = {nodeid: 0.0 for group in own for nodeid in group.nodeids}
    timeline = Timeline()
    for one in session.attempts:
        is_bad = one.outcome in BAD and one.nodeid in failed
        setup_s = one.setup.duration_s if one.setup is not None else 0.0
        timeline.add(one.nodeid, one.duration_s, setup_s, is_bad=is_bad)
    return gain(expected, timeline) if expected else None
