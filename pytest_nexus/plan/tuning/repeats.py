"""Say what repeated attempts cost, and what they save, with other settings of reruns. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.plan.reruns.rerun_policy import attempts_needed, budget_s

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_nexus.plan.tuning.rounds import Flake, Round

ADAPTIVE: Final = "adaptive"


class Repeats(NamedTuple):
    """The reruns of one round."""

    seconds: float = 0.0
    """Seconds of all repeated attempts."""
    is_red: bool = False
    """Whether a test that passed in a repeated attempt would have failed the round."""


def repeats(rounds: Sequence[Round], reruns: str, budget: str) -> list[Repeats]:
    """Return the reruns of each round, given the policy; in time order.

    Only attempts that were recorded are known: a policy with more reruns than were made repeats no
    more than these. The adaptive policy knows the attempts of earlier rounds.

    Args:
        rounds: in time order.
        reruns: `adaptive`, or a number.
        budget: as `nexus_rerun_budget`.
    """
    known: dict[int, tuple[int, int]] = {}
    found = []
    for each in rounds:
        left_s = budget_s(budget, sum(each.seconds))
        spent_s, is_red = 0.0, False
        for flake in each.flakes:
            allowed = _allowed(known.get(flake.test), reruns)
            seconds, passed = _repeated(flake, allowed, left_s - spent_s)
            spent_s += seconds
            is_red |= bool(flake.passed_at) and not passed
        for flake in each.flakes:
            _learn(known, flake)
        found.append(Repeats(spent_s, is_red))
    return found


def _allowed(known: tuple[int, int] | None, reruns: str) -> int:
    if reruns != ADAPTIVE:
        return int(reruns)
    return attempts_needed(*known) if known is not None and known[1] else 1


def _repeated(flake: Flake, allowed: int, left_s: float) -> tuple[float, bool]:
    """Return the seconds of the attempts that the policy allows, and whether one passed."""
    spent_s = 0.0
    for number, seconds in enumerate(flake.repeats_s[:allowed], 1):
        if spent_s + seconds > left_s:
            break
        spent_s += seconds
        if number == flake.passed_at:
            return spent_s, True
    return spent_s, False


def _learn(known: dict[int, tuple[int, int]], flake: Flake) -> None:
    """Count the attempts of a test that passed in the end, as `Recoveries` does."""
    if flake.passed_at:
        failed, passed = known.get(flake.test, (0, 0))
        known[flake.test] = (failed + flake.passed_at - 1, passed + 1)
