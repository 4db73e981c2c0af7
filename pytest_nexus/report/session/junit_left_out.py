"""Write into the JUnit file how many tests were left out, and why. They have no test case in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_nexus.compat.pytest_internals import add_to_testsuite

if TYPE_CHECKING:
    from pytest_nexus.session.pipeline import Pipeline


class JUnitLeftOut:
    """Adds properties to the test suite of the JUnit file."""

    def __init__(self, config: pytest.Config, pipeline: Pipeline) -> None:
        self._config = config
        self._pipeline = pipeline

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        """Add the properties before pytest writes the file."""
        for number, (reason, left) in enumerate(self._pipeline.planned.left.items(), 1):
            add_to_testsuite(self._config, f"nexus.left_out.{number}.tests", f"{left.n_tests}")
            add_to_testsuite(
                self._config, f"nexus.left_out.{number}.seconds", f"{left.seconds:.3f}"
            )
            add_to_testsuite(self._config, f"nexus.left_out.{number}.reason", reason)
