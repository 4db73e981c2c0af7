from __future__ import annotations

import doctest
import math
import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_nexus.errors import ImportFileError
from pytest_nexus.importers import report_values
from pytest_nexus.importers.report_values import (
    MAX_SECONDS,
    chunks,
    clamped,
    clean_nodeid,
    number_of,
)
from tests.support.reports import written

if TYPE_CHECKING:
    from pathlib import Path


def test_doctests_hold() -> None:
    assert doctest.testmod(report_values).failed == 0


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_a_clamped_duration_can_always_be(seconds: float) -> None:
    assert 0.0 <= clamped(seconds) <= MAX_SECONDS


@given(st.one_of(st.integers(), st.floats(), st.text(), st.booleans(), st.none()))
def test_what_counts_as_a_number_is_finite(value: object) -> None:
    number = number_of(value)
    assert number is None or math.isfinite(number)


@given(st.text(alphabet=st.characters(exclude_categories=[])))
def test_a_clean_nodeid_is_encodable_and_printable(text: str) -> None:
    nodeid = clean_nodeid(text)
    assert nodeid is None or (nodeid.encode() and "\x1b" not in nodeid and "\n" not in nodeid)


def test_an_overlong_nodeid_is_none() -> None:
    assert clean_nodeid("x" * 4_097) is None


def test_a_file_over_the_bound_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = written(tmp_path / "r.xml", b"x" * 11)
    with pytest.raises(ImportFileError, match=r"11 bytes.* 10;.*NX605"):
        next(chunks(path, max_bytes=10))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this platform")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.xml")
    with pytest.raises(ImportFileError, match="NX604"):
        next(chunks(tmp_path / "pipe.xml"))


def test_a_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ImportFileError, match=r"gone\.xml: .*No such file.*NX618"):
        next(chunks(tmp_path / "gone.xml"))
