"""A setting that nobody reads is named, with the one that was meant."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.support.messages import assert_message, messages
from tests.support.project import Project

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def made(tmp_path: Path) -> Project:
    return Project(tmp_path / "project", {"test_a.py": "def test_x(): pass\n"})


MISSPELT = {
    "NEXUS_RERUN": "NEXUS_RERUNS",
    "NEXUS_SHRAD": "NEXUS_SHARD",
    "NEXUS_ORDERS": "NEXUS_ORDER",
    "NEXUS_FAIL_FLAKY": "NEXUS_FAIL_ON_FLAKY",
}


@pytest.mark.parametrize("more", [(), ("-q",), ("-n2",)])
def test_each_misspelt_variable_costs_one_line(made: Project, more: tuple[str, ...]) -> None:
    result = made.run(*more, env=dict.fromkeys(MISSPELT, "1"))
    assert result.exit_status == 0
    for name, meant in MISSPELT.items():
        lines = [line for line in messages(result.stdout, "NX201") if name in line]
        assert [meant in line for line in lines] == [True]


def test_a_variable_like_no_other_is_named_without_advice(made: Project) -> None:
    said = made.run(env={"NEXUS_XYZZY": "1"}).stdout
    assert_message(said, "NX201", "NEXUS_XYZZY [NX201]")


def test_known_variables_and_those_of_nexus_repository_are_left_alone(made: Project) -> None:
    foreign = {"NEXUS_URL": "https://x", "NEXUS_USERNAME": "me", "NEXUS_PASSWORD": "x"}
    said = made.run(env={**foreign, "NEXUS_ORDER": "off"}).stdout
    assert messages(said, "NX201") == []


@pytest.mark.parametrize("file", ["pytest.ini", "pyproject.toml"])
def test_a_misspelt_ini_option_gets_the_one_that_was_meant(tmp_path: Path, file: str) -> None:
    heads = {"pytest.ini": "[pytest]\n", "pyproject.toml": "[tool.pytest.ini_options]\n"}
    made = Project(tmp_path / "p", {"test_a.py": "def test_x(): pass\n"})
    (made.root / "pytest.ini").unlink()
    made.write({file: f"{heads[file]}nexus_rerun = '2'\n"})
    said = made.run().stdout
    assert_message(said, "NX202", "nexus_rerun;", "nexus_reruns?")


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("--nexus-shrad=1/2", "--nexus-shard"),
        ("--nexus-rerun=2", "--nexus-reruns"),
        ("--no-nexus-ingset", "--no-nexus-ingest"),
        ("--nexus-plna", "--nexus-plan"),
    ],
)
@pytest.mark.parametrize("nexus", [True, False])
def test_a_misspelt_option_gets_the_one_that_was_meant(
    made: Project, word: str, meant: str, nexus: bool
) -> None:
    result = made.run(word, nexus=nexus)
    assert result.exit_status == pytest.ExitCode.USAGE_ERROR
    option = word.partition("=")[0]
    assert_message(result.stderr, "NX203", f"{option};", f"{meant}?")


@pytest.mark.parametrize("place", ["conftest.py", "other.py"])
def test_an_option_of_somebody_else_is_left_alone(made: Project, place: str) -> None:
    """Also where it is spelled like one of ours."""
    declares = "def pytest_addoption(parser): parser.addoption('--nexus-orders')\n"
    (made.root / place).write_text(declares)
    loading = () if place == "conftest.py" else ("-p", "other")
    path = f"{made.root}{os.pathsep}{made.environment()['PYTHONPATH']}"
    result = made.run(*loading, "--nexus-orders=x", env={"PYTHONPATH": path}, nexus=False)
    assert result.exit_status == 0


@pytest.mark.parametrize("ini", ["[pytest]\n", "[pytest]\nnexus_order = off\n", ""])
def test_settings_are_looked_at_without_a_warning(made: Project, ini: str) -> None:
    made.write({"pytest.ini": ini})
    result = made.run("-W", "error", env={"NEXUS_XYZZY": "1"})
    assert (result.exit_status, result.stderr) == (0, "")
