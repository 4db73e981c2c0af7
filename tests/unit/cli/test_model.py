"""What `nexus model export` writes, `nexus model import` knows again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from pytest_nexus.predictor.model.document import dump, version
from pytest_nexus.predictor.model.model import Model

from pytest_nexus.cli.main import main
from pytest_nexus.history.sqlite.models import Version
from pytest_nexus.history.store import open_history

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DOCUMENT = dump(Model({"record": 1.0}, thrift=0.25))
NAME = version(DOCUMENT)


@pytest.fixture
def history(tmp_path: Path) -> str:
    path = tmp_path / "h.sqlite3"
    with open_history(path) as opened:
        opened.models.add(Version(NAME, None, 1.0, DOCUMENT, "{}", "{}"))
    return str(path)


def versions(history: str, capsys: pytest.CaptureFixture[str]) -> list[str]:
    capsys.readouterr()
    assert main(["model", "list", "--json", "--history", history]) == 0
    return [each["version"] for each in json.loads(capsys.readouterr().out)]


EDITS: dict[str, Callable[[str], str]] = {
    "as it is": lambda text: text,
    "with a line end": lambda text: text + "\r\n",
    "formatted": lambda text: json.dumps(json.loads(text), indent=2),
    "keys in another order": lambda text: json.dumps(dict(reversed(json.loads(text).items()))),
    "with a byte order mark": lambda text: "\ufeff" + text,
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
@pytest.mark.parametrize("name", ["shipped", NAME])
def test_an_exported_model_is_known(
    history: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, edit
) -> None:
    file = tmp_path / "model.json"
    assert main(["model", "export", name, "--output", str(file), "--history", history]) == 0
    file.write_text(edit(file.read_text("utf-8")), encoding="utf-8", newline="")
    capsys.readouterr()
    assert main(["model", "import", str(file), "--history", history]) == 0
    assert ("is shipped" if name == "shipped" else "known already") in capsys.readouterr().out
    assert versions(history, capsys) == ["shipped", NAME]


def test_another_history_takes_it_in_under_its_name(
    history: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, other = tmp_path / "model.json", str(tmp_path / "other.sqlite3")
    open_history(tmp_path / "other.sqlite3").close()
    main(["model", "export", NAME, "--output", str(file), "--history", history])
    assert main(["model", "import", str(file), "--history", other]) == 0
    assert main(["model", "promote", NAME, "--history", other]) == 0
    assert versions(other, capsys) == ["shipped", NAME]
    assert main(["model", "import", str(file), "--history", other]) == 0
    assert "it is deployed" in capsys.readouterr().out


FIGURES = {
    "student_comparisons": 17.0,
    "teacher_comparisons": 200.0,
    "student_apfdc_loss": 0.0013,
    "student_auc_loss": -0.002,
    "student_skill_loss": 0.004,
    "student_log_loss_increase": 0.011,
}
LINEAGE = {"student": "4x8", "teacher": "7ab3c0de19f24a55"}


def test_a_student_is_shown_with_its_teacher(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "h.sqlite3"
    with open_history(path) as opened:
        opened.models.add(
            Version(NAME, None, 1.0, DOCUMENT, json.dumps(LINEAGE), json.dumps(FIGURES))
        )
    assert main(["model", "list", "--json", "--history", str(path)]) == 0
    listed = json.loads(capsys.readouterr().out)[-1]
    assert (listed["comparisons"], listed["apfdc_loss"]) == (17.0, 0.0013)
    assert main(["model", "show", NAME, "--json", "--history", str(path)]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["comparisons"], shown["comparisons_of_teacher"]) == (17.0, 200.0)
    assert shown["losses"] == {"APFDc": 0.0013, "AUC": -0.002, "skill": 0.004, "log loss": 0.011}
    assert main(["model", "card", NAME, "--history", str(path)]) == 0
    assert (
        "- Student 4x8 of teacher 7ab3c0de19f24a55: 17.0 comparisons per test instead of 200.0;"
        " losses: APFDc +0.0013, AUC -0.0020, skill +0.0040, log loss +0.0110\n"
    ) in capsys.readouterr().out


@pytest.mark.parametrize(
    "metrics", [{}, {"student_comparisons": "<b>", "teacher_comparisons": 1.0}]
)
def test_a_card_without_figures_of_a_student_has_no_line_about_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], metrics: dict[str, object]
) -> None:
    path = tmp_path / "h.sqlite3"
    with open_history(path) as opened:
        opened.models.add(Version(NAME, None, 1.0, DOCUMENT, "{}", json.dumps(metrics)))
    assert main(["model", "card", NAME, "--history", str(path)]) == 0
    assert "- Student" not in capsys.readouterr().out
