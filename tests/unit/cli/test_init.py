from __future__ import annotations

import argparse

import pytest
from ruamel.yaml import YAML

from pytest_nexus.cli import init as command
from pytest_nexus.errors import OptionError
from tests.support import repository

pytestmark = pytest.mark.process


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    return tmp_path


def nexus_init(*arguments: str) -> None:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    options = parser.parse_args(arguments)
    assert options.run(options) == 0


def contents(folder) -> dict[str, str]:
    files = sorted(
        path for path in folder.rglob("*") if path.is_file() and ".git" not in path.parts
    )
    return {str(path.relative_to(folder)): path.read_text() for path in files}


def test_empty_folder_gets_a_workflow_of_ten_lines_and_the_settings(here, capsys):
    nexus_init()
    files = contents(here)
    assert files["pytest.ini"] == "[pytest]\nnexus = true\n"
    text = files[".github/workflows/tests.yml"]
    assert len(text.splitlines()) <= 12
    workflow = YAML(typ="safe").load(text)
    assert workflow["on"]["push"] == {"branches": ["main"]}
    assert workflow["jobs"]["nexus"] == {"uses": command.WORKFLOW}
    assert workflow["permissions"] == {
        "contents": "read", "actions": "read", "pull-requests": "write",
    }  # fmt: skip
    assert files["tests/test_first.py"].startswith("def test_first() -> None:\n")
    assert capsys.readouterr().out.count(": written") == 3


@pytest.mark.parametrize("name", ["src/shop.py", "requirements.txt", "pyproject.toml"])
def test_project_gets_no_test_that_it_did_not_ask_for(here, name):
    (here / name).parent.mkdir(exist_ok=True)
    (here / name).touch()
    nexus_init()
    assert not (here / "tests").exists()


def test_python_in_hidden_folders_is_nobodys_project(here):
    (here / ".venv").mkdir()
    (here / ".venv" / "a.py").touch()
    nexus_init()
    assert (here / "tests" / "test_first.py").exists()


def test_files_that_exist_are_left_alone(here, capsys):
    (here / ".github/workflows").mkdir(parents=True)
    (here / ".github/workflows/tests.yml").write_text("mine")
    (here / "pyproject.toml").write_text("[tool.pytest.ini_options]\naddopts = '-q'\n")
    before = contents(here)
    nexus_init()
    assert contents(here) == before
    assert capsys.readouterr().out.count("left alone, it exists; --force changes it") == 2


@pytest.mark.parametrize(
    ("name", "text", "after"),
    [
        ("pytest.ini", "[pytest]\naddopts = -q\n", "[pytest]\nnexus = true\naddopts = -q\n"),
        ("pytest.ini", "[pytest]", "[pytest]\nnexus = true\n"),
        ("pytest.ini", "", "[pytest]\nnexus = true\n"),
        ("tox.ini", "[tox]\n[pytest]\nx = 1\n", "[tox]\n[pytest]\nnexus = true\nx = 1\n"),
        ("setup.cfg", "[tool:pytest]\nx = 1\n", "[tool:pytest]\nnexus = true\nx = 1\n"),
        (
            "pyproject.toml",
            "[tool.pytest.ini_options]\nx = 1\n",
            '[tool.pytest.ini_options]\nnexus = "true"\nx = 1\n',
        ),
        ("pyproject.toml", "[tool.pytest]\nx = 1\n", "[tool.pytest]\nnexus = true\nx = 1\n"),
    ],
)
def test_force_adds_one_line_to_the_settings_that_pytest_reads(here, name, text, after):
    (here / name).write_text(text)
    nexus_init("--force")
    assert (here / name).read_text() == after
    nexus_init("--force")
    assert (here / name).read_text() == after


def test_file_of_another_section_is_not_taken_for_settings(here):
    (here / "tox.ini").write_text("[tox]\n")
    nexus_init()
    assert (here / "tox.ini").read_text() == "[tox]\n"
    assert (here / "pytest.ini").exists()


@pytest.mark.parametrize(
    ("name", "text", "command_line"),
    [
        ("requirements.txt", "x", "python -m pip install -r requirements.txt"),
        ("pyproject.toml", "[project]\nname = 'x'\n", "python -m pip install ."),
        ("pyproject.toml", "[tool.black]\n", None),
    ],
)
def test_project_that_says_how_is_installed(here, name, text, command_line):
    (here / name).write_text(text)
    nexus_init()
    workflow = YAML(typ="safe").load((here / command.TARGET).read_text())
    given = workflow["jobs"]["nexus"].get("with", {})
    assert given.get("install") == command_line


def test_default_branch_is_what_git_says(here):
    repository.init(here).git("checkout", "-q", "-b", "trunk")
    nexus_init()
    assert "branches: [trunk]" in (here / command.TARGET).read_text()


@pytest.mark.parametrize("given", ["--branch=a]}\nx: y", "--uses=x", "--uses=a@b\n  c: d"])
def test_values_that_would_break_the_yaml_are_refused(here, given):
    with pytest.raises(OptionError):
        nexus_init(given)
    assert contents(here) == {}
