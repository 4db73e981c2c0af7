"""Sessions with `nexus_select = affected`: what runs, what is left out, and what is said of it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from pytest_nexus.domain.dependencies import Dependency
from pytest_nexus.impact.current_contents import CurrentContents
from pytest_nexus.impact.present.block_cache import BlockCache
from tests.support.messages import assert_message
from tests.support.project import Project, Result
from tests.support.repository import Repository, init

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pytest_nexus.domain.dependencies import DependencyKind

WAYS = pytest.mark.parametrize("way", [(), ("-n", "2")], ids=["plain", "workers"])
APP = """
    def f():
        return 1

    def g():
        return 2
"""
SUITE = {
    "app.py": APP,
    "data/in.json": "{}",
    "test_app.py": """
        import json
        import pytest
        import app

        def test_f():
            assert app.f()

        def test_g():
            assert app.g()

        def test_data():
            with open("data/in.json") as file:
                json.load(file)

        @pytest.mark.nexus_always
        def test_always():
            pass
    """,
}
USES = {
    "test_f": [("block", "app.py::f")],
    "test_g": [("block", "app.py::g")],
    "test_data": [("file", "data/in.json")],
    "test_always": [],
}
ALL = sorted(USES)


class Told:
    """A project in git with a first run, and what that run's tests used.

    Args:
        root: of the project.
        files: of the project.
        uses: what each test uses besides its own function and the module level of its file.
    """

    def __init__(
        self,
        root: Path,
        files: Mapping[str, str] = SUITE,
        uses: Mapping[str, Sequence[tuple[DependencyKind, str]]] = USES,
    ) -> None:
        self.project = Project(root / "project", files)
        self.repository: Repository = init(self.project.root)
        self.commit = self.repository.commit()
        first = self.project.run("-p", "nexus_told_uses")
        assert first.exit_status == 0, first.stdout
        self.tell(first, uses)

    def tell(self, run: Result, uses: Mapping[str, Sequence[tuple[DependencyKind, str]]]) -> None:
        """Write down what the tests of a run used, as it is now."""
        now = CurrentContents(self.project.root, {}, {}, lambda _: "", BlockCache(None))
        told = {}
        for attempt in run.attempts:
            file, _, name = attempt["nodeid"].partition("::")
            function = name.partition("[")[0]
            whole = [("module", file), ("block", f"{file}::{function}"), *uses[function]]
            wanted = (Dependency(kind, each, "") for kind, each in whole)  # type: ignore[arg-type] # kinds
            told[attempt["nodeid"]] = [one._replace(digest=now.digest(one)) for one in wanted]
        (stored,) = self.project.runs()
        content = {
            "tests": told,
            "run_uid": stored.run.run_uid,
            "commit": stored.run.change.commit,
            "at": stored.run.started_at,
        }
        path = self.project.history_path.with_name("told.json")
        path.write_text(json.dumps(content), encoding="utf-8")

    def run(self, *arguments: str, **more: Any) -> Result:
        return self.project.run(
            "-p", "nexus_told_uses", "--nexus-select=affected", *arguments, **more
        )


@pytest.fixture
def told(tmp_path: Path) -> Told:
    return Told(tmp_path)


def verdicts(result: Result) -> dict[str, str]:
    """The reasons in the journal of the tests that were left out."""
    return {
        nodeid.rpartition("::")[2]: line["reason"]
        for line in result.journal
        if line["kind"] == "verdicts" and line["action"] == "reuse"
        for nodeid in line["tests"]
    }


@WAYS
def test_tests_of_which_nothing_changed_are_left_out(told: Told, way: tuple[str, ...]) -> None:
    result = told.run(*way)
    assert result.names == ["test_always"]
    assert result.exit_status == 0
    assert "1 passed, 3 deselected" in result.stdout
    assert any("3 tests left out (passed with the same code)" in line for line in result.said)
    same = f"passed at {told.commit[:7]} with the same"
    assert verdicts(result) == {
        "test_f": f"{same} 2 blocks, 1 module",
        "test_g": f"{same} 2 blocks, 1 module",
        "test_data": f"{same} 1 block, 1 module, 1 file",
    }


@WAYS
def test_the_run_counts_as_a_selection_and_teaches_nothing(
    told: Told, way: tuple[str, ...]
) -> None:
    told.run(*way)
    _, stored = told.project.runs()
    assert stored.run.selected_by == ("nexus-reuse",)
    assert (stored.run.n_collected, stored.run.n_selected) == (4, 1)
    assert (stored.n_tests, stored.run.complete) == (1, True)


@pytest.mark.parametrize(
    ("path", "text", "names"),
    [
        ("app.py", APP.replace("return 1", "return 3"), ["test_always", "test_f"]),
        ("app.py", APP + "    # nothing\n", ["test_always"]),
        ("data/in.json", "[]", ["test_always", "test_data"]),
        ("data/new.json", "[]", ["test_always", "test_data"]),
        ("notes.txt", "x", ALL),
        ("conftest.py", "", ALL),
        ("test_app.py", SUITE["test_app.py"] + "\n        VALUE = 1\n", ALL),
        ("test_app.py", SUITE["test_app.py"].replace("json.load(file)", "file.read()"),
         ["test_always", "test_data"]),
    ],
    ids=["function", "comment", "data", "new data", "new in unknown folder", "conftest", "constant",
         "test"],
)  # fmt: skip
def test_what_a_change_reaches_runs_and_nothing_else(
    told: Told, path: str, text: str, names: list[str]
) -> None:
    told.project.write({path: text})
    assert sorted(told.run().names) == names


def test_a_new_test_runs_and_the_others_are_left_out(told: Told) -> None:
    told.project.write({"test_new.py": "def test_new(): pass"})
    assert sorted(told.run().names) == ["test_always", "test_new"]


def test_a_deleted_data_file_runs_its_test(told: Told) -> None:
    (told.project.root / "data" / "in.json").unlink()
    assert sorted(told.run().names) == ["test_always", "test_data"]


def test_a_test_that_failed_last_time_runs_until_it_passes(told: Told) -> None:
    told.project.write({"app.py": APP.replace("return 1", "return 0")})
    assert told.run().exit_status == 1
    told.project.write({"app.py": APP})
    assert sorted(told.run().names) == ["test_always", "test_f"]
    assert told.run().names == ["test_always"]


def test_if_everything_is_known_nothing_runs_and_the_session_succeeds(tmp_path: Path) -> None:
    told = Told(tmp_path, {"test_a.py": "def test_a(): pass"}, {"test_a": []})
    for way in ((), ("-n", "2")):
        result = told.run(*way)
        assert (result.names, result.exit_status) == ([], 0), result.stdout


@WAYS
def test_each_shard_leaves_out_the_same_and_it_is_proved(told: Told, way: tuple[str, ...]) -> None:
    told.project.write({"app.py": APP.replace("return 1", "return 3")})
    ran = []
    for shard in (1, 2):
        result = told.run(*way, f"--nexus-shard={shard}/2", "--no-nexus-ingest")
        assert result.exit_status == 0
        ran += result.names
    assert sorted(ran) == ["test_always", "test_f"]
    done = told.project.nexus("verify", *map(str, told.project.journals))
    assert (
        "2 ran exactly once, the rest were left: 2 passed before with the same code" in done.stdout
    )
    assert done.returncode == 0


def test_a_named_test_is_left_out_too(told: Told) -> None:
    result = told.run("test_app.py::test_f", "test_app.py::test_always")
    assert result.names == ["test_always"]


def test_it_holds_where_the_order_is_off(told: Told) -> None:
    assert told.run("--nexus-order=off").names == ["test_always"]


def test_without_the_option_all_run(told: Told) -> None:
    assert sorted(told.project.run("-p", "nexus_told_uses").names) == ALL


def test_where_xdist_schedules_all_run_and_it_is_said(told: Told) -> None:
    result = told.run("-n", "2", "--nexus-dist=off")
    assert sorted(result.names) == ALL
    assert_message(result.said, "NX237")


def test_where_nothing_is_known_all_run_and_it_is_said(tmp_path: Path) -> None:
    project = Project(tmp_path / "project", SUITE)
    for _ in range(2):
        result = project.run("--nexus-select=affected")
        assert sorted(result.names) == ALL
        assert_message(result.said, "NX232")


def test_outside_git_all_run_and_it_is_said(told: Told) -> None:
    (told.project.root / ".git").rename(told.project.root / "git.off")
    result = told.run()
    assert sorted(result.names) == ALL
    assert_message(result.said, "NX233")


def test_a_commit_that_is_not_here_runs_its_tests_and_it_is_said(told: Told) -> None:
    path = told.project.history_path.with_name("told.json")
    path.write_text(path.read_text("utf-8").replace(told.commit, "1" * 40), encoding="utf-8")
    result = told.run()
    assert sorted(result.names) == ALL
    assert_message(result.said, "NX234", "3 tests")


CI = {
    "CI": "true",
    "GITHUB_ACTIONS": "true",
    "GITHUB_RUN_ID": "7",
    "GITHUB_REF_TYPE": "branch",
}


@pytest.mark.parametrize(
    ("environ", "is_whole"),
    [
        ({"GITHUB_EVENT_NAME": "push", "GITHUB_REF_NAME": "main"}, True),
        ({"GITHUB_EVENT_NAME": "push", "GITHUB_REF_NAME": "feature"}, False),
        ({"GITHUB_EVENT_NAME": "schedule", "GITHUB_REF_NAME": "feature"}, True),
        ({"GITHUB_EVENT_NAME": "merge_group", "GITHUB_REF_NAME": "queue"}, True),
        ({"GITHUB_EVENT_NAME": "pull_request", "GITHUB_BASE_REF": "main",
          "GITHUB_HEAD_REF": "main"}, False),
    ],
    ids=["default branch", "branch", "nightly", "queue", "pull request"],
)  # fmt: skip
def test_the_default_branch_queues_and_schedules_run_all_tests(
    told: Told, environ: dict[str, str], is_whole: bool
) -> None:
    told.project.write({"pytest.ini": "[pytest]\nnexus_select = affected\n"})
    result = told.project.run("-p", "nexus_told_uses", env={**CI, **environ})
    assert sorted(result.names) == (ALL if is_whole else ["test_always"])
    if is_whole:
        assert_message(result.said, "NX231")


def test_the_command_line_decides_in_any_branch(told: Told) -> None:
    environ = {**CI, "GITHUB_EVENT_NAME": "push", "GITHUB_REF_NAME": "main"}
    assert told.run(env=environ).names == ["test_always"]


def test_an_error_in_the_decision_costs_a_line_and_all_run(told: Told) -> None:
    told.project.history_path.with_name("told.json").write_text("{}")
    result = told.run()
    assert sorted(result.names) == ALL
    assert_message(result.said, "NX222", "the reuse of results")


# Plugins


def test_a_plugin_leaves_out_first_and_may_insist_on_a_run(told: Told) -> None:
    told.project.write(
        {
            "conftest.py": """
                from pytest_nexus import Verdict

                def pytest_nexus_select(plan):
                    names = [one.test.nodeid.rpartition("::")[2] for one in plan.tests]
                    return {
                        names.index("test_f"): Verdict("run", "a plugin insists"),
                        names.index("test_always"): Verdict("leave", "a plugin does not want it"),
                    }
            """
        }
    )
    told.repository.commit()
    path = told.project.history_path.with_name("told.json")
    head = told.repository.git("rev-parse", "HEAD")
    path.write_text(path.read_text("utf-8").replace(told.commit, head), encoding="utf-8")
    result = told.run()
    assert result.names == ["test_f"]
    assert "1 passed, 3 deselected" in result.stdout
    _, stored = told.project.runs()
    assert stored.run.selected_by == ("nexus-select", "nexus-reuse")


# Audit

HIDDEN = {
    "test_many.py": """
        import pathlib
        import pytest

        @pytest.mark.parametrize("n", range(12))
        def test_it(n):
            assert not (pathlib.Path(__file__).parent / ".nexus" / "hidden").exists()
    """
}


@pytest.fixture
def audited(tmp_path: Path) -> Told:
    """Twelve tests that depend on something that nexus does not see."""
    return Told(tmp_path, HIDDEN, {"test_it": []})


@WAYS
def test_a_sample_of_what_is_left_out_runs(audited: Told, way: tuple[str, ...]) -> None:
    result = audited.run(*way)
    assert len(result.names) == 5
    assert any(
        "7 tests left out" in line and "5 more ran as an audit" in line for line in result.said
    )
    assert sorted(audited.run(*way).names) == sorted(result.names)


def test_all_shards_audit_the_same_tests(audited: Told) -> None:
    ran = []
    for shard in (1, 2):
        ran += audited.run(f"--nexus-shard={shard}/2", "--no-nexus-ingest").names
    assert sorted(ran) == sorted(audited.run().names)


@WAYS
def test_a_failed_audit_ends_the_reuse_until_it_is_switched_on(
    audited: Told, way: tuple[str, ...]
) -> None:
    project = audited.project
    (project.root / ".nexus" / "hidden").touch()
    result = audited.run(*way)
    assert result.exit_status == 1
    assert result.said[1].startswith("failed: audit of test_many.py::test_it[")
    assert_message(result.said, "NX235", "and 4 more")
    stored = project.runs()[-1].run
    assert stored.selected_by[0] == "nexus-reuse"
    assert len(stored.selected_by) == 6
    (project.root / ".nexus" / "hidden").unlink()
    again = audited.run(*way)
    assert len(again.names) == 12
    assert_message(again.said, "NX236", "failed in an audit")
    assert "off since" in project.nexus("reuse").stdout
    told = project.nexus("reuse", "audit").stdout
    assert "5 tests failed in an audit" in told
    assert f"  failed at {audited.commit[:7]} on main" in told
    assert project.nexus("reuse", "on").stdout == "results are reused again\n"
    assert len(audited.run(*way).names) == 5 + 3  # those that flaked, and an audit of the others


def test_what_an_audit_found_travels_with_the_journals(audited: Told, tmp_path: Path) -> None:
    project = audited.project
    (project.root / ".nexus" / "hidden").touch()
    audited.run("--no-nexus-ingest")
    elsewhere = Project(tmp_path / "elsewhere")
    done = elsewhere.nexus("history", "import", *map(str, project.journals))
    assert done.returncode == 0
    elsewhere.nexus("history", "export", "slim.sqlite3", "--slim")
    told = elsewhere.nexus("reuse", "status", "--json", "--history", "slim.sqlite3").stdout
    status = json.loads(told)
    assert status["on"] is False
    assert status["miss"]["test"].startswith("test_many.py::test_it[")


def test_a_user_may_switch_it_off(told: Told) -> None:
    assert told.project.nexus("reuse", "off").returncode == 0
    result = told.run()
    assert sorted(result.names) == ALL
    assert_message(result.said, "NX236", "switched off")
    assert told.project.nexus("reuse").stdout.startswith("off since")
    told.project.nexus("reuse", "on")
    assert told.run().names == ["test_always"]
    assert told.project.nexus("reuse").stdout.startswith("on since")


# Commands

AS_TOLD = """
import sys, nexus_told_uses
from pytest_nexus.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


