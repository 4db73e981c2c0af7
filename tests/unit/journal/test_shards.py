from __future__ import annotations

import json

import pytest

from pytest_nexus.journal.reader import read_journal
from pytest_nexus.journal.shards import plan_lines, read_shard_journal
from pytest_nexus.journal.writer import MAX_LINE_BYTES
from pytest_nexus.plan.sharding.document import collection_digest
from tests.support.shard_journals import ShardRuns, sharded_plan


def test_what_is_written_is_read(tmp_path):
    plan = sharded_plan({"a.py::x": 1, "a.py::y": 2, "a.py::q": 0})
    path = ShardRuns(tmp_path).write(plan, 2, 2, attempt=3)
    journal = read_shard_journal(path)
    assert journal is not None
    assert (journal.shard, journal.n_shards, journal.ci_run, journal.run_attempt) == (2, 2, "77", 3)
    assert journal.plan == plan.digest
    assert journal.collection == collection_digest(["a.py::q", "a.py::x", "a.py::y"])
    assert journal.ran == {"a.py::y": 1}
    said = {(v.action, v.reason, v.shard): v.nodeids for v in journal.verdicts}
    assert said[("leave", "quarantined", None)] == ("a.py::q",)
    assert [key[2] for key in said if key[0] == "run"] == [1, 2]


def test_a_test_that_a_forecast_leaves_out_has_a_shard(tmp_path):
    plan = sharded_plan({"a.py::x": 1, "a.py::y": 0, "a.py::z": 0}, unlikely={"a.py::z": 2})
    journal = read_shard_journal(ShardRuns(tmp_path).write(plan, 1, 2))
    assert journal is not None
    left = {v.nodeids: v.shard for v in journal.verdicts if v.action == "leave"}
    assert left == {("a.py::y",): None, ("a.py::z",): 2}


def test_other_readers_pass_over_the_lines_of_shards(tmp_path):
    path = ShardRuns(tmp_path).write(sharded_plan({"a.py::x": 1}), 1, 1)
    journal = read_journal(path)
    assert (len(journal.attempts), journal.dropped, journal.run.complete) == (1, 0, True)


def test_a_session_without_shards_has_no_plan(tmp_path):
    path = ShardRuns(tmp_path).write(sharded_plan({"a.py::x": 1}), 1, 1, has_plan=False)
    assert read_shard_journal(path) is None


@pytest.mark.parametrize(
    "nodeid", ["a.py::x[" + "ä" * 4000, "a.py::x[" + "\U0001f600" * 4000, "\x00" * 4096]
)
def test_no_line_is_longer_than_readers_take(nodeid):
    plan = sharded_plan([(f"{nodeid[:4000]}{number}", 1) for number in range(300)])
    lines = list(plan_lines(plan, 1, 1, None))
    assert max(len(line.encode()) for line in lines) <= MAX_LINE_BYTES
    assert sum(len(json.loads(line).get("tests", ())) for line in lines) == 300


def test_long_and_strange_ids_still_match_their_digest(tmp_path):
    nodeid = "a.py::x[" + "x" * 5000 + "\ud800]"
    path = ShardRuns(tmp_path).write(sharded_plan({nodeid: 1}), 1, 1)
    journal = read_shard_journal(path)
    assert journal is not None
    assert collection_digest(journal.verdicts[0].nodeids) == journal.collection


@pytest.mark.parametrize(
    "line",
    [
        '{"kind":"plan"}',
        '{"kind":"plan","shard":3,"shards":2,"plan":"p","collection":"c","ci_run":null}',
        '{"kind":"plan","shard":1,"shards":100000,"plan":"p","collection":"c","ci_run":null}',
        '{"kind":"plan","shard":1,"shards":2,"plan":7,"collection":"c","ci_run":null}',
        '{"kind":["plan"]}',
        '"plan"',
        '["verdicts"]',
        '{"kind":"verdicts","action":"skip","reason":"","tests":[]}',
        '{"kind":"verdicts","action":"run","reason":"","tests":[7]}',
        '{"kind":"verdicts","action":"run","reason":"","shard":0,"tests":[]}',
        json.dumps({"kind": "verdicts", "action": "run", "reason": "", "tests": ["x"] * 201}),
        '{"kind":"verdicts","reason":"' + "x" * MAX_LINE_BYTES + '"}',
        '{"kind":"plan"' + "[" * 5000,
    ],
)
def test_hostile_lines_are_passed_over(tmp_path, line):
    path = ShardRuns(tmp_path).write(sharded_plan({"a.py::x": 1}), 1, 1)
    head, _, rest = path.read_text().partition("\n")
    path.write_text(f"{head}\n{line}\n{rest}")
    journal = read_shard_journal(path)
    assert journal is not None
    assert [verdicts.nodeids for verdicts in journal.verdicts] == [("a.py::x",)]
