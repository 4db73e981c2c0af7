"""The distributions that a project declares to need."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Any, Final

from pytest_nexus.domain.system.regular_files import read_text
from pytest_nexus.impact.dist_info import normalised

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_MAX_BYTES: Final = 16 * 1024 * 1024
_NAME: Final = re.compile(r"\s*([A-Za-z0-9][\w.-]*)")
_REQUIREMENTS: Final = ("*requirements*.txt", "*requirements*.in", "requirements/*.txt",
                        "requirements/*.in")  # fmt: skip


def declared_in(root: Path) -> dict[str, str]:
    """Return the declared distributions of a project, each with the file that declares it.

    Of a requirements file that a tool wrote, with hashes or `via`, nothing is declared: it lists
    everything.
    """
    found: dict[str, str] = {}
    for pattern in _REQUIREMENTS:
        for path in sorted(root.glob(pattern)):
            for name in _names_in(_text(path)):
                found.setdefault(name, path.relative_to(root).as_posix())
    for name in _names_in_project(root / "pyproject.toml"):
        found[name] = "pyproject.toml"
    return found


def _text(path: Path) -> str:
    try:
        return read_text(path, _MAX_BYTES, errors="replace")
    except OSError:
        return ""


def _names_in(text: str) -> Iterator[str]:
    if "--hash" in text or re.search(r"^\s+# +via\b", text, re.MULTILINE):
        return
    for line in text.splitlines():
        plain = line.strip()
        if plain and not plain.startswith(("#", "-", ".", "/")) and (match := _NAME.match(plain)):
            yield normalised(match[1])


def _names_in_project(path: Path) -> Iterator[str]:
    try:
        document = tomllib.loads(_text(path))
    except (ValueError, RecursionError):
        return
    project = _table(document, "project")
    own = str(project.get("name", ""))
    lists = [project.get("dependencies"), *_table(project, "optional-dependencies").values()]
    lists += _table(document, "dependency-groups").values()
    poetry = _table(_table(document, "tool"), "poetry")
    lists += [[*_table(poetry, "dependencies")], [*_table(poetry, "dev-dependencies")]]
    for group in _table(poetry, "group").values():
        lists.append([*_table(group, "dependencies")])
    for line in (line for each in lists if isinstance(each, list) for line in each):
        match = _NAME.match(line) if isinstance(line, str) else None
        if match and normalised(match[1]) not in ("python", normalised(own)):
            yield normalised(match[1])


def _table(table: Any, name: str) -> dict[str, Any]:
    found = table.get(name) if isinstance(table, dict) else None
    return found if isinstance(found, dict) else {}
