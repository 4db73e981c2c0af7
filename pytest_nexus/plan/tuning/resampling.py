"""Give intervals for differences between two settings on the same rounds. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pytest_nexus.plan.tuning.rounds import Outcome

RESAMPLES: Final = 400
_LOW: Final = 0.025
_MULTIPLIER: Final = 48_271
_MODULUS: Final = 2**31 - 1


def draws(n: int, times: int = RESAMPLES) -> Iterator[list[int]]:
    """Yield lists of n numbers below n, drawn with replacement, the same in every process.

    Source: the multiplicative generator of S. Park and K. Miller, Random number generators: good
    ones are hard to find, 1988, with the multiplier of 1993.
    """
    state = 20_240_229
    for _ in range(times):
        found = []
        for _ in range(n):
            state = state * _MULTIPLIER % _MODULUS
            found.append(state * n // _MODULUS)
        yield found


def difference(
    figure: Callable[[Sequence[Outcome]], float],
    today: Sequence[Outcome],
    proposed: Sequence[Outcome],
    resamples: Sequence[Sequence[int]],
) -> tuple[float, float]:
    """Return the 95 % interval of the figure's change, from resamples of the rounds.

    Each resample takes the same rounds of both settings: the paired percentile interval of
    B. Efron and R. Tibshirani, An introduction to the bootstrap, 1993.

    Args:
        figure: returns the figure of some rounds.
        today: each round with the settings of today.
        proposed: the same rounds with the proposed settings.
        resamples: see `draws`.
    """
    found = sorted(
        figure([proposed[at] for at in each]) - figure([today[at] for at in each])
        for each in resamples
    )
    last = len(found) - 1
    return found[round(_LOW * last)], found[round((1 - _LOW) * last)]
