"""Pytest sessions to be measured, each variant on a copy of the suite of its own."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.benchmarks.processes import measured

if TYPE_CHECKING:
    from pathlib import Path

    from tests.benchmarks.peers import Environment
    from tests.benchmarks.sampling import Cost


@dataclass(frozen=True, slots=True)
class Session:
    """One way of running a suite."""

    environment: Environment
    folder: Path
    """The suite; keeps what the plugin leaves behind, so that the next session finds it."""
    arguments: tuple[str, ...] = ()
    forgets: tuple[str, ...] = ()
    """Files and folders removed before each session, outside the measurement."""
    status: int = 0
    """How it is to end."""

    def __call__(self) -> Cost:
        """Run the suite once and return what it cost."""
        for name in self.forgets:
            path = self.folder / name
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        python = str(self.environment.python)
        return measured((python, "-m", "pytest", "-q", *self.arguments), self.folder, self.status)
