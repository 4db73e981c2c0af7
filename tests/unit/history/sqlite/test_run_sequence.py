from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_nexus.history.sqlite.run_sequence import Slot, in_order

CI = ("github", "ci")

slots = st.lists(
    st.builds(
        Slot,
        st.just(0),
        st.text("abcdef", min_size=4, max_size=4),
        st.floats(0, 5),
        st.sampled_from([None, CI, ("github", "nightly")]),
        st.integers(0, 5),
        st.integers(1, 3),
    ),
    unique_by=lambda slot: slot.run_uid,
    max_size=12,
)


def test_runs_are_in_the_order_of_their_start() -> None:
    runs = [Slot(1, "a", 3.0, None), Slot(2, "b", 1.0, None)]
    assert [slot.run_id for slot in in_order(runs)] == [2, 1]


def test_runs_that_started_together_are_in_the_order_of_their_uid() -> None:
    runs = [Slot(1, "b", 1.0, None), Slot(2, "a", 1.0, None)]
    assert [slot.run_id for slot in in_order(runs)] == [2, 1]


def test_the_run_number_decides_where_clocks_disagree() -> None:
    runs = [Slot(1, "a", 1.0, CI, 8), Slot(2, "b", 2.0, None), Slot(3, "c", 3.0, CI, 7)]
    assert [slot.run_id for slot in in_order(runs)] == [3, 2, 1]


def test_the_run_attempt_decides_within_a_number() -> None:
    runs = [Slot(1, "a", 1.0, CI, 7, 2), Slot(2, "b", 2.0, CI, 7, 1)]
    assert [slot.run_id for slot in in_order(runs)] == [2, 1]


def test_numbers_of_different_workflows_are_not_compared() -> None:
    runs = [Slot(1, "a", 1.0, CI, 8), Slot(2, "b", 2.0, ("github", "nightly"), 7)]
    assert [slot.run_id for slot in in_order(runs)] == [1, 2]


@settings(deadline=None)
@given(slots, st.randoms())
def test_the_order_depends_on_the_set_alone(runs: list[Slot], random: object) -> None:
    shuffled = list(runs)
    random.shuffle(shuffled)  # type: ignore[attr-defined] # a Random made by hypothesis
    assert in_order(shuffled) == in_order(runs)


@settings(deadline=None)
@given(slots)
def test_each_series_keeps_its_places(runs: list[Slot]) -> None:
    by_time = sorted(runs, key=lambda slot: (slot.started_at, slot.run_uid))
    assert [slot.series for slot in in_order(runs)] == [slot.series for slot in by_time]
