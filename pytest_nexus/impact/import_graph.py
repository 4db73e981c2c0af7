"""Find the files that a Python file imports, and the distance from a test file to the change."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

FAR: Final = 4
"""Most imports in a chain: with longer chains, nearly every file reaches every other."""

_IMPORT: Final = re.compile(
    r"^[ \t]*(?:from[ \t]+(\.*[\w.]*)[ \t]+import[ \t]+(\([^)]*\)|[^\n#;]+)"
    r"|import[ \t]+([^\n#;]+))",
    re.MULTILINE,
)
_NAME: Final = re.compile(r"[^\W\d][\w.]*")


def imports_of(text: str, package: str) -> tuple[str, ...]:
    r"""Return the imports of a file: `module`, or `module:name`; relative ones made absolute.

    The file is read line by line, so that a file with syntax errors counts too.

    >>> imports_of("import os, sys as s\\nfrom .a import b as c, d\\n", "pkg")
    ('os', 'sys', 'pkg.a:b', 'pkg.a:d')
    """
    return tuple(_found(text, package))


def _found(text: str, package: str) -> Iterator[str]:
    for module, names, plain in _IMPORT.findall(text):
        if plain:
            for part in plain.split(","):
                if name := _NAME.match(part.strip()):
                    yield name[0]
            continue
        base = _absolute(module, package)
        for part in names.strip("()").replace("\\", "").split(","):
            if name := _NAME.match(part.strip()):
                yield f"{base}:{name[0]}"
            elif base and part.strip() == "*":
                yield base


def _absolute(module: str, package: str) -> str:
    name = module.lstrip(".")
    level = len(module) - len(name)
    if not level:
        return name
    parts = package.split(".") if package else []
    kept = parts[: len(parts) - level + 1]
    return ".".join([*kept, name] if name else kept)


class ImportGraph:
    """The imports between the files of a project, read on demand.

    Args:
        root: the folder to which paths are relative; `root/src` is a source of modules too.
        text_of: returns the text of a file; None if the text is not available.
    """

    def __init__(self, root: Path, text_of: Callable[[str], str | None]) -> None:
        self._root = root
        self._text_of = text_of
        self._targets: dict[str, tuple[str, ...]] = {}
        self._files: dict[str, str | None] = {}
        self._above: dict[str, tuple[str, ...]] = {}

    def imports(self, path: str) -> tuple[str, ...]:
        """Return the imports of a file by name."""
        text = self._text_of(path)
        return () if text is None else imports_of(text, package_of(path))

    def distances(self, path: str, changed: Collection[str]) -> dict[str, int]:
        """Return the number of imports from a test file to each changed file within reach.

        pytest imports every `conftest.py` in the folders above; their imports count as the file's.
        """
        seen, edge = {path}, [path]
        found: dict[str, int] = {}
        for distance in range(1, FAR):
            reached: list[str] = []
            own = self._conftests(path.rpartition("/")[0]) if distance == 1 else ()
            for targets in (own, *map(self._imported, edge)):
                reached += [target for target in targets if target not in seen]
                seen.update(reached)
            found |= {target: distance for target in reached if target in changed}
            edge = list(dict.fromkeys(reached))
        return found

    def _conftests(self, folder: str) -> tuple[str, ...]:
        """Return the conftest files of a folder and of the folders above it."""
        known = self._above.get(folder)
        if known is None:
            path = f"{folder}/conftest.py".lstrip("/")
            above = self._conftests(folder.rpartition("/")[0]) if folder else ()
            found = (path,) if (self._root / path).is_file() else ()
            known = self._above[folder] = (*found, *above)
        return known

    def _imported(self, path: str) -> tuple[str, ...]:
        targets = self._targets.get(path)
        if targets is None:
            names = self.imports(path)
            files = [file for name in names for file in self._files_of(name)]
            targets = self._targets[path] = tuple(dict.fromkeys(files))
        return targets

    def _files_of(self, name: str) -> list[str]:
        module, _, member = name.partition(":")
        inner = self._file_of(f"{module}.{member}") if member else None
        found = [inner, self._file_of(module)]
        return [file for file in found if file is not None]

    def _file_of(self, module: str) -> str | None:
        if module not in self._files:
            stem = module.replace(".", "/")
            self._files[module] = next(
                (path for path in _places(stem) if stem and (self._root / path).is_file()),
                None,
            )
        return self._files[module]


def package_of(path: str) -> str:
    """Return the dotted name of the package of a file, without `src`.

    >>> package_of("src/pkg/sub/a.py")
    'pkg.sub'
    """
    return ".".join(path.removeprefix("src/").split("/")[:-1])


def _places(stem: str) -> tuple[str, ...]:
    return (f"{stem}.py", f"{stem}/__init__.py", f"src/{stem}.py", f"src/{stem}/__init__.py")
