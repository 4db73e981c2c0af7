"""`nexus order` without sessions: what it shows of a history."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from pytest_nexus.cli.main import divided, main
from pytest_nexus.domain.records import TestKey
from pytest_nexus.history.ingest import ingest_run
from pytest_nexus.history.store import open_history
from pytest_nexus.plan.order_dependence.order_rule import OrderRule
from tests.support.builders import attempt, run
from tests.support.messages import assert_message

if TYPE_CHECKING:
    from pathlib import Path

BRITTLE, VICTIM, SETTER = (TestKey(f"tests/t.py::test_{name}") for name in ("b", "v", "s"))
PLAIN, SUSPECT = TestKey("tests/t.py::test_plain"), TestKey("tests/u.py::test_p[a b]")


def rule(key: TestKey, **fields: object) -> OrderRule:
    values = {
        "kind": "brittle",
        "others": (SETTER,),
        "posterior": 1.0,
        "n_failed": 3,
        "n_passed": 4,
        "found_by": "bisect",
        "at": 5.0,
    }
    return OrderRule(key, **(values | fields))  # type: ignore[arg-type] # fields by name


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("NEXUS", "NEXUS_HISTORY", "PYTEST_ADDOPTS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def history(project: Path) -> None:
    """Two tests that were bisected, and one that the runs make suspect."""
    with open_history(project / ".nexus" / "history.sqlite3") as history:
        tests = [attempt(name) for name in (BRITTLE, VICTIM, SETTER, PLAIN, SUSPECT)]
        ingest_run(history, run(1, 86_400.0), tests)
        history.order_rules.keep(rule(BRITTLE))
        history.order_rules.keep(rule(VICTIM, kind="victim", others=(SETTER, PLAIN)))
        suspected = rule(SUSPECT, posterior=0.75, found_by="runs", others=(SETTER, PLAIN))
        history.order_rules.keep(suspected)


@pytest.mark.usefixtures("history")
def test_certain_tests_are_listed_with_a_total(capsys):
    assert main(["order"]) == 0
    title, first, second, empty, total = capsys.readouterr().out.splitlines()
    assert title.split() == [
        *("kind", "failed", "passed", "probability", "found", "by", "test", "depends")
    ]
    assert first.split()[:5] == ["brittle", "3", "4", "100.0", "%"]
    assert first.endswith(f"bisect    {BRITTLE}  passes after {SETTER}")
    assert second.endswith(f"{VICTIM}  fails after {SETTER} and {PLAIN}")
    assert (empty, total) == ("", "2 tests depend on the order; 1 more suspected, see --all")


@pytest.mark.usefixtures("history")
def test_all_lists_what_is_suspected_too(capsys):
    assert main(["order", "--all"]) == 0
    assert f"75.0 %       runs      {SUSPECT}" in capsys.readouterr().out
    assert main(["order", "show", "--all", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [(one["key"], one["certain"]) for one in found] == [
        (BRITTLE, True),
        (VICTIM, True),
        (SUSPECT, False),
    ]
    assert found[0]["words"] == f"passes after {SETTER}"


@pytest.mark.usefixtures("history")
def test_a_bisected_test_shows_the_command_that_reproduces_it(capsys):
    assert main(["order", VICTIM]) == 0
    assert capsys.readouterr().out.splitlines() == [
        VICTIM,
        "  victim: found by a bisection",
        "  fails after all of these:",
        f"  - {SETTER}",
        f"  - {PLAIN}",
        "  failed in 3, passed in 4 probes that count",
        f"  fails: pytest {SETTER} {PLAIN} {VICTIM}",
    ]


@pytest.mark.usefixtures("history")
def test_a_suspected_test_shows_the_next_command(capsys):
    assert main(["order", SUSPECT]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[1] == "  brittle: 75.0 % probable by the runs of the history, which is not certain"
    assert said[2] == "  passes after one of these, the likeliest first:"
    assert said[-1] == f"  next: nexus order bisect '{SUSPECT}'"


@pytest.mark.usefixtures("history")
def test_what_is_not_known_to_depend_is_said_in_a_line(capsys):
    assert main(["order", PLAIN]) == 0
    assert "do not tell that it depends on the order" in capsys.readouterr().out
    assert main(["order", "tests/t.py"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == (
        "2 other tests not known to depend on the order"
    )
    assert main(["order", PLAIN, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


@pytest.mark.usefixtures("history")
def test_an_unknown_test_is_an_error_that_suggests_others(capsys):
    assert main(["order", "tests/t.py::test_plane"]) == 1
    error = capsys.readouterr().err
    assert_message(error, "NX520", "'tests/t.py::test_plane'")
    assert "test_plain" in error


@pytest.mark.parametrize("arguments", [[], ["show"], [BRITTLE], ["--json"]])
def test_without_a_history_there_is_nothing_to_show(arguments, capsys):
    assert main(["order", *arguments]) == 1
    assert "NX518" in capsys.readouterr().err


def test_a_history_without_such_tests_says_so(project, capsys):
    with open_history(project / "other.sqlite3") as history:
        ingest_run(history, run(1, 86_400.0), [attempt(PLAIN)])
    assert main(["order", "--history", "other.sqlite3"]) == 0
    assert capsys.readouterr().out == "0 tests depend on the order\n"


@pytest.mark.usefixtures("history")
@pytest.mark.parametrize(
    ("ini", "switches"),
    [
        ("nexus = true", "--no-nexus "),
        ("nexus = false", ""),
        ("addopts = --nexus -n auto", "--no-nexus -n0 "),
        ("addopts = -v --numprocesses=2", "-n0 "),
        ("addopts = --random-order", "--random-order-bucket=none "),
        ("addopts = -v --no-header", ""),
    ],
)
def test_the_command_turns_off_what_would_change_the_order(project, ini, switches, capsys):
    (project / "pytest.ini").write_text(f"[pytest]\n{ini}\n")
    assert main(["order", BRITTLE]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == f"  passes: pytest {switches}{SETTER} {BRITTLE}"


@pytest.mark.usefixtures("history")
def test_the_command_is_right_from_a_folder_below(project, monkeypatch, capsys):
    (project / "tests").mkdir()
    monkeypatch.chdir(project / "tests")
    assert main(["order", "t.py::test_b"]) == 0
    assert capsys.readouterr().out.endswith("  passes: pytest t.py::test_s t.py::test_b\n")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["order", "t.py::test_x"], (["order", "show", "t.py::test_x"], [])),
        (
            ["order", "bisect", "t.py::x", "--", "-k", "a"],
            (["order", "bisect", "t.py::x"], ["-k", "a"]),
        ),
        (["order", "--all"], (["order", "--all"], [])),
    ],
)
def test_show_may_be_left_out(given, expected):
    assert divided(given) == expected


def test_pytest_gets_nothing_from_show(capsys):
    with pytest.raises(SystemExit):
        main(["order", "show", "--", "-k", "a"])
    assert_message(capsys.readouterr().err, "NX157")
