"""Sessions with a confidence or a budget: what runs, what is left out, and what is said of it."""

from __future__ import annotations

import sqlite3
import sys
import time
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import pytest

from pytest_nexus.history.sqlite.selection_tables import StoredCut
from pytest_nexus.history.store import open_history
from pytest_nexus.plan.delivery.escape_guard import Guard, GuardedFile
from pytest_nexus.plan.selection.promise import FailingRun
from tests.support.messages import assert_message
from tests.support.project import Project, Result
from tests.support.repository import Repository, init

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

WAYS = pytest.mark.parametrize("way", [(), ("-n", "2")], ids=["plain", "workers"])
NAMES = "abcdefgh"
SELECT = "--nexus-select=confidence:90%"
GAP = 0.1
"""Tests that do not use the changed words have a gap of about 0.16, the one that does none."""

REASON = "unlikely to fail at confidence:90%"
SUITE = {
    "pytest.ini": "[pytest]\npythonpath = .\n",
    **{f"{name}.py": f"def value_{name}():\n    return 1\n" for name in NAMES},
    **{
        f"test_{name}.py": f"""
            from {name} import value_{name}

            def test_{name}():
                assert value_{name}() == 1
        """
        for name in NAMES
    },
}
ALL = sorted(f"test_{name}" for name in NAMES)


CI = {
    "CI": "true",
    "GITHUB_ACTIONS": "true",
    "GITHUB_RUN_ID": "7",
    "GITHUB_REF_TYPE": "branch",
    "GITHUB_EVENT_NAME": "push",
    "GITHUB_REF_NAME": "feature",
}
"""A branch in a CI. The id of the run decides about the sample, and this one draws no test."""

AT_HEAD = "--nexus-base=HEAD"
NO_REST = "--nexus-select-rest=never"
HEAD_OF_CI = {**CI, "NEXUS_BASE": "HEAD"}


class Promised:
    """A project in git with a first run, evidence for a promise, and a change of one test's code.

    Args:
        root: of the project.
        more: files besides the suite.
    """

    def __init__(self, root: Path, more: Mapping[str, str] | None = None) -> None:
        self.project = Project(root / "project", {**SUITE, **(more or {})})
        self.repository: Repository = init(self.project.root)
        self.repository.commit()
        first = self.project.run("-p", "nexus_even")
        assert first.exit_status == 0, first.stdout
        self.keep(60)
        self.change("a")

    def keep(self, n_failing_runs: int, gap: float = GAP) -> None:
        """Store failing runs whose failures all had the same gap."""
        now = time.time()
        evidence = [FailingRun(now - 60.0 * at, gap, (gap,)) for at in range(n_failing_runs, 0, -1)]
        cut = StoredCut(0.9, gap, 0.05, n_failing_runs, 10, now, now + 1e6)
        with open_history(self.project.history_path) as history:
            history.selection.keep(evidence, [cut])

    def change(self, name: str, value: int = 1) -> None:
        """Change the code of one test."""
        text = f"def value_{name}():\n    # changed\n    return {value}\n"
        self.project.write({f"{name}.py": text})

    def run(self, *arguments: str, select: str = SELECT, **more: Any) -> Result:
        return self.project.run("-p", "nexus_no_sample", select, *arguments, **more)


@pytest.fixture
def promised(tmp_path: Path) -> Promised:
    return Promised(tmp_path)


def lines(result: Result, kind: str) -> list[dict[str, Any]]:
    return [line for line in result.journal if line["kind"] == kind]


def left(result: Result) -> dict[str, str]:
    """The reasons in the journal of the tests that were left out."""
    return {
        nodeid.rpartition("::")[2]: line["reason"]
        for line in lines(result, "verdicts")
        if line["action"] == "leave"
        for nodeid in line["tests"]
    }


@WAYS
def test_tests_that_are_unlikely_to_fail_are_left_out(
    promised: Promised, way: tuple[str, ...]
) -> None:
    result = promised.run(*way)
    assert (result.names, result.exit_status) == (["test_a"], 0)
    assert "1 passed, 7 deselected" in result.stdout
    assert any(line.startswith(f"7 tests left out ({REASON}), ") for line in result.said)
    assert left(result) == dict.fromkeys(ALL[1:], REASON)
    (line,) = lines(result, "selection")
    assert (line["mode"], line["rule"], line["left"]) == ("on", "confidence:90%", 7)
    assert (line["confidence"], line["gap"]) == (0.9, GAP)


