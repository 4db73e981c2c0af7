from __future__ import annotations

from math import inf
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_nexus.plan.reruns.recovery_times import BUCKETS_S, Recoveries, Recovery
from pytest_nexus.plan.reruns.rerun_policy import (
    LEAST_BUDGET_S,
    MAX_PER_RUN,
    MAX_RERUNS,
    BudgetUsed,
    Decision,
    FailedAttempt,
    RerunSettings,
    allowed_reruns,
    attempts_needed,
    budget_s,
    decide,
    jitter,
    known_flakes,
)
from tests.support.builders import known

NOTHING = Recoveries()
AMPLE = RerunSettings(budget_s=1000.0)
FLAKY = Recoveries([Recovery("t", "s", 2, 7, 0)])

_seconds = st.floats(0, 1000)
setbacks = st.builds(
    FailedAttempt,
    st.just("t"),
    st.integers(1, 8),
    st.sampled_from(["s", "r"]),
    _seconds,
    _seconds,
    st.booleans(),
    st.none() | st.integers(0, 6),
    st.none() | _seconds,
)
recoveries = st.lists(
    st.builds(
        Recovery,
        st.sampled_from(["t", "u"]),
        st.sampled_from(["s", "r"]),
        st.integers(0, len(BUCKETS_S) - 1),
        st.integers(0, 40),
        st.integers(0, 40),
    ),
    max_size=8,
).map(Recoveries)
settings = st.builds(
    RerunSettings,
    st.none() | st.integers(0, 6),
    st.none() | _seconds,
    _seconds,
    seed=st.integers(0, 2**32),
    is_at_once=st.booleans(),
)
spent = st.builds(
    BudgetUsed, st.integers(0, 300), _seconds, _seconds, _seconds, st.integers(0, 9000)
)


def setback(number: int = 1, **fields: Any) -> FailedAttempt:
    values: dict[str, Any] = {"signature": "s", "duration_s": 0.1, "waited_s": 0.0} | fields
    return FailedAttempt("t", number, **values)


def decided(
    after: FailedAttempt,
    recoveries: Recoveries = NOTHING,
    spent: BudgetUsed | None = None,
    settings: RerunSettings = AMPLE,
    flakes: int = 0,
) -> Decision:
    stats = known("t", runs=180, flakes=flakes) if flakes else None
    return decide(after, stats, recoveries, spent or BudgetUsed(), settings)


def reruns_until(answer: bool, *arguments: Any, **fields: Any) -> int:
    """How many reruns a test gets that fails each time."""
    number = 1
    while decided(setback(number, **fields), *arguments).is_rerun is not answer:
        number += 1
    return number - 1


def test_a_test_without_a_record_gets_one_attempt_that_confirms() -> None:
    first = decided(setback(1))
    assert first.is_rerun
    assert "rerun 1 of 1" in first.reason
    assert "this test has never been flaky" in first.reason
    last = decided(setback(2))
    assert not last.is_rerun
    assert last.reason == "failed in 2 of 2 attempts: this test has never been flaky"


def test_the_posterior_says_how_often() -> None:
    assert reruns_until(False, FLAKY) == attempts_needed(0, 7) == 3
    worse = Recoveries([Recovery("t", "s", 2, 7, 30)])
    assert reruns_until(False, worse) == MAX_RERUNS


def test_flakes_of_the_state_count_where_no_rerun_is_stored() -> None:
    first = decided(setback(1), flakes=7)
    assert "rerun 1 of 3" in first.reason
    assert "failed and passed on the same commit in 7 of 180 runs" in first.reason


def test_a_new_failure_of_a_test_that_the_change_touches_is_only_confirmed() -> None:
    new = {"is_touched": True, "signature": "new"}
    assert reruns_until(False, FLAKY, **new) == 1
    assert decided(setback(1, **new), FLAKY).delay_s == 0.0
    assert reruns_until(False, FLAKY, is_touched=True) == 3


def test_the_sentence_names_the_wait_and_the_hope() -> None:
    told = decided(setback(2, waited_s=0.3), FLAKY).reason
    assert told.startswith("rerun 2 of 3 after ")
    assert "such a failure passes 91 % after 2 s" in told


def test_a_marker_has_the_last_word_on_number_and_delay() -> None:
    answer = decided(setback(1, limit=4, delay_s=3.0), settings=AMPLE._replace(limit=1))
    assert answer == Decision(
        is_rerun=True,
        reason="rerun 1 of 4 after 3 s: its marker allows 4",
        delay_s=3.0,
        cost_s=pytest.approx(3.1),
    )
    assert decided(setback(1, limit=0)).reason == "its marker allows 0"


def test_no_reruns_means_none_even_with_a_marker() -> None:
    answer = decided(setback(1, limit=4), FLAKY, settings=AMPLE._replace(limit=0))
    assert answer == Decision(is_rerun=False, reason="nexus_reruns is 0")


