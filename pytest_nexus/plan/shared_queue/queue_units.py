"""The units of a plan, with tests named by their position in the sorted collection."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from pytest_nexus.domain.identity import key_of_nodeid
from pytest_nexus.plan.dispatch.units import Unit, make_workload
from pytest_nexus.plan.shared_queue.work import WorkUnit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_nexus.domain.records import CollectedTest, Plan
    from pytest_nexus.plan.dispatch.units import Job, Workload
    from pytest_nexus.plan.shared_queue.work import Leased


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


def units_by_tests(work: Workload) -> dict[tuple[int, ...], Unit]:
    """Return the units of a workload, by their tests."""
    return {job.indices: job for job in work.jobs if isinstance(job, Unit)}


def dispatch_job(
    unit: Leased,
    places: Sequence[int],
    seconds: Sequence[float],
    known: Mapping[tuple[int, ...], Unit],
) -> Job:
    """Return a unit of the queue as one job for the workers of a session.

    The workers cut a unit that this session knows as they cut their own; another one stays whole.

    Args:
        unit: of the queue.
        places: collection index of each position in the sorted collection.
        seconds: expected seconds by collection index.
        known: the units in the plan of this session, by their tests.

    >>> from pytest_nexus.plan.shared_queue.work import Leased
    >>> dispatch_job(Leased(0, (1,), 1), [5, 3], [0.5] * 6, {})
    3
    >>> dispatch_job(Leased(0, (0, 1), 1), [5, 3], [0.5] * 6, {})
    Unit(indices=(5, 3), joints=(0.0, inf), seconds=1.0, is_last=False)
    """
    indices = tuple(places[position] for position in unit.tests)
    if len(indices) == 1:
        return indices[0]
    if indices in known:
        return known[indices]
    joints = (0.0, *[inf] * (len(indices) - 1))
    return Unit(indices, joints, sum(seconds[index] for index in indices))
