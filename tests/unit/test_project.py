from __future__ import annotations

import os
from pathlib import Path

import pytest

from pytest_nexus.cli.arguments.tests import spellings
from pytest_nexus.errors import OptionError
from pytest_nexus.project import history_path, journal_folder, path_from, project_root


@pytest.fixture(autouse=True)
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project's folder as the working folder, below one that has nothing in it."""
    for name in ("NEXUS_HISTORY", "NEXUS_JOURNAL"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def test_default_lies_in_the_working_folder(inside: Path) -> None:
    assert history_path(None) == inside / ".nexus" / "history.sqlite3"
    assert journal_folder() == inside / ".nexus" / "journal"


def test_given_path_is_taken_as_it_is() -> None:
    assert str(history_path("else.sqlite3")) == "else.sqlite3"


SETTINGS = {
    "pytest.ini": "[pytest]\nnexus_history = kept/here\n",
    ".pytest.ini": "[pytest]\nnexus_history = kept/here\n",
    "tox.ini": "[pytest]\nnexus_history = kept/here\n",
    "setup.cfg": "[tool:pytest]\nnexus_history = kept/here\n",
    "pyproject.toml": "[tool.pytest.ini_options]\nnexus_history = 'kept/here'\n",
    "pytest.toml": "[pytest]\nnexus_history = 'kept/here'\n",
}


@pytest.mark.parametrize("name", SETTINGS)
def test_ini_file_names_the_history(
    inside: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (inside / name).write_text(SETTINGS[name])
    below = inside / "src" / "deep"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert history_path(None) == inside / "kept" / "here"


def test_native_table_of_pyproject_names_the_history(inside: Path) -> None:
    (inside / "pyproject.toml").write_text("[tool.pytest]\nnexus_history = 'kept/here'\n")
    assert history_path(None) == inside / "kept" / "here"


def test_only_the_first_file_counts_as_it_does_for_pytest(inside: Path) -> None:
    (inside / "tox.ini").write_text(SETTINGS["tox.ini"])
    (inside / "pytest.ini").write_text("")
    assert history_path(None) == inside / ".nexus" / "history.sqlite3"


def test_file_without_settings_of_pytest_is_passed_over(inside: Path) -> None:
    (inside / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    (inside / "tox.ini").write_text("[tox]\n")
    (inside / "setup.cfg").write_text(SETTINGS["setup.cfg"])
    assert history_path(None) == inside / "kept" / "here"


def test_environment_overrules_the_ini_file(inside: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (inside / "pytest.ini").write_text(SETTINGS["pytest.ini"])
    monkeypatch.setenv("NEXUS_HISTORY", "from/environment")
    assert history_path(None) == inside / "from" / "environment"


def test_percent_sign_in_an_ini_file_is_text(inside: Path) -> None:
    (inside / "pytest.ini").write_text("[pytest]\nnexus_history = a%b\nlog_format = %(x)s\n")
    assert history_path(None) == inside / "a%b"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pyproject.toml", "not toml ["),
        ("pytest.ini", "no section\n"),
        ("pytest.ini", "[pytest]\nnexus_history =\n"),
        ("pyproject.toml", "[tool.pytest]\nnexus_history = 5\n"),
    ],
)
def test_setting_that_makes_no_sense_is_an_error_that_names_it(
    inside: Path, name: str, text: str
) -> None:
    (inside / name).write_text(text)
    with pytest.raises(OptionError, match=r"nexus_history|Couldn't read"):
        history_path(None)


@pytest.mark.parametrize("mark", [".nexus/", "pytest.ini", "pytest.toml"])
def test_root_is_the_nearest_folder_that_looks_like_one(inside: Path, mark: str) -> None:
    below = inside / "a" / "b"
    below.mkdir(parents=True)
    assert project_root(below) == below
    if mark.endswith("/"):
        (inside / mark).mkdir()
    else:
        (inside / mark).write_text("")
    assert project_root(below) == inside
    assert project_root(inside) == inside


def test_path_on_another_drive_stays_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    def on_another_drive(path: object, start: object) -> str:
        raise ValueError(f"path is on mount 'D:', start on mount 'C:': {path} {start}")

    monkeypatch.setattr(os.path, "relpath", on_another_drive)
    assert path_from(Path("/project"), Path("/other/test_a.py")) == "/other/test_a.py"
    assert spellings("tests/test_a.py::test_x")[-1] == "tests/test_a.py::test_x"
