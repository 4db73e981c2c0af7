"""The tools that repeat failed tests, each as a session on a copy of a suite of its own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from shutil import copytree
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Final

from tests.benchmarks.flaky_suites import EXECUTIONS, FLAKES
from tests.benchmarks.sessions import Session

if TYPE_CHECKING:
    from tests.benchmarks.bench import Bench
    from tests.benchmarks.sampling import Cost

NEXUS: Final = "nexus"


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool with its arguments."""

    name: str
    peer: str
    arguments: tuple[str, ...]
    delay: tuple[str, ...] = ()
    """Arguments that make it wait a second between attempts; nexus finds out."""
    forgets: tuple[str, ...] = ()


TOOLS: Final = (
    Tool(NEXUS, "nexus", ("--nexus",)),
    Tool("nexus, no history", "nexus", ("--nexus",), forgets=(".nexus",)),
    Tool(
        "pytest-rerunfailures", "pytest-rerunfailures", ("--reruns", "3"), ("--reruns-delay", "1")
    ),
    Tool("pytest-retry", "pytest-retry", ("--retries", "3"), ("--retry-delay", "1")),
)


@dataclass(frozen=True, slots=True)
class Counted:
    """A session that says how often it ran a test, by the word of the tests."""

    session: Session

    def __call__(self) -> tuple[Cost, int]:
        """Run it once."""
        cost = self.session()
        return cost, (self.session.folder / EXECUTIONS).stat().st_size


def session_of(bench: Bench, tool: Tool, suite: Path, arguments: tuple[str, ...] = ()) -> Session:
    """Return a session of a tool on a copy of a suite."""
    folder = copytree(suite, Path(mkdtemp(dir=bench.folder)) / "suite")
    forgets = (EXECUTIONS, FLAKES, ".nexus/journal", *tool.forgets)
    return Session(bench.required(tool.peer), folder, (*tool.arguments, *arguments), forgets)
