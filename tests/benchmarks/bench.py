"""What a subject is given: sizes, a folder of its own, the environments."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.benchmarks.peers import PEERS, Environment, NotInstalledError, prepare

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Bench:
    """One call of the benchmarks."""

    folder: Path
    """Removed after the subject."""
    is_quick: bool
    """Whether only to show that everything runs."""
    environments: dict[str, Environment | None] = field(default_factory=dict)
    """Those asked for so far; None for one that could not be made."""
    problems: dict[str, str] = field(default_factory=dict)
    """Why, by name."""

    def size(self, full: int, quick: int) -> int:
        """Return the size to measure with."""
        return quick if self.is_quick else full

    def environment(self, name: str) -> Environment | None:
        """Return the environment of a peer; None, with its reason in `problems`, without one."""
        if name not in self.environments:
            try:
                self.environments[name] = prepare(PEERS[name])
            except NotInstalledError as exc:
                self.environments[name] = None
                self.problems[name] = str(exc)
        return self.environments[name]

    def required(self, name: str) -> Environment:
        """Return the environment of a peer without which a subject has nothing to say.

        Raises:
            NotInstalledError: it could not be made.
        """
        environment = self.environment(name)
        if environment is None:
            raise NotInstalledError(self.problems[name])
        return environment

    def versions(self) -> dict[str, dict[str, str]]:
        """Return what is installed in each environment used, by name."""
        return {name: each.versions for name, each in self.environments.items() if each}
