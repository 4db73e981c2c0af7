"""Order the tests so that the next failure is expected as early as possible."""

from __future__ import annotations

from itertools import accumulate
from math import exp, floor, fsum, inf, log
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.domain.records import USUAL
from pytest_nexus.plan.blocks import Block, fixed_ends, lay_out, leaves
from pytest_nexus.plan.exploration import Job, with_exploration

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from pytest_nexus.domain.records import CollectedTest, Forecast
    from pytest_nexus.plan.blocks import Layout

MIN_DURATION_S: Final = 1e-3
"""Seconds of pytest's own work per test, outside all phases; shorter durations are mostly noise."""


EVIDENCE: Final = 4.5
"""A test leaves its file if its gain is at least this multiple of the gain without evidence: e^1.5.

Chosen on recorded builds, see docs/explanation/benchmarks.md: from 7.4 on, failures come later."""

TRACE: Final = 1.01
"""A test that failed before leaves its file from this multiple of the gain without evidence on.

Its own failure is evidence, however long ago it was. The record of nearly each test that failed
before counts for more than a hundredth; one that is too old to count leaves the test in its file,
and so does a failure that all tests share."""

HASTE: Final = USUAL.haste
"""Among tests that failed before, the exponent of the time is this multiple of the thrift, up to 1.

A record of failures makes probabilities more exact, and Smith's rule is right for exact ones."""

LIKE: Final = 0.3
"""Width of the steps that divide the logarithms of ranks, about a third of a rank.

Tests of one file with ranks in the same step run in the order of the file. Under the exponents of
models, a step is less than the noise of short durations."""

_QUIET_SHARE: Final = 0.01
"""Share of the tests with the smallest gains; the largest of these is the gain without evidence."""


class Ranked(NamedTuple):
    """An order with the rank of each of its parts."""

    indices: list[int]
    """Collection indices in the order of execution."""
    ranks: list[float]
    """Rank by collection index: that of the part of the order to which the test belongs. Tests that
    stay at the start of the run have the rank infinity, and those that stay at its end 0."""


class _Stretch(NamedTuple):
    """Tests that run in a row, as one job of the schedule."""

    indices: list[int]
    gains: list[float]
    seconds: list[float]
    """Seconds of each test, including the set-up needed before it."""
    first: int
    rank: float
    """A higher rank runs earlier."""


def order(
    tests: Sequence[CollectedTest],
    forecasts: Sequence[Forecast],
    setups: Mapping[str, float],
    layout: Layout | None = None,
    has_failed: Sequence[bool] = (),
) -> list[int]:
    """Return the collection indices in the order of execution.

    Smith's rule (W. E. Smith, Various optimizers for single-stage production, 1956): descending
    p_fail / duration_s, which minimises the sum of p_fail * completion time. A block has the best
    ratio among its prefixes, including its set-up (J. B. Sidney, Decomposition algorithms for
    single-machine sequencing, 1975): once a test has failed, the rest of its block costs nothing
    any more. The same rule holds inside a block.

    Among tests that failed before, time counts more, see `hastes`.

    A model may replace p_fail by its own gain, and give time less weight than Smith: see
    `best_prefix_rank`, which ranks single tests and blocks in the same way.

    Only evidence moves a test out of its file: a high gain, see `EVIDENCE`, or a failure of its
    own, see `TRACE`. The other tests of a file stay
    together in file order, and rank with the mean of their gains / (mean seconds) ** thrift. Tests
    that leave a file also keep its order among tests of about the same rank, see `LIKE`. So a test
    runs outside its module, after other files have left their state behind, only if that pays.

    Ties keep the collection order. Costs O(n log n) for n tests.

    Args:
        tests: as collected.
        forecasts: one for each test.
        setups: seconds of set-up by block name; blocks without an entry cost none.
        layout: `lay_out(tests)`, if already computed.
        has_failed: whether each test ever failed. If given, tests that failed before leave their
            files and get `hastes`, and the others get a share of the order, see
            `with_exploration`.
    """
    return ranked(tests, forecasts, setups, layout, has_failed).indices


