"""What the controller hears of its workers is the same with and without nexus."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.support.project import Project

    MakeProject = Callable[[Mapping[str, str]], Project]

HEARS = """
    import os

    HEARD = "nodeid location keywords outcome longrepr when user_properties sections".split()

    def pytest_runtest_logreport(report):
        if "PYTEST_XDIST_WORKER" not in os.environ:
            with open("heard", "a") as file:
                values = [getattr(report, name) for name in HEARD]
                print(*values[:6], [type(one) for one in report.user_properties],
                      *values[6:], type(report.location), report.worker_id, file=file)

    def pytest_warning_recorded(warning_message, nodeid):
        if "PYTEST_XDIST_WORKER" not in os.environ:
            with open("heard", "a") as file:
                print(nodeid, warning_message.message, file=file)
"""
SUITE = {
    "conftest.py": HEARS,
    "test_a.py": """
        import sys, warnings, pytest

        def test_properties(record_property):
            record_property("tuple", (1, "a", None))
            record_property("mapping", {"b": b"bytes"})

        def test_output(capsys):
            print("to stdout")
            print("to stderr", file=sys.stderr)
            with capsys.disabled():
                pass

        def test_warns():
            warnings.warn("careful")

        def test_skips():
            pytest.skip("not today")

        @pytest.fixture
        def broken():
            yield
            assert 0, "the tear-down"

        def test_broken(broken):
            print("before")

        def test_fails():
            assert [1, 2] == [1, 3], "caf\\u00e9"

        @pytest.mark.xfail
        def test_expected():
            assert 0
    """,
}


def heard(project: Project, *arguments: str, nexus: bool) -> list[str]:
    log = project.root / "heard"
    log.unlink(missing_ok=True)
    project.run("-n1", *arguments, nexus=nexus)
    return log.read_text("utf-8").splitlines()


@pytest.mark.parametrize("arguments", [(), ("-o", "nexus_dist=off")])
def test_controller_hears_the_same(project: MakeProject, arguments: tuple[str, ...]) -> None:
    suite = project(SUITE)

    plain = heard(suite, nexus=False)
    assert len(plain) > 20
    assert sorted(heard(suite, *arguments, nexus=True)) == sorted(plain)


def test_report_with_an_object_is_the_error_that_it_is_under_xdist(project: MakeProject) -> None:
    odd = """
        def test_odd(record_property):
            record_property("odd", object())
    """
    suite = project({"test_a.py": odd})

    bare, ours = (suite.run("-n1", nexus=nexus) for nexus in (False, True))

    assert "DumpError" in bare.stdout
    assert "DumpError" in ours.stdout
    assert ours.exit_status == bare.exit_status


def test_crash_in_the_call_loses_no_report_of_the_set_up(project: MakeProject) -> None:
    suite = project({"test_a.py": "import os\ndef test_a(): os._exit(1)\n"})

    result = suite.run("-n1")

    (attempt,) = result.attempts
    assert "WorkerCrash" in str(attempt["failure"])
    assert attempt["setup"][0] == "passed"
