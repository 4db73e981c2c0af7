"""Tests of the numbers that people read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest_nexus
from pytest_nexus.domain.wording import percent

_FORMAT = re.compile(r":[-+.0-9,]*%\}|\{100 \*[^{}]*\} ?%")
"""A percentage that is formatted in place."""


def test_percentages_are_formatted_in_one_place() -> None:
    folder = Path(pytest_nexus.__file__).parent
    found = {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if _FORMAT.search(line)
    }

    # A value of a setting has no space, as users write it: confidence:99%.
    assert found == {"plan/selection/modes.py", "session/selection/unlikely_tests.py"}


def test_percent_rounds_and_keeps_the_sign_of_a_difference() -> None:
    shares = (0.12, -0.12)
    assert [percent(share, 0, is_signed=True) for share in shares] == ["+12 %", "-12 %"]
    assert [percent(0.9994), percent(1.0, 0)] == ["99.9 %", "100 %"]
