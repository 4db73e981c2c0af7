"""From a recorded session to the key of a cache: only what the tests use changes the key."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

from pytest_nexus.cli.main import main
from tests.support.project import Project

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(
    sys.version_info < (3, 12),
    reason="dependencies are recorded on CPython 3.12 or later",
)
FILES = {
    "pytest.ini": "[pytest]\nnexus_dependencies = true\npythonpath = .\n",
    "app.py": "import iniconfig\n\ndef name():\n    return iniconfig.__name__\n",
    "test_app.py": "import app\n\ndef test_name():\n    assert app.name() == 'iniconfig'\n",
}
LOCK = "iniconfig==1.0\npackaging==2.0\npytest==3.0\nscikit-learn==4.0\n"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project whose one test has run, and used a package that it declares."""
    made = Project(tmp_path_factory.mktemp("used") / "project", FILES)
    assert made.run().exit_status == 0
    return made


@pytest.fixture
def key(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Key:
    monkeypatch.chdir(project.root)
    for name in ("NEXUS_HISTORY", "NEXUS_JOURNAL"):
        monkeypatch.delenv(name, raising=False)
    return Key(project.root / "requirements.txt", capsys)


class Key:
    """The key by a lock file."""

    def __init__(self, lock: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._lock, self._capsys = lock, capsys

    def of(self, text: str) -> str:
        self._lock.write_text(text)
        assert main(["cache", "key", f"--lock={self._lock}"]) == 0
        said = self._capsys.readouterr()
        assert "NX173" not in said.err
        return said.out


def test_an_upgrade_of_an_unused_package_is_a_hit(key: Key) -> None:
    before = key.of(LOCK)
    assert key.of(LOCK.replace("scikit-learn==4.0", "scikit-learn==4.1")) == before
    assert key.of("\n".join(sorted(LOCK.splitlines(), reverse=True))) == before


@pytest.mark.parametrize("pin", ["iniconfig==1.0", "pytest==3.0"])
def test_an_upgrade_of_a_used_package_is_a_miss(key: Key, pin: str) -> None:
    assert key.of(LOCK) != key.of(LOCK.replace(pin, f"{pin}.1"))


@pytest.mark.usefixtures("key")
def test_the_report_names_the_module_that_imports_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cache", "report", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    (row,) = [one for one in found["distributions"] if one["name"] == "iniconfig"]
    assert (row["n_tests"], row["through"]) == (1, "app.py")
