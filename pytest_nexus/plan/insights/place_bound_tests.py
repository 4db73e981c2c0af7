"""Tests that fail far more often in one place than elsewhere. Pure.

A place is a minor version of Python, a platform, a number of cores, a job, or an hour (UTC). The
evidence is Fisher's exact test of one side, with the bound of Bonferroni over all tests and places
that are compared.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, datetime
from math import comb
from shlex import quote
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.domain.wording import counted
from pytest_nexus.plan.insights.finding import MIN_RUNS, MIN_SAVED_S, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_nexus.plan.insights.finding import Seen, SeenRun

ALPHA: Final = 0.01
"""At most this share of histories without a bound test gives a finding."""

_LEAST_FAILURES: Final = 4
_LEAST_FACTOR: Final = 3.0
"""`far more often`: the smallest ratio of the rate in the place and the rate elsewhere."""


class _Bound(NamedTuple):
    """One test compared between one place and all others."""

    key: str
    place: str
    p: float
    there: tuple[int, int]
    """Failures and runs in the place; consecutive failures count once."""
    elsewhere: tuple[int, int]
    saved_s: float

    @property
    def rates(self) -> tuple[float, float]:
        """Return the rate of failures in the place and elsewhere."""
        (k, n), (j, m) = self.there, self.elsewhere
        return k / n, j / m


def place_bound_tests(seen: Seen) -> list[Finding]:
    """Return the tests that fail at least three times as often in one place as elsewhere.

    A test that is broken for some hours fails in all places, and often in the few hours of one
    place. So failures without a pass of the same test between them count as one. A test that broke
    when the team moved to another place is no finding for the same reason.

    Each test counts in the place with the smallest probability, and the tests of a place are one
    finding. Saved would be the seconds of the excess of failing runs, of the worst test.
    """
    compared = [each for key, runs in _failing_tests(seen) for each in _places(key, runs, seen)]
    best: dict[str, _Bound] = {}
    for each in compared:
        rate, other = each.rates
        is_far = rate >= _LEAST_FACTOR * other and each.p * len(compared) <= ALPHA
        if is_far and (each.key not in best or each.p < best[each.key].p):
            best[each.key] = each
    groups: dict[str, list[_Bound]] = defaultdict(list)
    for each in sorted(best.values(), key=lambda each: (each.p, each.key)):
        groups[each.place].append(each)
    found = [_finding(group, len(compared)) for group in groups.values()]
    return [each for each in found if each.saved_s >= MIN_SAVED_S]


def _failing_tests(seen: Seen) -> Iterator[tuple[str, list[SeenRun]]]:
    """Yield the tests with enough failures, each with its runs without repeated failures."""
    keys = sorted({key for run in seen.runs for key, test in run.tests.items() if test.has_failed})
    for key in keys:
        kept: list[SeenRun] = []
        has_failed = False
        for run in seen.runs:
            if key not in run.tests:
                continue
            if not (has_failed and run.tests[key].has_failed):
                kept.append(run)
            has_failed = run.tests[key].has_failed
        if sum(run.tests[key].has_failed for run in kept) >= _LEAST_FAILURES:
            yield key, kept


def _places(key: str, runs: Sequence[SeenRun], seen: Seen) -> Iterator[_Bound]:
    failed: Counter[str] = Counter()
    total: Counter[str] = Counter()
    seconds: Counter[str] = Counter()
    for run in runs:
        for place in places_of(run):
            total[place] += 1
            failed[place] += run.tests[key].has_failed
            seconds[place] += run.duration_s  # type: ignore[assignment] # a Counter of seconds
    n_failed = sum(run.tests[key].has_failed for run in runs)
    for place, n in total.items():
        m, k = len(runs) - n, failed[place]
        if min(n, m) >= MIN_RUNS:
            j = n_failed - k
            saved_s = max(k / n - j / m, 0.0) * seconds[place] / len(seen.runs)
            yield _Bound(key, place, fisher_p(k, n, j, m), (k, n), (j, m), saved_s)


def places_of(run: SeenRun) -> list[str]:
    """Return the places of a run, in words that follow the verb of a sentence."""
    python, _, platform = run.environment.partition(" ")
    places = [f"at {datetime.fromtimestamp(run.started_at, UTC).hour:02d} UTC"]
    places += [f"with Python {python}"] if python else []
    places += [f"on {platform}"] if platform else []
    places += [f"on machines with {counted(run.cores, 'core')}"] if run.cores else []
    return places + ([f"in job {run.ci_job}"] if run.ci_job else [])


def fisher_p(k: int, n: int, j: int, m: int) -> float:
    """Return the probability of k or more of n failures in a place, by chance alone.

    Given K = k + j failures in N = n + m runs, the failures in the place are hypergeometric:
    p = sum over i >= k of C(K, i) C(N - K, n - i) / C(N, n) (Fisher 1935).

    >>> fisher_p(3, 3, 0, 3)
    0.05
    >>> fisher_p(0, 5, 2, 5)
    1.0
    """
    failures, every = k + j, n + m
    ways = sum(
        comb(failures, i) * comb(every - failures, n - i) for i in range(k, min(n, failures) + 1)
    )
    return ways / comb(every, n)


def _finding(group: Sequence[_Bound], n_compared: int) -> Finding:
    worst, more = group[0], len(group) - 1
    (k, n), (j, m) = worst.there, worst.elsewhere
    named = f"{worst.key}, and {counted(more, 'more test')}," if more else worst.key
    p = worst.p * n_compared
    chance = f"at most {p:.2g}" if p >= 1e-6 else "below 1e-06"
    return Finding(
        "bound tests",
        f"{named} {'fail' if more else 'fails'} far more often {worst.place} than elsewhere",
        max(each.saved_s for each in group),
        f"{k} of {n} runs against {j} of {m}; by chance with a probability of {chance}"
        f" among {n_compared} comparisons",
        "see how the test fails there",
        _command(worst),
    )


def _command(worst: _Bound) -> str:
    python = worst.place.removeprefix("with Python ")
    if python != worst.place:
        return f"python{python} -m pytest {quote(worst.key)}"
    return f"nexus flaky show {quote(worst.key)}"
