"""Which journals belong to one run, where a folder holds those of several."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_nexus.domain.records import Run
    from pytest_nexus.plan.verification.shard_reports import ShardJournal

_NUMBERS: Final = re.compile(r"\d+")
_NAMED_JOBS: Final = frozenset({"github", "gitlab", "circleci", "buildkite"})
"""CIs whose name of a job is the same for its parallel copies, numbers apart."""


@dataclass(frozen=True, slots=True)
class RunGroup:
    """The journals of one sharded run."""

    run: str
    """Id of the CI run, or digest of the plan where there is no CI."""
    variant: str
    """What tells it from others of the same CI run: the job, Python, the platform."""
    journals: tuple[ShardJournal, ...]

    @property
    def started_at(self) -> float:
        """When its last shard started."""
        return max(journal.run.started_at for journal in self.journals)

    @property
    def missing(self) -> set[int]:
        """The shards without a journal."""
        width = max(journal.n_shards for journal in self.journals)
        return set(range(1, width + 1)) - {journal.shard for journal in self.journals}


def group(journals: Iterable[ShardJournal]) -> list[RunGroup]:
    """Return the runs that journals belong to, newest first.

    A workflow that divides its tests for each of several versions of Python, or in several jobs,
    has as many runs under one id.
    """
    found: defaultdict[tuple[str, str], list[ShardJournal]] = defaultdict(list)
    for journal in journals:
        found[_run_of(journal), variant_of(journal.run)].append(journal)
    groups = [RunGroup(run, variant, tuple(members)) for (run, variant), members in found.items()]
    return sorted(groups, key=lambda one: (-one.started_at, one.run, one.variant))


def choose(groups: Sequence[RunGroup], run: str | None = None) -> list[RunGroup]:
    """Return the groups of the run with an id, else of the newest one.

    Where no CI ties the shards together, journals of another plan stand in for missing shards, so
    that the proof can say in what the plans differ; those of complete runs are earlier runs.
    """
    wanted = run if run is not None or not groups else groups[0].run
    chosen = [one for one in groups if one.run == wanted]
    return [one if one.journals[0].ci_run else _completed(one, groups) for one in chosen]


def variant_of(run: Run) -> str:
    """Return what tells the jobs of one kind from others of the same CI run.

    >>> from pytest_nexus.domain.records import CIRun, Run
    >>> variant_of(Run("0" * 32, 0.0, ci=CIRun("gitlab", "7", job="test 2/5"), python="3.12.1"))
    'test #/# 3.12.1'
    """
    job = run.ci.job if run.ci is not None and run.ci.provider in _NAMED_JOBS else ""
    return " ".join(part for part in (_NUMBERS.sub("#", job), run.python, run.platform) if part)


def _completed(incomplete: RunGroup, groups: Sequence[RunGroup]) -> RunGroup:
    added: list[ShardJournal] = []
    for shard in sorted(incomplete.missing):
        others = (
            journal
            for one in groups
            if one is not incomplete and one.missing
            for journal in one.journals
            if journal.shard == shard and not journal.ci_run
        )
        added += list(others)[:1]
    return replace(incomplete, journals=(*incomplete.journals, *added))


def _run_of(journal: ShardJournal) -> str:
    return journal.ci_run or journal.plan
