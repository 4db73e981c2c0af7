"""Every id that a user can see or type names its tests, in every command that takes one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from pytest_nexus.cli.main import main
from tests.support.project import Project

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("commands_here")

FILES = {
    "unit/test_net.py": """
        import pytest

        TEXTS = ["a" * 300, "b" * 300, "short"]

        @pytest.mark.parametrize("o", TEXTS)
        def test_long(o):
            assert o[0] != "b"

        @pytest.mark.parametrize(("p", "q"), [("x" * 200, 1), ("y" * 200, 2)])
        def test_two(p, q): pass

        class TestSuite:
            def test_inside(self): pass
            class TestInner:
                def test_deep(self): pass
    """,
    "unit/test_other.py": "def test_plain(): pass\n",
}
N_TESTS = 8


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project(tmp_path_factory.mktemp("ids") / "project", FILES)
    assert len(project.run().order) == N_TESTS
    return project


def printed(made: Project, name: str, number: int) -> str:
    """The id that pytest prints of one set of parameters."""
    done = made.run("--collect-only", "-q", nexus=False)
    found = [line for line in done.stdout.splitlines() if f"::{name}[" in line]
    return found[number]


def explained(typed: str, capsys: pytest.CaptureFixture[str]) -> list[str]:
    assert main(["explain", typed, "--json"]) == 0
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return sorted(one["nodeid"] for one in found)


@pytest.fixture(params=[".", "unit"])
def here(made: Project, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to call from: the root, and one below."""
    for name in ("NEXUS_HISTORY", "NEXUS_QUARANTINE", "CI"):
        monkeypatch.delenv(name, raising=False)
    folder = made.root / request.param
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize(
    ("typed", "n_tests"),
    [
        ("unit/test_net.py::TestSuite", 2),
        ("unit/test_net.py::TestSuite::TestInner", 1),
        ("unit/test_net.py::TestSuite::test_inside", 1),
        ("unit/test_net.py::test_long", 3),
        ("unit/test_net.py", 7),
        ("./unit/test_net.py", 7),
        ("unit\\test_net.py::test_long", 3),
        ("unit", 8),
        ("unit/", 8),
        ("{root}/unit/test_net.py::test_long", 3),
        ("{here}/", 8),
        (".", 8),
    ],
)
def test_files_classes_and_folders_are_taken_from_the_root(
    made: Project, here: Path, capsys, typed: str, n_tests: int
) -> None:
    typed = typed.format(root=made.root, here=here)
    assert len(explained(typed, capsys)) == n_tests


@pytest.mark.parametrize(
    ("typed", "n_tests"), [("test_net.py", 7), ("test_net.py::TestSuite", 2), ("../unit", 8)]
)
def test_they_are_taken_from_the_current_folder(
    made: Project, monkeypatch, capsys, typed: str, n_tests: int
) -> None:
    monkeypatch.chdir(made.root / "unit")
    assert len(explained(typed, capsys)) == n_tests


@pytest.mark.parametrize(("name", "number"), [("test_long", 1), ("test_two", 0)])
def test_a_long_parameter_is_known_by_the_id_that_pytest_prints(
    made: Project, here: Path, capsys, name: str, number: int
) -> None:
    nodeid = printed(made, name, number)
    assert explained(nodeid, capsys) == [nodeid]
    assert main(["explain", nodeid, "--no-collect", "--json"]) == 0
    (by_key,) = json.loads(capsys.readouterr().out)
    assert explained(by_key["nodeid"], capsys) == [nodeid]
    assert main(["flaky", nodeid, "--json"]) == 0
    (shown,) = json.loads(capsys.readouterr().out)
    assert shown["key"] == by_key["nodeid"]


def test_an_entry_of_the_quarantine_may_have_the_id_that_pytest_prints(
    made: Project, here: Path, capsys, tmp_path: Path, monkeypatch
) -> None:
    nodeid = printed(made, "test_long", 1)
    file = tmp_path / "q.toml"
    file.write_text(f'[[quarantine]]\nid = "{nodeid}"\nreason = "r"\nowner = "o"\n'
                    'since = 2026-01-01\n')  # fmt: skip
    given = ("--file", str(file))
    assert main(["quarantine", "list", *given, "--json"]) == 0
    (entry,) = json.loads(capsys.readouterr().out)
    assert (entry["id"], entry["tests"]) == (nodeid, 1)
    assert main(["quarantine", "check", *given]) == 0
    assert main(["quarantine", "update", *given]) == 0
    assert main(["quarantine", "remove", nodeid, *given]) == 0