def test_tests_of_a_file_whose_change_was_taken_back_run(promised: Promised) -> None:
    now = time.time()
    lately = GuardedFile("test_c.py", now - 3 * 86_400.0, "c" * 40)
    long_ago = GuardedFile("test_d.py", now - 15 * 86_400.0, "d" * 40)
    with open_history(promised.project.history_path) as history:
        history.deployments.keep_guard(Guard((), (lately, long_ago)))
    result = promised.run()
    assert (result.names, result.exit_status) == (["test_a", "test_c"], 0)
    assert left(result) == dict.fromkeys((each for each in ALL[1:] if each != "test_c"), REASON)


@WAYS
def test_a_failure_that_the_change_makes_likely_is_caught(
    promised: Promised, way: tuple[str, ...]
) -> None:
    promised.change("a", value=2)
    result = promised.run(*way, "--nexus-reruns=1", NO_REST)
    assert (set(result.names), result.exit_status) == ({"test_a"}, 1)


def test_a_test_that_is_left_out_is_no_pass_for_anybody(promised: Promised) -> None:
    result = promised.run("--junit-xml=junit.xml")
    with open_history(promised.project.history_path) as history:
        runs = {key.rpartition("::")[2]: one.runs for key, one in history.stats().items()}
        assert history.selection.runs()[0].n_left == 7
    assert runs == dict.fromkeys(ALL, 1) | {"test_a": 2}
    _, stored = promised.project.runs()
    assert stored.run.selected_by == ("nexus-unlikely",)
    assert (stored.run.n_collected, stored.run.n_selected, stored.n_tests) == (8, 1, 1)
    assert len(result.attempts) == 1
    suite = ElementTree.parse(promised.project.root / "junit.xml").getroot()[0]  # noqa: S314 - our own
    assert suite.get("tests") == "1"
    properties = {each.get("name"): each.get("value") for each in suite.iter("property")}
    assert properties["nexus.left_out.1.tests"] == "7"
    assert properties["nexus.left_out.1.reason"] == REASON
    assert float(properties["nexus.left_out.1.seconds"] or "nan") >= 0.0


@WAYS
def test_in_shadow_all_run_and_it_is_recorded_what_would_be_left_out(
    promised: Promised, way: tuple[str, ...]
) -> None:
    promised.change("b", value=2)
    result = promised.run("--nexus-select-shadow", *way)
    assert (sorted(set(result.names)), result.exit_status) == (ALL, 1)
    (said,) = [line for line in result.said if line.startswith("in shadow: ")]
    assert said.startswith("in shadow: confidence:90% would leave out 6 tests and save ")
    assert said.endswith("; 0 of 1 failed test would have been left out")
    (line,) = lines(result, "selection")
    assert (line["mode"], line["left"]) == ("shadow", 6)
    (spared,) = lines(result, "spared")
    assert spared["tests"] == [f"{name}.py::{name}" for name in ALL[2:]]
    _, stored = promised.project.runs()
    assert stored.run.selected_by == ()


def test_a_miss_in_shadow_is_counted(tmp_path: Path) -> None:
    hidden = "import pathlib\ndef test_z(): assert not pathlib.Path('.nexus/hidden').exists()"
    promised = Promised(tmp_path, {"test_z.py": hidden})
    (promised.project.root / ".nexus" / "hidden").touch()
    result = promised.run("--nexus-select-shadow")
    assert "1 of 1 failed test would have been left out" in " ".join(result.said)
    with open_history(promised.project.history_path) as history:
        (seen,) = history.selection.runs()
    assert (seen.n_failed, seen.n_missed, seen.is_missed) == (1, 1, True)


@pytest.mark.parametrize(
    ("environ", "is_whole"),
    [
        ({"GITHUB_EVENT_NAME": "push", "GITHUB_REF_NAME": "main"}, True),
        ({"GITHUB_EVENT_NAME": "schedule", "GITHUB_REF_NAME": "feature"}, True),
        ({"GITHUB_EVENT_NAME": "merge_group", "GITHUB_REF_NAME": "queue"}, True),
        ({"GITHUB_EVENT_NAME": "push", "GITHUB_REF_NAME": "feature"}, False),
    ],
    ids=["default branch", "nightly", "queue", "branch"],
)
def test_the_default_branch_queues_and_schedules_check_the_promise(
    promised: Promised, environ: dict[str, str], is_whole: bool
) -> None:
    result = promised.run(AT_HEAD, env={**CI, **environ})
    assert sorted(result.names) == (ALL if is_whole else ["test_a"])
    (line,) = lines(result, "selection")
    assert (line["mode"], line["left"]) == ("shadow" if is_whole else "on", 7)
    if is_whole:
        assert_message(result.said, "NX231")


