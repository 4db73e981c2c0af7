"""Hooks of users: what each decides, plain and on workers, and what an error in one costs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from pytest_nexus import read_journal
from tests.support.messages import assert_message
from tests.support.project import Project, Result
from tests.support.repository import init

if TYPE_CHECKING:
    from pathlib import Path

WAYS = pytest.mark.parametrize("way", [(), ("-n", "2")], ids=["plain", "workers"])
SUITE = {
    "test_a.py": """
        def test_one(): pass
        def test_left(): assert 0
    """,
    "test_b.py": """
        def test_likely(): pass
        def test_two(): pass
    """,
}
TWO = {"test_a.py": "def test_one(): pass\ndef test_two(): pass\n"}


class Session:
    """One session of the suite with the example plugin."""

    def __init__(self, root: Path, way: tuple[str, ...], *arguments: str) -> None:
        self.project = Project(root / "project", SUITE)
        self.result = self.project.run("-p", "nexus_hooking", *way, *arguments)
        self.plan = json.loads((self.project.root / "hooked.json").read_text("utf-8"))

    def lines(self, kind: str) -> list[dict[str, Any]]:
        return [line for line in self.result.journal if line["kind"] == kind]


@pytest.fixture(scope="module", params=[(), ("-n", "2")], ids=["plain", "workers"])
def session(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Session:
    return Session(tmp_path_factory.mktemp("hooks"), request.param)


def conftest(tmp_path: Path, text: str, *arguments: str) -> Result:
    return Project(tmp_path / "project", {**TWO, "conftest.py": text}).run(*arguments)


def test_a_forecaster_decides_the_order(session: Session) -> None:
    assert session.plan["order"][0] == "test_likely"


def test_the_final_plan_is_observed(session: Session) -> None:
    assert session.plan["actions"] == {
        "test_one": "run", "test_left": "leave", "test_likely": "run", "test_two": "run"
    }  # fmt: skip


def test_selected_tests_alone_run(session: Session) -> None:
    assert sorted(session.result.names) == ["test_likely", "test_one", "test_two"]
    assert session.result.exit_status == 0
    assert_message(session.result.said, "NX257", "1 test ")


def test_the_journal_has_a_verdict_on_each_test_left_out(session: Session) -> None:
    (verdict,) = session.lines("verdicts")
    assert (verdict["action"], verdict["reason"]) == ("leave", "its name says so")
    assert verdict["tests"] == ["test_a.py::test_left"]
    assert session.lines("plan") == []


def test_the_run_counts_as_a_selection(session: Session) -> None:
    (stored,) = session.project.runs()
    assert stored.run.selected_by == ("nexus-select",)
    assert (stored.run.n_collected, stored.run.n_selected) == (4, 3)
    assert stored.run.complete
    assert read_journal(session.project.journals[0]).run.selected_by == ("nexus-select",)


def test_an_attempt_has_the_fields_of_the_plugin(session: Session) -> None:
    journal = read_journal(session.project.journals[0])
    fields = {"example.run": journal.run.run_uid[:4], "example.is_long": False}
    assert dict(journal.facts) == {place: {"extra": fields} for place in range(3)}
    assert journal.dropped == 0


def test_a_plugin_has_a_section_of_the_summary(session: Session) -> None:
    _, found, after = session.result.stdout.partition(" example ")
    assert found
    assert after.splitlines()[1] == "3 tests, failed: nothing"


def test_a_test_has_the_files_that_it_depends_on(session: Session) -> None:
    assert session.plan["depends_on"]["test_two"] == ["data/rates.csv"]
    assert session.plan["depends_on"]["test_one"] == []


def test_tests_left_out_are_deselected(tmp_path: Path) -> None:
    assert "3 passed, 1 deselected" in Session(tmp_path, ()).result.stdout


@WAYS
def test_a_selection_holds_in_each_shard_and_is_proved(
    tmp_path: Path, way: tuple[str, ...]
) -> None:
    project = Project(tmp_path / "project", SUITE)
    runs = [
        project.run("-p", "nexus_hooking", *way, f"--nexus-shard={shard}/2", "--no-nexus-ingest")
        for shard in (1, 2)
    ]
    names = sorted(name for run in runs for name in run.names)
    assert names == ["test_likely", "test_one", "test_two"]
    done = project.nexus("verify", *map(str, project.journals))
    assert "3 ran exactly once, the rest were left: 1 its name says so" in done.stdout


def test_a_selection_holds_where_the_order_is_off(tmp_path: Path) -> None:
    session = Session(tmp_path, (), "--nexus-order=off")
    assert session.result.names == ["test_one", "test_likely", "test_two"]


def test_a_brief_session_makes_no_plan_and_runs_what_is_named(tmp_path: Path) -> None:
    result = Project(tmp_path / "project", SUITE).run(
        "-p", "nexus_hooking", "test_a.py::test_one", "test_a.py::test_left"
    )
    assert result.names == ["test_one", "test_left"]


def test_hooks_of_a_conftest_are_known_where_nexus_is_not_enabled(tmp_path: Path) -> None:
    project = Project(
        tmp_path / "project", {**TWO, "conftest.py": "def pytest_nexus_plan(plan): assert 0"}
    )
    assert project.run(nexus=False).exit_status == 0


def test_a_misspelt_hook_is_refused_by_pytest(tmp_path: Path) -> None:
    result = conftest(tmp_path, "def pytest_nexus_plans(plan): pass")
    assert "unknown hook 'pytest_nexus_plans'" in result.stdout + result.stderr


@WAYS
@pytest.mark.parametrize("hook", ["forecaster", "select", "plan"])
def test_an_exception_in_a_hook_costs_a_line(
    tmp_path: Path, hook: str, way: tuple[str, ...]
) -> None:
    result = conftest(tmp_path, f"def pytest_nexus_{hook}(config): raise KeyError('x')", *way)
    assert result.exit_status == 0
    assert sorted(result.names) == ["test_one", "test_two"]
    assert_message(result.said, "NX251", f"pytest_nexus_{hook} of conftest.py", "KeyError: 'x'")


def test_an_exception_in_a_hook_passes_where_it_is_asked_for(tmp_path: Path) -> None:
    project = Project(
        tmp_path / "project", {**TWO, "conftest.py": "def pytest_nexus_plan(): raise KeyError('x')"}
    )
    result = project.run(env={"NEXUS_DEBUG": "1"})
    assert result.exit_status == pytest.ExitCode.INTERNAL_ERROR
    assert "KeyError: 'x'" in result.stdout


def test_a_hook_may_end_the_session(tmp_path: Path) -> None:
    text = "import pytest\ndef pytest_nexus_plan(): pytest.exit('enough', returncode=9)"
    assert conftest(tmp_path, text).exit_status == 9


@pytest.mark.parametrize(
    ("expression", "shown"),
    [
        ("7", "7"),
        ("{9: Verdict('leave', 'x')}", "{9: Verdict(action='leave', reason='x')}"),
        ("{-1: Verdict('leave', 'x')}", "{-1: Verdict(action='leave', reason='x')}"),
        ("{0: 'leave'}", "{0: 'leave'}"),
        ("{0: Verdict('drop', 'x')}", "{0: Verdict(action='drop', reason='x')}"),
    ],
)
def test_a_selection_that_cannot_be_used_costs_a_line(
    tmp_path: Path, expression: str, shown: str
) -> None:
    text = f"from pytest_nexus import Verdict\ndef pytest_nexus_select(): return {expression}"
    result = conftest(tmp_path, text)
    assert result.names == ["test_one", "test_two"]
    assert_message(result.said, "NX252", "pytest_nexus_select", shown)


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("[]", "cannot be used: '0 forecasts for 2 tests'"),
        ("[1, 2]", "cannot be used: 1"),
        ("[Forecast(float('nan'), 1)] * 2", "cannot be used: Forecast(p_fail=nan"),
        ("[Forecast(0.1, -1)] * 2", "cannot be used: Forecast(p_fail=0.1, duration_s=-1"),
        ("1 / 0", "failed and is off: ZeroDivisionError: division by zero"),
    ],
)
def test_the_model_forecasts_where_a_forecaster_fails(
    tmp_path: Path, expression: str, told: str
) -> None:
    text = (
        "from pytest_nexus import Forecast\n"
        f"def pytest_nexus_forecaster(): return lambda *_: {expression}"
    )
    result = conftest(tmp_path, text)
    assert result.names == ["test_one", "test_two"]
    assert any(told in line for line in result.said), result.said


def test_a_plan_of_a_forecaster_is_explained_by_its_reasons(tmp_path: Path) -> None:
    text = (
        "from pytest_nexus import Forecast\n"
        "def pytest_nexus_forecaster():\n"
        "    return lambda tests, *_: [Forecast(0.5, 1, 'the moon is full') for _ in tests]"
    )
    result = conftest(tmp_path, text, "--nexus-explain")
    assert "1. test_a.py::test_one; score 0.5000, 1 s; the moon is full" in result.said


@WAYS
def test_a_changed_file_moves_the_tests_that_depend_on_it(
    tmp_path: Path, way: tuple[str, ...]
) -> None:
    repository = init(tmp_path / "project")
    filler = "".join(f"def test_filler_{n}(): pass\n" for n in range(5))
    project = Project(
        repository.root,
        {
            "test_a.py": filler,
            "test_b.py": f"{filler}def test_rates(): pass\n",
            "data/prices.csv": "1\n",
            ".gitignore": ".nexus\n__pycache__\n",
            "conftest.py": """
                import json
                def pytest_nexus_dependencies(item):
                    if item.name == "test_rates":
                        return [item.config.rootpath / "data" / "prices.csv"]
                def pytest_nexus_plan(config, plan):
                    names = [plan.tests[at].test.nodeid for at in plan.order]
                    (config.rootpath / ".nexus" / "order.json").write_text(json.dumps(names))
            """,
        },
    )
    repository.commit()
    (project.root / "data" / "prices.csv").write_text("2\n", encoding="utf-8")
    project.run(*way)
    order = json.loads((project.root / ".nexus" / "order.json").read_text("utf-8"))
    assert order[0].startswith("test_b.py")


FAILING = """
    from pathlib import Path

    def fails_until(name, n):
        with open(f"{name}.txt", "a") as file:
            file.write("x")
        assert Path(f"{name}.txt").stat().st_size > n

    def test_stubborn(): fails_until("stubborn", 1)
    def test_patient(): fails_until("patient", 3)
    def test_plain(): fails_until("plain", 1)
