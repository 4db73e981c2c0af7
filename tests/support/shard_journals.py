"""Journals of shards, written as a session writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_nexus.domain.identity import function_of_key, key_of_nodeid
from pytest_nexus.domain.records import (
    Attempt,
    CIRun,
    NodeId,
    PhaseResult,
    Plan,
    PlannedTest,
    Run,
    Verdict,
)
from pytest_nexus.journal.shards import plan_lines, read_shard_journal
from pytest_nexus.journal.writer import JournalWriter
from pytest_nexus.plan.make import RUN, digest
from tests.support.suites import collected, lasting

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from pathlib import Path

    from pytest_nexus.domain.records import Outcome
    from pytest_nexus.plan.verification.shard_reports import ShardJournal


UNLIKELY = Verdict("leave", "unlikely to fail at confidence:90%")
_QUARANTINED = Verdict("leave", "quarantined")


def sharded_plan(
    shards: dict[str, int] | list[tuple[str, int]], unlikely: Mapping[str, int] | None = None
) -> Plan:
    """Return a plan that gives each node id a shard; shard 0 is left as quarantined.

    The node ids of `unlikely` are left out by a forecast; a shard may run them after a failure.
    """
    pairs = list(shards.items()) if isinstance(shards, dict) else shards
    rest = unlikely or {}
    planned = tuple(
        PlannedTest(
            test=collected(nodeid),
            verdict=UNLIKELY if nodeid in rest else RUN if shard else _QUARANTINED,
            rank=rank,
            forecast=lasting(1.0)[0],
            shard=shard or rest.get(nodeid, 1),
        )
        for rank, (nodeid, shard) in enumerate(pairs)
    )
    return Plan(planned, digest(planned))


class ShardRuns:
    """Writes the journals of shards into a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._n_written = 0

    def write(
        self,
        plan: Plan,
        shard: int,
        n_shards: int,
        *,
        ran: list[str] | None = None,
        ci_run: str | None = "77",
        attempt: int = 1,
        exit_status: int | None = 0,
        python: str = "3.12.1",
        has_plan: bool = True,
        failed: Collection[str] = (),
        more: Iterable[str] = (),
    ) -> Path:
        """Write the journal of one shard; it runs what the plan says unless told otherwise.

        Args:
            failed: node ids whose attempt failed.
            more: further lines after those of the plan.
            The others: of the session.
        """
        self._n_written += 1
        ci = CIRun("github", ci_run, run_attempt=attempt, job="test") if ci_run else None
        run = Run(f"{self._n_written:032x}", float(self._n_written), ci=ci, python=python)
        writer = JournalWriter.create(self.folder, run)
        for line in plan_lines(plan, shard, n_shards, ci_run) if has_plan else ():
            writer._write(line)
        own = [p.test.nodeid for p in plan.tests if p.shard == shard and p.verdict == RUN]
        for line in more:
            writer._write(line)
        for nodeid in own if ran is None else ran:
            writer.attempt(_attempt(nodeid, "failed" if nodeid in failed else "passed"))
        if exit_status is not None:
            writer.end(1.0, exit_status, complete=exit_status in (0, 1))
        writer.close()
        return writer.path

    def read(self) -> list[ShardJournal]:
        journals = [read_shard_journal(path) for path in sorted(self.folder.glob("*.jsonl"))]
        return [journal for journal in journals if journal is not None]


def replaced(plan: Plan, **shards: int) -> Plan:
    """Return another plan: the same tests, some in another shard, named without `a.py::`."""
    planned = tuple(
        p._replace(shard=shards.get(p.test.nodeid.rpartition("::")[2], p.shard)) for p in plan.tests
    )
    return Plan(planned, digest(planned))


def _attempt(nodeid: str, outcome: Outcome) -> Attempt:
    key = key_of_nodeid(nodeid)
    passed, call = PhaseResult("passed", 0.1), PhaseResult(outcome, 0.1)
    return Attempt(NodeId(nodeid), key, function_of_key(key), 1, 0.0, passed, call, passed)