# What always runs


def test_new_changed_failed_marked_and_named_tests_always_run(tmp_path: Path) -> None:
    always = "import pytest\n@pytest.mark.nexus_always\ndef test_c(): pass"
    promised = Promised(tmp_path, {"test_c.py": always})
    promised.change("b", value=2)
    assert promised.project.run("test_b.py").exit_status == 1
    promised.project.write(
        {
            "b.py": SUITE["b.py"],
            "test_new.py": "def test_new(): pass",
            "test_d.py": "def test_d(): pass",
        }
    )
    result = promised.run("--nexus-select-always=test_e.py,nowhere")
    assert {*result.names} >= {f"test_{name}" for name in ("b", "c", "d", "e", "new")}
    assert {*result.names}.isdisjoint(["test_f", "test_g", "test_h"])
    assert_message(result.said, "NX247", "'nowhere'")


def test_named_tests_may_be_lines_of_the_ini_file(tmp_path: Path) -> None:
    ini = SUITE["pytest.ini"] + "nexus_select_always =\n    test_g.py\n    test_h*\n"
    promised = Promised(tmp_path, {"pytest.ini": ini})
    assert sorted(promised.run().names) == ["test_a", "test_g", "test_h"]


FORECASTS = {
    "conftest.py": """
        from pytest_nexus import Forecast

        def pytest_nexus_forecaster(config):
            return lambda tests, *more: [
                Forecast(0.5 / (at + 1), 1.0) for at, _ in enumerate(tests)
            ]
    """
}


def test_no_test_is_left_out_past_its_age(tmp_path: Path) -> None:
    promised = Promised(tmp_path, FORECASTS)
    age = ("--nexus-select-max-age=3 runs",)
    numbers = [len(promised.run(*age, select="--nexus-select=budget:2s").names) for _ in range(5)]
    assert numbers == [2, 2, 2, 6, 2]  # six are old, and take the whole budget
    assert len(promised.run("--nexus-select-max-age=0d").names) == 8


def test_the_sample_runs_and_says_so(tmp_path: Path) -> None:
    drawing = """
        from pytest_nexus.plan.selection import unlikely
        unlikely._is_drawn = lambda seed, key: key.endswith("test_h")
    """
    promised = Promised(tmp_path, {"conftest.py": drawing})
    promised.project.write({"h.py": "def value_h(): pass"})
    promised.repository.commit()
    promised.change("a", value=1)
    promised.project.write({"a.py": SUITE["a.py"] + "# value_a\n"})
    result = promised.run(AT_HEAD, NO_REST)
    assert sorted(result.names) == ["test_a", "test_h"]
    first = "failed: test_h.py::test_h of the sample of tests that are unlikely to fail"
    assert result.said[1] == first
    assert any(line.endswith("; 1 more ran as a sample") for line in result.said)
    (spared,) = lines(result, "spared")
    assert spared["tests"] == ["test_h.py::test_h"]


# Why all tests run


def everything_runs(result: Result, code: str, *words: str) -> None:
    assert sorted(result.names) == ALL
    assert_message(result.said, code, *words)


def test_too_few_failing_runs_leave_nothing_out_and_say_how_many_are_needed(
    promised: Promised,
) -> None:
    promised.keep(3)
    everything_runs(promised.run(), "NX242", "needs 10 failing runs", "has 3")
    never = promised.run(select="--nexus-select=confidence:99.99%")
    everything_runs(never, "NX241", "99.99%")


def test_without_a_history_or_a_known_change_all_run(promised: Promised) -> None:
    everything_runs(promised.run("--nexus-history=other", "--no-nexus-ingest"), "NX238")
    (promised.project.root / ".git").rename(promised.project.root / "git.off")
    everything_runs(promised.run(), "NX239")


