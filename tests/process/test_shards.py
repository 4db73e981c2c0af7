"""Shards in processes of their own, and the proof that no test was lost between them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_nexus.domain.wording import counted
from tests.support.messages import assert_message
from tests.support.shards import N_TESTS, SUITE, TEN, N, Shards, github, planned, ran, shard_with

if TYPE_CHECKING:
    from pathlib import Path

WAITS = """
    import pathlib, time

    def test_{name}():
        here = pathlib.Path(__file__).parent
        if (here / "wait").exists():
            (here / "waiting").touch()
            time.sleep(100)
"""


@pytest.fixture
def shards(tmp_path: Path) -> Shards:
    return Shards(tmp_path).learn()


def test_shards_in_processes_of_their_own_run_every_test_once(shards: Shards) -> None:
    results = shards.run_all()

    assert len(ran(results)) == len(set(ran(results))) == N_TESTS
    assert sorted(result.exit_status for result in results) == [0, 0, 1]
    assert shards.verify() == (0, f"{N} shards, {N_TESTS} tests collected, each ran exactly once\n")


def test_shards_without_any_history_run_every_test_once(tmp_path: Path) -> None:
    shards = Shards(tmp_path)
    shards.run_all()

    assert shards.verify()[0] == 0


def test_deleted_journal_is_a_missing_shard(shards: Shards) -> None:
    results = shards.run_all()
    shards.journal("2of3").unlink()

    status, said = shards.verify()

    assert status == 1
    assert "there is no journal of shard 2 of 3" in said
    lost = counted(len(results[1].order), "test")
    assert f"{lost} of shard 2, which is missing, ran in no shard:" in said


def test_killed_shard_is_named_with_what_it_did_not_run(tmp_path: Path) -> None:
    shards = Shards(tmp_path, {f"test_{n}.py": WAITS.format(name=n) for n in range(6)})
    copy = shards.copy("1of2", {"wait": ""})
    with copy.start("--nexus-shard=1/2") as running:
        running.wait_for("waiting")
        running.kill()
    shards.run("2/2")

    status, said = shards.verify()

    assert status == 1
    assert f"shard 1 was killed: {shards.journal('1of2').name} has no end" in said
    assert "3 tests of shard 1, which was killed, ran in no shard:" in said


def test_killed_controller_of_workers_is_a_killed_shard(tmp_path: Path) -> None:
    shards = Shards(tmp_path, {f"test_{n}.py": WAITS.format(name=n) for n in range(6)})
    copy = shards.copy("1of2", {"wait": ""})
    with copy.start("-n2", "--nexus-shard=1/2") as running:
        running.wait_for("waiting")
        running.kill()
    shards.run("2/2")

    status, said = shards.verify()

    assert status == 1
    assert "shard 1 was killed" in said


def test_plan_of_another_width_is_refused_before_any_test(shards: Shards) -> None:
    plan = shards.plan(4)

    results = shards.run_all(5, f"--nexus-plan={plan}")

    assert {result.exit_status for result in results} == {pytest.ExitCode.USAGE_ERROR}
    assert ran(results) == []
    for result in results:
        assert_message(result.stderr, "NX451", "4 shards", "one of 5", "--shards 5")
    assert "no journal of a sharded run was given" in shards.verify()[1]


def test_pinned_plan_without_a_shard_is_refused(shards: Shards) -> None:
    result = shards.copy("whole").run(f"--nexus-plan={shards.plan(4)}")

    assert result.exit_status == pytest.ExitCode.USAGE_ERROR
    assert_message(result.stderr, "NX451", "4 shards", "one of 1")


def test_shards_of_different_widths_prove_nothing(shards: Shards) -> None:
    environment = github("7", 1)
    for k in (1, 2, 3, 4):
        shards.run(f"{k}/4", env=environment)
    shards.run("5/5", env=environment)

    status, said = shards.verify()

    assert status == 1
    assert "the shards have different widths: shards 1, 2, 3, 4 of 4; shard 5 of 5" in said


def test_plan_with_more_shards_than_jobs_is_found_out(shards: Shards) -> None:
    for k in (1, 2, 3, 4):
        shards.run(f"{k}/5")

    status, said = shards.verify()

    assert status == 1
    assert "there is no journal of shard 5 of 5" in said


def test_shard_that_collects_another_suite_is_found_out(shards: Shards) -> None:
    shards.run("1/2", env=github("7", 1))
    copy = shards.copy("2of2", {"test_new.py": "def test_new(): pass"})
    copy.run("--nexus-shard=2/2", env=github("7", 1))

    status, said = shards.verify()

    assert status == 1
    assert "shard 1 did not collect 1 test that others did: test_new.py::test_new" in said


def test_rerun_of_a_failed_job_counts_as_the_same_run(shards: Shards) -> None:
    shards.run_all(env=github("7", 1))
    first = shards.journal("2of3").name
    shards.run("2/3", name="again", env=github("7", 2))

    status, said = shards.verify()

    assert status == 0
    assert f"shard 2: {shards.journal('again').name} replaces {first}" in said


def test_rerun_of_a_killed_job_completes_the_proof(shards: Shards) -> None:
    shards.run_all(env=github("7", 1))
    journal = shards.journal("2of3")
    lines = journal.read_text("utf-8").splitlines(keepends=True)
    journal.write_text("".join(lines[:-2]), "utf-8")
    assert shards.verify()[0] == 1

    shards.run("2/3", name="again", env=github("7", 2))

    assert shards.verify()[0] == 0


def test_rerun_with_a_newer_history_and_no_pinned_plan_is_found_out(tmp_path: Path) -> None:
    slow = "import time\ndef test_slow(): time.sleep(0.5)\n"
    shards = Shards(tmp_path, {**SUITE, "test_slow.py": slow})  # nothing is known of any test
    shards.run_all(env=github("7", 1))
    shards.learn()
    shards.run("2/3", name="again", env=github("7", 2))

    status, said = shards.verify()

    assert status == 1
    assert "the shards ran different plans" in said


def test_rerun_with_a_newer_history_follows_the_pinned_plan(tmp_path: Path) -> None:
    slow = "import time\ndef test_slow(): time.sleep(0.5)\n"
    shards = Shards(tmp_path, {**SUITE, "test_slow.py": slow})
    pinned = f"--nexus-plan={shards.plan(N)}"
    shards.run_all(N, pinned, env=github("7", 1))
    shards.learn()
    shards.run("2/3", pinned, name="again", env=github("7", 2))

    assert shards.verify()[0] == 0


def test_other_run_of_the_same_shards_is_not_mixed_in(shards: Shards) -> None:
    shards.run("1/2", name="old", env=github("7", 1))
    for k in (1, 2):
        shards.run(f"{k}/2", env=github("8", 1))

    assert shards.verify()[0] == 0
    assert shards.verify("--run=7")[0] == 1


@pytest.mark.parametrize("dist", ["load", "loadfile", "loadscope", "loadgroup"])
def test_shard_with_workers_follows_the_same_plan(shards: Shards, dist: str) -> None:
    workers = shards.run("1/2", "-n2", f"--dist={dist}")
    single = shards.run("2/2")

    assert planned(workers)["plan"] == planned(single)["plan"]
    assert len(set(ran([workers, single]))) == N_TESTS
    assert shards.verify()[0] == 0


@pytest.mark.parametrize("arguments", [("-n0",), ("-n1",), ("-p", "no:xdist")])
def test_shard_runs_with_few_workers_and_without_xdist(
    shards: Shards, arguments: tuple[str, ...]
) -> None:
    results = shards.run_all(2, *arguments)

    assert len(ran(results)) == N_TESTS
    assert shards.verify()[0] == 0


def test_pinned_plan_puts_a_new_test_into_one_shard_and_says_so(shards: Shards) -> None:
    plan = shards.plan(N)
    shards.origin.write({"test_new.py": "def test_new(): pass"})

    results = shards.run_all(N, f"--nexus-plan={plan}")

    assert len(shard_with(results, "test_new.py")) == 1
    for result in results:
        assert_message(result.said, "NX212", "1 test is", "test_new.py::test_new")
    assert shards.verify()[0] == 0


def test_pinned_plan_names_a_test_that_vanished(shards: Shards) -> None:
    plan = shards.plan(N)
    (shards.origin.root / "test_a.py").unlink()
    shards.origin.write({"test_a.py": TEN.format(name="a").replace("range(10)", "range(9)")})

    results = shards.run_all(N, f"--nexus-plan={plan}")

    assert_message(results[0].said, "NX213", "1 test is", "test_a.py::test_a[9]")
    assert len(ran(results)) == N_TESTS - 1
    assert shards.verify()[0] == 0


def test_pinned_plan_holds_for_workers_too(shards: Shards) -> None:
    pinned = f"--nexus-plan={shards.plan(2)}"

    one, two = shards.run("1/2", pinned, "-n2"), shards.run("2/2", pinned)

    assert planned(one)["plan"] == planned(two)["plan"]
    assert shards.verify()[0] == 0
