"""Group the journals of a folder by the run that they belong to."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from pytest_nexus.plan.selection.rest import REST_ALONE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_nexus.domain.records import Run
    from pytest_nexus.plan.verification.queue_journals import QueueJournal
    from pytest_nexus.plan.verification.shard_reports import ShardJournal

_NUMBERS: Final = re.compile(r"\d+")
_REST: Final = re.compile(r"-rest\b")
"""Ends the name of a job that runs the rest of another job's shards, after the other's name."""

_NAMED_JOBS: Final = frozenset({"github", "gitlab", "circleci", "buildkite"})
"""CIs that give parallel copies of a job the same name, except for numbers."""


@dataclass(frozen=True, slots=True)
class RunGroup:
    """The journals of one sharded run."""

    run: str
    """Id of the CI run, or digest of the plan if there is no CI."""
    variant: str
    """The difference from other groups of the same CI run: the job, Python, the platform."""
    journals: tuple[ShardJournal, ...]

    @property
    def started_at(self) -> float:
        """Return the start time of its last shard."""
        return max(journal.run.started_at for journal in self.journals)

    @property
    def missing(self) -> set[int]:
        """Return the shards without a journal."""
        width = max(journal.n_shards for journal in self.journals)
        return set(range(1, width + 1)) - {journal.shard for journal in self.journals}


def group(journals: Iterable[ShardJournal]) -> list[RunGroup]:
    """Return the runs of the journals, newest first.

    A workflow may divide its tests in several jobs, or for several versions of Python. Its CI run
    then has several groups under one id.
    """
    found: defaultdict[tuple[str, str], list[ShardJournal]] = defaultdict(list)
    for journal in journals:
        found[_run_of(journal), variant_of(journal.run)].append(journal)
    groups = [RunGroup(run, variant, tuple(members)) for (run, variant), members in found.items()]
    return sorted(groups, key=lambda one: (-one.started_at, one.run, one.variant))


def choose(groups: Sequence[RunGroup], run: str | None = None) -> list[RunGroup]:
    """Return the groups of the run with an id; without an id, of the newest run.

    If no CI ties the shards together, journals of another plan replace missing shards, so that the
    proof can say how the plans differ. Journals of complete runs are earlier runs and replace
    nothing.
    """
    wanted = run if run is not None or not groups else groups[0].run
    chosen = [one for one in groups if one.run == wanted]
    return [one if one.journals[0].ci_run else _completed(one, groups) for one in chosen]


def queue_groups(journals: Iterable[QueueJournal]) -> list[tuple[str, list[QueueJournal]]]:
    """Return the journals of each shared queue by the id of its run, newest first."""
    found: defaultdict[str, list[QueueJournal]] = defaultdict(list)
    for journal in journals:
        found[journal.queue_run].append(journal)
    return sorted(found.items(), key=lambda one: -max(each.run.started_at for each in one[1]))


def variant_of(run: Run) -> str:
    """Return the difference between one kind of jobs and other jobs of the same CI run.

    A job that runs only the rest of shards is of the same kind as the job of the shards:
    `test-rest` belongs to `test`.

    >>> from pytest_nexus.domain.records import CIRun, Run
    >>> variant_of(Run("0" * 32, 0.0, ci=CIRun("gitlab", "7", job="test 2/5"), python="3.12.1"))
    'test #/# 3.12.1'
    """
    named = run.ci.job if run.ci is not None and run.ci.provider in _NAMED_JOBS else ""
    if REST_ALONE in run.selected_by:
        named = _REST.sub("", named)
    job = _NUMBERS.sub("#", named)
    return " ".join(part for part in (job, run.python, run.platform) if part)


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
