"""The history is a set of runs: whatever the order, it ends the same, and equal to a rebuild."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from pytest_nexus.domain.records import Attempt, Run
from pytest_nexus.history.exchange.merge import Candidate, candidate_of
from pytest_nexus.history.ingest import ingest_run
from pytest_nexus.history.sqlite import run_sequence, test_ids
from pytest_nexus.history.state import fold as stats
from pytest_nexus.history.state import refresh
from pytest_nexus.history.store import History, open_history
from pytest_nexus.journal import encoding
from tests.support.builders import attempt, failure, run
from tests.support.examples import scaled

if TYPE_CHECKING:
    from pytest_nexus.domain.records import TestStats

COMMITS: Final = [None, "a" * 40, "b" * 40, "c" * 40]
TESTS: Final = ["a.py::t[1]", "a.py::t[2]", "b.py::u"]

attempts_of_a_run = st.lists(
    st.builds(
        attempt,
        st.sampled_from(TESTS),
        st.sampled_from(["passed", "failed", "skipped", "error", "xfailed"]),
        number=st.integers(1, 3),
        call_s=st.floats(0, 2),
        started_s=st.sampled_from([0.0, 1.0, 2.5, 40.0]),
        failure=st.none() | st.builds(failure, signature=st.sampled_from(["a" * 16, "b" * 16])),
    ),
    max_size=6,
)

runs = st.builds(
    run,
    st.integers(1, 8),
    st.sampled_from([10.0, 20.0, 30.0, 40.0]),
    commit=st.sampled_from(COMMITS),
    dirty=st.booleans(),
    ci_number=st.none() | st.integers(1, 4),
    complete=st.booleans(),
    source=st.sampled_from(["journal", "journal", "durations"]),
    python=st.sampled_from(["", "3.11.2", "3.12.1"]),
    workers=st.integers(0, 1),
)

sessions = st.tuples(runs, attempts_of_a_run)
Session = tuple[Run, list[Attempt]]


class Reference:
    """What a history must know, kept as a dictionary and folded from the start each time."""

    def __init__(self) -> None:
        self.runs: dict[str, Candidate] = {}
        self.pruned: set[str] = set()

    def add(self, session: Session) -> None:
        new = candidate_of(*session)
        old = self.runs.get(new.run.run_uid)
        if new.run.run_uid not in self.pruned and (old is None or new.rank > old.rank):
            self.runs[new.run.run_uid] = new

    def prune(self, keep: int) -> None:
        for slot in self.order()[: max(0, len(self.runs) - keep)]:
            self.forget(slot.run_uid)

    def forget(self, run_uid: str) -> None:
        self.runs.pop(run_uid, None)
        self.pruned.add(run_uid)

    def merge(self, other: Reference) -> None:
        for run_uid in other.pruned:
            self.forget(run_uid)
        for each in other.runs.values():
            old = self.runs.get(each.run.run_uid)
            if each.run.run_uid not in self.pruned and (old is None or each.rank > old.rank):
                self.runs[each.run.run_uid] = each

    def order(self) -> list[run_sequence.Slot]:
        slots = []
        for each in self.runs.values():
            ci = each.run.ci
            series = None if ci is None else (ci.provider, ci.workflow)
            number = 0 if ci is None else ci.run_number or 0
            slots.append(
                run_sequence.Slot(0, each.run.run_uid, each.run.started_at, series, number, 1)
            )
        return run_sequence.in_order(slots)

    def stats(self) -> dict[str, TestStats]:
        states: dict[str, stats.State] = {}
        functions: dict[str, str | None] = {}
        for slot in self.order():
            each = self.runs[slot.run_uid]
            commit = each.run.change.commit
            facts = stats.RunFacts(
                each.run.started_at,
                witness(commit, each.run.environment) if not each.run.change.dirty else b"",
                not each.counts.mass_failure,
                each.run.source != "durations",
                refresh.setting_of(each.run.environment, each.run.workers),
            )
            for key in {raw[0] for raw in each.attempts}:
                states[key] = stats.fold(states.get(key), facts, observed(each, key))
            functions |= {raw[0]: raw[1] for raw in each.attempts}
        return {key: stats.stats_of(key, functions[key], state) for key, state in states.items()}


def witness(commit: str | None, environment: str) -> bytes:
    """8 bytes that are the same for the same commit in the same environment only."""
    return hashlib.sha256(repr((commit, environment)).encode()).digest()[:8] if commit else b""


def observed(each: Candidate, key: str) -> stats.Observation:
    mine = sorted((raw for raw in each.attempts if raw[0] == key), key=lambda raw: raw[2])
    verdicts = 0
    for raw in mine:
        verdicts |= encoding.VERDICT_OF[raw[3]]
    return stats.Observation(mine[0][3], verdicts, *mine[0][4:7])


def content(history: History) -> tuple[object, ...]:
    """Everything a user can see, told without the numbers that differ between copies."""
    summaries = history.runs()
    attempts = {
        summary.run.run_uid: sorted(history.attempts(summary.run.run_uid), key=repr)
        for summary in summaries
    }
    return summaries, history.stats(), history.recoveries(), attempts


def made(folder: Path, name: str, taken: list[Session]) -> Path:
    path = folder / f"{name}.sqlite3"
    path.unlink(missing_ok=True)
    with open_history(path) as history:
        for session in taken:
            ingest_run(history, *session)
    return path


def content_of(path: Path) -> tuple[object, ...]:
    with open_history(path) as history:
        assert history.check() == []
        return content(history)


def merged(folder: Path, name: str, *parts: Path) -> Path:
    path = folder / f"{name}.sqlite3"
    path.unlink(missing_ok=True)
    with open_history(path) as history:
        for part in parts:
            history.merge(part)
    return path


@settings(deadline=None, max_examples=scaled(60))
@given(st.lists(sessions, max_size=8), st.randoms())
def test_any_order_of_ingests_ends_the_same(taken: list[Session], random: object) -> None:
    with tempfile.TemporaryDirectory() as folder:
        shuffled = [*taken, *taken[:2]]
        random.shuffle(shuffled)  # type: ignore[attr-defined] # a Random made by hypothesis
        first = content_of(made(Path(folder), "first", taken))
        assert content_of(made(Path(folder), "second", shuffled)) == first


@settings(deadline=None, max_examples=scaled(40))
@given(st.lists(sessions, max_size=8))
def test_one_portion_ends_like_single_ingests(taken: list[Session]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        single = content_of(made(Path(folder), "single", taken))
        with open_history(Path(folder) / "portion.sqlite3") as history:
            history.add([candidate_of(*session) for session in taken])
            assert content(history) == single


@settings(deadline=None, max_examples=scaled(30))
@given(st.lists(sessions, max_size=5), st.lists(sessions, max_size=5), st.booleans())
def test_merging_is_commutative_and_idempotent(
    left: list[Session], right: list[Session], prune: bool
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        a, b = made(folder, "a", left), made(folder, "b", right)
        if prune:
            with open_history(a) as history:
                history.prune(keep_runs=1)
        ab = content_of(merged(folder, "ab", a, b))
        assert content_of(merged(folder, "ba", b, a)) == ab
        assert content_of(merged(folder, "aabba", a, a, b, b, a)) == ab


@pytest.mark.parametrize("few", [0, 4, 10**6])
@settings(deadline=None, max_examples=scaled(25))
@given(taken=st.lists(sessions, max_size=8))
def test_looking_tests_up_one_by_one_ends_like_scanning(few: int, taken: list[Session]) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        expected = content_of(made(Path(folder), "expected", taken))
        patch.setattr(refresh, "_FEW", few)
        patch.setattr(test_ids, "_FEW", few)
        assert content_of(made(Path(folder), "other", taken)) == expected


class Histories(RuleBasedStateMachine):
    """Two histories beside their references."""

    taken: Bundle[Session] = Bundle("taken")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.paths = [self.folder / "a.sqlite3", self.folder / "b.sqlite3"]
        self.histories = [open_history(path) for path in self.paths]
        self.references = [Reference(), Reference()]

    def teardown(self) -> None:
        for history in self.histories:
            history.close()
        shutil.rmtree(self.folder)

    @rule(target=taken, which=st.integers(0, 1), session=sessions)
    def ingest(self, which: int, session: Session) -> Session:
        ingest_run(self.histories[which], *session)
        self.references[which].add(session)
        return session

    @rule(which=st.integers(0, 1), session=taken)
    def ingest_again(self, which: int, session: Session) -> None:
        self.ingest(which, session)

    @rule(which=st.integers(0, 1), session=consumes(taken), outcome=attempts_of_a_run)
    def ingest_another_copy(self, which: int, session: Session, outcome: list[Attempt]) -> None:
        self.ingest(which, (session[0]._replace(complete=not session[0].complete), outcome))

    @rule(which=st.integers(0, 1))
    def merge(self, which: int) -> None:
        self.histories[which].merge(self.paths[1 - which])
        self.references[which].merge(self.references[1 - which])

    @rule(which=st.integers(0, 1), keep=st.integers(1, 4))
    def prune(self, which: int, keep: int) -> None:
        self.histories[which].prune(keep_runs=keep)
        self.references[which].prune(keep)

    @rule(which=st.integers(0, 1))
    def rebuild(self, which: int) -> None:
        before = content(self.histories[which])
        self.histories[which].rebuild()
        assert content(self.histories[which]) == before

    @invariant()
    def the_histories_are_as_their_references(self) -> None:
        for history, reference in zip(self.histories, self.references, strict=True):
            assert history.stats() == reference.stats()
            order = [slot.run_uid for slot in reference.order()]
            assert [summary.run.run_uid for summary in history.runs()] == order[::-1]
            assert history.check() == []


Histories.TestCase.settings = settings(
    deadline=None, max_examples=scaled(25), stateful_step_count=15
)
TestHistories = Histories.TestCase
