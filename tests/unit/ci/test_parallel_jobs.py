from __future__ import annotations

import pytest

from pytest_nexus.ci.parallel_jobs import parse_shard, shard_of
from pytest_nexus.errors import OptionError


@pytest.mark.parametrize(
    ("index", "total", "first"),
    [
        ("CI_NODE_INDEX", "CI_NODE_TOTAL", 1),
        ("CIRCLE_NODE_INDEX", "CIRCLE_NODE_TOTAL", 0),
        ("BUILDKITE_PARALLEL_JOB", "BUILDKITE_PARALLEL_JOB_COUNT", 0),
        ("BITBUCKET_PARALLEL_STEP", "BITBUCKET_PARALLEL_STEP_COUNT", 0),
        ("SEMAPHORE_JOB_INDEX", "SEMAPHORE_JOB_COUNT", 1),
        ("SYSTEM_JOBPOSITIONINPHASE", "SYSTEM_TOTALJOBSINPHASE", 1),
    ],
)
def test_the_jobs_of_each_ci_are_counted_from_one(index, total, first):
    found = [shard_of({index: str(first + job), total: "3"}) for job in range(3)]
    assert found == [(1, 3), (2, 3), (3, 3)]
    with pytest.raises(OptionError, match=index):
        shard_of({index: str(first + 3), total: "3"})
    with pytest.raises(OptionError, match="NX103"):
        shard_of({index: str(first - 1), total: "3"})


@pytest.mark.parametrize(
    "environ",
    [{}, {"GITHUB_ACTIONS": "true"}, {"CI_NODE_TOTAL": "1"}, {"CIRCLE_NODE_INDEX": "0"}],
)
def test_without_parallel_jobs_there_is_no_shard(environ):
    assert shard_of(environ) is None


@pytest.mark.parametrize("index", ["x", "1.5", "²", "1" * 5000])
def test_an_index_that_is_no_number_is_named(index):
    with pytest.raises(OptionError, match="CircleCI"):
        shard_of({"CIRCLE_NODE_INDEX": index, "CIRCLE_NODE_TOTAL": "4"})


@pytest.mark.parametrize("text", ["1/1", " 2 / 5 ", "1000/1000"])
def test_a_shard_is_parsed(text):
    assert parse_shard(text) == tuple(int(part) for part in text.split("/"))


@pytest.mark.parametrize(
    "text", ["", "2", "0/5", "6/5", "-1/5", "1/0", "1/5/2", "a/b", "1/1001", "1.0/5", "²/5"]
)
def test_what_is_no_shard_is_refused_with_the_rule(text):
    with pytest.raises(OptionError, match="1 <= K <= N <= 1000"):
        parse_shard(text)
