"""Which settings of a session count for the results of its tests.

No session here turns each warning into an error: pytest warns where a plugin is imported already.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_nexus.record.dependencies.session_facts import plugin_distributions, session_facts

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(pytester: pytest.Pytester) -> Path:
    pytester.makeini("[pytest]\n")
    return pytester.path


def settings(pytester: pytest.Pytester, *arguments: str) -> str:
    return session_facts(pytester.parseconfig("-p", "no:cacheprovider", *arguments))["settings"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("-q",), ("-vv",), ("-x",), ("--maxfail=3",), ("-k", "name"), ("-m", "slow"), ("-rA",),
        ("--tb=short",), ("--durations=3",), ("--color=yes",), ("--capture=no",), ("-s",),
        ("--deselect", "test_a.py"), ("test_b.py",), ("--junitxml=a.xml",), ("--no-header",),
        ("--disable-warnings",), ("--collect-only",), ("--showlocals",), ("--basetemp=there",),
    ],
    ids=" ".join,
)  # fmt: skip
def test_options_that_choose_or_show(
    pytester: pytest.Pytester, folder: Path, arguments: tuple[str, ...]
) -> None:
    assert settings(pytester, *arguments) == settings(pytester)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--runxfail",), ("-W", "error::ResourceWarning"), ("--doctest-modules",),
        ("--import-mode=importlib",), ("--assert=plain",), ("--strict-markers",), ("--noconftest",),
        ("--log-level=DEBUG",), ("--doctest-continue-on-failure",),
    ],
    ids=" ".join,
)  # fmt: skip
def test_options_that_may_change_results(
    pytester: pytest.Pytester, folder: Path, arguments: tuple[str, ...]
) -> None:
    assert settings(pytester, *arguments) != settings(pytester)


def test_ini_values(pytester: pytest.Pytester, folder: Path) -> None:
    before = settings(pytester)
    for shown in ("addopts = -q", "testpaths = tests", "console_output_style = count"):
        (folder / "pytest.ini").write_text(f"[pytest]\n{shown}\n", "utf-8")
        assert settings(pytester) == before
    for acting in (
        "filterwarnings = error::ResourceWarning",
        "xfail_strict = true",
        "usefixtures = a",
    ):
        (folder / "pytest.ini").write_text(f"[pytest]\n{acting}\n", "utf-8")
        assert settings(pytester) != before


def test_plugins_that_do_not_change_results(pytester: pytest.Pytester, folder: Path) -> None:
    found = plugin_distributions(pytester.parseconfig(), lambda name: frozenset({name}))
    assert {"pytest", "pluggy"} <= found
    assert not found & {"coverage", "pytest-cov", "pytest-nexus-ci", "pytest-xdist", "execnet"}


def test_requirements_of_plugins_count(pytester: pytest.Pytester, folder: Path) -> None:
    found = plugin_distributions(
        pytester.parseconfig(), lambda name: frozenset({name, f"{name}-base"})
    )
    assert "pluggy-base" in found
