"""The pytest11 entry point: declares the options, and registers what was asked for.

Costs little more where nexus is not enabled: every other import happens inside a function. What
suites replace is bound here already, before their conftest is imported.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from importlib import import_module
from typing import Final

import pytest

from pytest_nexus import (
    bound,  # noqa: F401 - see above
    options,
    timing,  # noqa: F401 - see above
)

_BRIEF: Final = ("registration",)
"""Modules that every session imports."""

_ORDERING: Final = ("impact.changes", "knowledge", "plan.plan")
"""Modules that a session imports besides, unless it is brief."""


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Import what a session uses before a conftest can replace what that is made of."""
    if "PYTEST_XDIST_WORKER" in os.environ:  # imports less; a test's own pytest may lose nothing
        return
    asked = getattr(early_config.known_args_namespace, "nexus", None)
    with suppress(Exception):  # said when the session is configured
        if asked or (asked is None and options.is_enabled(early_config)):
            names = _BRIEF if _may_be_brief(early_config) else (*_BRIEF, *_ORDERING)
            for name in names:
                import_module(f"pytest_nexus.{name}")


def _may_be_brief(config: pytest.Config) -> bool:
    """Return whether the command line names test files or single tests alone."""
    asked = getattr(config.known_args_namespace, "file_or_dir", None) or ()
    return bool(asked) and all("::" in one or one.endswith(".py") for one in asked)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the table of options."""
    options.add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Decide whether this process is a worker, a session of its own, or not concerned.

    Raises:
        pytest.UsageError: an option has a value that is not allowed.
    """
    # Not by PYTEST_XDIST_WORKER: a pytest process that a test starts inherits it.
    if hasattr(config, "workerinput"):
        if config.workerinput.get("nexus"):
            from pytest_nexus.worker import (  # noqa: PLC0415 - not enabled costs nothing
                register_worker,
            )

            register_worker(config)
        return
    _warn_of_moved_rootdir(config)
    if options.is_enabled(config):
        _refuse_other_project()
        from pytest_nexus.registration import (  # noqa: PLC0415 - not enabled costs nothing
            register_session,
        )

        register_session(config)


def _warn_of_moved_rootdir(config: pytest.Config) -> None:
    """Print a line where the value of one of our options moved the rootdir.

    On stderr, and where nexus is not enabled too: the ini file that enables it may be lost.
    """
    if not any(str(argument).startswith("--nexus-") for argument in _given(config)):
        return
    from pytest_nexus.moved_rootdir import moved_rootdir  # noqa: PLC0415 - where one is given

    sentence = moved_rootdir(config)
    if sentence is not None:
        with suppress(AttributeError, OSError, ValueError):  # none there, or closed
            sys.stderr.write(f"nexus: {sentence}\n")


def _given(config: pytest.Config) -> list[str]:
    return [*os.environ.get("PYTEST_ADDOPTS", "").split(), *config.invocation_params.args]


def _refuse_other_project() -> None:
    """Refuse to go on over the files of the unrelated project of the same import name.

    Before the import of anything that needs more of this package than its own file.
    """
    import pytest_nexus  # noqa: PLC0415 - not enabled costs nothing
    from pytest_nexus.errors import OTHER_PROJECT  # noqa: PLC0415 - likewise

    if getattr(pytest_nexus, "DISTRIBUTION", None) != "pytest-nexus-ci":
        raise pytest.UsageError(OTHER_PROJECT)
