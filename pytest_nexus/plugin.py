"""The pytest11 entry point: declares the options, and registers what the session needs.

A session without nexus pays little: every other import happens inside a function. Test suites may
replace functions of the standard library; the originals are bound here, before the first conftest.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Final

import pytest

from pytest_nexus import options
from pytest_nexus.domain.system import (
    clock,  # noqa: F401 - see above
    originals,
)

if TYPE_CHECKING:
    from collections.abc import Generator

_BRIEF: Final = ("registration.controller",)
"""Modules that every session imports."""

_ALWAYS: Final = "nexus_always: never leave the test out under nexus_select = affected (nexus)"

_ORDERING: Final = ("impact.changes", "session.history_view", "plan.make")
"""Further modules that a session imports, unless it is brief."""


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(
    early_config: pytest.Config, parser: pytest.Parser, args: list[str]
) -> Generator[None, object, object]:
    """Act before and after the first conftest files, which may replace functions and add options.

    Before: import the modules that a session uses. After: check for misspelt options of nexus, and
    name the intended option before pytest refuses the wrong one.

    Raises:
        pytest.UsageError: an option is spelled like one of ours, and no plugin declared it.
    """
    # A worker needs fewer modules. A pytest process that a test starts inherits this variable; it
    # only imports the modules later.
    if "PYTEST_XDIST_WORKER" not in originals.environ:
        _import_early(early_config)
    _track_early(early_config)
    result = yield
    suspects = [word for word in args if word.startswith(("--nexus", "--no-nexus"))]
    if not all(word.partition("=")[0] in options.flags() for word in suspects):
        _refuse_misspelt(parser, suspects)
    return result


def _import_early(config: pytest.Config) -> None:
    asked = getattr(config.known_args_namespace, "nexus", None)
    with suppress(Exception):  # reported when the session is configured
        if asked or (asked is None and options.is_enabled(config)):
            names = _BRIEF if _may_be_brief(config) else (*_BRIEF, *_ORDERING)
            for name in names:
                import_module(f"pytest_nexus.{name}")


def _track_early(config: pytest.Config) -> None:
    with suppress(Exception):  # reported when the session is configured
        if options.is_tracking(config):
            from pytest_nexus.record.dependencies.early import start_early  # noqa: PLC0415 - where it is asked for

            start_early(config)


def _may_be_brief(config: pytest.Config) -> bool:
    """Return whether the command line names only test files or single tests."""
    asked = getattr(config.known_args_namespace, "file_or_dir", None) or ()
    return bool(asked) and all("::" in one or one.endswith(".py") for one in asked)


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Declare the hooks of `hookspecs`; a conftest may implement them even without nexus."""
    from pytest_nexus import hookspecs  # noqa: PLC0415 - not for whoever imports the plugin alone

    pluginmanager.add_hookspecs(hookspecs)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare all options of the table."""
    options.add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Decide whether this process is a worker, the main process of a session, or neither.

    Raises:
        pytest.UsageError: an option has a value that is not allowed.
    """
    config.addinivalue_line("markers", _ALWAYS)
    try:
        _register(config)
    except Exception as exc:  # noqa: BLE001 - whatever fails must not fail the run
        from pytest_nexus.session.error_boundary import step_back  # noqa: PLC0415 - not enabled costs nothing

        step_back(config, exc)


def _register(config: pytest.Config) -> None:
    # Do not test PYTEST_XDIST_WORKER: a pytest process that a test starts inherits it.
    if hasattr(config, "workerinput"):
        if config.workerinput.get("nexus"):
            from pytest_nexus.registration.worker import (  # noqa: PLC0415 - not enabled costs nothing
                register_worker,
            )

            register_worker(config)
        return
    _warn_of_moved_rootdir(config)
    if options.is_enabled(config):
        _refuse_other_project()
        from pytest_nexus.registration.controller import (  # noqa: PLC0415 - not enabled costs nothing
            register_session,
        )

        register_session(config)


def _refuse_misspelt(parser: pytest.Parser, suspects: list[str]) -> None:
    from pytest_nexus.registration.misspelt_settings import unknown_option  # noqa: PLC0415 - where one is unknown

    _, unknown = parser.parse_known_and_unknown_args(suspects)
    sentence = unknown_option(unknown)
    if sentence:
        raise pytest.UsageError(sentence)


def _warn_of_moved_rootdir(config: pytest.Config) -> None:
    """Print a line if the value of a nexus option moved the rootdir.

    The line goes to stderr, and appears without nexus too: the moved rootdir may hide the ini file
    that enables nexus.
    """
    if not any(str(argument).startswith("--nexus-") for argument in _given(config)):
        return
    from pytest_nexus.domain.safe_text import shown  # noqa: PLC0415 - where one is given
    from pytest_nexus.registration.moved_rootdir import moved_rootdir  # noqa: PLC0415 - likewise

    sentence = moved_rootdir(config)
    if sentence is not None:
        with suppress(AttributeError, OSError, ValueError):  # no stderr, or it is closed
            sys.stderr.write(f"{shown(f'nexus: {sentence}')}\n")


def _given(config: pytest.Config) -> list[str]:
    return [*originals.environ.get("PYTEST_ADDOPTS", "").split(), *config.invocation_params.args]


def _refuse_other_project() -> None:
    """Stop if files of the unrelated project with the same import name lie over this package.

    Called before any import that needs more of this package than this file.
    """
    import pytest_nexus  # noqa: PLC0415 - not enabled costs nothing
    from pytest_nexus.errors import OTHER_PROJECT  # noqa: PLC0415 - likewise

    if getattr(pytest_nexus, "DISTRIBUTION", None) != "pytest-nexus-ci":
        raise pytest.UsageError(OTHER_PROJECT)