def test_add_writes_the_key_of_a_long_parameter(
    made: Project, here: Path, capsys, tmp_path: Path
) -> None:
    nodeid = printed(made, "test_long", 1)
    file = tmp_path / "q.toml"
    given = ("--file", str(file))
    assert main(["quarantine", "add", nodeid, "--reason", "r", "--owner", "o", *given]) == 0
    assert "[~" in file.read_text("utf-8")
    assert capsys.readouterr().err == ""
    result = made.run(f"--nexus-quarantine={file}", "--no-nexus-ingest")
    assert result.exit_status == 0
    assert main(["quarantine", "remove", nodeid, *given]) == 0


@pytest.mark.parametrize("typed", ["unit/test_net.py", "{here}/test_net.py"])
def test_a_file_in_quarantine_fails_no_build(
    made: Project, capsys, tmp_path: Path, monkeypatch, typed: str
) -> None:
    monkeypatch.chdir(made.root)
    file = tmp_path / "q.toml"
    given = ("--file", str(file))
    typed = typed.format(here=made.root / "unit")
    assert main(["quarantine", "add", typed, "--reason", "r", "--owner", "o", *given]) == 0
    assert main(["quarantine", "list", *given, "--json"]) == 0
    said = capsys.readouterr().out
    assert json.loads(said[said.index("[") :])[0]["tests"] == 7
    assert made.run(f"--nexus-quarantine={file}", "--no-nexus-ingest").exit_status == 0


def test_a_hunt_takes_every_id(made: Project, here: Path, capsys) -> None:
    long = printed(made, "test_long", 0)
    assert main(["explain", long, "--no-collect", "--json"]) == 0
    (by_key,) = json.loads(capsys.readouterr().out)
    hunted = []
    for typed in (long, by_key["nodeid"], "unit/test_other.py", f"{made.root}/unit/test_other.py"):
        assert main(["flaky", "hunt", typed, "--runs", "1", "--json"]) == 0
        hunted.append([one["nodeid"] for one in json.loads(capsys.readouterr().out)])
    assert hunted == [[long], [long], *[["unit/test_other.py::test_plain"]] * 2]


SUGGESTED = [
    ("unit/test_net.py::test_lnog", "unit/test_net.py::test_long"),
    ("unit/test_nte.py::test_long", "unit/test_net.py::test_long"),
    ("unit/test_other.py::test_long", "unit/test_net.py::test_long"),
    ("unit/test_net.py::TestSuite::test_insde", "unit/test_net.py::TestSuite::test_inside"),
    ("unit/test_net.py::test_long[shrot]", "unit/test_net.py::test_long[short]"),
    ("unit/test_othr.py", "unit/test_other.py"),
    ("test_plain", "unit/test_other.py::test_plain"),
]


@pytest.mark.parametrize(("typed", "meant"), SUGGESTED)
def test_a_misspelt_id_gets_the_one_that_was_meant(
    made: Project, capsys, monkeypatch, typed: str, meant: str
) -> None:
    monkeypatch.chdir(made.root)
    assert main(["flaky", typed]) == 1
    assert f"did you mean {meant!r}" in capsys.readouterr().err


@pytest.mark.parametrize(
    "command",
    ["explain {}", "quarantine add {} --reason r --owner o --file {file}", "flaky hunt {}"],
)
@pytest.mark.parametrize(("typed", "meant"), SUGGESTED[:3])
def test_every_command_says_which_id_was_meant(
    made: Project, capsys, monkeypatch, command: str, typed: str, meant: str
) -> None:
    monkeypatch.chdir(made.root)
    main(command.format(typed, file=made.root.with_name("q.toml")).split())
    assert f"did you mean {meant!r}" in capsys.readouterr().err


def test_an_entry_that_is_not_there_gets_the_one_that_was_meant(
    made: Project, capsys, monkeypatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(made.root)
    file = ("--file", str(tmp_path / "q.toml"))
    main(["quarantine", "add", "unit/test_net.py::test_long", "--reason", "r", "--owner", "o",
          *file])  # fmt: skip
    assert main(["quarantine", "remove", "unit/test_net.py::test_lomg", *file]) == 1
    assert "did you mean 'unit/test_net.py::test_long'?" in capsys.readouterr().err
