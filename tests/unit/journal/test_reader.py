from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_nexus.domain.records import Change, ChangedFile, CIRun, FunctionKey, Run
from pytest_nexus.errors import JournalError, NewerJournalError
from pytest_nexus.journal import entries
from pytest_nexus.journal.attempt_line import ATTEMPT as ATTEMPT_KIND
from pytest_nexus.journal.reader import Journal, read_journal
from pytest_nexus.journal.writer import MAX_FIRST_LINE_BYTES, MAX_LINE_BYTES, JournalWriter
from tests.support.builders import attempt, failure
from tests.support.examples import scaled
from tests.support.messages import assert_message

if TYPE_CHECKING:
    from pathlib import Path

UID = "0123456789abcdef" * 2
RUN: dict[str, Any] = {"kind": "run", "schema": 1, "run_uid": UID, "started_at": 5.0}
ATTEMPT: dict[str, Any] = {
    "kind": "attempt", "nodeid": "a.py::t", "at": 0.5, "call": ["passed", 0.25],
}  # fmt: skip


def written(tmp_path: Path, *lines: object) -> Path:
    path = tmp_path / "x.jsonl"
    texts = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
    path.write_bytes(b"\n".join(texts) + b"\n")
    return path


def read(tmp_path: Path, *lines: object) -> Journal:
    return read_journal(written(tmp_path, *lines))


def test_a_journal_comes_back_as_it_was_written(tmp_path: Path) -> None:
    change = Change("c" * 40, "main", "b" * 40, dirty=True, files=(
        ChangedFile("new.py", "R", 3, 1, "old.py"), ChangedFile("é.py", "A", 2),
    ))  # fmt: skip
    ci = CIRun("github", "77", 8, 2, "ci", "test (3.11)", "push")
    run = Run(UID, 1_700_000_000.25, change, ci, "3.11.7", "9.2.0", "linux", 4, ("-k", "-x"))
    attempts = (
        attempt("a.py::t[1]", "failed", started_s=0.5, worker="gw1", failure=failure()),
        attempt("a.py::t[1]", number=2, started_s=0.75),
    )
    writer = JournalWriter.create(tmp_path, run)
    writer.collection(7, 5)
    for each in attempts:
        writer.attempt(each)
    writer.end(2.5, 1, complete=True)
    writer.close()
    journal = read_journal(writer.path)
    assert journal.attempts == attempts
    assert journal.run.change == change
    assert (journal.run.ci, journal.run.selected_by) == (ci, ("-k", "-x"))
    assert (journal.run.n_collected, journal.run.n_selected) == (7, 5)
    assert (journal.run.duration_s, journal.run.exit_status) == (2.5, 1)
    assert journal.run.complete
    assert (journal.dropped, journal.torn) == (0, False)


def test_a_killed_session_is_incomplete(tmp_path: Path) -> None:
    run = read(tmp_path, RUN, ATTEMPT).run
    assert (run.complete, run.exit_status, run.duration_s) == (False, None, None)


def test_a_torn_last_line_is_not_counted_as_dropped(tmp_path: Path) -> None:
    path = written(tmp_path, RUN, ATTEMPT)
    path.write_bytes(path.read_bytes() + b'{"kind":"attempt","nodeid":"a.py')
    journal = read_journal(path)
    assert (len(journal.attempts), journal.dropped, journal.torn) == (1, 0, True)


def test_a_whole_last_line_without_an_end_counts(tmp_path: Path) -> None:
    path = written(tmp_path, RUN, ATTEMPT)
    path.write_bytes(path.read_bytes().rstrip(b"\n"))
    journal = read_journal(path)
    assert (len(journal.attempts), journal.torn) == (1, False)


def test_later_kinds_and_fields_are_skipped(tmp_path: Path) -> None:
    journal = read(tmp_path, RUN | {"x": 1}, {"kind": "memory", "mb": 5}, ATTEMPT | {"x": [1]})
    assert (len(journal.attempts), journal.dropped) == (1, 0)


def test_a_later_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NewerJournalError, match=r"is of format 2.*upgrade"):
        read(tmp_path, RUN | {"schema": 2})


END_LINE = {"kind": "end", "duration": 1.0, "exit_status": 0, "complete": True}


@pytest.mark.parametrize(
    "first",
    [b"", b"{", b"\x00" * 100, b"[]", b"7", b"null", {"kind": "end"}, {"kind": "run"}, ATTEMPT],
)
def test_what_does_not_begin_with_a_run_is_no_journal(tmp_path: Path, first: object) -> None:
    with pytest.raises(JournalError, match="NX555"):
        read(tmp_path, first)


@pytest.mark.parametrize(
    "field",
    [
        {"run_uid": "../../etc/passwd"}, {"run_uid": UID.upper()}, {"run_uid": 5},
        {"started_at": "now"}, {"started_at": None}, {"selected_by": [5]}, {"ci": "github"},
        {"workers": -1}, {"branch": "x" * 513}, {"files": {}},
    ],
)  # fmt: skip
def test_a_run_with_a_wrong_field_is_refused(tmp_path: Path, field: dict[str, object]) -> None:
    with pytest.raises(JournalError, match="NX556"):
        read(tmp_path, RUN | field)


