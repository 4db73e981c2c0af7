"""Sessions with tests in quarantine: they run, are reported, and fail no build."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest

from tests.support.messages import messages
from tests.support.project import phases

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.project import Project

ENTRY = """
    [[quarantine]]
    id = "{id}"
    reason = "the stub drops connections"
    owner = "@net"
    since = 2026-03-01
"""
TESTS = """
    import pytest
    @pytest.fixture
    def breaks():
        yield
        raise OSError("busy")
    @pytest.fixture
    def broken(): raise OSError("none")
    def test_call(): assert 0
    def test_setup(broken): pass
    def test_teardown(breaks): pass
    def test_parts(subtests):
        for part in range(3):
            with subtests.test(part=part): assert part != 1
    def test_passes(): pass
    @pytest.mark.parametrize("number", [1, 2])
    def test_parameters(number): assert 0
    class TestGroup:
        def test_method(self): assert 0
"""
BAD = ("test_call", "test_setup", "test_teardown", "test_parts", "test_parameters")


def entries(*ids: str) -> str:
    return "\n".join(ENTRY.format(id=one) for one in ids)


@pytest.fixture
def quarantined(project: Callable[..., Project]) -> Project:
    ids = [f"test_a.py::{name}" for name in (*BAD, "TestGroup::test_method", "test_passes")]
    return project({"test_a.py": TESTS, "nexus-quarantine.toml": entries(*ids)})


@pytest.mark.parametrize("reruns", ["adaptive", "0"])
def test_they_fail_no_build(quarantined: Project, reruns: str) -> None:
    result = quarantined.run(f"--nexus-reruns={reruns}", "--junitxml=out.xml")
    assert result.exit_status == 0
    assert " 7 quarantined" in result.stdout.splitlines()[-1]
    assert len([line for line in result.said if line.startswith("quarantined: ")]) == 7
    assert "quarantined: test_a.py::test_call - the stub drops connections (@net)" in result.said, (
        result.said
    )
    suite = ElementTree.parse(quarantined.root / "out.xml").getroot()[0]  # noqa: S314 - our own
    assert (suite.get("failures"), suite.get("errors")) == ("0", "0")
    skips = [skip.get("message", "") for skip in suite.iter("skipped")]
    assert skips.count("quarantined: the stub drops connections") >= 7


def test_their_failures_are_recorded_as_what_they_are(quarantined: Project) -> None:
    result = quarantined.run("--nexus-reruns=adaptive")
    assert phases(result.attempt("::test_call"))["call"] == "failed"
    assert phases(result.attempt("::test_setup"))["setup"] == "error"
    assert phases(result.attempt("::test_teardown"))["teardown"] == "error"
    assert phases(result.attempt("::test_parts"))["call"] == "failed"
    for attempt in result.attempts:
        passed = attempt["nodeid"].endswith("test_passes")
        assert attempt.get("quarantined", False) is not passed
    assert all("number" not in attempt for attempt in result.attempts), "none is repeated"
    (summary,) = quarantined.runs()
    assert summary.n_failed == 7


def test_one_set_of_parameters_alone(project: Callable[..., Project]) -> None:
    made = project(
        {"test_a.py": TESTS, "nexus-quarantine.toml": entries("test_a.py::test_parameters[2]")}
    )
    result = made.run("-k", "parameters")
    assert result.exit_status == 1
    failed = [one.nodeid for one in result.reports if one.outcome == "failed"]
    assert failed == ["test_a.py::test_parameters[1]"]


def test_an_entry_that_has_expired_still_holds(project: Callable[..., Project]) -> None:
    text = entries("test_a.py::test_call") + "    until = 2026-03-02\n"
    made = project({"test_a.py": TESTS, "nexus-quarantine.toml": text})
    result = made.run("-k", "test_call")
    assert result.exit_status == 0
    assert made.nexus("quarantine", "check").returncode == 1


def test_a_file_of_another_name(project: Callable[..., Project]) -> None:
    made = project({"test_a.py": TESTS, "flaky.toml": entries("test_a.py::test_call")})
    assert made.run("--nexus-quarantine=flaky.toml", "-k", "test_call").exit_status == 0


@pytest.mark.parametrize(
    ("text", "word"),
    [("[[quarantine", "NX351"), ('[[quarantine]]\nid = "a"\n', "since"), ("\udcff", "utf-8")],
)
def test_a_file_that_cannot_be_used_costs_a_line(
    project: Callable[..., Project], text: str, word: str
) -> None:
    made = project({"test_a.py": TESTS})
    (made.root / "nexus-quarantine.toml").write_bytes(text.encode("utf-8", "surrogateescape"))
    result = made.run("-k", "test_call", "--nexus-reruns=0")
    assert result.exit_status == 1
    (line,) = messages(result.said, "NX305")
    assert word in line


def test_they_do_not_come_first(project: Callable[..., Project]) -> None:
    tests = "\n".join(f"def test_{name}(): pass" for name in "abcdefgh")
    made = project({"test_a.py": tests + "\ndef test_call(): assert 0\n"})
    made.run("--nexus-reruns=0")
    assert made.run("--nexus-reruns=0").names[0] == "test_call"
    made.write({"nexus-quarantine.toml": entries("test_a.py::test_call")})
    assert made.run("--nexus-reruns=0").names[-1] == "test_call"


def test_lastfailed_does_not_keep_them(quarantined: Project) -> None:
    quarantined.run()
    assert "no previously failed tests" in quarantined.run("--lf").stdout