def test_a_number_holds_for_every_test() -> None:
    assert reruns_until(False, NOTHING, None, AMPLE._replace(limit=2)) == 2
    assert reruns_until(False, FLAKY, None, AMPLE._replace(limit=5)) == 5


def test_a_fixed_delay_has_no_jitter_and_counts_from_the_end_of_each_attempt() -> None:
    fixed = AMPLE._replace(delay_s=1.5, limit=3)
    assert [decided(setback(n, waited_s=9.0 * n), settings=fixed).delay_s for n in (1, 2)] == [
        1.5,
        1.5,
    ]


def test_waiting_beside_other_tests_costs_nothing() -> None:
    assert decided(setback(1), FLAKY, BudgetUsed(remaining_s=60.0)).cost_s == pytest.approx(0.1)
    assert decided(setback(1), FLAKY, BudgetUsed(waiting_s=60.0)).cost_s == pytest.approx(0.1)
    assert decided(setback(1), FLAKY).cost_s >= 2.1


def test_a_spent_budget_ends_it() -> None:
    answer = decided(setback(1), spent=BudgetUsed(seconds=9.95), settings=RerunSettings())
    assert answer == Decision(
        is_rerun=False, reason="not repeated: the budget of 10 s for reruns is used up"
    )


def test_without_a_budget_not_even_a_test_of_no_duration_is_repeated() -> None:
    assert not decided(setback(1, duration_s=0.0), settings=RerunSettings(budget_s=0.0)).is_rerun


def test_a_wait_without_room_is_cut_down_and_says_so() -> None:
    slow = Recoveries(
        [Recovery("t", "s", b, 0, 20) for b in range(4)] + [Recovery("t", "s", 4, 20, 0)]
    )
    answer = decided(setback(1, duration_s=1.0), slow, BudgetUsed(seconds=5.0), RerunSettings())
    assert answer.is_rerun
    assert answer.delay_s == pytest.approx(4.0)
    assert "are not left for it" in answer.reason
    assert "passes" not in answer.reason


def test_a_session_has_a_most() -> None:
    assert decided(setback(1), spent=BudgetUsed(n_reruns=MAX_PER_RUN - 1)).is_rerun
    answer = decided(setback(1), spent=BudgetUsed(n_reruns=MAX_PER_RUN))
    assert answer.reason == "not repeated: a session makes at most 100 reruns"
    assert decided(setback(1), spent=BudgetUsed(n_reruns=MAX_PER_RUN, n_tests=10_000)).is_rerun
    assert not decided(setback(1), spent=BudgetUsed(n_reruns=500, n_tests=10_000)).is_rerun


@pytest.mark.parametrize(
    ("text", "planned_s", "expected"),
    [
        ("5%", 600.0, 30.0),
        (" 5 % ", 600.0, 30.0),
        ("5%", 1.0, LEAST_BUDGET_S),
        ("0%", 600.0, 0.0),
        ("0", 600.0, 0.0),
        ("30", 600.0, 30.0),
        ("1.5s", 600.0, 1.5),
        ("200%", 600.0, 1200.0),
    ],
)
def test_a_budget_is_a_share_or_seconds(text: str, planned_s: float, expected: float) -> None:
    assert budget_s(text, planned_s) == expected


@pytest.mark.parametrize("text", ["", "%", "s", "much", "-1", "nan", "inf%", "1e9", "5%%"])
def test_what_is_no_budget_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"could not convert|out of bounds"):
        budget_s(text, 600.0)


@given(setbacks, recoveries, spent, settings)
def test_the_policy_is_deterministic(
    after: FailedAttempt, recoveries: Recoveries, spent: BudgetUsed, settings: RerunSettings
) -> None:
    answers = {decide(after, None, recoveries, spent, settings) for _ in range(2)}
    assert len(answers) == 1
    assert answers.pop().reason


@given(setbacks, recoveries, spent, settings)
def test_what_is_granted_fits_into_budget_and_bounds(
    after: FailedAttempt, recoveries: Recoveries, spent: BudgetUsed, settings: RerunSettings
) -> None:
    answer = decide(after, None, recoveries, spent, settings)
    if not answer.is_rerun:
        assert (answer.delay_s, answer.cost_s) == (0.0, 0.0)
        return
    limit = after.limit if after.limit is not None else settings.limit
    assert after.number <= (MAX_RERUNS if limit is None else limit)
    assert spent.n_reruns < max(MAX_PER_RUN, 0.05 * spent.n_tests)
    assert spent.seconds + answer.cost_s <= settings.budget_s * (1 + 1e-9)
    assert answer.cost_s >= after.duration_s
    assert answer.delay_s >= 0


