"""Every command that may last over two seconds says how far it is, and is quiet beside JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_nexus.cli.main import main
from pytest_nexus.domain.system.progress_bar import ProgressBar, Waiting
from tests.support.damage import copy, make_history

if TYPE_CHECKING:
    from pathlib import Path

COMMANDS = {
    "dashboard": ["runs replayed for the section Selection", "collecting the facts"],
    "status": ["collecting the facts"],
    "model check": ["comparing the runs with those of the training"],
    "select simulate": ["runs replayed"],
    "simulate --no-collect": ["runs replayed"],
    "evaluate --no-collect": ["judging the orders"],
    "train": ["runs replayed", "training", "candidates judged", "runs replayed for the promise"],
    "verify session.jsonl": ["journals read"],
    "history merge other.sqlite3": ["taking in the runs of other.sqlite3"],
    "history export copy.sqlite3": ["writing the copy"],
    "history import other.xml": ["files"],
    "history prune --keep-runs 3": ["forgetting old runs"],
    "history rebuild": ["computing the state of every test"],
    "history check": ["looking for damage"],
}
NO_JSON = ("history merge", "history export", "history prune", "history rebuild", "evaluate")
"""Commands without JSON, and one whose judgement takes seconds."""


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_history(tmp_path_factory.mktemp("sound") / "sound.sqlite3")


@pytest.fixture
def shown(sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, bool]:
    """What is announced by the commands that are called, and whether it is quiet."""
    copy(sound, tmp_path / "history.sqlite3")
    copy(sound, tmp_path / "other.sqlite3")
    (tmp_path / "session.jsonl").write_text("")
    (tmp_path / "other.xml").write_text("<testsuites/>")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NEXUS_HISTORY", "history.sqlite3")
    found: dict[str, bool] = {}
    for shower in (ProgressBar, Waiting):

        def begin(self, text, *, is_quiet=False, _begin=shower.__init__):  # type: ignore[no-untyped-def]
            found[text] = is_quiet
            _begin(self, text, is_quiet=is_quiet)

        monkeypatch.setattr(shower, "__init__", begin)
    return found


@pytest.mark.parametrize("command", COMMANDS)
def test_long_commands_say_how_far_they_are(
    command: str, shown: dict[str, bool], capsys: pytest.CaptureFixture[str]
) -> None:
    if command.startswith(("train", "evaluate")):
        pytest.importorskip("sklearn")
    main(command.split())
    assert shown == dict.fromkeys(COMMANDS[command], False), capsys.readouterr()


@pytest.mark.parametrize("command", [each for each in COMMANDS if not each.startswith(NO_JSON)])
def test_beside_json_they_are_quiet(
    command: str, shown: dict[str, bool], capsys: pytest.CaptureFixture[str]
) -> None:
    if command == "train":
        pytest.importorskip("sklearn")
    main([*command.split(), "--json"])
    assert shown == dict.fromkeys(COMMANDS[command], True), capsys.readouterr()
