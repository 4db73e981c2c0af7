"""What tests execute of a change, from their fingerprints and the changed functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from pytest_nexus.domain.dependencies import Dependency, Fingerprint, KnownUses, PlainFunctions
from pytest_nexus.domain.evidence import ExecutedChange
from pytest_nexus.domain.records import TestKey
from pytest_nexus.forecast.executed_changes import (
    TouchedFunctions,
    executed_changes,
    sets_of,
    touched_functions,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

FUNCTIONS = {
    1: Dependency("block", "src/a.py::parse", "1" * 16),
    2: Dependency("block", "src/a.py::parse", "2" * 16),
    3: Dependency("block", "src/a.py::dump", "3" * 16),
    4: Dependency("block", "src/b.py::load", "4" * 16),
    5: Dependency("module", "src/a.py", "5" * 16),
    6: Dependency("session", "python", "6" * 16),
    7: Dependency("session", "python", "7" * 16),
}


def executed(changed: set[int], **sets: list[set[int]]) -> Mapping[str, ExecutedChange]:
    kept = {TestKey(key): [PlainFunctions(each - {5}) for each in own] for key, own in sets.items()}
    touched = TouchedFunctions(frozenset(changed), frozenset({1, 2, 3} | changed))
    return executed_changes(kept, FUNCTIONS, touched)


def test_the_function_that_fewest_tests_execute_is_named() -> None:
    found = executed({1, 3}, t=[{1, 3, 4, 5}], u=[{1, 4, 5}], v=[{1, 5}])
    assert found["t"] == ExecutedChange(2, 3, 0, 3, True, "src/a.py::dump")
    assert found["u"] == ExecutedChange(1, 2, 2, 3, True, "src/a.py::parse")


def test_tests_of_another_version_of_a_function_count_among_its_users() -> None:
    found = executed({1, 2}, t=[{1}], u=[{2}])
    assert {each.n_others for each in found.values()} == {1}


def test_the_set_in_which_least_changed_counts() -> None:
    found = executed({1}, t=[{1, 3}, {2, 3}], u=[{1}])
    assert found["t"] == ExecutedChange(0, 0, 0, 2, is_in_file=True)
    assert found["u"] == ExecutedChange(1, 1, 0, 2, True, "src/a.py::parse")


def test_a_test_that_nobody_tracked_is_unknown_and_one_that_used_nothing_changed_is_not() -> None:
    assert executed({1}, t=[], u=[{4}]) == {"u": ExecutedChange(0, 0, 0, 1)}


@given(
    st.dictionaries(
        st.sampled_from("tuvw"), st.lists(st.sets(st.integers(1, 5)), max_size=3), min_size=1
    ),
    st.sets(st.integers(1, 4)),
)
def test_counts_agree_with_each_other(sets: dict[str, list[set[int]]], changed: set[int]) -> None:
    found = executed(changed, **sets)
    assert found.keys() == {key for key, own in sets.items() if own}
    for key, each in found.items():
        assert each.n_tests == len(found)
        assert each.n_others < len(found)
        assert each.n_changed == min(len(one & changed) for one in sets[key])
        assert each.n_changed <= each.n_functions or not each.n_changed
        assert bool(each.function) == bool(each.n_changed)


def test_functions_of_changed_files_with_another_content_changed() -> None:
    now = {("src/a.py", "parse"): "2" * 16, ("src/a.py", "dump"): "3" * 16}
    found = touched_functions(FUNCTIONS, {"src/a.py"}, lambda *name: now.get(name, ""))
    assert found == ({1}, {1, 2, 3})


def test_a_function_whose_content_is_not_known_counts_as_unchanged() -> None:
    assert touched_functions(FUNCTIONS, {"src/b.py"}, lambda *_: None) == (set(), {4})


def test_functions_of_a_changed_test_file_are_no_functions_of_a_changed_source() -> None:
    functions = {1: Dependency("block", "t.py::test_it", "1" * 16)}
    sets = {TestKey("t.py::test_it"): [PlainFunctions({1})]}
    found = executed_changes(sets, functions, TouchedFunctions(frozenset({1}), frozenset({1})))
    assert found == {"t.py::test_it": ExecutedChange(1, 1, 0, 1, False, "t.py::test_it")}


def test_another_python_says_nothing_about_functions() -> None:
    def passed(*members: int) -> Fingerprint:
        return Fingerprint(frozenset(members), "a" * 32, None, 1.0)

    both = {TestKey("t"): (passed(1, 6), passed(2, 7)), TestKey("u"): (passed(1, 6),)}
    found = sets_of(KnownUses(FUNCTIONS, both, {}), "7" * 16)
    assert found == {"t": [{2}]}