def ranked(
    tests: Sequence[CollectedTest],
    forecasts: Sequence[Forecast],
    setups: Mapping[str, float],
    layout: Layout | None = None,
    has_failed: Sequence[bool] = (),
) -> Ranked:
    """Return the order of `order` with the rank of each part; arguments as there.

    The balance of the forecasts gives the share of exploration, and the haste.

    A part that explores has the rank of the part after it, so that ranks never rise in the order.
    """
    layout = lay_out(tests) if layout is None else layout
    parts = _Arranger(tests, forecasts, setups, has_failed).parts(layout.body)
    rank_of = [part.rank for part in parts]
    if any(has_failed) and not layout.body.is_rigid:
        jobs = [_job(part, has_failed) for part in parts]
        parts = [parts[at] for at in with_exploration(jobs, forecasts[0].balance.share)]
        rank_of = list(accumulate((part.rank for part in reversed(parts)), max))[::-1]
    ranks = [inf if index < len(layout.prefix) else 0.0 for index in range(len(tests))]
    for part, rank in zip(parts, rank_of, strict=True):
        for index in part.indices:
            ranks[index] = rank
    body = [index for part in parts for index in part.indices]
    return Ranked([*layout.prefix, *body, *layout.suffix], ranks)


def _job(part: _Stretch, has_failed: Sequence[bool]) -> Job:
    """Return a part of the order with the seconds of tests that failed before, and of others."""
    if len(part.indices) == 1:  # the usual case
        (seconds,) = part.seconds
        familiar_s = seconds if has_failed[part.indices[0]] else 0.0
        return Job(part.gains[0], familiar_s, seconds - familiar_s)
    familiar_s = quiet_s = 0.0
    for index, seconds in zip(part.indices, part.seconds, strict=True):
        if has_failed[index]:
            familiar_s += seconds
        else:
            quiet_s += seconds
    return Job(sum(part.gains), familiar_s, quiet_s)


def log_ranks(ranks: Sequence[float]) -> tuple[float, ...]:
    """Return the logarithm of each rank; minus infinity for 0."""
    return tuple(log(rank) if rank > 0.0 else -inf for rank in ranks)


def quiet_gain(gains: Sequence[float]) -> float:
    """Return the gain of a test without evidence: that of the lowest hundredth of the tests."""
    ordered = sorted(gains)
    return ordered[int(len(ordered) * _QUIET_SHARE)] if ordered else 0.0


def hastes(
    seconds: Sequence[float], thrift: float, has_failed: Sequence[bool], haste: float = HASTE
) -> list[float]:
    """Return what is added to the logarithm of each gain: 0 for tests that never failed.

    For a test of s seconds that failed before, this is the logarithm of

        (slowest / s) ** (min(1, haste * thrift) - thrift)

    slowest: seconds of the slowest test that failed before. Divided by s ** thrift, such gains rank
    these tests among themselves by s ** min(1, haste * thrift). No test falls behind one that never
    failed.

    Args:
        seconds: expected seconds of each test.
        thrift: exponent of the duration.
        has_failed: whether each test ever failed.
        haste: multiple of the thrift.

    >>> hastes([4.0, 1.0, 1.0], 0.5, [True, True, False]) == [0.0, log(2), 0.0]
    True
    """
    more = max(0.0, min(1.0, haste * thrift) - thrift)
    costs = [max(each, MIN_DURATION_S) for each in seconds]
    slowest = max((cost for cost, bad in zip(costs, has_failed, strict=True) if bad), default=1.0)
    return [
        more * log(slowest / cost) if bad else 0.0
        for cost, bad in zip(costs, has_failed, strict=True)
    ]


