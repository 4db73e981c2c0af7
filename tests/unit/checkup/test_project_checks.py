"""Findings about the files of a project: history, journals, quarantine, git, CI."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from pytest_nexus.checkup.ci_checks import base_findings, ci_findings
from pytest_nexus.checkup.storage_checks import examine_history, quarantine_findings
from pytest_nexus.history.ingest import ingest_run
from pytest_nexus.history.store import open_history
from tests.support.builders import attempt, run

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.repository import Repository

IN_CI = {"GITHUB_ACTIONS": "true", "GITHUB_RUN_ID": "7"}


def codes_of_history(folder: Path) -> list[str]:
    stored = examine_history(folder / "h.sqlite3", folder / "journal")
    return [one.code for one in stored.findings]


def test_nothing_is_found_before_the_first_run(tmp_path: Path) -> None:
    stored = examine_history(tmp_path / "h.sqlite3", tmp_path / "journal")
    assert stored == ((), 0, 0, False)


def test_a_sound_history_is_counted(tmp_path: Path) -> None:
    with open_history(tmp_path / "h.sqlite3") as history:
        ingest_run(history, run(1), [attempt()])
    stored = examine_history(tmp_path / "h.sqlite3", tmp_path / "journal")
    assert (stored.findings, stored.n_runs) == ((), 1)


def test_a_damaged_history_and_an_earlier_one_are_named(tmp_path: Path) -> None:
    (tmp_path / "h.sqlite3").write_bytes(b"no database, but long enough to be one " * 40)
    (tmp_path / "h.sqlite3.corrupt-1").write_bytes(b"")
    assert codes_of_history(tmp_path) == ["NX596", "NX501"]


def test_journals_that_are_damaged_or_left_are_counted(tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    folder.mkdir()
    (folder / f"x-{1:032x}.jsonl").write_text("{}\n")
    (folder / f"x-{2:032x}.jsonl.refused").write_text("{}\n")
    stored = examine_history(tmp_path / "h.sqlite3", folder)
    assert [one.problem.partition(" cannot")[0] for one in stored.findings] == ["2 journals"]
    for number in range(3, 30):
        (folder / f"x-{number:032x}.jsonl").write_text("{}\n")
    assert codes_of_history(tmp_path) == ["NX598", "NX598"]


def test_a_miss_of_the_audit_is_named(tmp_path: Path) -> None:
    missed = run(1)._replace(selected_by=("nexus-missed test_a.py::test_x",))
    with open_history(tmp_path / "h.sqlite3") as history:
        ingest_run(history, missed, [attempt(outcome="failed")])
    assert codes_of_history(tmp_path) == ["NX597"]


def test_the_quarantine_is_read(tmp_path: Path) -> None:
    file = tmp_path / "q.toml"
    assert list(quarantine_findings(file)) == []
    file.write_text('[[quarantine]]\nid = "a.py::t"\nreason = "r"\nowner = "o"\n'
                    "since = 2020-01-01\nuntil = 2020-02-01\n")  # fmt: skip
    assert [one.code for one in quarantine_findings(file)] == ["NX593"]
    file.write_text("[[quarantine]")
    assert [one.code for one in quarantine_findings(file)] == ["NX351"]


def codes_of_ci(root: Path, environ: dict[str, str], n_runs: int, n_ci: int) -> list[str]:
    found = ci_findings(root, root / "h.sqlite3", environ, n_runs, n_ci)
    return [one.code for one in found]


def test_a_job_without_history_is_named(tmp_path: Path) -> None:
    assert codes_of_ci(tmp_path, IN_CI, 0, 0) == ["NX599"]
    assert codes_of_ci(tmp_path, IN_CI, 1, 1) == []


def test_a_ci_that_keeps_no_history_is_named(tmp_path: Path) -> None:
    assert codes_of_ci(tmp_path, {}, 20, 0) == []  # no CI at all
    workflow = tmp_path / ".github" / "workflows" / "ci.yml"
    workflow.parent.mkdir(parents=True)
    workflow.write_text("on: push\n")
    assert codes_of_ci(tmp_path, {}, 0, 0) == ["NX591"]
    workflow.write_text("uses: pytest-nexus/pytest-nexus/.github/workflows/nexus.yml@v0\n")
    assert codes_of_ci(tmp_path, {}, 0, 0) == []
    assert codes_of_ci(tmp_path, {}, 20, 0) == ["NX591"]
    assert codes_of_ci(tmp_path, {}, 20, 3) == []


def test_the_ci_of_a_repository_is_found_from_a_folder_in_it(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "Jenkinsfile").write_text("make test\n")
    (tmp_path / "api").mkdir()
    assert codes_of_ci(tmp_path / "api", {}, 0, 0) == ["NX591"]


@pytest.mark.process
def test_a_shallow_clone_has_no_base(repo: Repository, tmp_path: Path) -> None:
    assert list(base_findings(repo.root, None, {})) == []
    shallow = tmp_path / "shallow"
    command = ["git", "clone", "-q", "--depth=1", repo.root.as_uri(), str(shallow)]
    subprocess.run(command, check=True)
    (found,) = base_findings(shallow, None, {})
    assert found.code == "NX412"
    assert "fetch-depth: 0" in found.remedy


@pytest.mark.process
def test_a_folder_outside_of_git_says_what_is_lost(tmp_path: Path) -> None:
    (found,) = base_findings(tmp_path, None, {"GIT_CEILING_DIRECTORIES": str(tmp_path.parent)})
    assert found.code == "NX401"
    assert "git init" in found.remedy
