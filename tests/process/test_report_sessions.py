"""Reports over the journals that real sessions left, with reruns and a quarantine."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.project import Project

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("forked_sessions")

TESTS = r"""
    from pathlib import Path

    import pytest

    HOSTILE = ["::error::x", "a|b`<script>", "\x1b[31mred", "@octocat", "https://evil.example/"]


    def flaky(name):
        path = Path(__file__).with_name(name)
        if not path.exists():
            path.touch()
            raise ConnectionError("refused")


    def test_heals():
        flaky("first")


    def test_waits():
        assert 1 == 2, "stub"


    def test_waits_and_heals():
        flaky("second")


    def test_breaks():
        raise KeyError("x")


    @pytest.mark.parametrize("text", HOSTILE)
    def test_says(text):
        said = "\n::set-output name=x::y\n::stop-commands::t\n<img src=x> @octocat \x1b[31m\u202e"
        assert not text, text + said


    @pytest.mark.parametrize("number", range(12))
    def test_number(number):
        assert number > 99, f"{'abcdefghijkl'[number]} is small"


    @pytest.mark.parametrize("number", range(120))
    def test_passes(number):
        pass
"""
ENTRY = """
    [[quarantine]]
    id = "test_a.py::{name}"
    reason = "the stub drops connections"
    owner = "@net"
    since = 2026-03-01
"""
QUARANTINE = "".join(ENTRY.format(name=name) for name in ("test_waits", "test_waits_and_heals"))


class Report:
    """What `nexus report --github` wrote."""

    def __init__(self, project: Project) -> None:
        self.root: Path = project.root
        self._nexus: Callable[..., Any] = project.nexus
        files = {name: str(self.root / name) for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT")}
        done = project.nexus("report", "--github", env=files)
        assert (done.returncode, done.stderr) == (0, "")
        self.log: list[str] = done.stdout.splitlines()
        self.summary = (self.root / "GITHUB_STEP_SUMMARY").read_text("utf-8")
        lines = (self.root / "GITHUB_OUTPUT").read_text("utf-8").splitlines()
        self.outputs = dict(line.split("=", 1) for line in lines)

    def section(self, title: str) -> str:
        return self.summary.partition(f"### {title}\n")[2].partition("\n### ")[0]

    def document(self, name: str) -> dict[str, Any]:
        found = json.loads(self._nexus("report", f"--format={name}").stdout)
        assert isinstance(found, dict)
        return found


@pytest.fixture(scope="module", params=["plain", "workers"])
def report(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Report:
    """Of one session in which each failure is repeated once."""
    files = {"test_a.py": TESTS, "nexus-quarantine.toml": QUARANTINE}
    made = Project(tmp_path_factory.mktemp("report") / "project", files)
    workers = ["-n2"] if request.param == "workers" else []
    made.run("--nexus-reruns=1", "--nexus-rerun-budget=100%", "--nexus-rerun-delay=0", *workers)
    return Report(made)


@pytest.mark.slow
def test_healed_and_quarantined_tests_are_told_apart_from_failures(report: Report) -> None:
    assert report.summary.startswith(
        "## ❌ 18 failures (no base to compare with), 121 passed, 1 flaky, 2 quarantined in "
    )
    rows = report.section("Flaky").splitlines()
    (healed,) = [row for row in rows if "test_heals`" in row]
    assert "| passed in the end | 2 | `ConnectionError: refused` in `test_a.py::flaky` |" in healed
    (waiting,) = [row for row in rows if "test_waits`" in row]
    assert "| quarantined |" in waiting
    assert "test_heals" not in report.section("New failures")
    assert "test_waits" not in report.section("New failures")
    counts = {name: report.outputs[name] for name in ("good", "new-failures", "flaky")}
    assert counts == {"good": "false", "new-failures": "18", "flaky": "1"}
    assert report.outputs["quarantined"] == "2"


@pytest.mark.slow
def test_annotations_are_ten_and_none_is_of_a_test_that_fails_no_build(report: Report) -> None:
    commands = [line for line in report.log if line.startswith("::")]
    assert len(commands) == 10
    assert all(line.startswith("::error file=test_a.py,line=") for line in commands)
    assert not [line for line in commands if "test_heals" in line or "test_waits" in line]


@pytest.mark.slow
def test_nothing_that_a_test_says_becomes_markup_or_a_command(report: Report) -> None:
    text = "\n".join([*report.log, report.summary, json.dumps(report.outputs)])
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u202e]", text)
    assert not re.search(r"^\s*::(?!error file=)", text, re.MULTILINE)
    shown = re.sub(r"</?(code|sub|details|summary)>|`[^`|<@]*`", "", report.summary)
    assert not set("<`@") & set(shown)
    assert "://" not in shown


@pytest.mark.slow
def test_other_formats_count_the_same(report: Report) -> None:
    counts = report.document("json")["counts"]
    assert (counts["failed"], counts["healed"], counts["quarantined"]) == (18, 1, 2)
    ctrf = report.document("ctrf")["results"]
    assert (ctrf["summary"]["failed"], ctrf["summary"]["flaky"]) == (18, 1)
    (healed,) = [test for test in ctrf["tests"] if test["flaky"]]
    assert [one["status"] for one in healed["retryAttempts"]] == ["failed", "passed"]
