from __future__ import annotations

import json

import pytest

from pytest_nexus.errors import JournalError
from pytest_nexus.journal.sessions import read_session
from tests.support.shard_journals import ShardRuns, sharded_plan


@pytest.fixture
def journal(tmp_path):
    return ShardRuns(tmp_path).write(sharded_plan({"a.py::x": 1, "a.py::y": 1}), 1, 1)


def marked(path, value):
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    next(line for line in lines if line["kind"] == "attempt")["quarantined"] = value
    text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)
    path.write_text(text)
    return read_session(path)


def test_session_has_its_shard_and_its_attempts(journal):
    session = read_session(journal)
    assert (session.shard.shard, session.shard.n_shards) == (1, 1)
    assert [one.nodeid for one in session.attempts] == ["a.py::x", "a.py::y"]
    assert session.quarantined == frozenset()


def test_mark_of_quarantine_is_read(journal):
    assert marked(journal, value=True).quarantined == {"a.py::x"}


@pytest.mark.parametrize("value", [False, 1, "yes", None])
def test_only_true_is_a_mark(journal, value):
    assert marked(journal, value).quarantined == frozenset()


def test_damaged_line_with_a_mark_is_passed_over(journal):
    with journal.open("a") as file:
        file.write('{"kind":"attempt","quarantined":true,\n["quarantined":true]\n')
    assert read_session(journal).quarantined == frozenset()


def test_missing_journal_is_an_error(tmp_path):
    with pytest.raises(JournalError):
        read_session(tmp_path / "x.jsonl")
