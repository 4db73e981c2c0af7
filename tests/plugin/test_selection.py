"""What pytest itself makes of a command line, read in a real session."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

CONFTEST = """
    from pytest_nexus.record.limited_by import selected_by

    def pytest_report_header(config):
        return "selected by: " + " ".join(selected_by(config))
"""


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makeconftest(CONFTEST)
    for folder in ("tests", "more"):
        (pytester.path / folder).mkdir()
        (pytester.path / folder / f"test_{folder}.py").write_text("def test_a():\n    pass\n")
    pytester.makeini("[pytest]\n")
    return pytester


def selection(suite: pytest.Pytester, *arguments: str | Path) -> str:
    result = suite.runpytest_inprocess(*arguments)
    lines = [line for line in result.outlines if line.startswith("selected by:")]
    assert lines, result.stdout.str()
    return lines[0].removeprefix("selected by:").strip()


def test_whole_suite_is_selected_by_nothing(suite: pytest.Pytester) -> None:
    assert selection(suite) == ""


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (("-k", "a"), "-k"),
        (("-m", "not slow"), "-m"),
        (("--lf",), "--lf"),
        (("--last-failed",), "--lf"),
        (("--sw",), "--sw"),
        (("--deselect", "tests/test_tests.py::test_a"), "--deselect"),
        (("-x",), "-x"),
        (("--maxfail=3",), "-x"),
        (("-k", "a", "-x"), "-k -x"),
    ],
    ids=str,
)
def test_option_that_limits_the_run_is_named(
    suite: pytest.Pytester, arguments: tuple[str, ...], names: str
) -> None:
    assert selection(suite, *arguments) == names


RIVALS = """
    def pytest_addoption(parser):
        parser.addoption("--splits", dest="splits", type=int)
        for name in ("testmon", "testmon-noselect", "testmon-forceselect"):
            parser.addoption("--" + name, dest=name.replace("-", "_"), action="store_true")
"""


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (("--splits=3",), "--splits"),
        (("--testmon",), "--testmon"),
        (("--testmon-forceselect", "-k", "a"), "-k --testmon"),
        (("--testmon", "--testmon-noselect"), ""),
        ((), ""),
    ],
    ids=str,
)
def test_plugin_that_limits_the_run_is_named(
    suite: pytest.Pytester, arguments: tuple[str, ...], names: str
) -> None:
    suite.makepyfile(rivals=RIVALS)
    suite.syspathinsert()
    assert selection(suite, "-p", "rivals", *arguments) == names


@pytest.mark.parametrize("option", ["--ff", "--nf", "-v", "--maxfail=0"])
def test_option_that_limits_nothing_is_not_named(suite: pytest.Pytester, option: str) -> None:
    assert selection(suite, option) == ""


@pytest.mark.parametrize(
    "argument", ["tests", "tests/test_tests.py", "tests/test_tests.py::test_a"]
)
def test_argument_inside_the_root_is_a_selection(suite: pytest.Pytester, argument: str) -> None:
    assert selection(suite, argument) == "paths"


@pytest.mark.parametrize("argument", [".", "tests/.."])
def test_argument_that_is_the_root_is_no_selection(suite: pytest.Pytester, argument: str) -> None:
    assert selection(suite, argument) == ""


def test_absolute_root_is_no_selection(suite: pytest.Pytester) -> None:
    assert selection(suite, suite.path) == ""


def test_run_of_testpaths_is_no_selection(suite: pytest.Pytester) -> None:
    suite.makeini("[pytest]\ntestpaths = tests more\n")
    assert selection(suite) == ""
    assert selection(suite, "tests", "more") == ""


def test_part_of_testpaths_is_a_selection(suite: pytest.Pytester) -> None:
    suite.makeini("[pytest]\ntestpaths = tests more\n")
    assert selection(suite, "tests") == "paths"


def test_testpaths_may_be_patterns(suite: pytest.Pytester) -> None:
    suite.makeini("[pytest]\ntestpaths = t*ts\n")
    assert selection(suite, "tests") == ""


def test_run_from_a_sub_folder_is_a_selection(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(suite.path / "tests")
    assert selection(suite) == "paths"


def test_installed_package_is_a_suite_of_its_own(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite.mkpydir("pkg")
    suite.makepyfile(**{"pkg/test_p": "def test_p(): pass"})
    (suite.path / "pkg").rename(suite.path / "tests" / "pkg")
    monkeypatch.syspath_prepend(suite.path / "tests")
    assert selection(suite, "--pyargs", "pkg") == ""
    assert selection(suite, "--pyargs", "pkg.test_p") == "paths"


def test_missing_plugins_of_pytest_are_no_error(suite: pytest.Pytester) -> None:
    assert selection(suite, "-p", "no:cacheprovider", "-p", "no:stepwise", "-k", "a") == "-k"
