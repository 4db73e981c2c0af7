"""Resolve import statements against the modules of this process."""

from __future__ import annotations

import os
import sys
import sysconfig
from functools import cached_property
from importlib.machinery import EXTENSION_SUFFIXES
from types import ModuleType
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.record.dependencies.watching.project_files import attribute

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from pytest_nexus.impact.code_blocks import Imports
    from pytest_nexus.record.dependencies.watching.project_files import ProjectFiles

_exists: Final = os.path.exists  # suites patch pathlib
_OF_ALL: Final = "pytest"
"""Every test depends on this distribution, and on what it requires to run tests."""
_EXTENSIONS: Final = tuple(EXTENSION_SUFFIXES)


class Needed(NamedTuple):
    """What import statements lead to."""

    files: frozenset[str] = frozenset()
    """Python files of the project."""
    data: frozenset[str] = frozenset()
    """Extension modules of the project, and files that would be imported if they existed."""
    distributions: frozenset[str] = frozenset()
    foreign: str = ""
    """A module from outside the project that no distribution installed; empty if there is none."""


class Imported:
    """Knows the modules of this process by name and by file.

    Args:
        files: tells which files are the project's.
        distribution_of: returns the distribution of a file; None if there is none.
        closure_of: returns distributions with those among some that they require.
        executed: files that were imported, also if no module is there any more.
        modules: by name, as `sys.modules`.
    """

    def __init__(
        self,
        files: ProjectFiles,
        distribution_of: Callable[[str], str | None],
        closure_of: Callable[[Iterable[str], Collection[str]], frozenset[str]],
        executed: Collection[str] = (),
        modules: Mapping[str, ModuleType] | None = None,
    ) -> None:
        self._files = files
        self._distribution_of = distribution_of
        self._closure_of = closure_of
        self._executed = executed
        self._closures: dict[str, frozenset[str]] = {}
        present = dict(sys.modules if modules is None else modules)
        self._modules = {
            name: one for name, one in present.items() if issubclass(type(one), ModuleType)
        }
        self._packages: dict[str, set[str]] = {}
        self._one: dict[str, Needed] = {}
        standard = [sysconfig.get_path("stdlib"), sys.base_prefix]
        self._standard = tuple(os.path.realpath(one) + os.sep for one in standard)
        for name, module in self._modules.items():
            path = self._files.of_module(module)
            if path is not None:
                package = name if _has(module, "__path__") else name.rpartition(".")[0]
                self._packages.setdefault(path, set()).add(package)
        self._folders = self._inside(sys.path)

    def needed(self, path: str, imports: Imports) -> Needed:
        """Return what import statements in a file lead to.

        Args:
            path: of the file, relative to the root.
            imports: the statements.
        """
        names: set[str] = set()
        optional: dict[str, str] = {}
        for level, module, members in imports:
            for package in self._bases(path, level):
                base = f"{package}.{module}".strip(".") if level else module
                names.add(base)
                for member in members:
                    if f"{base}.{member}" in self._modules:
                        names.add(f"{base}.{member}")
                    else:
                        optional[f"{base}.{member}"] = base
        found = [self.of_name(name) for name in names]
        found += [self._of_member(path, base, name) for name, base in optional.items()]
        return union(found)

    def _of_member(self, path: str, base: str, name: str) -> Needed:
        """Return what `from base import member` needs that is no module now.

        Args:
            path: of the file with the statement.
            base: the module.
            name: the member with the name of the module before it.
        """
        owner = self._modules.get(base)
        member = name.rpartition(".")[2]
        if member == "*":
            return Needed()
        if owner is None:
            return Needed(self._absent(name).files)
        # A package that imports from itself may bind the name if the import fails.
        if _has(owner, member) and self._files.of_module(owner) != path:
            return Needed()
        return self._absent(name)

    def _bases(self, path: str, level: int) -> set[str]:
        """Return the packages to which a relative import refers."""
        if level == 0:
            return {""}
        packages = self._packages.get(path) or {_package_of(path)}
        return {package.rsplit(".", level - 1)[0] for package in packages}

    def of_name(self, name: str) -> Needed:
        """Return what importing a name executes: the module and its packages."""
        if name not in self._one:
            parts = name.split(".")
            steps = [".".join(parts[: n + 1]) for n in range(len(parts))]
            self._one[name] = union([self._of_module(step) for step in steps])
        return self._one[name]

    def _of_module(self, name: str) -> Needed:
        module = self._modules.get(name)
        if module is None:
            return self._absent(name)
        path = self._files.of_module(module)
        if path is not None:
            if path.endswith(_EXTENSIONS):
                return Needed(data=frozenset({path}))
            return Needed(files=frozenset({path}))
        return self._of_installed(name, attribute(module, "__file__"))

    def _of_installed(self, name: str, file: object) -> Needed:
        """Return what a module needs that is not the project's."""
        if not isinstance(file, str) or name.partition(".")[0] in sys.stdlib_module_names:
            return Needed()
        distribution = self._distribution_of(file)
        if distribution is not None:
            return Needed(distributions=self.with_requirements(distribution))
        if os.path.realpath(file).startswith(self._standard) or file.startswith("<"):
            return Needed()
        return Needed(foreign=name)

    def with_requirements(self, distribution: str) -> frozenset[str]:
        """Return a distribution, and all that it requires if this process has loaded them."""
        if distribution not in self._closures:
            found = self._closure_of([distribution], self._loaded - {_OF_ALL})
            self._closures[distribution] = found | {distribution}
        return self._closures[distribution]

    @cached_property
    def _loaded(self) -> frozenset[str]:
        """The distributions of all modules."""
        standard = sys.stdlib_module_names
        files = (
            attribute(module, "__file__")
            for name, module in self._modules.items()
            if name.partition(".")[0] not in standard
        )
        found = (self._distribution_of(one) for one in files if isinstance(one, str))
        return frozenset(one for one in found if one is not None)

    def _absent(self, name: str) -> Needed:
        """Return the files that would become this module if they existed.

        If a file was executed although no module is left of it, return the file.
        """
        package, _, last = name.rpartition(".")
        if not package and last in sys.stdlib_module_names:
            return Needed()
        endings = (f"{last}.py", f"{last}/__init__.py", *(f"{last}{one}" for one in _EXTENSIONS))
        folders = self._folders_of(package)
        found = {f"{folder}/{one}".lstrip("/") for folder in folders for one in endings}
        missing = {one for one in found if not _exists(f"{self._files.root}/{one}")}
        executed = frozenset(one for one in found - missing if one in self._executed)
        if not package and last.startswith("_"):
            return Needed(executed)  # a private name at the top is one that a library made up
        distributions = frozenset() if package else frozenset({last.lower().replace("_", "-")})
        return Needed(executed, frozenset(missing), distributions)

    def _folders_of(self, package: str) -> list[str]:
        """Return the folders of the project that may hold the modules of a package."""
        if not package:
            return self._folders
        owner = self._modules.get(package)
        if owner is None:
            inside = package.replace(".", "/")
            return [f"{folder}/{inside}".lstrip("/") for folder in self._folders]
        places = [each for each in attribute(owner, "__path__") or () if isinstance(each, str)]
        return self._inside(places)

    def _inside(self, places: Iterable[str]) -> list[str]:
        """Return the folders below the root among places of a search path."""
        found = (self._files.opened(one or os.getcwd()) for one in places)  # noqa: PTH109 - a text
        return ["" if one == "." else one for one in found if one is not None]


def _has(module: ModuleType, name: str) -> bool:
    return name in object.__getattribute__(module, "__dict__")


def _package_of(path: str) -> str:
    return path.rpartition("/")[0].replace("/", ".")


def union(parts: list[Needed]) -> Needed:
    """Return what any of the parts needs."""
    if len(parts) == 1:
        return parts[0]
    return Needed(
        frozenset().union(*(one.files for one in parts)),
        frozenset().union(*(one.data for one in parts)),
        frozenset().union(*(one.distributions for one in parts)),
        next((one.foreign for one in parts if one.foreign), ""),
    )
