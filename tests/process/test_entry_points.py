"""What an installed package adds to nexus, and what it costs where it is broken."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.messages import assert_message
from tests.support.project import Project

if TYPE_CHECKING:
    from pathlib import Path

MODULE = """
    from pytest_nexus import Attempt, Imported, PhaseResult, Provider, Run

    CI = Provider(name="acme", title="Acme", sign="ACME", run_id="ACME_RUN")

    def read(path):
        first, *names = path.read_text().split()
        if first != "ACME":
            return None
        passed = PhaseResult("passed", 0.1)
        attempts = tuple(Attempt(n, n, n, 1, 0.0, None, passed, None) for n in names)
        return [Imported(Run("ab" * 16, 1e9, source="junit"), attempts)]

    def fail(*_): raise KeyError("x")

    def html(summary): return f"<p>{len(summary.results)}</p>\\n"
"""
SUITE = {"test_a.py": "def test_a(): pass\n"}


class Installed:
    """A project beside a package that is installed in a folder of its own."""

    def __init__(self, root: Path) -> None:
        self.project = Project(root / "project", SUITE)
        self.site = root / "site"
        self.site.mkdir()
        Project(self.site / "acme", {"__init__.py": MODULE})

    def offer(self, group: str, **places: str) -> None:
        info = self.site / f"acme_{group}-1.0.dist-info"
        info.mkdir()
        about = f"Metadata-Version: 2.1\nName: acme-{group}\nVersion: 1.0\n"
        (info / "METADATA").write_text(about)
        lines = [
            f"[pytest_nexus.{group}]",
            *(f"{name} = {place}" for name, place in places.items()),
        ]
        (info / "entry_points.txt").write_text("\n".join(lines) + "\n")

    def env(self, **more: str) -> dict[str, str]:
        path = self.project.environment()["PYTHONPATH"]
        return {"PYTHONPATH": os.pathsep.join([path, str(self.site)]), **more}

    def nexus(self, *arguments: str) -> Any:
        return self.project.nexus(*arguments, env=self.env())


@pytest.fixture
def installed(tmp_path: Path) -> Installed:
    return Installed(tmp_path)


def test_an_importer_reads_what_nexus_does_not_know(installed: Installed) -> None:
    installed.offer("importers", acme="acme:read", broken="acme:absent")
    installed.project.write({"runs.acme": "ACME test_a.py::test_a\n", "other.acme": "else\n"})
    done = installed.nexus("history", "import", "runs.acme", "other.acme")
    assert_message(done.stderr, "NX253", "broken of pytest_nexus.importers")
    assert_message(done.stdout + done.stderr, "NX603", "other.acme")
    assert len(installed.project.runs()) == 1


def test_an_importer_that_fails_refuses_its_file(installed: Installed) -> None:
    installed.offer("importers", acme="acme:fail")
    installed.project.write({"runs.acme": "ACME\n"})
    done = installed.nexus("history", "import", "runs.acme")
    said = done.stdout + done.stderr
    assert_message(said, "NX255", "acme of pytest_nexus.importers", "KeyError: 'x'")
    assert "Traceback" not in said


def test_a_format_renders_the_summary(installed: Installed) -> None:
    installed.offer("report_formats", html="acme:html", bad="acme:fail", broken="acme:absent")
    installed.project.run()
    assert installed.nexus("report", "--format", "html").stdout == "<p>1</p>\n"
    for name, code, told in (("bad", "NX255", "KeyError('x')"), ("broken", "NX253", "absent")):
        done = installed.nexus("report", "--format", name)
        assert done.returncode == 1
        assert_message(done.stderr, code, f"{name} of pytest_nexus.report_formats", told)
    assert "invalid choice: 'other'" in installed.nexus("report", "--format", "other").stderr


def test_a_ci_of_a_plugin_is_known_where_no_other_is(installed: Installed) -> None:
    installed.offer("ci_providers", acme="acme:CI", bad="acme:html", broken="acme:absent")
    env = installed.env(CI="true", ACME="1", ACME_RUN="7")
    result = installed.project.run(env=env)
    assert (result.journal[0]["ci"]["provider"], result.journal[0]["ci"]["run_id"]) == ("acme", "7")
    said = result.stdout + result.stderr
    assert_message(said, "NX254", "bad of pytest_nexus.ci_providers")
    assert_message(said, "NX253", "broken of pytest_nexus.ci_providers")


@pytest.mark.parametrize("more", [{}, {"CI": "true", "GITHUB_ACTIONS": "true"}])
def test_plugins_are_not_looked_up_elsewhere(installed: Installed, more: dict[str, str]) -> None:
    installed.offer("ci_providers", acme="acme:CI", broken="acme:absent")
    result = installed.project.run(env=installed.env(ACME="1", ACME_RUN="7", **more))
    assert result.journal[0]["ci"] is None
    assert "entry point" not in result.stdout + result.stderr
