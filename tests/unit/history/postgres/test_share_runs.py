"""Which runs a push and a pull move, with a log in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_nexus.history.exchange.merge import candidate_of
from pytest_nexus.history.exchange.packets import packed
from pytest_nexus.history.postgres import share_runs
from pytest_nexus.history.postgres.run_log import Entry
from pytest_nexus.history.postgres.share_runs import Shared, pull, push
from pytest_nexus.history.store import History, open_history
from tests.support.builders import attempt, run

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_nexus.history.exchange.merge import Candidate, Rank


class Log:
    """A run log in memory."""

    def __init__(self, *copies: Candidate, is_fork: bool = False) -> None:
        self.is_fork = is_fork
        self.copies = [(one.run.run_uid, one.rank, packed(one)) for one in copies]
        self.batches: list[int] = []
        self.reads: list[list[int]] = []

    def entries(self) -> list[Entry]:
        assert not self.is_fork
        return [Entry(n, uid, rank, len(content))
                for n, (uid, rank, content) in enumerate(self.copies)]  # fmt: skip

    def contents(self, numbers: Iterable[int]) -> dict[int, bytes]:
        self.reads.append(list(numbers))
        return {n: self.copies[n][2] for n in self.reads[-1] if self.copies[n][2]}

    def add(self, runs: Sequence[tuple[str, Rank, bytes]]) -> int:
        self.batches.append(len(runs))
        fresh = [each for each in runs if each[:2] not in {one[:2] for one in self.copies}]
        self.copies += fresh
        return len(fresh)

    @property
    def uids(self) -> list[int]:
        return sorted(int(uid, 16) for uid, _, _ in self.copies)


def made(uid: int, n: int = 1, **fields: object) -> Candidate:
    fields = {"complete": True} | fields
    attempts = [attempt(f"t{at}") for at in range(n)]
    return candidate_of(run(uid, **fields), attempts)  # type: ignore[arg-type] # fields by name


def pushed(history: History, log: Log) -> tuple[Shared, list[tuple[int, int]]]:
    steps: list[tuple[int, int]] = []
    return push(history, as_log(log), lambda done, of: steps.append((done, of))), steps


def pulled(history: History, log: Log) -> tuple[Shared, list[tuple[int, int]]]:
    steps: list[tuple[int, int]] = []
    return pull(history, as_log(log), lambda done, of: steps.append((done, of))), steps


def as_log(log: Log) -> Any:
    return log


def stored(history: History) -> list[int]:
    return sorted(int(uid, 16) for uid in history.ranks())


def test_a_push_adds_missing_runs_and_better_copies(history: History) -> None:
    history.add([made(1), made(2), made(3, 2), made(4, 1), made(5, trust="fork")])
    log = Log(made(2), made(3, 1), made(4, 2))
    found, steps = pushed(history, log)
    assert found == Shared(runs=2, as_fork=False, problems=[])
    assert log.uids == [1, 2, 3, 3, 4]
    assert steps == [(2, 2)]
    again, steps = pushed(history, log)
    assert (again.runs, steps) == (0, [])


def test_a_push_of_a_fork_sends_all_runs_as_those_of_a_fork(history: History) -> None:
    history.add([made(1), made(2, head="f" * 40)])
    log = Log(is_fork=True)
    found = push(history, as_log(log))
    assert found == Shared(runs=2, as_fork=True)
    assert [rank[0] for _, rank, _ in log.copies] == [False, False]
    for uid, rank, _ in log.copies:
        (one,) = history.candidates([uid])
        assert rank == share_runs._of_fork(one).rank
        assert share_runs._of_fork(one).run == one.run._replace(trust="fork", head=None)
        assert rank[3] == one.digest


@pytest.mark.parametrize(("n", "batches"), [(1, [1, 1, 1]), (2, [2, 1]), (3, [3]), (4, [3])])
def test_a_batch_has_a_number_of_runs(
    history: History, monkeypatch: pytest.MonkeyPatch, n: int, batches: list[int]
) -> None:
    monkeypatch.setattr(share_runs, "_BATCH_RUNS", n)
    history.add([made(uid) for uid in (1, 2, 3)])
    log = Log()
    found, steps = pushed(history, log)
    assert (found.runs, log.batches) == (3, batches)
    ends = [sum(batches[: at + 1]) for at in range(len(batches))]
    assert steps == [(end, 3) for end in ends]
    with open_history(history.path.with_name("other.sqlite3")) as other:
        back, steps = pulled(other, log)
        assert (back.runs, stored(other)) == (3, [1, 2, 3])
        assert [len(each) for each in log.reads] == batches
        assert steps == [(end, 3) for end in ends]


def test_a_batch_ends_with_its_bytes(history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    history.add([made(uid) for uid in (1, 2, 3)])
    sizes = [len(packed(one)) for one in history.candidates()]
    monkeypatch.setattr(share_runs, "_BATCH_BYTES", sizes[0] + sizes[1])
    log = Log()
    pushed(history, log)
    assert log.batches == [2, 1]


def test_a_pull_takes_missing_runs_and_the_best_copies(history: History) -> None:
    history.add([made(2), made(3, 1), made(4, 2), made(6)])
    history.prune(keep_runs=3)
    assert stored(history) == [3, 4, 6]
    log = Log(made(1), made(2), made(3, 2), made(3, 3), made(3, 1), made(4), made(6))
    found, steps = pulled(history, log)
    assert found == Shared(runs=2, as_fork=False, problems=[])
    assert log.reads == [[0, 3]]
    assert steps == [(2, 2)]
    assert history.ranks()[run(3).run_uid] == made(3, 3).rank
    assert stored(history) == [1, 3, 4, 6]


def test_a_pull_without_news_reads_nothing(history: History) -> None:
    log = Log()
    assert pulled(history, log) == (Shared(), [])
    assert log.reads == []


def test_damaged_packets_and_other_runs_are_problems(history: History) -> None:
    log = Log(made(1), made(2), made(3), made(4))
    (one, two, three, four) = log.copies
    log.copies = [(*one[:2], b""), (*two[:2], three[2]), (*three[:2], three[2][:-1]), four]
    found = pull(history, as_log(log))
    assert found.runs == 1
    assert stored(history) == [4]
    assert found.problems == [
        f"run {run(1).run_uid}: A packet is damaged: it is cut or too large",
        f"run {run(2).run_uid}: its packet holds another run",
        f"run {run(3).run_uid}: A packet is damaged: it is cut or too large",
    ]


def test_a_packet_of_another_rank_is_a_problem(history: History) -> None:
    log = Log(made(1, 2))
    ((uid, rank, _),) = log.copies
    log.copies = [(uid, rank, packed(made(1, 1)))]
    found = pull(history, as_log(log))
    assert found.problems == [f"run {uid}: its packet holds another run"]
    assert stored(history) == []
