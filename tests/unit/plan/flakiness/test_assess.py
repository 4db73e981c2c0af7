from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_nexus.domain.records import ALONE, FRESH, TestKey
from pytest_nexus.plan.flakiness.assess import Cluster, assess, assess_all
from pytest_nexus.plan.order_dependence.order_rule import OrderRule
from tests.support.builders import failure
from tests.support.sightings import LINUX, WINDOWS, row, seen

X, Y = TestKey("t.py::test_x"), TestKey("t.py::test_y")


def test_the_rate_counts_flakes_among_the_runs_that_could_show_one():
    found = assess(X, row("a:FP", "b:P*8", "c:FF", "d:P", "e:S"))
    assert (found.rate.flake_runs, found.rate.runs, found.flakes) == (1, 10, 1)
    assert found.rate.mean == pytest.approx(1.5 / 11)


def test_the_rate_leaves_out_runs_that_picked_the_test_for_failing():
    found = assess(X, [seen("FP", "a"), seen("P", "a", selected_by=("--lf",)), *row("b:P")])
    assert (found.rate.flake_runs, found.rate.runs) == (1, 2)
    picked = assess(X, [seen("FP", "a", selected_by=("--sw",)), *row("b:P")])
    assert (picked.flakes, picked.rate.flake_runs) == (1, 0)


def test_each_environment_has_its_rate():
    found = assess(X, [*row("a:FP", "b:P*3"), *row("a:P*2", "b:F", environment=WINDOWS, first=10)])
    linux, windows = found.environments
    assert (linux.environment, linux.rate.flake_runs, linux.rate.runs) == (LINUX, 1, 4)
    assert (windows.environment, windows.rate.flake_runs, windows.rate.runs) == (WINDOWS, 0, 2)
    assert (linux.failed_runs, windows.failed_runs) == (0, 1)


def test_the_first_flake_has_the_commits_between_which_it_began():
    first = assess(X, row("a:P", "b:P", "c:P", "c:FP", "d:FP")).first
    assert first is not None
    assert (first.run_uid, first.at) == (f"{4:032x}", 4.0)
    assert (first.last_clean, first.commit) == ("b", "c")


def test_a_commit_of_another_environment_or_of_a_failure_is_not_the_last_clean_one():
    windows = seen("P", "b", WINDOWS, run=2)
    first = assess(X, [*row("a:P"), windows, *row("c:P", "c2:F", "d:FP", first=3)]).first
    assert first is not None
    assert first.last_clean == "c"
    assert assess(X, row("a:FP")).first.last_clean is None  # type: ignore[union-attr] # it flaked
    assert assess(X, row("a:P")).first is None


def test_failures_are_clustered_by_signature():
    port, slow = failure("port is taken", "aa" * 8), failure("timed out", "bb" * 8)
    found = assess(
        X,
        [
            seen("FP", "a", run=1, failure=slow),
            seen("FFP", "b", run=2, failure=port),
            seen("FP", "c", run=3),
            seen("F", "d", run=4, failure=failure("a real one", "cc" * 8)),
            *row("e:P", first=5),
        ],
    )
    assert found.clusters == (
        Cluster(2, "aa" * 8, "AssertionError", "src/a.py::run", "port is taken"),
        Cluster(1, "", "", "", ""),
        Cluster(1, "bb" * 8, "AssertionError", "src/a.py::run", "timed out"),
    )


def test_the_cost_is_what_failed_or_was_repeated_where_it_flaked():
    found = assess(X, [seen("FP", "a", call_s=1.0), seen("F", "b", call_s=50.0), *row("c:P")])
    assert found.cost.seconds == pytest.approx(2 * 1.002)
    assert found.cost.reruns == 1
    lone = assess(X, [seen("F", "a", call_s=1.0), seen("P", "a", call_s=1.0)])
    assert (lone.cost.seconds, lone.cost.reruns) == (pytest.approx(1.002), 0)


def test_a_flake_is_over_after_as_many_passes_as_its_rate_asks_for():
    frequent = [*row("a:FP*5", "b:P*5")]
    needed = assess(X, frequent).passes_needed
    assert needed == 20
    assert assess(X, [*row("a:FP*5", "b:P*19")]).status == "flaky"
    assert assess(X, [*row("a:FP*5", "b:P*20")]).status == "recovered"


