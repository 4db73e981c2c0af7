"""Order-dependent or flaky: which of both explains where a test failed."""

from __future__ import annotations

from random import Random

import pytest

from pytest_nexus.domain.records import ALONE, FRESH
from pytest_nexus.plan.order_dependence.judge import Trial, is_proved, judge
from pytest_nexus.plan.order_dependence.order_rule import CERTAIN

SUITE = 40
ALL = (1 << SUITE) - 1
OURS = 20
OTHERS = ALL & ~(1 << OURS)
NEAR = OTHERS & (0b1111111111 << 15)


def trial(has_failed: bool, before: list[int], or_so: list[int] | None = None) -> Trial:
    return Trial(has_failed, bits(before), bits(or_so or []))


def bits(tests: list[int]) -> int:
    return sum(1 << test for test in tests)


def shuffled(rng: Random) -> list[int]:
    """What ran before our test in a shuffled suite."""
    order = rng.sample(range(SUITE), SUITE)
    return order[: order.index(OURS)]


def test_a_test_that_fails_only_before_another_is_brittle() -> None:
    rng = Random(1)
    trials = []
    for _ in range(20):
        before = shuffled(rng)
        trials.append(trial(17 not in before, before))
    judged = judge(trials, OTHERS, NEAR)
    assert judged is not None
    assert (judged.kind, judged.others) == ("brittle", bits([17]))
    assert judged.posterior > CERTAIN


def test_a_test_that_fails_only_after_another_is_a_victim() -> None:
    rng = Random(2)
    trials = []
    for _ in range(12):
        before = shuffled(rng)
        trials.append(trial(31 in before, before))
    judged = judge(trials, OTHERS, NEAR)
    assert judged is not None
    assert judged.kind == "victim"
    assert judged.others & bits([31])
    assert judged.posterior > CERTAIN


def test_what_fails_and_passes_in_one_place_is_flaky() -> None:
    judged = judge([trial(k % 3 == 0, [1, 2, 3]) for k in range(9)], OTHERS, NEAR)
    assert judged is not None
    assert judged.posterior < 0.01


@pytest.mark.parametrize("has_failed", [True, False])
def test_a_test_that_never_changes_its_outcome_tells_nothing(has_failed: bool) -> None:
    assert judge([trial(has_failed, [1]), trial(has_failed, [2])], OTHERS, NEAR) is None


def test_no_trials_tell_nothing() -> None:
    assert judge([], OTHERS, NEAR) is None


def test_one_failure_and_one_pass_are_not_certain() -> None:
    judged = judge([trial(True, []), trial(False, [18, 19])], OTHERS, NEAR)
    assert judged is not None
    assert judged.posterior < CERTAIN


def test_a_test_without_others_depends_on_none() -> None:
    judged = judge([trial(True, []), trial(False, [])], 0, 0)
    assert judged is not None
    assert judged.posterior == 0


def test_an_order_within_a_millisecond_is_not_known() -> None:
    """The setter may have run before the test where it passed, and after it where it failed."""
    trials = [trial(False, [], [17, 18]), trial(True, [], [17])]
    judged = judge(trials, OTHERS, NEAR)
    assert judged is not None
    assert judged.kind == "brittle"
    assert judged.others == bits([17, 18])


def test_a_fresh_process_in_the_order_of_the_collection_supports_both_kinds() -> None:
    with_others = [trial(True, [31]), trial(True, [31, 5]), trial(False, [5])]
    fresh = Trial(has_failed=False, before=0, is_fresh=True)
    before = judge(with_others, OTHERS, NEAR)
    after = judge([*with_others, fresh, fresh], OTHERS, NEAR)
    assert before is not None
    assert after is not None
    assert (after.kind, after.others) == (before.kind, before.others)
    assert after.posterior > before.posterior


def test_a_failure_in_the_order_of_the_collection_speaks_against_it() -> None:
    rng = Random(3)
    trials = [trial(17 not in before, before) for before in (shuffled(rng) for _ in range(6))]
    fresh = [Trial(has_failed=True, before=0, is_fresh=True)] * 2
    sure = judge(trials, OTHERS, NEAR)
    doubtful = judge([*trials, *fresh], OTHERS, NEAR)
    assert sure is not None
    assert doubtful is not None
    assert doubtful.posterior < sure.posterior


def test_one_outcome_may_contradict_the_order() -> None:
    """An order-dependent test may flake as well; two contradictions rule the other test out."""
    rng = Random(4)
    trials = [trial(17 not in before, before) for before in (shuffled(rng) for _ in range(20))]
    once = judge([*trials, trial(True, [17])], OTHERS, NEAR)
    twice = judge([*trials, trial(True, [17]), trial(True, [17])], OTHERS, NEAR)
    assert once is not None
    assert twice is not None
    assert once.others == bits([17])
    assert once.posterior > CERTAIN
    assert twice.posterior < 0.5


@pytest.mark.parametrize("rate", [0.05, 0.1, 0.2, 0.5, 0.8])
def test_no_flaky_test_is_taken_for_order_dependent(rate: float) -> None:
    """Forty suites for each rate, of 20 to 200 tests, in thirty shuffled runs each."""
    for seed in range(40):
        rng = Random(seed)
        n_tests = rng.choice([20, 60, 200])
        ours = rng.randrange(n_tests)
        others = ((1 << n_tests) - 1) & ~(1 << ours)
        trials = []
        for _ in range(30):
            order = rng.sample(range(n_tests), n_tests)
            trials.append(trial(rng.random() < rate, order[: order.index(ours)]))
        judged = judge(trials, others, others & (0b11111 << max(0, ours - 2)))
        assert judged is None or judged.posterior < CERTAIN, (seed, judged)


@pytest.mark.parametrize(
    ("attempts", "expected"),
    [
        ([(True, None), (True, None), (False, FRESH)], True),
        ([(True, "gw0"), (True, ALONE), (True, ALONE), (False, "gw0")], True),
        ([(True, None), (False, None)], False),
        ([(True, None), (True, ALONE), (False, ALONE), (False, None)], False),
        ([(True, None), (True, None), (True, FRESH)], False),
        ([(False, None)], False),
    ],
)
def test_a_process_of_its_own_shows_it(
    attempts: list[tuple[bool, str | None]], expected: bool
) -> None:
    assert is_proved(attempts) == expected


def test_a_test_that_its_own_first_attempt_helps_does_not_depend_on_others() -> None:
    """It fails first, wherever, and passes when it is repeated behind the others."""
    again = Trial(has_failed=False, before=OTHERS, is_again=True)
    trials = [trial(True, []), again] * 4
    judged = judge(trials, OTHERS, NEAR)
    assert judged is not None
    assert judged.posterior < 0.5
    helped = judge([*trials, trial(False, [17])], OTHERS, NEAR)
    assert helped is not None
    assert helped.posterior > CERTAIN


def test_where_no_order_is_known_nothing_depends_on_it() -> None:
    """As in reports without times: all tests seem to begin at once."""
    trials = [Trial(n % 2 == 0, 0, OTHERS) for n in range(12)]
    judged = judge(trials, OTHERS, NEAR)
    assert judged is not None
    assert judged.posterior < 0.1