"""


@WAYS
def test_a_hook_overrules_whether_a_test_is_repeated(tmp_path: Path, way: tuple[str, ...]) -> None:
    project = Project(tmp_path / "project", {"test_a.py": FAILING})
    result = project.run(
        "-p", "nexus_hooking", *way, "--nexus-reruns=1", "--nexus-rerun-delay=0", "-v"
    )
    attempts = [one["nodeid"].rpartition("_")[2] for one in result.attempts]
    assert {name: attempts.count(name) for name in attempts} == {
        "stubborn": 1, "patient": 4, "plain": 2
    }  # fmt: skip
    assert "failed: test_a.py::test_stubborn - it is stubborn" in result.said


def test_a_hook_that_always_repeats_ends(tmp_path: Path) -> None:
    text = "def pytest_nexus_rerun(decision): return decision._replace(is_rerun=True, delay_s=0.0)"
    project = Project(
        tmp_path / "project", {"test_a.py": "def test_a(): assert 0", "conftest.py": text}
    )
    assert len(project.run("--nexus-reruns=1").attempts) == 21


HOOKS = [("dependencies", "item"), ("rerun", "failure"), ("attempt", "run")]


@WAYS
@pytest.mark.parametrize(("hook", "arguments"), [*HOOKS, ("report_sections", "summary")])
def test_an_exception_while_tests_run_costs_a_line(
    tmp_path: Path, hook: str, arguments: str, way: tuple[str, ...]
) -> None:
    project = Project(
        tmp_path / "project",
        {
            "test_a.py": "def test_one(): pass\ndef test_two(): assert 0\n",
            "conftest.py": f"def pytest_nexus_{hook}({arguments}): raise KeyError('x')",
        },
    )
    result = project.run(*way, "--nexus-reruns=1", "--nexus-rerun-delay=0")
    assert result.exit_status == 1
    assert len(result.attempts) == 3
    assert_message(result.stdout, "NX251", f"pytest_nexus_{hook} of conftest.py", "KeyError: 'x'")


@pytest.mark.parametrize(
    ("hook", "expression"),
    [
        ("dependencies", "'data.csv'"),
        ("dependencies", "[1]"),
        ("rerun", "True"),
        ("attempt", "{'joules': 1}"),
        ("attempt", "{'acme.x': {1}}"),
        ("attempt", "{'acme.x': float('nan')}"),
        ("attempt", "{'acme.x': 'x' * 3000}"),
        ("attempt", "[1]"),
        ("report_sections", "['line']"),
        ("report_sections", "'line'"),
    ],
)
def test_a_result_that_cannot_be_used_costs_a_line(
    tmp_path: Path, hook: str, expression: str
) -> None:
    project = Project(
        tmp_path / "project",
        {
            "test_a.py": "def test_one(): pass\ndef test_two(): assert 0\n",
            "conftest.py": f"def pytest_nexus_{hook}(): return {expression}",
        },
    )
    result = project.run("--nexus-reruns=1", "--nexus-rerun-delay=0")
    assert (result.exit_status, len(result.attempts)) == (1, 3)
    assert not any("extra" in one for one in result.attempts)
    assert_message(result.stdout, "NX252", f"pytest_nexus_{hook}")


def test_a_quiet_session_has_no_sections(tmp_path: Path) -> None:
    result = Project(tmp_path / "project", TWO).run("-p", "nexus_hooking", "-q")
    assert "example" not in result.stdout
