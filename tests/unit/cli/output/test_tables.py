from __future__ import annotations

import doctest
import json
import os
import struct
import subprocess
import sys
from argparse import ArgumentTypeError

import pytest

from pytest_nexus.cli.output import tables
from pytest_nexus.cli.output.tables import natural, print_json, print_table

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


LONG = [
    {"test": f"tests/{'deep/' * 20}test_a.py::test_{n}", "status": "flaky", "runs": 12_345}
    for n in range(3)
]


@pytest.mark.parametrize("width", [20, 40, 79, 80, 120])
def test_lines_are_cut_to_the_width_of_the_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    print_table(LONG, ["status", "runs", "test"])
    title, *lines = capsys.readouterr().out.splitlines()
    assert all(len(line) <= width for line in (title, *lines))
    if width >= 40:
        assert len({*lines}) == 3  # the ends of ids tell them apart
        assert all("flaky" in line and "12,345" in line for line in lines)
        assert [line[-1] for line in lines] == ["0", "1", "2"]


def test_a_pipe_gets_whole_lines(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    print_table(LONG, ["status", "runs", "test"])
    assert LONG[0]["test"] in capsys.readouterr().out


@pytest.mark.process
def test_a_terminal_gets_lines_of_its_width() -> None:
    """A real terminal of 50 columns, not the variable."""
    pty, fcntl, termios = map(pytest.importorskip, ("pty", "fcntl", "termios"))
    code = (
        "from pytest_nexus.cli.output.tables import print_table;"
        "print_table([{'test': 'tests/' + 'deep/' * 30 + 'test_a.py::test_x'}], ['test'])"
    )
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 50, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    subprocess.run([sys.executable, "-c", code], stdout=follower, check=True, env=environment)
    os.close(follower)
    lines = os.read(leader, 4096).decode().splitlines()
    os.close(leader)
    assert [len(line) for line in lines] == [4, 50]
    assert lines[1].endswith("::test_x")


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
