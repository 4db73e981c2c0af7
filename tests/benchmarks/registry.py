"""Finds the subjects: the modules of `subjects/`, by name."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Final, Protocol, cast

from tests.benchmarks import subjects

if TYPE_CHECKING:
    from tests.benchmarks.bench import Bench
    from tests.benchmarks.table import Table


class Subject(Protocol):
    """What a module of `subjects/` offers."""

    TITLE: str
    """One line about what is measured."""

    def measure(self, bench: Bench) -> list[Table]:
        """Return the tables; prints nothing."""
        ...


SUBJECTS: Final[dict[str, Subject]] = {
    name: cast("Subject", import_module(f"{subjects.__name__}.{name}"))
    for _, name, _ in iter_modules(subjects.__path__)
}
"""Every subject by the name of its module, in the order of the alphabet."""
