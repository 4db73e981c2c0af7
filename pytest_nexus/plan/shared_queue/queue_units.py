"""The units of a plan, with tests named by their position in the sorted collection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_nexus.domain.identity import key_of_nodeid
from pytest_nexus.plan.dispatch.units import make_workload
from pytest_nexus.plan.shared_queue.work import WorkUnit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_nexus.domain.records import CollectedTest, Plan


def sorted_collection(nodeids: Sequence[str]) -> list[int]:
    """Return the collection indices in an order that is the same in every process.

    Memory addresses in node ids are masked. Tests with the same id keep their order; which of them
    is which makes no difference.

    >>> sorted_collection(["b", "a"])
    [1, 0]
    """
    keys = [key_of_nodeid(nodeid) for nodeid in nodeids]
    return sorted(range(len(nodeids)), key=lambda index: (keys[index], index))


def work_units(tests: Sequence[CollectedTest], plan: Plan) -> list[WorkUnit]:
    """Return the units of the tests that a plan runs, in its order.

    Args:
        tests: the collection, tied where tests depend on each other.
        plan: of the same collection.
    """
    places = sorted_collection([one.nodeid for one in tests])
    position = dict(zip(places, range(len(places)), strict=True))
    order = [index for index in plan.order if plan.tests[index].verdict.action == "run"]
    durations = [one.forecast.duration_s for one in plan.tests]
    work = make_workload(tests, order, durations, plan.setups)
    units = []
    for job in work.jobs:
        indices = (job,) if isinstance(job, int) else job.indices
        seconds = work.seconds[job] if isinstance(job, int) else job.seconds
        units.append(WorkUnit(tuple(position[index] for index in indices), seconds))
    return units
