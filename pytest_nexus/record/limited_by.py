"""What limited a run to a part of the suite, read from the options of pytest and its plugins."""

from __future__ import annotations

import glob
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

HOOK: Final = "nexus-select"
"""A hook `pytest_nexus_select` left tests out; known only once the plan is made."""

_SELECTING: Final = (
    ("-k", "keyword"),
    ("-m", "markexpr"),
    ("--lf", "lf"),
    ("--sw", "stepwise"),
    ("--deselect", "deselect"),
    ("-x", "maxfail"),
    ("--splits", "splits"),  # pytest-split
)
"""What the history calls a selection, and where pytest keeps its value."""


def selected_by(config: pytest.Config) -> tuple[str, ...]:
    """Return the names of what limits a run to a part of the suite.

    They are `-k`, `-m`, `--lf`, `--sw`, `--deselect`, `-x` (which stands for `--maxfail` too),
    `--splits` of pytest-split, `--testmon` where pytest-testmon selects, and `paths`: arguments,
    or a working folder, that hold less than `testpaths`, or than the root folder where these are
    not set. An order (`--ff`, `--nf`) selects nothing. What the ini file's `addopts` says counts
    like the command line.
    """
    names = [name for name, option in _SELECTING if config.getoption(option, None)]
    names += ["--testmon"] if _testmon_selects(config) else []
    return (*names, "paths") if _names_a_part(config) else tuple(names)


def _testmon_selects(config: pytest.Config) -> bool:
    given = {name: config.getoption(f"testmon{name}", None) for name in ("", "_forceselect")}
    return any(given.values()) and not config.getoption("testmon_noselect", None)


def _names_a_part(config: pytest.Config) -> bool:
    if config.args_source is config.ArgsSource.TESTPATHS or _names_packages(config):
        return False
    named = [_place(argument, config) for argument in config.args if "::" not in argument]
    return not all(any(place.is_relative_to(n) for n in named) for place in _suite(config))


def _names_packages(config: pytest.Config) -> bool:
    """Whether `--pyargs` names whole packages only, which are suites of their own."""
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
