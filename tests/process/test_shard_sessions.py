"""What one shard does: when it is empty, shuffled, numbered by a CI, or cannot be run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.support.messages import assert_message
from tests.support.shards import N_TESTS, SUITE, N, Shards, github, planned, ran, shard_with

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("forked_sessions")


@pytest.fixture
def shards(tmp_path: Path) -> Shards:
    return Shards(tmp_path).learn()


@pytest.mark.parametrize("arguments", [(), ("-n2",)], ids=["plain", "workers"])
def test_empty_shard_is_no_failure_and_says_so(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    shards = Shards(tmp_path, {"test_a.py": "def test_a(): pass"})

    results = shards.run_all(2, *arguments)

    assert [result.exit_status for result in results] == [0, 0]
    (empty,) = [result for result in results if not result.order]
    assert_message(empty.said, "NX211", "of 2")
    assert shards.verify()[0] == 0


@pytest.mark.parametrize("arguments", [(), ("-n2",)], ids=["plain", "workers"])
def test_empty_collection_is_one_in_a_shard_too(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    shards = Shards(tmp_path, {"test_a.py": ""})

    result = shards.run("1/2", *arguments)

    assert result.exit_status == pytest.ExitCode.NO_TESTS_COLLECTED


def test_shards_shuffled_with_unequal_seeds_lose_nothing(shards: Shards) -> None:
    companions = ("randomly",)
    results = [
        shards.run(f"{k}/{N}", f"--randomly-seed={k}", companions=companions)
        for k in range(1, N + 1)
    ]

    assert len(ran(results)) == len(set(ran(results))) == N_TESTS
    assert shards.verify()[0] == 0


@pytest.mark.parametrize("n", [2, 5])
def test_group_and_class_stay_in_one_shard(tmp_path: Path, n: int) -> None:
    # A class that takes longer than the fair share would be cut: its tests take no time, but a
    # machine under load may measure some. Only its fixture takes time here.
    slow = SUITE["test_c.py"].replace("                pass", "                time.sleep(0.5)", 1)
    files = {**SUITE, "test_c.py": f"{slow}\n        import time\n"}
    results = Shards(tmp_path, files).learn().run_all(n)

    assert len(shard_with(results, "test_in_")) == 1
    assert len(shard_with(results, "TestShared")) == 1


JOBS = [
    {"CI_NODE_INDEX": "{one}", "CI_NODE_TOTAL": "2"},
    {"CIRCLE_NODE_INDEX": "{zero}", "CIRCLE_NODE_TOTAL": "2"},
    {"BUILDKITE_PARALLEL_JOB": "{zero}", "BUILDKITE_PARALLEL_JOB_COUNT": "2"},
    {"BITBUCKET_PARALLEL_STEP": "{zero}", "BITBUCKET_PARALLEL_STEP_COUNT": "2"},
]


@pytest.mark.parametrize("variables", JOBS, ids=["gitlab", "circleci", "buildkite", "bitbucket"])
def test_shard_is_as_the_ci_numbers_its_jobs(shards: Shards, variables: dict[str, str]) -> None:
    results = []
    for k in (1, 2):
        job = {name: text.format(one=k, zero=k - 1) for name, text in variables.items()}
        results.append(shards.copy(f"{k}of2").run("--nexus-shard=auto", env=job))

    assert [planned(result)["shard"] for result in results] == [1, 2]
    assert shards.verify()[0] == 0


@pytest.mark.parametrize("arguments", [(), ("-n2",)], ids=["plain", "workers"])
def test_run_of_a_shard_is_recorded_as_a_part_of_the_suite(
    shards: Shards, arguments: tuple[str, ...]
) -> None:
    copy = shards.copy("1of2")
    result = copy.run("--nexus-shard=1/2", *arguments)

    newest = copy.runs()[-1].run
    assert newest.complete
    assert newest.selected_by == ("--nexus-shard",)
    assert (newest.n_collected, newest.n_selected) == (N_TESTS, len(result.attempts))


def test_header_names_the_shard_and_a_pinned_plan(shards: Shards) -> None:
    pinned = f"--nexus-plan={shards.plan(2)}"

    assert "; shard 1/2; " in shards.run("1/2").said[0]
    assert "; shard 2/2 of a pinned plan; " in shards.run("2/2", pinned).said[0]


def test_shard_may_come_from_the_environment(shards: Shards) -> None:
    result = shards.copy("1of2").run(env={"NEXUS_SHARD": "1/2"})

    assert (planned(result)["shard"], planned(result)["shards"]) == (1, 2)


def test_auto_outside_any_ci_runs_all_tests(shards: Shards) -> None:
    result = shards.copy("whole").run("--nexus-shard=auto")

    assert len(result.order) == N_TESTS
    assert [line["kind"] for line in result.journal].count("plan") == 0


@pytest.mark.parametrize("arguments", [(), ("-n2",)], ids=["plain", "workers"])
def test_auto_in_a_ci_that_numbers_no_jobs_says_that_all_tests_run(
    shards: Shards, arguments: tuple[str, ...]
) -> None:
    result = shards.copy("whole").run("--nexus-shard=auto", *arguments, env=github("7", 1))

    assert len(result.order) == N_TESTS
    assert_message(result.said, "NX210")


@pytest.mark.parametrize(
    ("arguments", "env", "complaint"),
    [
        (("--nexus-shard=5/4",), {}, "[NX102]"),
        (("--nexus-shard=0/4",), {}, "got '0/4'"),
        ((), {"NEXUS_SHARD": "two"}, "got 'two'"),
        (
            ("--nexus-shard=auto",),
            {"CI_NODE_INDEX": "3", "CI_NODE_TOTAL": "2"},
            "job CI_NODE_INDEX='3' of CI_NODE_TOTAL='2'",
        ),
        (("--nexus-shard=1/2", "--nexus-plan=none.json"), {}, "[NX104]"),
        (("--nexus-shard=1/2", "--nexus-plan=test_a.py"), {}, "[NX452]"),
        (("--nexus-shard=1/2", "--nexus-dist=off", "-n2"), {}, "[NX105]"),
        (("--nexus-shard=1/2", "--dist=each", "--tx=2*popen"), {}, "NX208"),
        (("--nexus-shard=1/2", "--nexus-dist=on"), {}, "--nexus-dist must be 'auto' or 'off'"),
    ],
)
def test_shard_that_cannot_be_run_is_a_usage_error(
    shards: Shards, arguments: tuple[str, ...], env: dict[str, str], complaint: str
) -> None:
    result = shards.copy("wrong").run(*arguments, env=env)

    assert result.exit_status == pytest.ExitCode.USAGE_ERROR
    assert complaint in result.stderr
    assert result.order == []


def test_plan_writes_what_the_shards_then_run(shards: Shards) -> None:
    document = json.loads(shards.plan(N).read_text("utf-8"))

    results = shards.run_all()

    shard_of = {test["nodeid"]: test["shard"] for test in document["tests"]}
    for shard, result in enumerate(results, 1):
        assert {shard_of[nodeid] for nodeid in result.order} == {shard}
    assert planned(results[0])["plan"] == document["plan"]
