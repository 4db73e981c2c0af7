"""Read the pins of lock files: requirements.txt, uv.lock, poetry.lock, pylock.toml."""

from __future__ import annotations

import json
import re
import tomllib
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pytest_nexus.domain.system.regular_files import read_text
from pytest_nexus.errors import CacheError
from pytest_nexus.impact.dist_info import normalised

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_MAX_BYTES: Final = 64 * 1024 * 1024
_MOST_FILES: Final = 100
_NAME: Final = re.compile(r"([A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?)\s*(\[[^\]]*\])?\s*(.*)", re.DOTALL)
_HASH: Final = re.compile(r"--hash[= ](\S+)")
_INCLUDE: Final = re.compile(r"(?:-r|--requirement|-c|--constraint)[= ]?\s*(\S+)")
_VIA: Final = re.compile(r"^\s*#\s+(?:via\s+)?([A-Za-z0-9][\w.-]*)(?:\[[^\]]*\])?\s*$")
_IGNORED_FIELDS: Final = frozenset({
    "dependencies", "optional-dependencies", "dev-dependencies", "metadata", "extras", "groups",
    "wheels", "sdist", "files", "archive", "packages", "package", "optional", "description",
})  # fmt: skip


class Pin(NamedTuple):
    """A distribution that a lock file pins."""

    name: str
    """Normalised."""
    content: str
    """Version, source, marker and hashes, in one text."""
    requires: frozenset[str]
    """Names of distributions; empty if the file does not tell."""


def read_locks(paths: Iterable[Path]) -> list[Pin]:
    """Return the pins of lock files, in a fixed order whatever the order of their lines.

    Raises:
        CacheError: a file cannot be read, or is not a lock file.
    """
    found = set()
    for path in paths:
        text = _read(path)
        if path.suffix in (".toml", ".lock"):
            found |= set(_pins_of_toml(text, path))
        else:
            found |= set(_pins_of_requirements(text, path))
    return sorted(found, key=lambda pin: (pin.name, pin.content))


def closure_of_pins(pins: Iterable[Pin], names: Iterable[str]) -> frozenset[str]:
    """Return names with all that the pins require of each other."""
    requires: dict[str, set[str]] = {}
    for pin in pins:
        requires.setdefault(pin.name, set()).update(pin.requires)
    seen: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += requires.get(name, ())
    return frozenset(seen)


def _read(path: Path) -> str:
    try:
        return read_text(path, _MAX_BYTES)
    except (OSError, ValueError) as error:
        raise CacheError("NX171", f"Couldn't read the file {str(path)!r}: {error}") from error


def _pins_of_toml(text: str, path: Path) -> Iterator[Pin]:
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise CacheError("NX172", f"{str(path)!r} is not a lock file: {error}") from error
    packages = document.get("package", document.get("packages"))
    if not isinstance(packages, list):
        raise CacheError("NX172", f"{str(path)!r} is not a lock file: it lists no packages")
    for package in packages:
        if isinstance(package, dict) and isinstance(package.get("name"), str):
            yield _pin_of_table(package)


def _pin_of_table(package: dict[str, Any]) -> Pin:
    kept = {key: value for key, value in package.items() if key not in _IGNORED_FIELDS}
    hashes = sorted(_hashes(package))
    content = json.dumps([kept, hashes], sort_keys=True, default=str)
    return Pin(normalised(package["name"]), content, frozenset(_required(package)))


def _hashes(value: Any) -> Iterator[str]:
    """Yield every hash below a value: `hash = "..."`, or `hashes = {sha256 = "..."}`."""
    if isinstance(value, dict):
        for key, each in value.items():
            if key in ("hash", "hashes"):
                yield json.dumps(each, sort_keys=True, default=str)
            elif isinstance(each, dict | list):
                yield from _hashes(each)
    elif isinstance(value, list):
        for each in value:
            yield from _hashes(each)


def _required(package: dict[str, Any]) -> Iterator[str]:
    """Yield the names that a package requires, without its extras."""
    table = package.get("dependencies")
    for one in table if isinstance(table, dict | list) else ():
        name = one.get("name") if isinstance(one, dict) else one
        found = _NAME.match(name) if isinstance(name, str) else None
        if found:
            yield normalised(found[1])


def _pins_of_requirements(text: str, path: Path) -> Iterator[Pin]:
    """Yield the pins of a requirements file and of those that it includes."""
    requires: dict[str, set[str]] = {}
    found: list[tuple[str, str]] = []
    for line, comments in _logical_lines(text, path, []):
        match = None if line.startswith("-") else _NAME.match(line)
        if match:
            name = normalised(match[1])
            hashes = sorted(_HASH.findall(line))
            spec = " ".join(_HASH.sub("", match[3]).split())
            found.append((name, json.dumps([match[2] or "", spec, hashes])))
            for each in comments:  # "via" names those that require this one
                requires.setdefault(normalised(each), set()).add(name)
    for name, content in found:
        yield Pin(name, content, frozenset(requires.get(name, ())))


def _logical_lines(text: str, path: Path, seen: list[Path]) -> Iterator[tuple[str, list[str]]]:
    """Yield each requirement with the names in the comments below it; includes are followed."""
    seen.append(path)
    held, via = "", []
    for raw in [*text.replace("\\\n", " ").splitlines(), ""]:
        if comment := _VIA.match(raw):
            via += [] if comment[1] == "via" else [comment[1]]
            continue
        line = re.sub(r"(^|\s)#.*$", "", raw).strip()
        if not line and raw.strip():
            continue
        if held:
            yield held, via
        held, via = line, []
        if (include := _INCLUDE.match(line)) and len(seen) < _MOST_FILES:
            other = path.parent / include[1]
            held = ""
            if other not in seen:
                yield from _logical_lines(_read(other), other, seen)
