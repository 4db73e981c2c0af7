from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_nexus.impact.present.new_files import NewFiles, RunFiles, find_new_files
from tests.support.repository import environment

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.repository import Repository

pytestmark = pytest.mark.process


def new(
    repo: Repository, commits: dict[str, str | None], **recorded: RunFiles
) -> dict[str, frozenset[str]]:
    return dict(find_new_files(repo.root, environment(), commits, recorded).since)


def test_committed_and_untracked_files_are_new(repo: Repository) -> None:
    first = repo.git("rev-parse", "HEAD").strip()
    repo.commit(data__new_py="{}")
    second = repo.git("rev-parse", "HEAD").strip()
    (repo.root / "untracked.txt").write_text("x")
    assert new(repo, {"1": first, "2": second}) == {
        "1": {"data/new.py", "untracked.txt"},
        "2": {"untracked.txt"},
    }


def test_files_that_the_run_had_are_not_new_and_reappeared_ones_are(repo: Repository) -> None:
    head = repo.git("rev-parse", "HEAD").strip()
    (repo.root / "untracked.txt").write_text("x")
    was = RunFiles(frozenset({"untracked.txt"}), frozenset({"a.py", "never.py"}))
    assert new(repo, {"1": head}, **{"1": was}) == {"1": {"a.py"}}


def test_files_of_the_commit_that_are_gone(repo: Repository) -> None:
    first = repo.git("rev-parse", "HEAD").strip()
    (repo.root / "data").mkdir()
    for name in ("data/old.txt", "data/older.txt", "later.txt"):
        (repo.root / name).write_text("x")
    repo.commit()
    head = repo.git("rev-parse", "HEAD").strip()
    for name in ("old.txt", "older.txt"):
        (repo.root / "data" / name).unlink()
    recorded = {"2": RunFiles(frozenset(), frozenset({"data/older.txt"}))}
    found = find_new_files(repo.root, environment(), {"1": first, "2": head, "3": head}, recorded)
    assert found.gone == {
        "1": frozenset(),
        "2": {"data/old.txt"},
        "3": {"data/old.txt", "data/older.txt"},
    }
    assert found.since == {"1": {"later.txt"}, "2": frozenset(), "3": frozenset()}


def test_a_commit_that_is_not_here_and_no_commit_are_left_out(repo: Repository) -> None:
    assert new(repo, {"1": "1" * 40, "2": None, "3": "--output=x"}) == {}


def test_artefacts_and_environments_are_no_new_files(repo: Repository) -> None:
    head = repo.git("rev-parse", "HEAD").strip()
    for name in (".nexus/h", "env/pyvenv.cfg", "env/lib/x.py", "__pycache__/a.pyc"):
        (repo.root / name).parent.mkdir(parents=True, exist_ok=True)
        (repo.root / name).write_text("x")
    assert new(repo, {"1": head}) == {"1": frozenset()}


def test_paths_are_relative_to_the_root_and_stay_below(repo: Repository) -> None:
    head = repo.git("rev-parse", "HEAD").strip()
    repo.commit(lib__data_py="{}", other_txt="x")
    found = find_new_files(repo.root / "lib", environment(), {"1": head}, {})
    assert found.since == {"1": {"data.py"}}


def test_without_git_nothing_is_known_and_it_is_said(tmp_path: Path) -> None:
    outside = environment(GIT_CEILING_DIRECTORIES=str(tmp_path.parent))
    found = find_new_files(tmp_path, outside, {"1": "1" * 40}, {})
    assert found == NewFiles({}, found.problem)
    assert "not a git repository" in found.problem