def cold_order(tests: Sequence[CollectedTest], changed_paths: Collection[str]) -> list[int]:
    """Return the order for a suite without history: changed test files first, the rest untouched.

    Without history, nothing can improve on the author's order. A block that spans several files
    moves as a whole, so that no fixture is set up twice. Marked tests stay where they are, see
    `pytest_nexus.plan.blocks`.
    """
    start, end = fixed_ends(tests)
    wide = _anchors_of_wide_blocks(tests, changed_paths)

    def position(index: int) -> tuple[int, int, bool, int]:
        test = tests[index]
        if not start <= index < end:
            return (0 if index < start else 3, 0, False, index)
        is_changed = test.path in changed_paths
        anchor = wide.get(test.scopes[0]) if test.scopes else None
        if test.marker == "order" or not (is_changed or anchor is not None):
            return (2, 0, False, index)
        return (1, index if anchor is None else anchor, not is_changed, index)

    return sorted(range(len(tests)), key=position)


def best_prefix_ratio(weights: Sequence[float], seconds: Sequence[float]) -> float:
    """Return max over k of sum(weights[:k]) / sum(seconds[:k]).

    >>> best_prefix_ratio([0.1, 0.9, 0.0], [1.0, 1.0, 8.0])
    0.5
    """
    best = weight = second = 0.0
    for more_weight, more_seconds in zip(weights, seconds, strict=True):
        weight += more_weight
        second += more_seconds
        best = max(best, weight / second)
    return best


def best_prefix_rank(gains: Sequence[float], seconds: Sequence[float], thrift: float) -> float:
    """Return the rank of a block: gain / seconds ** thrift of its best prefix.

    A single test of gain g and s seconds has the rank g / s ** thrift. Its place among single tests
    is that of g ** (1 / thrift) / s, which is Smith's rule for other weights. Sidney's rule for
    those weights gives the rank of a block.

    So a set-up of t seconds lowers a test after it to g / (t + s) ** thrift, and a block without
    set-up never ranks above its best test. With a thrift of 1 this is `best_prefix_ratio`; with 0,
    time does not count.

    >>> best_prefix_rank([0.1, 0.9, 0.0], [1.0, 1.0, 8.0], thrift=1.0)
    0.5
    >>> best_prefix_rank([0.5], [4.0], thrift=0.5)
    0.25
    >>> best_prefix_rank([0.1, 0.9, 0.0], [1.0, 1.0, 8.0], thrift=0.0)
    0.9
    """
    top = max(gains)
    if top <= 0.0 or thrift == 0.0:
        return top
    if thrift == 1.0:
        return best_prefix_ratio(gains, seconds)
    # Relative to the highest gain: a power of a small number would become 0.
    weights = [(gain / top) ** (1 / thrift) for gain in gains]
    rank: float = top * best_prefix_ratio(weights, seconds) ** thrift
    return rank


