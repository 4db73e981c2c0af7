from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_nexus.plan.flakiness.outcomes import passes_in_a_row, prove
from tests.support.sightings import LINUX, WINDOWS, row, seen


@pytest.mark.parametrize(
    ("runs", "proofs"),
    [
        (["a:FP"], ["flake"]),
        (["-:FP"], ["flake"]),  # no file changes between two attempts
        (["a:EP"], ["flake"]),
        (["a:FF"], ["failed"]),
        (["a:F", "a:P"], ["flake", "passed"]),
        (["a:P", "a:F"], ["passed", "flake"]),
        (["a:F", "b:P"], ["failed", "passed"]),
        (["-:F", "-:P"], ["failed", "passed"]),
        (["a:F", "-:P"], ["failed", "passed"]),
        (["a:S", "a:F"], ["skipped", "failed"]),  # a skip is no pass
        (["a:FS"], ["failed"]),
        (["a:S"], ["skipped"]),
    ],
)
def test_what_single_runs_prove(runs, proofs):
    assert prove(row(*runs)) == proofs


def test_a_pass_in_another_environment_makes_no_flake():
    assert prove([seen("F", "a", LINUX), seen("P", "a", WINDOWS)]) == ["failed", "passed"]


def test_a_mass_failure_proves_nothing_and_its_passes_count_as_none():
    outage = seen("FP", "a", is_mass_failure=True)
    assert prove([outage, seen("F", "a")]) == ["mass failure", "failed"]


def test_passes_count_from_the_last_failure():
    assert passes_in_a_row(row("a:P", "b:F", "c:P", "d:S", "e:P")) == 2
    assert passes_in_a_row(row("a:P", "b:FP")) == 0


def test_an_outage_does_not_end_a_row_of_passes():
    outage = seen("F", "b", is_mass_failure=True)
    assert passes_in_a_row([*row("a:P*2"), outage, *row("c:P")]) == 3


def test_a_run_that_picked_what_failed_is_no_pass_but_can_end_the_row():
    picked = seen("P", selected_by=("--lf",))
    assert passes_in_a_row([picked, picked]) == 0
    assert passes_in_a_row([seen("P", selected_by=("nexus-unlikely",))]) == 0
    assert passes_in_a_row([seen("P"), seen("F", selected_by=("--lf",))]) == 0
    assert passes_in_a_row([seen("P", selected_by=("-k", "paths"))]) == 1


def test_passes_before_a_time_are_left_out():
    assert passes_in_a_row(row("a:P*5"), since=4.0) == 2  # runs start at 1, 2, 3, 4, 5


_letters = st.text("PFS", min_size=1, max_size=3)
_runs = st.lists(st.tuples(_letters, st.sampled_from(["a", "b", None])), max_size=8)


@given(_runs)
def test_a_flake_always_has_a_pass_and_a_failure_of_its_commit(runs):
    sightings = [seen(letters, commit, run=n) for n, (letters, commit) in enumerate(runs)]
    for each, proof in zip(sightings, prove(sightings), strict=True):
        if proof == "flake":
            same = [one for one in sightings if one.commit == each.commit != None]  # noqa: E711 - None is no commit
            assert each.has_failed
            assert any(one.has_passed for one in [each, *same])


@given(_runs, st.randoms(use_true_random=False))
def test_what_a_run_proves_does_not_depend_on_the_order(runs, random):
    sightings = [seen(letters, commit, run=n) for n, (letters, commit) in enumerate(runs)]
    shuffled = random.sample(sightings, len(sightings))
    by_run = dict(zip((one.run_uid for one in shuffled), prove(shuffled), strict=True))
    assert [by_run[one.run_uid] for one in sightings] == prove(sightings)
