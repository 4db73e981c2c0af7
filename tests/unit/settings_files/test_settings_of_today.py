"""Settings are read from a project's files, and written back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_nexus.errors import OptionError
from pytest_nexus.plan.tuning.proposals import Proposal
from pytest_nexus.plan.tuning.rounds import AUTO, SeenRuns, Setting
from pytest_nexus.settings_files.settings_changes import (
    FileChange,
    read_exactly,
    top_of,
    workflow_of,
)
from pytest_nexus.settings_files.settings_of_today import Today, settings_of_today

if TYPE_CHECKING:
    from pathlib import Path

CALL = "jobs:\n  nexus:\n    uses: pytest-nexus/pytest-nexus/.github/workflows/nexus.yml@v0\n"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / ".nexus").mkdir()
    (tmp_path / ".github/workflows").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def proposal(setting: str, place: str, proposed: str) -> Proposal:
    return Proposal(setting, place, "", proposed, (), "")


def call(root: Path, inputs: str = "") -> Path:
    path = root / ".github/workflows/tests.yml"
    path.write_text(CALL + (f"    with: {{{inputs}}}\n" if inputs else ""))
    return path


def test_a_project_without_files_has_what_its_runs_show(root: Path) -> None:
    found = settings_of_today(root, SeenRuns(3, 2, 4))
    assert found.setting == Setting(shards=3, workers=2)
    assert found.sources["shards"] == "seen in the runs"
    changes, by_hand = found.changes(
        [proposal("shards", "workflow", "4"), proposal("reruns", "pytest.ini", "1")]
    )
    assert by_hand == ["shards: 4"]
    assert [each.after for each in changes] == ["[pytest]\nnexus_reruns = 1\n"]
    assert changes[0].diff(root)[0] == "--- /dev/null"
    changes[0].write()
    assert (root / "pytest.ini").read_text() == "[pytest]\nnexus_reruns = 1\n"


def test_files_count_before_runs(root: Path) -> None:
    (root / "pytest.ini").write_text("[pytest]\nnexus_reruns = 2\nnexus_select = off\n")
    call(root, "shards: auto, target: 90s, max-shards: 6, workers: auto, select: affected")
    found = settings_of_today(root, SeenRuns(3, 2, 4))
    assert found.setting == Setting(AUTO, 90.0, 6, 4, "affected", "2")
    assert found.sources["reruns"] == "pytest.ini"
    assert found.place_of("select") == "workflow"
    assert found.place_of("reruns") == "pytest.ini"
    assert found.place_of("target") == "workflow"


def test_a_workflow_without_inputs_has_defaults(root: Path) -> None:
    call(root)
    assert settings_of_today(root, SeenRuns(3, 2)).setting == Setting(AUTO, 300.0, 10, 2)


@pytest.mark.parametrize(
    "inputs",
    [
        "shards: ${{",
        'shards: "0", workers: "1000000"',
        "target: soon, workers: many, select: ${{ x }}",
        'shards: "1001", max-shards: "99999999999"',
    ],
)
def test_odd_inputs_leave_what_the_runs_show(root: Path, inputs: str) -> None:
    call(root, inputs)
    found = settings_of_today(root, SeenRuns(3, 2)).setting
    assert found.workers == 2
    assert found.target_s == 300.0


def test_a_value_that_a_session_refuses_is_one_error(root: Path) -> None:
    for line in ("nexus_reruns = many", "nexus_rerun_budget = all", "nexus_select = some"):
        (root / "pytest.ini").write_text(f"[pytest]\n{line}\n")
        with pytest.raises(OptionError, match="NX101"):
            settings_of_today(root, SeenRuns())


def test_numbers_of_a_workflow_count(root: Path) -> None:
    path = call(root, 'shards: "4", workers: 3')
    found = settings_of_today(root, SeenRuns())
    assert found.setting == Setting(4, workers=3)
    changes, by_hand = found.changes([proposal("shards", "workflow", "6")])
    assert not by_hand
    changes[0].write()
    assert 'shards: "6", workers: 3' in path.read_text()


def test_several_workflows_are_left_alone(root: Path) -> None:
    call(root)
    (root / ".github/workflows/more.yaml").write_text(CALL)
    assert workflow_of(root) is None
    (root / ".github/workflows/more.yaml").write_bytes(b"\xff")
    assert workflow_of(root) is not None


def test_a_file_that_changed_meanwhile_stays(root: Path) -> None:
    path = root / "pytest.ini"
    path.write_text("[pytest]\n")
    change = FileChange(path, read_exactly(path), "[pytest]\nnexus_reruns = 1\n")
    path.write_text("[pytest]\n# somebody else\n")
    with pytest.raises(OptionError, match="NX331"):
        change.write()
    assert path.read_text() == "[pytest]\n# somebody else\n"


def test_a_suite_in_a_folder_has_the_workflow_of_its_repository(root: Path) -> None:
    (root / ".git").mkdir()
    mine = call(root, "shards: 2, working-directory: services/api/")
    other = root / ".github/workflows/other.yml"
    other.write_text(CALL + "    with:\n      working-directory: services/web\n      shards: 4\n")
    suite = root / "services/api"
    suite.mkdir(parents=True)
    assert workflow_of(suite) == mine
    assert workflow_of(root / "services/web") == other
    assert workflow_of(root) is None
    found = settings_of_today(suite, SeenRuns())
    assert found.setting.shards == 2
    (change,), by_hand = found.changes([proposal("shards", "workflow", "6")])
    assert not by_hand
    assert change.diff(top_of(suite))[0] == "--- a/.github/workflows/tests.yml"
    assert settings_of_today(root, SeenRuns()).workflow is None


def test_a_working_directory_that_only_github_knows_may_be_any(root: Path) -> None:
    (root / ".git").mkdir()
    (root / "api").mkdir()
    path = root / ".github/workflows/tests.yml"
    path.write_text(CALL + "    with:\n      working-directory: ${{ matrix.folder }}\n")
    assert workflow_of(root / "api") == path


@pytest.mark.posix  # permissions and links of POSIX
def test_permissions_and_links_stay(root: Path) -> None:
    (root / "real.ini").write_text("[pytest]\n")
    (root / "real.ini").chmod(0o640)
    (root / "pytest.ini").symlink_to("real.ini")
    change = FileChange(root / "pytest.ini", "[pytest]\n", "[pytest]\nnexus_reruns = 1\n")
    change.write()
    assert (root / "pytest.ini").is_symlink()
    assert (root / "real.ini").stat().st_mode & 0o777 == 0o640
    assert "nexus_reruns" in (root / "real.ini").read_text()


def test_a_folder_that_is_missing_is_one_error(root: Path) -> None:
    with pytest.raises(OptionError, match="NX332"):
        FileChange(root / "no/pytest.ini", None, "").write()


def test_a_form_that_is_not_understood_is_one_error(root: Path) -> None:
    path = root / "pytest.ini"
    path.write_text("[pytest]\nnexus_reruns = 1\n  2\n")
    today = Today(Setting(), {}, path, path.read_text(), None)
    with pytest.raises(OptionError, match="NX333"):
        today.changes([proposal("reruns", "pytest.ini", "1")])
    workflow = root / "tests.yml"
    today = today._replace(workflow=workflow, workflow_text="with: *x")
    with pytest.raises(OptionError, match="NX333"):
        today.changes([proposal("shards", "workflow", "1")])


def test_a_settings_file_that_is_no_text_is_one_error(root: Path) -> None:
    (root / "pytest.ini").write_bytes(b"\xff\xfe")
    with pytest.raises(OptionError, match="NX151"):
        settings_of_today(root, SeenRuns())


def test_auto_is_the_learned_value_or_else_the_default(root: Path) -> None:
    (root / "pytest.ini").write_text("[pytest]\nnexus_select = auto\nnexus_reruns = auto\n")
    seen = SeenRuns(3, 2, 4)
    without = settings_of_today(root, seen).setting
    assert (without.select, without.reruns) == ("off", "adaptive")
    found = settings_of_today(root, seen, {"select": "confidence:99%", "reruns": "2"}).setting
    assert (found.select, found.reruns) == ("confidence:99%", "2")


@pytest.mark.parametrize("inputs", ["", "shards: auto", "target: auto"])
def test_inputs_left_to_nexus_are_the_learned_values(root: Path, inputs: str) -> None:
    call(root, inputs)
    found = settings_of_today(root, SeenRuns(3, 2), {"target": "90s"})
    assert (found.setting.target_s, found.sources["target_s"]) == (90.0, "learned")
    found = settings_of_today(root, SeenRuns(3, 2), {"shards": "4"})
    assert (found.setting.shards, found.sources["shards"]) == (4, "learned")


def test_inputs_that_a_person_wrote_win_over_learned_values(root: Path) -> None:
    call(root, "shards: 2, target: 20m")
    found = settings_of_today(root, SeenRuns(3, 2), {"shards": "4", "target": "90s"})
    assert (found.setting.shards, found.setting.target_s) == (2, 1200.0)
    assert found.sources["shards"] == "workflow"
