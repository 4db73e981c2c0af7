"""A checkout that a command reads from outside."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_nexus.cli.arguments.checkout import path_in_checkout, source_root
from pytest_nexus.errors import OptionError
from tests.support.repository import init

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.process


UNREADABLE = "GITHUB_TOKEN=secret\n[pytest\n"


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout in a folder of the workspace, which has a history of its own."""
    workspace = tmp_path / "workspace"
    (workspace / ".nexus").mkdir(parents=True)
    (workspace / "pytest.ini").write_text("[pytest]\n")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(workspace))
    monkeypatch.chdir(tmp_path)
    folder = init(workspace / "nexus-checkout").root
    (folder / "api" / "tests").mkdir(parents=True)
    return folder


def test_root_is_never_above_the_checkout(checkout: Path) -> None:
    assert source_root(checkout / "api" / "tests") == checkout / "api" / "tests"
    (checkout / "api" / "pytest.ini").touch()
    assert source_root(checkout / "api" / "tests") == checkout / "api"
    assert source_root(checkout) == checkout


def test_paths_are_those_of_the_repository_whatever_folder_it_was_checked_out_into(
    checkout: Path,
) -> None:
    assert path_in_checkout(checkout) == ""
    assert path_in_checkout(checkout / "api") == "api/"


def test_without_git_paths_start_from_the_workspace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "api").mkdir()
    assert path_in_checkout(tmp_path / "api") == ""
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path))
    assert path_in_checkout(tmp_path / "api") == "api/"


@pytest.mark.posix("symbolic links need a privilege")
@pytest.mark.parametrize("name", ["pytest.ini", "tox.ini", "setup.cfg", "pyproject.toml"])
def test_settings_behind_a_link_out_of_the_checkout_are_not_read(checkout: Path, name: str) -> None:
    outside = checkout.parent / "environ"
    outside.write_text(UNREADABLE)
    (checkout / "api" / name).symlink_to(outside)
    assert source_root(checkout / "api") == checkout / "api"


@pytest.mark.posix("symbolic links need a privilege")
def test_folder_behind_a_link_out_of_the_workspace_is_an_error(
    checkout: Path, tmp_path: Path
) -> None:
    (tmp_path / "outside").mkdir()
    (checkout / "suite").symlink_to(tmp_path / "outside")
    with pytest.raises(OptionError, match="NX822"):
        source_root(checkout / "suite")
    (checkout / "inside").symlink_to(checkout / "api")
    assert source_root(checkout / "inside") == checkout / "api"


def test_folder_that_is_none_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="NX822"):
        source_root(tmp_path / "gone")
