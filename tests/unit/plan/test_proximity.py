from __future__ import annotations

import pytest

from pytest_nexus.plan.proximity import CHANGED_FILE, SAME_PLACE, SHARED_WORDS, Proximity
from tests.support.builders import changed, collected


def factor(nodeid, change, *others):
    test = collected(nodeid)
    return Proximity([test, *map(collected, others)], change).factor(test)


def test_without_a_change_all_tests_are_far_away() -> None:
    assert factor("tests/test_a.py::test_x", changed()) == 1.0


def test_changed_test_file_counts() -> None:
    assert factor("tests/test_a.py::test_x", changed("tests/test_a.py")) == CHANGED_FILE


def test_renamed_test_file_counts_as_changed() -> None:
    change = changed(renames={"tests/test_a.py": "tests/test_old.py"})
    assert factor("tests/test_a.py::test_x", change) == CHANGED_FILE


def test_path_named_after_the_changed_file_counts() -> None:
    change = changed("src/pkg/fields.py")
    assert factor("tests/test_fields.py::test_x", change, "tests/test_b.py::y") == SHARED_WORDS


def test_name_that_mentions_the_changed_file_counts() -> None:
    change = changed("src/pkg/fields.py")
    assert factor("tests/test_a.py::test_field", change, "tests/test_b.py::y") == SHARED_WORDS


def test_path_and_name_after_the_same_thing_count_once() -> None:
    change = changed("src/pkg/fields.py")
    assert factor("tests/test_fields.py::test_field", change) == SHARED_WORDS


@pytest.mark.parametrize(
    ("path", "is_beside"),
    [
        ("x/tests/conftest.py", True),
        ("x/y.py", True),
        ("x/z/y.py", False),
        ("y.py", False),
    ],
)
def test_change_in_the_folder_or_in_the_one_above_counts(path, is_beside) -> None:
    expected = SAME_PLACE if is_beside else 1.0
    assert factor("x/tests/test_a.py::test_b", changed(path)) == expected


def test_another_test_of_the_folder_does_not_count_as_a_neighbour() -> None:
    change = changed("tests/test_b.py")
    assert factor("tests/test_a.py::x", change, "tests/test_b.py::y") == 1.0


def test_change_at_the_root_is_no_neighbour_of_a_folder_of_tests() -> None:
    assert factor("tests/test_a.py::test_x", changed("setup.cfg")) == 1.0


def test_prose_counts_for_nothing() -> None:
    assert factor("tests/test_api.py::test_x", changed("docs/api.rst", "tests/api.md")) == 1.0


def test_explanation_names_each_way_of_being_near() -> None:
    change = changed("tests/test_fields.py", "pkg/fields.py", "tests/helper.py")
    test = collected("tests/test_fields.py::test_x")
    said = " ".join(Proximity([test, collected("tests/a.py::y")], change).explain(test))
    assert "tests/test_fields.py changed: times 10" in said
    assert "beside it: times 3" in said
    assert "path shares 'field' with the change: times 10" in said


def test_explanation_says_so_when_nothing_is_near() -> None:
    test = collected("tests/test_a.py::test_x")
    assert Proximity([test], changed("pkg/b.py")).explain(test) == [
        "Nothing of the change is near to it."
    ]
