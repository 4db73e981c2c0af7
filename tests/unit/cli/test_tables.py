from __future__ import annotations

import doctest
import json
from argparse import ArgumentTypeError

import pytest

from pytest_nexus.cli import tables
from pytest_nexus.cli.tables import natural, print_json, print_table

ROWS = [
    {"name": "first", "failed_tests": 12, "seconds": 0.5, "whole": True},
    {"name": "é", "failed_tests": 12345, "seconds": None, "whole": False},
]


def test_doctests_hold() -> None:
    assert doctest.testmod(tables).failed == 0


def test_numbers_stand_right_and_words_left(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(ROWS, ["name", "failed_tests", "seconds", "whole"])
    assert capsys.readouterr().out.splitlines() == [
        "name   failed tests  seconds  whole",
        "first            12    0.500    yes",
        "é            12,345        -     no",
    ]


def test_table_without_rows_has_its_titles(capsys: pytest.CaptureFixture[str]) -> None:
    print_table([], ["name", "x_y"])
    assert capsys.readouterr().out == "name  x y\n"


def test_column_that_no_row_has_is_empty(capsys: pytest.CaptureFixture[str]) -> None:
    print_table([{"a": 1}], ["a", "b"])
    assert capsys.readouterr().out.splitlines()[1].split() == ["1", "-"]


def test_json_is_read_back(capsys: pytest.CaptureFixture[str]) -> None:
    print_json(ROWS)
    text = capsys.readouterr().out
    assert json.loads(text) == ROWS
    assert "é" in text


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("17", 17)])
def test_natural_number_is_read(text: str, number: int) -> None:
    assert natural(text) == number


@pytest.mark.parametrize("text", ["-1", "1.5", "", "x", "nan", "²", "٣"])
def test_what_is_no_natural_number_is_refused_by_its_value(text: str) -> None:
    with pytest.raises(ArgumentTypeError, match="must be an integer of 0 or more, got"):
        natural(text)