@given(
    st.builds(setback, is_touched=st.booleans(), waited_s=_seconds, delay_s=st.none() | _seconds),
    recoveries,
    st.builds(BudgetUsed, st.integers(0, 99), _seconds, _seconds, _seconds, st.just(0)),
    st.builds(
        RerunSettings,
        st.none(),
        st.none() | _seconds,
        st.floats(1001, 2000),
        st.just(inf),
        st.just(0),
        st.just(False),
    ),
)
def test_a_wait_is_never_shorter_than_learned_or_asked_for_while_there_is_room(
    after: FailedAttempt, recoveries: Recoveries, spent: BudgetUsed, settings: RerunSettings
) -> None:
    answer = decide(after, None, recoveries, spent, settings)
    assert answer.is_rerun
    is_new = after.is_touched and not recoveries.knows(after.key, after.signature)
    free_s = max(spent.remaining_s, spent.waiting_s)
    room_s = free_s + settings.budget_s - spent.seconds - after.duration_s
    fixed_s = settings.delay_s if after.delay_s is None else after.delay_s
    if fixed_s is not None:
        assert answer.delay_s == pytest.approx(min(fixed_s, room_s))
    elif is_new:
        assert answer.delay_s == 0.0
    else:
        allowed, _ = allowed_reruns(after, None, recoveries, settings, is_new=is_new)
        n_left = allowed - after.number + 1
        until_s, _ = recoveries.wait_s(after.key, after.signature, after.waited_s, n_left)
        learned_s = max(0.0, until_s - after.waited_s)
        slack_s = 1e-9 * (1 + room_s)
        assert answer.delay_s >= min(learned_s, room_s) - slack_s
        assert answer.delay_s <= min(1.5 * learned_s, room_s) + slack_s


@given(setbacks, recoveries, spent, settings)
def test_nothing_is_waited_for_where_the_session_stops_at_a_failure(
    after: FailedAttempt, recoveries: Recoveries, spent: BudgetUsed, settings: RerunSettings
) -> None:
    answer = decide(after, None, recoveries, spent, settings._replace(is_at_once=True))
    assert answer.delay_s == 0.0
    assert not answer.is_rerun or answer.cost_s == after.duration_s


@given(st.integers(0, 200), st.integers(0, 200))
def test_more_attempts_are_needed_the_more_often_it_failed_again(failed: int, passed: int) -> None:
    needed = attempts_needed(failed, passed)
    assert 1 <= needed <= MAX_RERUNS
    assert attempts_needed(failed + 1, passed) >= needed
    assert attempts_needed(failed, passed + 1) <= needed


@given(st.integers(0, 60), st.integers(1, 200))
def test_the_number_is_the_smallest_that_leaves_one_percent_of_doubt(
    failed: int, passed: int
) -> None:
    needed = attempts_needed(failed, passed)
    chances = [1.0]
    for i in range(MAX_RERUNS):
        chances.append(chances[-1] * (1 + failed + i) / (2 + failed + passed + i))
    assert chances[needed] <= 0.01 or needed == MAX_RERUNS
    assert chances[needed - 1] > 0.01


@given(st.integers(0, 2**32), st.text(st.characters(), max_size=5), st.integers(1, 9))
def test_jitter_is_a_share_that_depends_on_test_and_attempt(
    seed: int, key: str, number: int
) -> None:
    share = jitter(seed, key, number)
    assert 0 <= share < 1
    assert share == jitter(seed, key, number)
    assert share != jitter(seed, key, number + 1)


def test_what_failed_together_is_not_repeated_together() -> None:
    delays = {
        decide(setback()._replace(key=f"t{n}"), None, NOTHING, BudgetUsed(), AMPLE).delay_s
        for n in range(50)
    }
    assert len(delays) == 50
    assert 2.0 <= min(delays) < 2.2
    assert 2.8 < max(delays) < 3.0


@pytest.mark.parametrize(("patience_s", "delay_s"), [(0.0, 0.0), (0.5, 0.5)])
def test_nobody_waits_for_a_test_that_never_flaked(patience_s: float, delay_s: float) -> None:
    settings = RerunSettings(patience_s=patience_s)
    setback = FailedAttempt("t", 1, "s", 0.01, 0.0)
    found = decide(setback, None, Recoveries(), BudgetUsed(), settings)
    assert (found.is_rerun, found.delay_s) == (True, delay_s)
    busy = decide(setback, None, Recoveries(), BudgetUsed(remaining_s=60.0), settings)
    assert busy.delay_s >= 2.0, "where other tests run, waiting costs nothing"
    flaky = known("t", runs=300, flakes=200)
    assert decide(setback, flaky, Recoveries(), BudgetUsed(), settings).delay_s >= 2.0


@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 30))
def test_every_sentence_has_the_same_flakes(passed: int, flakes: int, runs: int) -> None:
    recoveries = Recoveries([Recovery("t", "s", 0, passed, 0)])
    stats = known("t", flakes=flakes, runs=runs)
    found = known_flakes("t", stats, recoveries)
    assert found == (max(passed, flakes), max(runs, passed, flakes))
    why = decide(setback(1), stats, recoveries, BudgetUsed(), AMPLE).reason
    assert not found[0] or f"in {found[0]} of {found[1]} runs" in why
