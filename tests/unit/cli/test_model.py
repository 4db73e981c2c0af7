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