def test_the_promise_is_about_the_model_and_not_about_forecasts_of_plugins(tmp_path: Path) -> None:
    promised = Promised(tmp_path, FORECASTS)
    everything_runs(promised.run(), "NX240")
    result = promised.run(select="--nexus-select=budget:2s")
    assert result.names == ["test_a", "test_b"]


def test_after_a_word_of_the_user_all_run_in_shadow(promised: Promised) -> None:
    with open_history(promised.project.history_path) as history:
        history.selection.word.say("off", time.time())
    result = promised.run()
    everything_runs(result, "NX243", "nexus select off")
    (line,) = lines(result, "selection")
    assert (line["mode"], line["left"]) == ("shadow", 7)


def test_damaged_evidence_costs_a_line(promised: Promised) -> None:
    with sqlite3.connect(promised.project.history_path) as connection:
        connection.execute("UPDATE selection_evidence SET gaps = x'00'")
    connection.close()
    result = promised.run()
    assert sorted(result.names) == ALL
    assert result.exit_status == 0
    assert any(promised.project.history_path.name in line for line in result.said)


def test_an_error_in_the_decision_costs_a_line_and_all_run(promised: Promised) -> None:
    promised.project.write(
        {
            "conftest.py": """
        from pytest_nexus.session.selection import unlikely_tests
        unlikely_tests.choose = None
    """
        }
    )
    everything_runs(promised.run(), "NX222", "the selection of likely tests")


def test_where_xdist_schedules_all_run_and_it_is_said(promised: Promised) -> None:
    everything_runs(promised.run("-n", "2", "--nexus-dist=off"), "NX237")


def test_a_wrong_value_is_one_clear_error(promised: Promised) -> None:
    result = promised.run(select="--nexus-select=confidence:120%")
    assert result.exit_status == 4
    assert_message(result.stderr.splitlines(), "NX101", "--nexus-select", "'confidence:120%'")


# Beside other selections


def test_tests_that_the_user_chooses_run(promised: Promised) -> None:
    named = promised.run("test_b.py::test_b", "test_c.py::test_c")
    assert sorted(named.names) == ["test_b", "test_c"]
    assert_message(named.said, "NX246", "the tests are named")
    promised.change("b", value=2)
    assert promised.project.run().exit_status == 1
    promised.change("b", value=1)
    last = promised.run("--lf")
    assert last.names == ["test_b"]
    assert_message(last.said, "NX246", "--lf")


def test_of_the_tests_that_a_keyword_chooses_the_likeliest_run(promised: Promised) -> None:
    assert promised.run("-k", "test_a or test_b").names == ["test_a"]
    assert sorted(promised.run("-k", "test_b or test_c", "-x").names) == ["test_b", "test_c"]


def test_quarantined_tests_are_left_out_like_others(promised: Promised) -> None:
    promised.project.write(
        {
            "nexus-quarantine.toml": """
        [[quarantine]]
        test = "test_c.py::test_c"
        reason = "it waits for a server"
    """
        }
    )
    assert promised.run().names == ["test_a"]


def test_a_plugin_leaves_out_first_and_may_insist_on_a_run(tmp_path: Path) -> None:
    hook = """
        from pytest_nexus import Verdict

        def pytest_nexus_select(plan):
            names = [one.test.nodeid.rpartition("::")[2] for one in plan.tests]
            return {
                names.index("test_b"): Verdict("run", "a plugin insists"),
                names.index("test_c"): Verdict("leave", "a plugin does not want it"),
            }
    """
    promised = Promised(tmp_path, {"conftest.py": hook})
    promised.keep(60, gap=0.2)  # test_c, which the plugin leaves out, is likelier than test_a
    result = promised.run()
    assert sorted(result.names) == ["test_a", "test_b"]
    _, stored = promised.project.runs()
    assert stored.run.selected_by == ("nexus-select", "nexus-unlikely")


def test_a_budget_holds_without_a_promise(promised: Promised) -> None:
    promised.keep(0)
    result = promised.run(select="--nexus-select=budget:0%")
    assert (result.names, result.exit_status) == ([], 0)
    assert left(result) == dict.fromkeys(ALL, "beyond the budget of 0%")
    assert promised.run("-n", "2", select="--nexus-select=budget:100%").exit_status == 0
    both = promised.run(select="--nexus-select=confidence:90%,budget:0s")
    assert_message(both.said, "NX242")


