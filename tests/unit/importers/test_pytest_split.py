from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_nexus.errors import ImportFileError
from pytest_nexus.importers.pytest_split import read_durations
from tests.support.examples import scaled
from tests.support.reports import written

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_nexus.importers.report_values import Imported

JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text()),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
    max_leaves=10,
)


def only(path: Path, document: object) -> Imported:
    (imported,) = read_durations(written(path, json.dumps(document)))
    return imported


def test_each_duration_is_a_passed_call(tmp_path: Path) -> None:
    imported = only(tmp_path / "d", {"t.py::a": 1.5, "t.py::b": 2})
    assert [(a.nodeid, a.outcome, a.duration_s, a.started_s) for a in imported.attempts] == [
        ("t.py::a", "passed", 1.5, 0.0),
        ("t.py::b", "passed", 2.0, 1.5),
    ]


def test_the_run_began_when_the_file_was_written_and_is_not_complete(tmp_path: Path) -> None:
    path = written(tmp_path / "d", '{"t.py::a": 1}')
    os.utime(path, (1_600_000_000, 1_600_000_000))
    run = read_durations(path)[0].run
    assert (run.started_at, run.source, run.complete) == (1_600_000_000, "durations", False)


def test_the_older_list_form_is_read(tmp_path: Path) -> None:
    assert [a.nodeid for a in only(tmp_path / "d", [["t.py::a", 1.0]]).attempts] == ["t.py::a"]


def test_invalid_entries_are_dropped_and_counted(tmp_path: Path) -> None:
    content = (
        '{"t::ok": 1, "t::a": NaN, "t::b": Infinity, "t::c": -1, "t::d": "2", "t::e": null,'
        ' "t::f": true, "": 1, "port": 8080,'
        ' "t::g": 1e999, "t::h": [1]}'
    )
    (imported,) = read_durations(written(tmp_path / "d", content))
    assert ([a.nodeid for a in imported.attempts], imported.dropped) == (["t::ok"], 10)


def test_a_repeated_list_entry_is_dropped(tmp_path: Path) -> None:
    imported = only(tmp_path / "d", [["t::a", 1], ["t::a", 2], "a", [1]])
    assert ([a.duration_s for a in imported.attempts], imported.dropped) == ([1.0], 3)


def test_the_same_content_is_the_same_run(tmp_path: Path) -> None:
    first, second = only(tmp_path / "a", {"t::a": 1}), only(tmp_path / "b", {"t::a": 1})
    assert first.run.run_uid == second.run.run_uid


@pytest.mark.parametrize("content", ["{}", "[]"])
def test_a_file_that_names_no_duration_is_no_run(tmp_path: Path, content: str) -> None:
    assert read_durations(written(tmp_path / "d", content)) == []


@pytest.mark.parametrize(
    "content",
    ["", "{", "1", '"a"', "null", "[" * 100_000, b"\xff\xff", "1" * 5_000, '{"port": 8080}'],
)
def test_what_is_no_such_file_is_refused(tmp_path: Path, content: str | bytes) -> None:
    with pytest.raises(ImportFileError, match="not"):
        read_durations(written(tmp_path / "d", content))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=scaled(50))
@given(JSON)
def test_any_json_is_a_run_or_refused(tmp_path: Path, document: object) -> None:
    try:
        runs = read_durations(written(tmp_path / "d", json.dumps(document)))
    except ImportFileError:
        return
    assert all(0.0 <= a.duration_s < 1e6 for each in runs for a in each.attempts)