def command(told: Told, *arguments: str) -> str:
    """What a command prints that is told what the tests use."""
    done = subprocess.run(
        [sys.executable, "-c", AS_TOLD, *arguments],
        cwd=told.project.root,
        env=told.project.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_a_plan_selects_first_and_divides_then(told: Told) -> None:
    told.project.write({"app.py": APP.replace("return 1", "return 3")})
    said = command(
        told, "plan", "--shards=2", "--output=plan.json", "--", "--nexus-select=affected"
    )
    assert "2 tests left out: passed with the same code" in said
    assert "1 test to run: app.py::f changed" in said
    assert "1 test to run: marked nexus_always" in said
    (told.project.root / ".nexus" / "told.json").unlink()
    ran = []
    for shard in (1, 2):
        result = told.project.run(
            "--nexus-plan=plan.json", f"--nexus-shard={shard}/2", "--no-nexus-ingest"
        )
        assert any("2 tests left out" in line for line in result.said)
        ran += result.names
    assert sorted(ran) == ["test_always", "test_f"]
    done = told.project.nexus("verify", *map(str, told.project.journals))
    assert "2 ran exactly once, the rest were left: 2 passed before with the same" in done.stdout


def test_a_plan_follows_the_ini_file(told: Told) -> None:
    assert "left out" not in command(told, "plan", "--shards=2")
    told.project.write({"pytest.ini": "[pytest]\nnexus_select = affected\n"})
    assert "3 tests left out" in command(told, "plan", "--shards=2")


def test_explain_says_why_a_test_runs_or_does_not(told: Told) -> None:
    told.project.write({"app.py": APP.replace("return 1", "return 3")})
    asked = ("--", "--nexus-select=affected")
    said = command(told, "explain", "test_app.py::test_f", *asked)
    assert "It runs under nexus_select = affected: app.py::f changed." in said
    said = command(told, "explain", "test_app.py::test_g", *asked)
    same = f"it passed at {told.commit[:7]} with the same 2 blocks, 1 module."
    assert f"It is left out under nexus_select = affected: {same}" in said
    assert "nexus_select" not in command(told, "explain", "test_app.py::test_g")


def test_the_reasons_are_printed_at_the_end_if_asked_for(told: Told) -> None:
    result = told.run("--nexus-explain")
    assert "3 tests left out: passed with the same code" in result.said
    assert "1 test to run: marked nexus_always" in result.said