class _Arranger:
    """Orders the members of blocks, from the innermost to the outermost."""

    def __init__(
        self,
        tests: Sequence[CollectedTest],
        forecasts: Sequence[Forecast],
        setups: Mapping[str, float],
        has_failed: Sequence[bool] = (),
    ) -> None:
        self._paths = [test.path for test in tests]
        self._gains = [one.p_fail if one.gain is None else one.gain for one in forecasts]
        self._seconds = [max(one.duration_s, MIN_DURATION_S) for one in forecasts]
        self._thrift = forecasts[0].thrift if forecasts else 1.0
        self._setups = setups
        quiet = quiet_gain(self._gains)
        least, trace = EVIDENCE * quiet, TRACE * quiet
        records = has_failed or [False] * len(tests)
        self._evident = [
            gain >= (trace if failed else least)
            for gain, failed in zip(self._gains, records, strict=True)
        ]
        if has_failed:
            haste = forecasts[0].balance.haste if forecasts else HASTE
            added = hastes(self._seconds, self._thrift, has_failed, haste)
            self._gains = [g * exp(more) for g, more in zip(self._gains, added, strict=True)]

    def parts(self, block: Block) -> list[_Stretch]:
        """Return the parts of a block in their order."""
        return self._in_order(block) if block.is_rigid else self._by_rank(block)

    def arrange(self, block: Block) -> _Stretch:
        """Return a block as one job of the schedule."""
        parts = self.parts(block)
        indices = [index for part in parts for index in part.indices]
        gains = [gain for part in parts for gain in part.gains]
        seconds = [second for part in parts for second in part.seconds]
        seconds[0] += self._setups.get(block.name, 0.0)
        rank = best_prefix_rank(gains, seconds, self._thrift)
        return _Stretch(indices, gains, seconds, block.first, rank)

    def _in_order(self, block: Block) -> list[_Stretch]:
        return [self._together([member]) for member in block.members]

    def _by_rank(self, block: Block) -> list[_Stretch]:
        staying: dict[str, list[int | Block]] = {}
        leaving: dict[tuple[str, float], list[int | Block]] = {}
        parts = []
        for member in block.members:
            path = self._only_path(member)
            if not self._is_evident(member):
                if path is None:
                    parts.append(self.arrange(member))  # type: ignore[arg-type] # no single test
                else:
                    staying.setdefault(path, []).append(member)
            elif isinstance(member, Block):
                parts.append(self.arrange(member))
            else:
                place = self._paths[member], self._step(member)
                leaving.setdefault(place, []).append(member)
        parts += [self._together(members) for members in (*staying.values(), *leaving.values())]
        parts.sort(key=lambda part: (-part.rank, part.first))
        return parts

    def _only_path(self, member: int | Block) -> str | None:
        """Return the file of a member; None if the member spans several files."""
        if not isinstance(member, Block):
            return self._paths[member]
        paths = {self._paths[index] for index in leaves(member)}
        return paths.pop() if len(paths) == 1 else None

    def _is_evident(self, member: int | Block) -> bool:
        """Return whether there is evidence for a failure of a test, or of a test in a block."""
        if isinstance(member, Block):
            return any(self._evident[index] for index in leaves(member))
        return self._evident[member]

    def _step(self, index: int) -> float:
        """Return a number that is equal for tests of about the same rank."""
        rank = self._gains[index] / self._seconds[index] ** self._thrift
        return floor(log(rank) / LIKE) if rank > 0 else 0.0

    def _together(self, members: Sequence[int | Block]) -> _Stretch:
        """Return the members in collection order."""
        indices: list[int] = []
        extra: dict[int, float] = {}
        for member in members:
            if isinstance(member, Block):
                self._charge(member, extra)
                indices += leaves(member)
            else:
                indices.append(member)
        gains = [self._gains[index] for index in indices]
        seconds = [self._seconds[index] for index in indices]
        for at, index in enumerate(indices) if extra else ():
            seconds[at] += extra.get(index, 0.0)
        n = len(indices)
        rank = fsum(gains) / n / (fsum(seconds) / n) ** self._thrift
        return _Stretch(indices, gains, seconds, indices[0], rank)

    def _charge(self, block: Block, extra: dict[int, float]) -> None:
        """Add the set-ups of a block and of its inner blocks to their first tests."""
        first = leaves(block)[0]
        extra[first] = extra.get(first, 0.0) + self._setups.get(block.name, 0.0)
        for member in block.members:
            if isinstance(member, Block):
                self._charge(member, extra)


def _anchors_of_wide_blocks(
    tests: Sequence[CollectedTest], changed_paths: Collection[str]
) -> dict[str, int]:
    """Return the first changed test of each outermost block that has one and several files."""
    paths: dict[str, str] = {}
    wide: set[str] = set()
    anchors: dict[str, int] = {}
    for index, test in enumerate(tests):
        if test.scopes:
            scope = test.scopes[0]
            if paths.setdefault(scope, test.path) != test.path:
                wide.add(scope)
            if test.path in changed_paths:
                anchors.setdefault(scope, index)
    return {scope: index for scope, index in anchors.items() if scope in wide}
