"""Detect what limited a run to a part of the suite, from options of pytest and its plugins."""

from __future__ import annotations

import glob
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from pytest_nexus.domain.records import Plan

HOOK: Final = "nexus-select"
"""A hook `pytest_nexus_select` left tests out. This is known only after the plan is made."""

REUSE: Final = "nexus-reuse"
"""Results of an earlier run are reused: these tests did not run. Known after the plan is made."""

_SELECTING: Final = (
    ("-k", "keyword"),
    ("-m", "markexpr"),
    ("--lf", "lf"),
    ("--sw", "stepwise"),
    ("--deselect", "deselect"),
    ("-x", "maxfail"),
    ("--splits", "splits"),  # pytest-split
)
"""The history's name of each selection, and the name of pytest's option with its value."""


def left_out_by(plan: Plan) -> tuple[str, ...]:
    """Return the names of what left out tests of a plan."""
    from pytest_nexus.journal.format import UNLIKELY  # noqa: PLC0415 - where tests are left out
    from pytest_nexus.plan.selection.unlikely import is_unlikely  # noqa: PLC0415 - where tests are left out

    out = {one.verdict for one in plan.tests if one.verdict.action != "run"}
    names = {
        HOOK: any(each.action == "leave" and not is_unlikely(each) for each in out),
        UNLIKELY: any(is_unlikely(each) for each in out),
        REUSE: any(each.action == "reuse" for each in out),
    }
    return tuple(name for name, is_so in names.items() if is_so)


def chosen_by(config: pytest.Config) -> str:
    """Return how the user chose the tests one by one: by names, `--lf` or `--sw`; else empty."""
    for name, option in (("--lf", "lf"), ("--sw", "stepwise")):
        if config.getoption(option, None):
            return f"the tests are chosen by {name}"
    is_named = config.args_source is config.ArgsSource.ARGS and bool(config.args)
    if is_named and all("::" in argument for argument in config.args):
        return "the tests are named"
    return ""


def selected_by(config: pytest.Config) -> tuple[str, ...]:
    """Return the names of the limits of a run to a part of the suite.

    The names are `-k`, `-m`, `--lf`, `--sw`, `--deselect`, `-x` (also for `--maxfail`), `--splits`
    of pytest-split, `--testmon` if pytest-testmon selects, and `paths`. `paths` means that
    arguments, or the working folder, cover less than `testpaths`; without `testpaths`, less than
    the root folder. An order (`--ff`, `--nf`) selects nothing. Options in the ini file's `addopts`
    count like those of the command line.
    """
    names = limits(config)
    return (*names, "paths") if _names_a_part(config) else names


def limits(config: pytest.Config) -> tuple[str, ...]:
    """Return the names of the options that limit a run, as `selected_by` does without `paths`."""
    names = [name for name, option in _SELECTING if config.getoption(option, None)]
    return (*names, "--testmon") if _testmon_selects(config) else tuple(names)


def _testmon_selects(config: pytest.Config) -> bool:
    given = {name: config.getoption(f"testmon{name}", None) for name in ("", "_forceselect")}
    return any(given.values()) and not config.getoption("testmon_noselect", None)


def _names_a_part(config: pytest.Config) -> bool:
    if config.args_source is config.ArgsSource.TESTPATHS or _names_packages(config):
        return False
    named = [_place(argument, config) for argument in config.args if "::" not in argument]
    return not all(any(place.is_relative_to(n) for n in named) for place in _suite(config))


def _names_packages(config: pytest.Config) -> bool:
    """Return whether `--pyargs` names only whole packages, which are suites of their own."""
    if not config.getoption("pyargs", default=False):
        return False
    return all(
        argument.isidentifier() and not _place(argument, config).exists()
        for argument in config.args
    )


def _suite(config: pytest.Config) -> list[Path]:
    root = config.rootpath
    found = [
        (root / path).resolve()
        for pattern in config.getini("testpaths")
        for path in glob.glob(pattern, root_dir=root, recursive=True)  # noqa: PTH207 - as pytest does it
    ]
    return found or [root.resolve()]


def _place(argument: str, config: pytest.Config) -> Path:
    return (config.invocation_params.dir / argument).resolve()