@pytest.mark.parametrize(
    "line",
    [
        b"", b"{", b"nonsense", b"[1]", b"{}", b'{"kind":"attempt"}', b"\xff\xfe",
        b"[" * 60_000, b'{"kind":"attempt","nodeid":"t","at":' + b"9" * 10_000 + b"}",
        b'{"kind":"attempt","nodeid":"t","at":NaN,"call":["passed",1]}',
        b'{"kind":"attempt","nodeid":"t","at":1,"call":["passed",Infinity]}',
        json.dumps(ATTEMPT).encode() * 2,
        ATTEMPT | {"nodeid": 5}, ATTEMPT | {"nodeid": "x" * 4097}, ATTEMPT | {"key": "x" * 513},
        ATTEMPT | {"call": ["exploded", 1]}, ATTEMPT | {"call": ["passed"]},
        ATTEMPT | {"call": ["passed", "1"]}, ATTEMPT | {"call": [["passed"], 1]},
        ATTEMPT | {"call": None}, ATTEMPT | {"call": 5}, ATTEMPT | {"at": "x"},
        ATTEMPT | {"number": 0}, ATTEMPT | {"number": 1.5}, ATTEMPT | {"number": 10**9},
        ATTEMPT | {"number": True}, ATTEMPT | {"worker": 5}, ATTEMPT | {"function": 5},
        ATTEMPT | {"failure": "x"}, ATTEMPT | {"failure": {"phase": "call"}},
        {"kind": "collection", "collected": -1, "selected": 2},
        {"kind": "end", "duration": "x", "exit_status": 0, "complete": True},
        END_LINE | {"cpu": "4"},
        END_LINE | {"cpu_collect": []},
        END_LINE | {"cores": 0},
        END_LINE | {"cores": 1.5},
        END_LINE | {"cores": 10**9},
    ],
)  # fmt: skip
def test_a_wrong_line_is_dropped_and_the_others_count(tmp_path: Path, line: object) -> None:
    journal = read(tmp_path, RUN, line, ATTEMPT)
    assert (len(journal.attempts), journal.dropped) == (1, 1)


@pytest.mark.parametrize(
    ("seconds", "kept"), [(-3.5, 0.0), (1e9, 604_800.0), (10**400, 604_800.0), (2, 2.0)]
)
def test_durations_are_clamped(tmp_path: Path, seconds: float, kept: float) -> None:
    (each,) = read(tmp_path, RUN, ATTEMPT | {"call": ["passed", seconds]}).attempts
    assert each.duration_s == kept


@pytest.mark.parametrize(("sent", "kept"), [(-1, 0.0), (1e12, 1e9), (4, 4.0)])
def test_processor_seconds_are_clamped(tmp_path: Path, sent: float, kept: float) -> None:
    assert read(tmp_path, RUN, END_LINE | {"cpu": sent}).run.cpu_s == kept


def test_an_older_journal_has_no_processor_seconds(tmp_path: Path) -> None:
    run = read(tmp_path, RUN, END_LINE).run
    assert (run.cpu_s, run.cpu_collect_s, run.cores) == (None, None, None)


def test_a_moved_clock_is_clamped(tmp_path: Path) -> None:
    assert read(tmp_path, RUN | {"started_at": -1e300}).run.started_at == 0


def test_a_line_longer_than_the_bound_is_dropped(tmp_path: Path) -> None:
    line = ATTEMPT | {"x": "y" * MAX_LINE_BYTES}
    journal = read(tmp_path, RUN, line, ATTEMPT)
    assert (len(journal.attempts), journal.dropped) == (1, 1)


def test_a_line_longer_than_a_portion_is_dropped_once(tmp_path: Path) -> None:
    journal = read(tmp_path, RUN, b"x" * 5_000_000, ATTEMPT)
    assert (len(journal.attempts), journal.dropped) == (1, 1)


def test_an_endless_first_line_is_no_journal(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="NX555"):
        read(tmp_path, b"x" * (4 * MAX_FIRST_LINE_BYTES))


def test_many_lines_over_many_portions_all_count(tmp_path: Path) -> None:
    lines = [ATTEMPT | {"nodeid": f"a.py::t{n}" + "x" * 500} for n in range(6000)]
    journal = read(tmp_path, RUN, *lines)
    assert [each.nodeid[:12] for each in journal.attempts[:2]] == ["a.py::t0xxxx", "a.py::t1xxxx"]
    assert (len(journal.attempts), journal.dropped) == (6000, 0)


def test_a_wrong_changed_file_is_left_out_and_said(tmp_path: Path) -> None:
    files = [{"path": "a", "status": "M", "added": 1, "deleted": 0}, {"path": 5}]
    change = read(tmp_path, RUN | {"files": files}).run.change
    assert [file.path for file in change.files] == ["a"]
    assert_message(change.note, "NX417", "1 more")


