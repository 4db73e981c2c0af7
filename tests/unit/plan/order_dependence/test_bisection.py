"""The search for the tests that one depends on, with endings that are made up."""

from __future__ import annotations

from math import log2
from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_nexus.domain.records import TestKey
from pytest_nexus.plan.order_dependence.bisection import (
    MAX_MEMBERS,
    Bisection,
    Question,
    RerunOutcome,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pytest_nexus.plan.order_dependence.bisection import Ending, Probe

    Oracle = Callable[[Probe], bool]

SIZES = [*range(2, 40), 63, 64, 65, 127, 200, 500, 511, 513, 1000, 1999, 2000]
MOST_PROBES = 400


def keys(n: int) -> Probe:
    return tuple(TestKey(f"t.py::test_{number}") for number in range(n))


def brittle(*setters: TestKey) -> Oracle:
    return lambda before: set(setters) <= set(before)


def victim(*polluters: TestKey) -> Oracle:
    return lambda before: not set(polluters) <= set(before)


def searched(question: Question, passes: Oracle) -> tuple[RerunOutcome, list[Probe]]:
    bisection = Bisection(question)
    probes = []
    while bisection.probe is not None:
        assert len(probes) < MOST_PROBES
        probes.append(bisection.probe)
        bisection.tell("passed" if passes(bisection.probe) else "failed")
    assert bisection.finding is not None
    assert bisection.n_failed + bisection.n_passed == len(probes)
    return bisection.finding, probes


def places(n: int) -> Iterable[int]:
    return range(n) if n < 40 else (0, 1, n // 3, n // 2, n - 2, n - 1)


@pytest.mark.parametrize("kind", [brittle, victim])
@pytest.mark.parametrize("n", SIZES)
def test_a_pair_takes_few_probes_wherever_the_other_test_stands(n, kind):
    others = keys(n)
    for place in places(n):
        finding, probes = searched(Question(others), kind(others[place]))
        assert finding == RerunOutcome(
            "found", kind.__name__, (others[place],), fails_plainly=kind is victim
        )
        assert len(probes) <= 2 * log2(n) + 4
        assert probes[:2] == [(), others]
        assert probes.count(()) == probes.count((others[place],)) == (3 if n >= 32 else 2)


@pytest.mark.parametrize("kind", [brittle, victim])
@pytest.mark.parametrize("n", SIZES)
def test_tests_behind_it_are_looked_at_where_those_before_it_change_nothing(n, kind):
    others = keys(n)
    for place in places(n):
        for n_before in {0, place // 2, place}:
            question = Question(others[:n_before], others[n_before:])
            finding, probes = searched(question, kind(others[place]))
            assert finding.others == (others[place],)
            assert finding.fails_plainly == (kind is brittle)
            assert len(probes) <= 2 * log2(n) + 4


@given(st.data(), st.integers(3, 300), st.sampled_from([brittle, victim]))
def test_several_that_are_needed_together_are_found_and_no_other(data, n, kind):
    others = keys(n)
    members = data.draw(st.lists(st.sampled_from(others), min_size=1, max_size=4, unique=True))
    finding, probes = searched(Question(others), kind(*members))
    assert finding.others == tuple(each for each in others if each in members)
    assert len(probes) <= (len(members) + 1) * (log2(n) + 3) + 4


def test_any_of_several_is_enough():
    others = keys(100)
    finding, _ = searched(
        Question(others), lambda before: bool({others[9], others[70]} & {*before})
    )
    assert finding.others == (others[9],)


def test_more_than_can_be_needed_is_given_up():
    others = keys(100)
    finding, _ = searched(Question(others), brittle(*others[: MAX_MEMBERS + 1]))
    assert finding.status == "large"


def test_a_polluter_that_another_test_cleans_up_after_is_found_backwards():
    others = keys(20)

    def passes(before: Probe) -> bool:
        dirty = [each for each in before if each in (others[3], others[7])]
        return dirty[-1:] != [others[3]]

    finding, _ = searched(Question(others), passes)
    assert (finding.status, finding.others) == ("found", (others[3],))
    assert not finding.fails_plainly


@pytest.mark.parametrize(("passes", "status"), [(True, "none"), (False, "broken")])
def test_what_ends_alike_in_every_order_takes_four_probes(passes, status):
    others = keys(50)
    finding, probes = searched(Question(others[:20], others[20:]), lambda _: passes)
    assert (finding.status, finding.others) == (status, ())
    assert probes == [(), others[:20], others, others[::-1]]


@pytest.mark.parametrize(("passes", "status"), [(True, "none"), (False, "broken")])
def test_a_test_without_others_takes_one_probe(passes, status):
    finding, probes = searched(Question(()), lambda _: passes)
    assert finding.status == status
    assert probes == [()]


@pytest.mark.parametrize("ending", ["skipped", "missing"])
def test_what_does_not_run_alone_is_not_searched(ending: Ending):
    bisection = Bisection(Question(keys(9)))
    bisection.tell(ending)
    assert bisection.finding is not None
    assert bisection.finding.status == ending
    with pytest.raises(ValueError, match="no probe"):
        bisection.tell("passed")


def test_a_probe_without_an_ending_changes_nothing():
    others = keys(16)
    bisection = Bisection(Question(others))
    while bisection.probe is not None:
        lacks = bool(bisection.probe) and others[0] not in bisection.probe
        passes = others[11] in bisection.probe
        bisection.tell("skipped" if lacks else "passed" if passes else "failed")
    assert bisection.finding is not None
    assert bisection.finding.others == (others[0], others[11])


def test_guesses_come_before_the_halving():
    others = keys(1000)
    finding, probes = searched(
        Question(others, guesses=(others[500], TestKey("gone"))), brittle(others[500])
    )
    assert finding.others == (others[500],)
    assert probes == [(), others, (others[500],), (), (), *[(others[500],)] * 2]
    guesses = tuple(others[place] for place in (900, 800, 500, 3))
    finding, probes = searched(Question(others, guesses=guesses), brittle(others[500]))
    assert finding.others == (others[500],)
    assert probes[2:4] == [(others[900],), (others[3], others[500], others[800], others[900])]
    assert len(probes) <= 11


def test_wrong_guesses_cost_one_probe_each():
    others = keys(1000)
    right, without = searched(Question(others), victim(others[77]))
    wrong, probes = searched(Question(others, guesses=others[:3]), victim(others[77]))
    assert right == wrong
    assert len(probes) == len(without) + 2


def test_who_is_told_the_same_asks_the_same():
    others = keys(300)
    _, probes = searched(Question(others), brittle(others[4], others[200]))
    for stopped in range(len(probes)):
        bisection = Bisection(Question(others))
        for probe in probes[:stopped]:
            assert bisection.probe == probe
            bisection.tell("passed" if {others[4], others[200]} <= {*probe} else "failed")
        assert bisection.probe == probes[stopped]


@given(st.integers(0, 10_000), st.sampled_from([0.02, 0.2, 0.5, 0.8, 0.98]), st.integers(0, 100))
def test_whatever_the_endings_are_the_search_ends(seed, rate, n):
    random = Random(seed)
    finding, probes = searched(Question(keys(n)), lambda _: random.random() >= rate)
    assert finding.status in ("found", "none", "broken", "flaky", "large")
    assert finding.status != "flaky" or len(set(probes)) < len(probes)


def test_how_often_a_flake_is_taken_for_a_dependence():
    n_wrong = 0
    for seed in range(300):
        random = Random(seed)
        finding, _ = searched(Question(keys(60)), lambda _: random.random() >= 0.1)  # noqa: B023 - called in this round only
        n_wrong += finding.status == "found"
    assert n_wrong <= 3


def test_a_dependence_is_found_beside_rare_flakes():
    n_right = n_said = 0
    for seed in range(300):
        random, others = Random(seed), keys(60)
        needed = {others[seed % 60]}
        finding, _ = searched(
            Question(others),
            lambda before: needed <= {*before} and random.random() >= 0.05,  # noqa: B023 - called in this round only
        )
        n_right += finding.others == tuple(needed)
        n_said += finding.is_flaky
    assert n_right >= 240
    assert n_said >= 10
