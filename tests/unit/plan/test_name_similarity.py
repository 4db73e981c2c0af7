from __future__ import annotations

import pytest

from pytest_nexus.plan.name_similarity import Module, words


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("TestHTTPServer::test_isOpen", {"http", "server", "open"}),
        ("test_v2_of_a_base64", {"base", "64"}),
        ("test_class_fields", {"class", "field"}),
        ("test_größe", {"größe"}),
        ("test_it", set()),
    ],
)
def test_words_of_names(name, expected) -> None:
    assert words(name) == expected


def test_a_new_test_takes_as_long_as_the_three_that_are_named_most_alike() -> None:
    module = Module(
        {
            "t.py::test_load_file": [9.0],
            "t.py::test_load_files": [5.0],
            "t.py::test_load_big_file": [1.0],
            "t.py::test_load_page_of_text": [0.1],
            "t.py::test_sum": [0.2],
        }
    )
    assert module.expected("t.py::TestIO::test_load_file") == 5.0


def test_a_new_test_that_is_named_like_no_other_takes_as_long_as_the_median() -> None:
    module = Module({"t.py::test_a_load": [1.0, 2.0, 3.0], "t.py::test_b_parse": [4.0, 5.0]})
    assert module.expected("t.py::test_sum") == 3.0