def test_passes_since_do_not_make_the_flake_seem_rarer():
    few = assess(X, row("a:P*9", "b:FP", "c:P*5"))
    many = assess(X, row("a:P*9", "b:FP", "c:P*15"))
    assert few.passes_needed == many.passes_needed == 21


def red(flaked, *others):
    """What tests cost in red builds, from (key, sightings) pairs."""
    return {one.key: one.cost.red_builds for one in assess_all(dict([flaked, *others]))}


def test_a_build_is_red_by_flakes_if_all_that_failed_in_it_flaked():
    x = (X, [seen("F", "a", run=1, exit_status=1), seen("P", "a", run=2, exit_status=0)])
    assert red(x) == {X: 1}
    assert red(x, (Y, [seen("F", "a", run=1, exit_status=1)])) == {X: 0, Y: 0}
    y = (Y, [seen("F", "a", run=1, exit_status=1), seen("P", "a", run=2, exit_status=0)])
    assert red(x, y) == {X: 1, Y: 1}


def test_a_build_that_a_rerun_saved_is_not_red():
    assert red((X, [seen("FP", "a", run=1, exit_status=0)])) == {X: 0}
    other = (Y, [seen("F", "a", run=1, exit_status=1), seen("P", "a", run=2)])
    assert red((X, [seen("FP", "a", run=1, exit_status=1)]), other) == {X: 0, Y: 1}


def test_the_most_expensive_comes_first():
    cheap, dear = seen("FP", "a", run=1), seen("FP", "a", run=2, call_s=9.0)
    red_one = [seen("F", "a", run=3, exit_status=1), seen("P", "a", run=4)]
    z = TestKey("t.py::test_z")
    found = assess_all({X: [cheap], Y: [dear], z: red_one})
    assert [one.key for one in found] == [z, Y, X]


_runs = st.lists(
    st.builds(
        seen,
        st.text("PFS", min_size=1, max_size=3),
        st.sampled_from(["a", "b", None]),
        st.sampled_from([LINUX, WINDOWS]),
        is_mass_failure=st.booleans(),
        exit_status=st.sampled_from([0, 1, None]),
    ),
    max_size=12,
)


@given(_runs)
def test_no_flake_without_proof_and_no_status_against_it(sightings):
    found = assess(X, sightings)
    assert (found.first is not None) == (found.flakes > 0)
    assert found.status in {"broken", "recovered", "flaky"} or found.flakes == 0
    assert found.status != "flaky" or found.flakes > 0
    assert sum(one.rate.flake_runs for one in found.environments) == found.rate.flake_runs
    assert found.reason


RULE = OrderRule(X, "victim", (Y,), 0.995, 3, 9, "runs", 1.0)


def in_places(outcomes: str, *workers: str | None):
    """One run on commit `a`, each attempt in a place of its own."""
    one = seen(outcomes, "a")
    placed = [
        attempt._replace(worker=worker)
        for attempt, worker in zip(one.attempts, workers, strict=True)
    ]
    return replace(one, attempts=tuple(placed))


def test_what_depends_on_the_order_is_never_called_flaky():
    sightings = row("a:FP", "b:P*8", "c:FP")
    assert assess(X, sightings).status == "flaky"
    found = assess(X, sightings, RULE)
    assert found.status == "order-dependent"
    assert found.reason == (
        "fails after t.py::test_y; 3 of 12 attempts failed, which is no flake with 99.5 %"
    )
    assert assess(X, sightings, RULE._replace(posterior=0.9)).status == "flaky"


def test_what_is_broken_is_so_in_any_order():
    assert assess(X, row("a:P", "b:F*9"), RULE).status == "broken"


@pytest.mark.parametrize(
    "one",
    [
        in_places("FFP", None, None, FRESH),
        in_places("FFFFP", "gw0", ALONE, ALONE, ALONE, "gw1"),
    ],
    ids=["in order", "alone"],
)
def test_a_failure_by_the_order_is_no_flake(one):
    found = assess(X, [one, *row("b:P*3")])
    assert (found.status, found.flakes, found.rate.flake_runs) == ("order-dependent", 0, 0)
    assert found.reason == "failed once out of the order of the collection, and passed in it"


def test_a_flake_beside_it_makes_it_flaky():
    found = assess(X, [in_places("FFP", None, None, FRESH), *row("b:FP")])
    assert (found.status, found.flakes) == ("flaky", 1)
