"""The table of the format is what the writer, the reader and the page of reference follow."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from docs import generate
from pytest_nexus.domain.identity import Identity, function_of_key
from pytest_nexus.domain.records import Run, TestKey
from pytest_nexus.domain.validation import integer
from pytest_nexus.journal import reader
from pytest_nexus.journal import writer as journal
from pytest_nexus.journal.attempt_line import ATTEMPT
from pytest_nexus.journal.fields import Field, Kind
from pytest_nexus.journal.forecast_lines import forecast_lines
from pytest_nexus.journal.format import COLLECTION, END, KINDS, PLAN, VERDICTS
from pytest_nexus.journal.reader import read_journal
from pytest_nexus.journal.selection_lines import selection_lines
from pytest_nexus.journal.shards import plan_lines
from pytest_nexus.journal.shared_queue.queue_lines import batch_lines, queue_lines
from pytest_nexus.journal.shared_queue.queue_lines import test_lines as lines_of_tests
from pytest_nexus.journal.writer import JournalWriter
from pytest_nexus.plan.foreseen import Foreseen, Prediction
from pytest_nexus.plan.selection.recorded import RunSelection
from tests.support.builders import attempt, failure, run
from tests.support.shard_journals import sharded_plan
from tests.support.uses import session_uses

if TYPE_CHECKING:
    from pathlib import Path

FACT = Field(
    "letters",
    "integer",
    "How many letters the node id has",
    lambda value: integer(value, 1, 100),
    lambda attempt: str(len(attempt.nodeid)),
    is_optional=True,
    is_of_passed=True,
)


@pytest.fixture
def with_fact(monkeypatch: pytest.MonkeyPatch) -> Kind:
    """The format with one more fact of an attempt: one row of the table."""
    kind = replace(ATTEMPT, fields=(*ATTEMPT.fields, FACT))
    for module in (journal, reader):
        monkeypatch.setattr(module, "ATTEMPT", kind)
    monkeypatch.setattr(generate, "KINDS", (kind,))
    return kind


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


@pytest.mark.usefixtures("with_fact")
def test_a_row_of_the_table_is_written_and_read(tmp_path: Path) -> None:
    writer = JournalWriter.create(tmp_path, run(1))
    writer.attempt(attempt("a.py::x"))
    writer.attempt(attempt("a.py::long", "failed", failure=failure()))
    writer.close()
    assert [line["letters"] for line in lines_of(writer.path)[1:]] == [7, 10]
    found = read_journal(writer.path)
    assert [found.facts[place]["letters"] for place in range(2)] == [7, 10]
    assert not writer.has_short_form, "the short form would leave the fact out"


@pytest.mark.usefixtures("with_fact")
@pytest.mark.parametrize("value", [0, 101, "7", 7.0, True, [7]])
def test_a_row_of_the_table_is_checked(tmp_path: Path, value: object) -> None:
    writer = JournalWriter.create(tmp_path, run(1))
    writer.attempt(attempt("a.py::x"))
    writer.close()
    head, line = lines_of(writer.path)
    writer.path.write_text(f"{json.dumps(head)}\n{json.dumps(line | {'letters': value})}\n")
    found = read_journal(writer.path)
    assert (found.attempts, found.dropped) == ((), 1)


@pytest.mark.usefixtures("with_fact")
def test_a_row_of_the_table_is_documented() -> None:
    assert "| `letters?` | integer | How many letters the node id has |" in generate.journal_page()


@pytest.mark.parametrize("nodeid", ["a.py::x", "a.py::test[é]", 'a.py::test["]'])
@pytest.mark.parametrize("worker", [None, "gw3"])
def test_the_short_form_is_the_line_of_the_table(
    tmp_path: Path, nodeid: str, worker: str | None
) -> None:
    one = attempt(nodeid, worker=worker, started_s=1.5)
    identity = Identity(TestKey(nodeid), function_of_key(nodeid))
    durations = {"setup": 0.001, "call": 0.1, "teardown": 0.001}
    writer = JournalWriter.create(tmp_path, run(1))
    assert writer.has_short_form
    writer.attempt(one)
    writer.passed(nodeid, identity, one.started_s, durations, worker)
    writer.close()
    _, long, short = writer.path.read_text("utf-8").splitlines()
    assert short == long


def test_the_lines_of_a_session_have_the_fields_of_the_table(tmp_path: Path) -> None:
    writer = JournalWriter.create(tmp_path, Run("0" * 32, 1.0))
    writer.collection(2, 1)
    writer.plan(plan_lines(sharded_plan({"a.py::x": 1}), 1, 1, None))
    writer.plan(queue_lines("7", "1", 0, "digest"))
    writer.plan(lines_of_tests("queued", ["a.py::x"]))
    writer.plan(batch_lines(3, 0.5))
    writer.plan(
        selection_lines(RunSelection("on", "budget:1m", None, None, 1, 0.5, frozenset({"a.py::x"})))
    )
    writer.words([("a.py", "area:2 @side:1")])
    writer.plan(forecast_lines(Prediction("shipped", [Foreseen("a.py::x", 0.1, 1.0)])))
    writer.attempt(attempt("a.py::x", "failed", number=2, worker="gw0", failure=failure()))
    writer.uses(session_uses({"a.py::x": ["src/a.py", "src/a.py::area"]}))
    writer.end(1.0, 0, complete=True)
    writer.close()
    kinds = {kind.name: kind for kind in KINDS}
    written = {line["kind"]: line.keys() - {"kind"} for line in lines_of(writer.path)}
    assert written.keys() == kinds.keys()
    for name, fields in written.items():
        known = {field.name for field in kinds[name].fields}
        needed = {field.name for field in kinds[name].fields if not field.is_optional}
        assert needed <= fields <= known, name


@pytest.mark.parametrize("kind", [ATTEMPT, COLLECTION, END, PLAN, VERDICTS], ids=lambda k: k.name)
def test_a_field_that_is_missing_is_named(kind: Kind) -> None:
    needed = next(field.name for field in kind.fields if not field.is_optional)
    with pytest.raises(KeyError, match=needed):
        kind.read({})
