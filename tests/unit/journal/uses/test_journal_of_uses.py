"""What tests used, written to a journal and read again; wrong lines are dropped."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_nexus.domain.dependencies import (
    Dependency,
    ModuleLevel,
    SessionUses,
    TestUses,
)
from pytest_nexus.domain.records import Run, TestKey
from pytest_nexus.journal.reader import Journal, read_journal
from pytest_nexus.journal.uses import dependency_lines, lines_of_uses, reader_of_uses
from pytest_nexus.journal.uses.dependency_lines import KINDS_OF_DEPENDENCIES
from pytest_nexus.journal.uses.lines_of_uses import TOO_LARGE, lines_of
from pytest_nexus.journal.writer import MAX_LINE_BYTES, JournalWriter
from tests.support.examples import scaled
from tests.support.uses import meaning, session_uses

FIRST = {"kind": "run", "schema": 1, "run_uid": "0" * 32, "started_at": 5.0}
AREA, SIDE = "src/a.py::area", "src/a.py::side"
DIGESTS = st.sampled_from(["", "0" * 16, "0123456789abcdef"])
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
NAMES = st.tuples(TEXTS.filter(bool), TEXTS.filter(bool)).map("::".join)


@st.composite
def sessions(draw: st.DrawFn) -> SessionUses:
    dependencies = draw(
        st.lists(
            st.builds(Dependency, st.sampled_from(KINDS_OF_DEPENDENCIES), NAMES, DIGESTS),
            max_size=12,
        )
    )
    indices = st.lists(st.integers(0, max(0, len(dependencies) - 1)), unique=True)
    members = indices if dependencies else st.just([])
    sets = draw(st.lists(members.map(sorted).map(tuple), max_size=5))
    places = st.lists(st.integers(0, max(0, len(sets) - 1)), unique=True).map(tuple)
    tests = draw(
        st.lists(
            st.builds(TestUses, TEXTS.map(TestKey), places if sets else st.just(()), TEXTS),
            unique_by=lambda each: each.key,
            max_size=5,
        )
    )
    levels = st.builds(
        ModuleLevel, DIGESTS.filter(bool), st.lists(st.tuples(TEXTS, DIGESTS)).map(tuple)
    )
    modules = draw(st.lists(levels, unique_by=lambda each: each.digest, max_size=2))
    return SessionUses(tuple(dependencies), tuple(sets), tuple(tests), tuple(modules))


def written(folder: Path, uses: SessionUses) -> Path:
    writer = JournalWriter.create(folder, Run("0" * 32, 5.0))
    writer.uses(uses)
    writer.end(1.0, 0, complete=True)
    writer.close()
    return writer.path


def read(folder: Path, *lines: object) -> Journal:
    path = folder / "x.jsonl"
    texts = [line if isinstance(line, str) else json.dumps(line) for line in (FIRST, *lines)]
    path.write_text("\n".join(texts) + "\n", encoding="utf-8")
    return read_journal(path)


@settings(deadline=None, max_examples=scaled(100))
@given(sessions())
def test_uses_come_back_as_they_were_written(uses: SessionUses) -> None:
    with TemporaryDirectory() as folder:
        journal = read_journal(written(Path(folder), uses))
    assert journal.uses == uses
    assert (journal.dropped, journal.run.complete) == (0, True)


def test_many_uses_take_several_lines_of_bounded_length(tmp_path: Path) -> None:
    tests = {f"a.py::t[{at}]": [f"src/é{at % 7}.py::f{at}", "src/a.py"] for at in range(5000)}
    uses = session_uses(tests)
    lines = list(lines_of(uses))
    assert len(lines) > 10
    assert max(len(line.encode()) for line in lines) <= MAX_LINE_BYTES // 2 + 4096
    assert lines == list(lines_of(uses))
    assert read(tmp_path, *[line.rstrip("\n") for line in lines]).uses == uses


def test_large_set_is_written_as_several(tmp_path: Path) -> None:
    dependencies = tuple(Dependency("block", f"a.py::f{at}", "") for at in range(12_000))
    tests = (TestUses(TestKey("t"), (0, 1)),)
    uses = SessionUses(dependencies, (tuple(range(12_000)), (0, 5)), tests)
    journal = read_journal(written(tmp_path, uses))
    assert (len(journal.uses.sets), journal.dropped) == (4, 0)
    assert meaning(journal.uses) == meaning(uses)


def test_file_of_many_statements_takes_several_lines(tmp_path: Path) -> None:
    statements = tuple((f"name_{at}", f"{at:016x}") for at in range(3000))
    uses = SessionUses(modules=(ModuleLevel("a" * 16, statements), ModuleLevel("b" * 16, ())))
    assert len(list(lines_of(uses))) > 3
    assert read_journal(written(tmp_path, uses)).uses == uses


@pytest.mark.parametrize("name", ["a.py::" + "f" * 1100, "a.py::\ud800"])
def test_test_with_a_name_that_cannot_be_written_runs_again(tmp_path: Path, name: str) -> None:
    uses = session_uses({"a.py::t": [name, AREA], "a.py::u": [SIDE]})
    found = read_journal(written(tmp_path, uses)).uses
    assert [test.obstacle for test in found.tests] == [TOO_LARGE, ""]


def test_session_beyond_the_limits_is_unknown_in_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uses = session_uses({f"a.py::t{at}": [f"a.py::f{at}", f"a.py::g{at}"] for at in range(9)})
    monkeypatch.setattr(lines_of_uses, "MAX_SETS", 5)
    found = read_journal(written(tmp_path, uses)).uses
    assert [test.obstacle for test in found.tests] == [""] * 5 + [TOO_LARGE] * 4
    monkeypatch.setattr(lines_of_uses, "MAX_DEPENDENCIES", 5)
    assert list(lines_of(uses)) == []


def test_later_test_is_unknown_if_a_limit_of_the_reader_is_reached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uses = session_uses({"a.py::t": [AREA], "a.py::u": [SIDE]})
    lines = [json.loads(line) for line in lines_of(uses)]
    monkeypatch.setattr(reader_of_uses, "MAX_MEMBERS", 1)
    journal = read(tmp_path, *lines)
    assert (journal.uses.sets, journal.uses.tests, journal.dropped) == ((), (), 2)


def block(*names: str, first: int = 0) -> dict[str, Any]:
    return {
        "kind": "dependencies", "first": first, "of": "block",
        "list": [[name, "0" * 16] for name in names],
    }  # fmt: skip


SET: dict[str, Any] = {"kind": "sets", "first": 0, "list": [[0, 1]]}
TEST: dict[str, Any] = {"kind": "uses", "list": [["a.py::t", [0]]]}
LEVEL: dict[str, Any] = {
    "kind": "module_level", "digest": "a" * 16, "first": 0, "count": 1, "list": [["X", "0" * 16]],
}  # fmt: skip
SOUND = (block(AREA, SIDE), SET, TEST, LEVEL)


@pytest.mark.parametrize(
    ("place", "change"),
    [
        (0, {"first": 1}), (0, {"first": -1}), (0, {"first": None}), (0, {"of": "thing"}),
        (0, {"of": ["block"]}), (0, {"list": None}), (0, {"list": [["area", "0" * 16]] * 2}),
        (0, {"list": [["a.py::", "0" * 16]] * 2}), (0, {"list": [[AREA, "0" * 15]] * 2}),
        (0, {"list": [[AREA, "G" * 16]] * 2}), (0, {"list": [[AREA, 5]] * 2}),
        (0, {"list": [[AREA]] * 2}), (0, {"list": [[5, ""]] * 2}), (0, {"list": [AREA] * 2}),
        (0, {"list": [["a::" + "b" * 1100, ""]] * 2}), (0, {"list": [[AREA, ""]] * 2001}),
        (1, {"first": 1}), (1, {"list": [[0, 2]]}), (1, {"list": [[0, 0]]}),
        (1, {"list": [[-1, 1]]}), (1, {"list": [[0, 1.0]]}), (1, {"list": [[True]]}),
        (1, {"list": [[10**30]]}), (1, {"list": [0, 1]}), (1, {"list": [[0] + [1] * 5000]}),
        (2, {"list": [["a.py::t", [1]]]}), (2, {"list": [["a.py::t", [-1]]]}),
        (2, {"list": [["a.py::t"]]}), (2, {"list": [["a.py::t", [0], "x", "y"]]}),
        (2, {"list": [[5, [0]]]}), (2, {"list": [["x" * 513, [0]]]}),
        (2, {"list": [["a.py::t", [0], 5]]}), (2, {"list": [["a.py::t", [0], "x" * 513]]}),
        (2, {"list": {"a.py::t": [0]}}), (2, {"list": [["a.py::t", [0] * 1001]]}),
        (3, {"digest": ""}), (3, {"digest": 5}), (3, {"first": 1}), (3, {"count": 0}),
        (3, {"count": 10**9}), (3, {"list": [["X", ""], ["Y", ""]]}),
    ],
)  # fmt: skip
def test_wrong_line_is_dropped_with_what_needs_it(
    tmp_path: Path, place: int, change: dict[str, object]
) -> None:
    lines = [line | change if at == place else line for at, line in enumerate(SOUND)]
    journal = read(tmp_path, *lines)
    assert 1 <= journal.dropped <= 3
    assert journal.uses.tests == () or place == 3
    assert journal.uses.modules == () or place != 3


def test_sound_lines_are_not_dropped(tmp_path: Path) -> None:
    journal = read(tmp_path, *SOUND)
    assert journal.dropped == 0
    assert meaning(journal.uses) == {
        "a.py::t": (frozenset(Dependency("block", name, "0" * 16) for name in (AREA, SIDE)), "")
    }


def test_file_with_lost_statements_is_left_out(tmp_path: Path) -> None:
    journal = read(tmp_path, LEVEL | {"count": 2}, LEVEL | {"digest": "b" * 16})
    assert [each.digest for each in journal.uses.modules] == ["b" * 16]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None, max_examples=scaled(200))
@given(
    st.lists(
        st.tuples(
            st.integers(0, len(SOUND) - 1),
            st.sampled_from(["first", "of", "list", "digest", "count", "kind"]),
            VALUES,
        ),
        min_size=1,
        max_size=3,
    )
)
def test_any_values_are_read_without_an_error(changes: list[tuple[int, str, object]]) -> None:
    lines = [dict(line) for line in SOUND]
    for place, name, value in changes:
        lines[place][name] = value
    with TemporaryDirectory() as folder:
        uses = read(Path(folder), *[json.dumps(line) for line in lines]).uses
    for test in uses.tests:
        assert all(0 <= at < len(uses.dependencies) for each in test.sets for at in uses.sets[each])
    assert list(lines_of(uses)) is not None


def test_limits_leave_room_for_a_line() -> None:
    assert dependency_lines.MAX_MEMBERS_PER_SET * len("200000,") < MAX_LINE_BYTES
    assert dependency_lines.MAX_NAME_CHARS * len("\\u0000") < MAX_LINE_BYTES
