"""Define the jobs for workers: single tests, and units of tests that share something."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from math import inf
from typing import TYPE_CHECKING, Final

from pytest_nexus.plan.blocks import Block, lay_out

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pytest_nexus.domain.records import CollectedTest
    from pytest_nexus.plan.blocks import Layout
    from pytest_nexus.plan.within_run.moves import Moves

MIN_SECONDS: Final = 5e-4
"""Minimum seconds of a test on a worker: the protocol itself and its five messages."""

SOLID: Final = ("group:", "file:", "scope:")
"""Scopes with these prefixes express a wish of the user: they are never cut."""


@dataclass(frozen=True, slots=True)
class Unit:
    """Tests that one worker runs in a row, because they share a set-up or must stay together."""

    indices: tuple[int, ...]
    """Collection indices in the order of execution."""
    joints: tuple[float, ...]
    """For each test, the seconds of set-up that a cut before the test would repeat; infinite if a
    cut is forbidden. The first value is 0."""
    seconds: float
    """Expected seconds of the whole unit, set-ups included."""
    is_last: bool = False
    """Whether the unit must stay after all other jobs, whatever its length."""

    def tail(self, at: int, seconds: Sequence[float]) -> Unit:
        """Return the part of the unit after a cut before a test.

        Args:
            at: position of the test in `indices`, at least 1.
            seconds: expected seconds by collection index, including the repeated set-up.
        """
        indices = self.indices[at:]
        joints = (0.0, *self.joints[at + 1 :])
        return Unit(indices, joints, sum(seconds[index] for index in indices), self.is_last)

    def head(self, at: int, seconds: Sequence[float]) -> Unit:
        """Return the part of the unit before a cut."""
        indices = self.indices[:at]
        return replace(
            self,
            indices=indices,
            joints=self.joints[:at],
            seconds=sum(seconds[index] for index in indices),
        )


Job = int | Unit
"""A test that may run anywhere, by its collection index, or a unit of several tests."""


@dataclass(frozen=True, slots=True)
class Workload:
    """All jobs of a run."""

    jobs: tuple[Job, ...]
    """Jobs in the order of the plan; a unit stands at the place of its first test."""
    seconds: tuple[float, ...]
    """Expected seconds by collection index; the first test of a scope includes its set-up."""
    moves: Moves | None = None
    """Moves the jobs by the outcomes of the run; None if their order stays as planned."""
    rest: tuple[Job, ...] = ()
    """Jobs that run after all others if a test fails, in their order."""

    @property
    def ranks(self) -> list[float]:
        """Return the planned rank of each job; empty if their order stays as planned."""
        if self.moves is None:
            return []
        firsts = (job if isinstance(job, int) else job.indices[0] for job in self.jobs)
        return [self.moves.ranks[index] for index in firsts]

    @property
    def tests(self) -> list[int]:
        """Return the collection indices of all jobs, in their order."""
        return members_of(self.jobs)

    def with_rest(self, rest: Workload) -> Workload:
        """Return the workload with the jobs of another one as its rest.

        Args:
            rest: of the same collection, without any test of this workload.
        """
        later = frozenset(rest.tests)
        pairs = enumerate(zip(self.seconds, rest.seconds, strict=True))
        seconds = tuple(theirs if index in later else ours for index, (ours, theirs) in pairs)
        return replace(self, seconds=seconds, rest=rest.jobs)


def members_of(jobs: Iterable[Job]) -> list[int]:
    """Return the collection indices of the tests of some jobs, in their order."""
    members = ((job,) if isinstance(job, int) else job.indices for job in jobs)
    return [index for indices in members for index in indices]


def make_workload(
    tests: Sequence[CollectedTest],
    order: Sequence[int],
    durations: Sequence[float],
    setups: Mapping[str, float],
) -> Workload:
    """Return the workload of a plan; linear in the number of tests and of their scopes.

    Args:
        tests: the whole collection.
        order: collection indices of the tests to run, in the order of the plan.
        durations: expected seconds by collection index, without shared set-up.
        setups: seconds of set-up by block name; blocks without an entry cost none.
    """
    walls = _walls(lay_out(tests), setups)
    members: dict[_Wall, list[int]] = {}
    places: list[int | _Wall] = []
    for index in order:
        around = walls.get(index)
        if around is None:
            places.append(index)
        elif around[0] in members:
            members[around[0]].append(index)
        else:
            members[around[0]] = [index]
            places.append(around[0])
    seconds = [max(duration, MIN_SECONDS) for duration in durations]
    jobs = tuple(
        place if isinstance(place, int) else _unit(place, members[place], walls, seconds)
        for place in places
    )
    return Workload(jobs, tuple(seconds))


def tie(tests: Sequence[CollectedTest], ties: Mapping[int, Sequence[str]]) -> list[CollectedTest]:
    """Return the tests with the user's ties as their outermost scope.

    Several names on one test become one name: a group that spans two files joins the files, if
    files are tied. The names must begin with a prefix in `SOLID`. In a tied test the marker `order`
    holds only within its file, because a chain through all files would separate them. If one marked
    test of a file is tied, all its marked tests stay together.

    Args:
        tests: as collected.
        ties: names by collection index; a test without an entry stays unchanged.
    """
    leader: dict[str, str] = {}
    ties = _with_chains(tests, ties)
    for names in ties.values():
        for one, other in pairwise(names):
            leader[_lead(leader, one)] = _lead(leader, other)
    tied = list(tests)
    for index, names in ties.items():
        if names:
            test = tests[index]
            marker = "dependency" if test.marker == "order" else test.marker
            scopes = (_lead(leader, names[0]), *test.scopes)
            tied[index] = test._replace(scopes=scopes, marker=marker)
    return tied


def _with_chains(
    tests: Sequence[CollectedTest], ties: Mapping[int, Sequence[str]]
) -> dict[int, Sequence[str]]:
    paths = {tests[index].path for index in ties if tests[index].marker is not None}
    joined = dict(ties)
    for index, test in enumerate(tests):
        if test.marker is not None and test.path in paths:
            joined[index] = (*ties.get(index, ()), f"group:marked in {test.path}")
    return joined


@dataclass(frozen=True, slots=True, eq=False)
class _Wall:
    """A block around some tests; compared by identity, because names may repeat."""

    setup_s: float
    is_solid: bool
    is_last: bool = False


def _walls(layout: Layout, setups: Mapping[str, float]) -> dict[int, tuple[_Wall, ...]]:
    walls = {
        index: around
        for member in layout.body.members
        if isinstance(member, Block)
        for index, around in _inside(member, (), setups)
    }
    for end, is_last in ((layout.prefix, False), (layout.suffix, True)):
        wall = (_Wall(0.0, is_solid=True, is_last=is_last),)
        walls.update(dict.fromkeys(end, wall))
    return walls


def _inside(
    block: Block, outer: tuple[_Wall, ...], setups: Mapping[str, float]
) -> Iterator[tuple[int, tuple[_Wall, ...]]]:
    is_solid = block.is_rigid or block.name.startswith(SOLID)
    around = (*outer, _Wall(setups.get(block.name, 0.0), is_solid))
    for member in block.members:
        if isinstance(member, Block):
            yield from _inside(member, around, setups)
        else:
            yield member, around


def _unit(
    outer: _Wall,
    indices: Sequence[int],
    walls: Mapping[int, tuple[_Wall, ...]],
    seconds: list[float],
) -> Job:
    """Return one unit, and add to `seconds` the set-ups needed before each test."""
    joints = [0.0]
    previous: tuple[_Wall, ...] = ()
    for index in indices:
        around = walls[index]
        kept = [one for one, other in zip(previous, around, strict=False) if one is other]
        seconds[index] += sum(wall.setup_s for wall in around[len(kept) :])
        if previous:
            joints.append(sum(wall.setup_s for wall in kept))
        previous = around
    if len(indices) == 1:
        return indices[0]
    _forbid(joints, indices, walls)
    total = sum(seconds[index] for index in indices)
    return Unit(tuple(indices), tuple(joints), total, outer.is_last)


def _forbid(
    joints: list[float], indices: Sequence[int], walls: Mapping[int, tuple[_Wall, ...]]
) -> None:
    """Forbid cuts between the first and the last test of each solid block."""
    spans: dict[_Wall, list[int]] = {}
    for position, index in enumerate(indices):
        for wall in walls[index]:
            if wall.is_solid:
                spans.setdefault(wall, [position, position])[1] = position
    for first, last in spans.values():
        joints[first + 1 : last + 1] = [inf] * (last - first)


def _lead(leader: Mapping[str, str], name: str) -> str:
    while name in leader and leader[name] != name:
        name = leader[name]
    return name
