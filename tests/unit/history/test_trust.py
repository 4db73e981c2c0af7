"""What a fork sends is stored, and changes nothing until its commit is accepted."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pytest_nexus.domain.records import Change, ChangedFile
from pytest_nexus.history.exchange.merge import candidate_of
from pytest_nexus.history.store import History, open_history, read_history
from tests.support.builders import attempt, failure, run
from tests.support.forks import runs_of_forks

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_nexus.history.exchange.merge import Candidate

HEAD = "a" * 40
SLOW, FAST = attempt(call_s=900.0), attempt(call_s=0.1)
BROKEN = attempt(outcome="failed", failure=failure())


def forged(uid: int = 9, *attempts: object, started_at: float = 9e9, **fields: object) -> Candidate:
    one = run(uid, started_at, trust="fork", head=HEAD, **fields)
    return candidate_of(one, attempts or (BROKEN,))  # type: ignore[arg-type] # attempts


def trusted(uid: int, *attempts: object, **fields: object) -> Candidate:
    return candidate_of(run(uid, **fields), attempts or (FAST,))  # type: ignore[arg-type] # attempts


def test_run_of_a_fork_changes_no_state_and_no_count(history: History) -> None:
    history.add([trusted(1), trusted(2)])
    before = (history.stats(), history.runs(), history.count_runs(), history.count_tests())
    history.add([forged(9, SLOW, attempt("test_new.py::x", "failed"))])
    assert (history.stats(), history.runs(), history.count_runs(), history.count_tests()) == before
    assert [one.run.head for one in runs_of_forks(history)] == [HEAD]
    assert not history.check()


def test_forged_flakes_recoveries_and_failures_are_no_evidence(history: History) -> None:
    changed = Change(commit=HEAD, files=(ChangedFile("src/a.py", "M"),))
    history.add([trusted(1), trusted(2, commit=HEAD)])

    def known() -> tuple[object, ...]:
        key = attempt().key
        return (
            history.stats(), history.recoveries(), history.flaky_stats(), history.failing(),
            history.failing_runs(), history.run_outcomes(), history.cofailures(),
            [one[:3] for one in history.replayed()],
            history.sightings(key),
        )  # fmt: skip

    before = known()
    healed = (BROKEN, attempt(number=2, started_s=3600.0))
    quarantined = BROKEN._replace(quarantined=True)
    for uid, attempts in ((8, healed), (9, (quarantined,)), (1, healed)):
        one = forged(uid, *attempts, commit=HEAD)
        history.add([replace(one, run=one.run._replace(change=changed))])
    assert known() == before
    history.rebuild()
    assert known() == before
    assert history.accept([HEAD]) == 2
    assert known() != before


def test_run_of_a_fork_cannot_move_others_by_the_number_it_claims(history: History) -> None:
    history.add([trusted(1, BROKEN, ci_number=5), trusted(2, ci_number=6)])
    before = history.stats()
    history.add([forged(9, ci_number=1, started_at=0.0), forged(8, ci_number=99)])
    history.add([trusted(3, ci_number=7)])
    assert history.stats() != before
    history.rebuild()
    assert [one.run.ci.run_number for one in history.runs() if one.run.ci] == [7, 6, 5]


def test_fork_cannot_take_the_place_of_a_trusted_run(history: History) -> None:
    history.add([trusted(1)])
    before = history.stats()
    assert history.add([forged(1, BROKEN, attempt("x.py::x"))]) == [False]
    assert history.stats() == before


def test_trusted_run_takes_the_place_of_a_forged_copy(history: History) -> None:
    history.add([forged(1, BROKEN, attempt("x.py::x"))])
    assert history.known_runs([run(1).run_uid]) == set()
    assert history.add([trusted(1)]) == [True]
    assert [one.failures for one in history.stats().values()] == [0]
    assert history.known_runs([run(1).run_uid]) == {run(1).run_uid}


def test_accepted_commit_lets_its_runs_teach(history: History) -> None:
    history.add([trusted(1), forged(9, started_at=5.0)])
    assert history.unaccepted_heads() == [HEAD]
    assert history.accept(["b" * 40]) == 0
    assert history.accept([HEAD]) == 1
    assert [(one.runs, one.failures) for one in history.stats().values()] == [(2, 1)]
    assert history.unaccepted_heads() == []
    assert not history.check()


def test_pruning_counts_forks_apart(history: History) -> None:
    history.add([trusted(1), trusted(2), *(forged(uid) for uid in range(10, 20))])
    history.prune(keep_runs=2)
    assert history.count_runs() == 2
    assert len(runs_of_forks(history)) == 2


def test_slim_copy_holds_nothing_of_forks(history: History, tmp_path: Path) -> None:
    history.add([trusted(1), forged(9, attempt("secret.py::x"))])
    history.export(tmp_path / "slim.sqlite3", slim=True)
    assert b"secret.py" not in (tmp_path / "slim.sqlite3").read_bytes()
    with read_history(tmp_path / "slim.sqlite3") as slim:  # type: ignore[union-attr] # it is there
        assert (slim.stats(), slim.runs()) == (history.stats(), history.runs())
        assert runs_of_forks(slim) == []


def test_merge_keeps_what_a_fork_sent_apart(history: History, tmp_path: Path) -> None:
    history.add([trusted(1), forged(9)])
    with open_history(tmp_path / "other.sqlite3") as other:
        other.merge(history.path)
        assert other.stats() == history.stats()
        assert len(runs_of_forks(other)) == 1


def on(uid: int, branch: str, *attempts: object, trust: str = "trusted") -> Candidate:
    one = run(uid, commit=f"{uid:040x}", trust=trust)
    one = one._replace(change=one.change._replace(branch=branch))
    return candidate_of(one, attempts)  # type: ignore[arg-type] # attempts


@pytest.mark.parametrize("slim", [False, True])
def test_failing_since_the_first_of_like_failures_on_a_branch(
    history: History, tmp_path: Path, slim: bool
) -> None:
    other = attempt(outcome="failed", failure=failure("other", "ff" * 8))
    healed = (BROKEN, attempt(number=2))
    history.add([
        on(1, "main", other), on(2, "main", BROKEN), on(3, "topic", FAST), on(4, "main", BROKEN),
        on(5, "topic", *healed), on(6, "fork", BROKEN, trust="fork"),
    ])  # fmt: skip
    if slim:
        history.export(tmp_path / "slim.sqlite3", slim=True)
    source = read_history(tmp_path / "slim.sqlite3") if slim else history
    assert source is not None
    (found,) = source.failing()
    assert (found.branch, found.commit, found.runs) == ("main", f"{2:040x}", 2)
    assert found.signature == failure().signature
    if slim:
        source.close()
    else:
        (found,) = source.failing(without={run(4).run_uid})
        assert found.runs == 1
