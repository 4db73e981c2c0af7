"""The pytest11 entry point: declares the options, and registers what was asked for.

Costs little more where nexus is not enabled: every other import happens inside a function. What
suites replace is bound here already, before their conftest is imported.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from pytest_nexus import (
    bound,  # noqa: F401 - see above
    options,
    timing,  # noqa: F401 - see above
)

if TYPE_CHECKING:
    import pytest


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
    import pytest  # noqa: PLC0415 - not enabled costs nothing

    import pytest_nexus  # noqa: PLC0415 - likewise
    from pytest_nexus.errors import OTHER_PROJECT  # noqa: PLC0415 - likewise

    if getattr(pytest_nexus, "DISTRIBUTION", None) != "pytest-nexus-ci":
        raise pytest.UsageError(OTHER_PROJECT)