def test_what_is_affected_comes_first_and_the_likely_among_it_run(promised: Promised) -> None:
    both = "--nexus-select=affected,confidence:90%"
    result = promised.run(select=both)
    assert result.names == ["test_a"]
    assert_message(result.said, "NX232")
    assert left(result) == dict.fromkeys(ALL[1:], REASON)
    (line,) = lines(result, "selection")
    assert line["rule"] == "affected,confidence:90%"


@pytest.mark.skipif(sys.version_info < (3, 12), reason="tracking needs CPython 3.12")
@WAYS
def test_of_the_tests_that_a_change_reaches_the_unlikely_are_left_out(
    tmp_path: Path, way: tuple[str, ...]
) -> None:
    shared = {"both.py": "def one():\n    return 1\n"}
    uses = "from {0} import value_{0}\nimport both\n\ndef test_{0}():\n    assert {1}both.one()\n"
    more = {"test_a.py": uses.format("a", "value_a() and "), "test_b.py": uses.format("b", "")}
    promised = Promised(tmp_path, {**shared, **more})
    promised.project.run("--nexus-dependencies")
    promised.keep(60, gap=0.0)
    promised.project.write({"both.py": "def one():\n    return 2\n"})
    promised.change("a", value=2)
    result = promised.run(
        *way, "--nexus-dependencies", select="--nexus-select=affected,confidence:90%"
    )
    sample = set(ALL[2:]) & set(result.names)
    assert (set(result.names) - sample, result.exit_status) == ({"test_a"}, 0)
    assert left(result) == {"test_b": REASON}
    reused = [line for line in lines(result, "verdicts") if line["action"] == "reuse"]
    assert sum(len(line["tests"]) for line in reused) == len(ALL) - 2 - len(sample) > 0


# Shards and plans


@WAYS
def test_each_shard_leaves_out_the_same_and_it_is_proved(
    promised: Promised, way: tuple[str, ...]
) -> None:
    ran, counts = [], []
    for shard in (1, 2):
        result = promised.run(*way, f"--nexus-shard={shard}/2", "--no-nexus-ingest")
        assert result.exit_status == 0
        ran += result.names
        counts += [line["left"] for line in lines(result, "selection")]
    assert (ran, sum(counts)) == (["test_a"], 7)
    done = promised.project.nexus("verify", *map(str, promised.project.journals))
    assert f"1 ran exactly once, the rest were left: 7 {REASON}" in done.stdout
    assert done.returncode == 0


@pytest.mark.parametrize("shadow", [(), ("--nexus-select-shadow",)], ids=["on", "shadow"])
def test_a_plan_selects_first_and_divides_then(promised: Promised, shadow: tuple[str, ...]) -> None:
    done = promised.project.nexus(
        "plan", "--shards=2", "--output=plan.json", "--", SELECT, *shadow, env=HEAD_OF_CI
    )
    assert done.returncode == 0, done.stderr
    assert (f"7 tests left out: {REASON}" in done.stdout) == (not shadow)
    promised.keep(0)
    ran, spared, counts = [], 0, 0
    for shard in (1, 2):
        result = promised.project.run(
            "--nexus-plan=plan.json", f"--nexus-shard={shard}/2", "--no-nexus-ingest"
        )
        ran += result.names
        counts += sum(line["left"] for line in lines(result, "selection"))
        spared += sum(len(line["tests"]) for line in lines(result, "spared"))
    assert sorted(ran) == (ALL if shadow else ["test_a"])
    assert (counts, spared) == (7, 7 if shadow else 0)
    assert promised.project.nexus("verify", *map(str, promised.project.journals)).returncode == 0


def test_explain_says_why_a_test_runs_or_does_not(promised: Promised) -> None:
    def said(nodeid: str) -> str:
        return str(promised.project.nexus("explain", nodeid, "--", SELECT, env=HEAD_OF_CI).stdout)

    rule = "under nexus_select = confidence:90%"
    assert f"It runs {rule}: within confidence:90%." in said("test_a.py::test_a")
    assert f"It is left out {rule}: it is {REASON}." in said("test_b.py::test_b")


def test_the_reasons_are_printed_at_the_end_if_asked_for(promised: Promised) -> None:
    result = promised.run("--nexus-explain")
    assert f"7 tests left out: {REASON}" in result.said
    assert "1 test to run: within confidence:90%" in result.said