FILE = {"path": "a.py", "status": "M", "added": 1, "deleted": 0}


def test_the_words_of_a_changed_file_are_read(tmp_path: Path) -> None:
    words = {"kind": "words", "path": "a.py", "words": "area:2 @area:1"}
    journal = read(tmp_path, RUN | {"files": [FILE, FILE | {"path": "b.py"}]}, words)
    assert [file.words for file in journal.run.change.files] == ["area:2 @area:1", None]
    assert journal.dropped == 0


@pytest.mark.parametrize(
    "fields",
    [{"path": "other.py"}, {"words": "area"}, {"words": 5}, {"words": "x" * 9000}, {"path": None}],
)
def test_words_that_nobody_could_have_written_are_dropped(tmp_path: Path, fields) -> None:
    words = {"kind": "words", "path": "a.py", "words": "area:2"} | fields
    journal = read(tmp_path, RUN | {"files": [FILE]}, words)
    assert [file.words for file in journal.run.change.files] == [None]
    assert journal.dropped == 1


def test_the_words_of_few_files_are_kept(tmp_path: Path) -> None:
    files = [FILE | {"path": f"{n}.py"} for n in range(40)]
    lines = [{"kind": "words", "path": f"{n}.py", "words": "area:2"} for n in range(40)]
    journal = read(tmp_path, RUN | {"files": files}, *lines)
    assert sum(file.words is not None for file in journal.run.change.files) == 30
    assert journal.dropped == 10


def test_a_long_node_id_without_a_key_gets_a_bounded_one(tmp_path: Path) -> None:
    (each,) = read(tmp_path, RUN, ATTEMPT | {"nodeid": "a.py::t[" + "x" * 3000 + "]"}).attempts
    assert (len(each.nodeid), len(each.key)) == (3009, 512)


def test_the_function_is_the_key_unless_given(tmp_path: Path) -> None:
    (each,) = read(tmp_path, RUN, ATTEMPT).attempts
    assert each.function_key == FunctionKey("a.py::t")


def test_lone_surrogates_become_storable(tmp_path: Path) -> None:
    (each,) = read(tmp_path, RUN, ATTEMPT | {"nodeid": "a.py::t[\ud800\n]"}).attempts
    assert each.key == "a.py::t[?\n]"


def test_an_absent_journal_is_a_journal_error(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="NX554"):
        read_journal(tmp_path / "none.jsonl")


passed_lines = st.builds(
    '{{"kind":"attempt","nodeid":{}{}{},"setup":["passed",{}],"call":["passed",{}]{}}}'.format,
    st.sampled_from(['"a"', '"é[x]"', '"a\\\\"', '"\\t"', '"a\t"', '""', json.dumps("x" * 513)]),
    st.sampled_from(["", ',"function":"a"', ',"function":"b"', ',"key":"c"', ',"number":2']),
    st.sampled_from(["", ',"at":0.000000', ',"at":99999.999999', ',"at":1', ',"at":\u0661.000000']),
    st.sampled_from(["0.000001", "99999.999999", "604801.000000", "-0.5", "01.000000"]),
    st.sampled_from(["0.000001", "0.1", "1e3"]),
    st.sampled_from([
        "", ',"teardown":["passed",0.000002]', ',"teardown":["failed",0.000002]',
        ',"teardown":["passed",0.000002],"worker":"gw7"',
        ',"teardown":["passed",0.000002],"worker":"gw123456"',
    ]),
)  # fmt: skip


@settings(deadline=None, max_examples=scaled(100))
@given(passed_lines)
def test_the_short_way_reads_a_line_as_the_long_way_does(line: str) -> None:
    quick = entries.passed_attempt(line)
    assert quick is None or quick == entries.attempt(ATTEMPT_KIND.read(entries.parsed(line)))


def test_the_short_way_is_taken_for_what_the_writer_writes(tmp_path: Path) -> None:
    writer = JournalWriter.create(tmp_path, Run(UID, 1.0))
    for nodeid, worker in (("a.py::t", None), ("a.py::t[1]", "gw3")):
        writer.attempt(attempt(nodeid, worker=worker))
    writer.close()
    lines = writer.path.read_text("utf-8").splitlines()[1:]
    assert [entries.passed_attempt(line) is None for line in lines] == [False, False]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)


@settings(
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    max_examples=scaled(60),
)
@given(
    st.dictionaries(st.sampled_from([*ATTEMPT, "key", "number", "failure", "setup"]), json_values)
)
def test_no_value_in_an_attempt_crashes_the_reader(
    tmp_path: Path, fields: dict[str, object]
) -> None:
    journal = read(tmp_path, RUN, ATTEMPT | fields | {"kind": "attempt"})
    assert len(journal.attempts) + journal.dropped == 1


@settings(
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    max_examples=scaled(100),
)
@given(st.binary(max_size=200))
def test_no_bytes_crash_the_reader(tmp_path: Path, junk: bytes) -> None:
    path = written(tmp_path, RUN, junk, ATTEMPT)
    assert read_journal(path).attempts[-1].nodeid == "a.py::t"
