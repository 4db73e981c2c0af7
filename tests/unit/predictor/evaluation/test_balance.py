from __future__ import annotations

from array import array
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from pytest_nexus.predictor.evaluation import balance as module
from pytest_nexus.predictor.evaluation.balance import LEAST_RUNS, OPTIONS, chosen_balance
from pytest_nexus.predictor.evaluation.evaluate import Case
from pytest_nexus.predictor.model.model import BALANCE, Model
from pytest_nexus.predictor.schema import FEATURES, NAMES

from pytest_nexus.domain.records import USUAL

if TYPE_CHECKING:
    from collections.abc import Sequence

N_TESTS = 10
GOOD = (5.0, 0.3)


class Blocks:
    """Puts the failing test of a run at a place that depends on the balance alone."""

    has_setups = False

    def __init__(self, failing: int, places: dict[tuple[float, float], int], usual: int) -> None:
        self.failing, self.places, self.usual = failing, places, usual

    def order(self, gains: Sequence[float], *given: object) -> list[int]:
        rest = [at for at in range(len(gains)) if at != self.failing]
        place = self.places.get(given[-1], self.usual)  # type: ignore[call-overload] # a balance
        return [*rest[:place], self.failing, *rest[place:]]


def case(
    at: int, places: dict[tuple[float, float], int], usual: int = 5, novel: bool = True
) -> Case:
    row = [float(each.default) for each in FEATURES]
    assert len(row) == len(NAMES)
    failing = at % N_TESTS
    return Case(
        f"run {at}",
        array("d", row * N_TESTS),
        tuple(one == failing for one in range(N_TESTS)),
        (novel,) * N_TESTS,
        (1.0,) * N_TESTS,
        (1.0,) * N_TESTS,
        Blocks(failing, places, usual),  # type: ignore[arg-type] # without `learned`
    )


def test_the_usual_balance_is_one_of_those_that_are_tried() -> None:
    assert BALANCE in OPTIONS
    assert tuple(USUAL) == BALANCE == Model({}).balance


def test_the_balance_with_the_most_utility_is_chosen() -> None:
    places = {(2.0, 0.2): 4, GOOD: 2}
    found = chosen_balance([case(at, places) for at in range(LEAST_RUNS)], Model({}))
    assert (found.balance, found.n_runs) == (GOOD, LEAST_RUNS)
    assert found.gain == pytest.approx(0.3)


def test_without_a_gain_the_usual_balance_stays() -> None:
    found = chosen_balance([case(at, {GOOD: 7}) for at in range(40)], Model({}))
    assert (found.balance, found.gain, found.n_runs) == (BALANCE, 0.0, 40)


def test_a_gain_that_is_not_proved_changes_nothing() -> None:
    cases = [case(at, {GOOD: 0 if at % 20 == 0 else 5}) for at in range(40)]
    assert chosen_balance(cases, Model({})).balance == BALANCE
    often = [case(at, {GOOD: 0 if at % 2 else 5}) for at in range(40)]
    assert chosen_balance(often, Model({})).balance == GOOD


def two_failures(at: int) -> Case:
    """A run in which the novel failure gains less than the other one loses."""
    failed = tuple(one in {0, 1, 2} for one in range(N_TESTS))
    novel = tuple(one == 0 for one in range(N_TESTS))
    return replace(
        case(at, {}), failed=failed, novel=novel, blocks=_Swap()  # type: ignore[arg-type]
    )  # fmt: skip


class _Swap:
    has_setups = False

    def order(self, *given: object) -> list[int]:
        rest = list(range(3, N_TESTS))
        return [0, *rest, 1, 2] if given[-1] == GOOD else [1, 2, 0, *rest]


def test_all_failures_must_not_come_later_although_the_utility_gains() -> None:
    assert chosen_balance([two_failures(at) for at in range(40)], Model({})).balance == BALANCE


@pytest.mark.parametrize("n", [0, 1, LEAST_RUNS - 1])
def test_few_runs_choose_nothing(n: int) -> None:
    found = chosen_balance([case(at, {GOOD: 0}) for at in range(n)], Model({}))
    assert (found.balance, found.n_runs) == (BALANCE, 0)


def test_without_novel_failures_nothing_is_chosen() -> None:
    cases = [case(at, {GOOD: 0}, novel=at < 9) for at in range(40)]
    assert chosen_balance(cases, Model({})).n_runs == 0
    cases = [case(at, {GOOD: 0}, novel=at < 10) for at in range(40)]
    assert chosen_balance(cases, Model({})).balance == GOOD


def test_runs_without_blocks_and_old_runs_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    cases = [case(at, {GOOD: 0}) for at in range(60)]
    bare = [replace(each, blocks=None) for each in cases]
    assert chosen_balance([*bare, *cases[:30]], Model({})).n_runs == 30
    monkeypatch.setattr(module, "MOST_TESTS", 25 * N_TESTS)
    assert chosen_balance(cases, Model({})).n_runs == 25
    later = [case(at, {GOOD: 7}) for at in range(60)]
    assert chosen_balance([*cases, *later], Model({})).balance == BALANCE
