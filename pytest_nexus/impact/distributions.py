"""The installed distributions: which of them holds a file, what they require, their content.

The functions at the end are about this process and read each thing once. Reading METADATA with
importlib.metadata would cost a session hundreds of milliseconds, so the folders are read directly.
"""

from __future__ import annotations

import os
import re
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.impact.dist_info import DistInfo, digest_of_infos, name_of_folder, normalised

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

_OF_EXTRA: Final = re.compile(r""";\s*extra\s*==\s*(["'])[^"';]+\1\s*$""")
"""The end of a requirement that belongs to one extra, and has no further condition."""
_NAME: Final = re.compile(r"\s*([A-Za-z0-9][\w.-]*)")


class Installed(NamedTuple):
    """A distribution of an environment."""

    name: str
    """Normalised, as in `digest_of`."""
    version: str
    size_bytes: int
    """Of all files that RECORD lists, bytecode included."""
    is_editable: bool
    """Whether its modules lie in a source folder."""


class Distributions:
    """The distributions that a search path leads to. The first folder that has a name counts."""

    def __init__(self, search_path: Sequence[str]) -> None:
        self._infos: dict[str, list[DistInfo]] = {}
        self._places: dict[str, str] = {}  # folders of packages under all their names
        self._by_top: dict[str, dict[str, list[DistInfo]]] = {}
        self._digests: dict[str, str] = {}
        self._required: dict[tuple[str, str], frozenset[tuple[str, str]]] = {}
        for entry in search_path:
            self._add(entry or ".")

    def _add(self, entry: str) -> None:
        try:
            names = sorted(os.listdir(entry))  # noqa: PTH208 - for all paths, as they are given
        except OSError:
            return
        found: dict[str, list[DistInfo]] = {}
        for folder in names:
            if (name := name_of_folder(folder)) and name not in self._infos:
                found.setdefault(name, []).append(DistInfo(Path(entry, folder)))
        self._infos |= found
        if found:
            for place in (os.path.abspath(entry), os.path.realpath(entry)):  # noqa: PTH100
                self._places.setdefault(os.path.normcase(place), entry)

    def distribution_of(self, path: str) -> str | None:
        """Return the distribution that installed a file; None if there is none.

        A file of an editable distribution belongs to its project, not to a distribution. So does
        a file that was put into the folder of the packages by hand, unless a distribution owns the
        whole folder.
        """
        place, inside = self._divide(os.path.abspath(path))  # noqa: PTH100
        if place is None:
            return None
        top = inside.partition("/")[0]
        if name := name_of_folder(top):
            return name if name in self._infos else None
        owners = self._tops(place).get(os.path.normcase(top.partition(".")[0]), [])
        if len(owners) > 1:
            bare = [info for info in owners if not info.record_text()]
            owners = [info for info in owners if info.holds(inside)] or bare
        return owners[0].name if owners else None

    def owners_of(self, module: str) -> frozenset[str]:
        """Return the distributions that installed a part of a top-level module."""
        top = os.path.normcase(module)
        tops = map(self._tops, dict.fromkeys(self._places.values()))
        return frozenset(info.name for found in tops for info in found.get(top, ()))

    def _divide(self, path: str) -> tuple[str | None, str]:
        """Return the folder of the packages, and the rest of a path with `/`."""
        plain = os.path.normcase(path)
        known = [place for place in self._places if plain.startswith(place + os.sep)]
        if not known:
            return None, ""
        place = max(known, key=len)
        return self._places[place], path[len(place) + 1 :].replace(os.sep, "/")

    def _tops(self, place: str) -> Mapping[str, list[DistInfo]]:
        if place not in self._by_top:
            found: dict[str, list[DistInfo]] = {}
            for info in self._all():
                if info.folder.parent == Path(place) and not info.is_editable():
                    for top in info.top_names():
                        found.setdefault(os.path.normcase(top), []).append(info)
            self._by_top[place] = found
        return self._by_top[place]

    def _all(self) -> Iterator[DistInfo]:
        for infos in self._infos.values():
            yield from infos

    def digest_of(self, name: str) -> str:
        """Return 16 hexadecimal digits over version and content; empty if it is not installed.

        The digest is the same wherever the same wheel is installed, by whatever installer.
        """
        key = normalised(name)
        if key not in self._digests:
            infos = self._infos.get(key)
            self._digests[key] = digest_of_infos(infos) if infos else ""
        return self._digests[key]

    def version_of(self, name: str) -> str:
        """Return the version; empty if the distribution is not installed."""
        infos = self._infos.get(normalised(name))
        return infos[-1].version() if infos else ""

    def closure_of(
        self, names: Iterable[str], among: Collection[str] | None = None
    ) -> frozenset[str]:
        """Return distributions with all that they require, directly or not, if it is installed.

        Args:
            names: of distributions.
            among: those that count; None for all that are installed.
        """
        counted = self._infos.keys() if among is None else self._infos.keys() & {*among}
        waiting = [(normalised(name), "") for name in names]
        seen: set[tuple[str, str]] = set()
        while waiting:
            one = waiting.pop()
            if one not in seen and one[0] in counted:
                seen.add(one)
                waiting += self._requirements(*one)
        return frozenset(name for name, _ in seen)

    def requirements_of(self, name: str) -> frozenset[str]:
        """Return the installed distributions that a distribution requires directly."""
        wanted = {each for each, _ in self._requirements(normalised(name), "")}
        return frozenset(wanted & self._infos.keys())

    def _requirements(self, name: str, extra: str) -> frozenset[tuple[str, str]]:
        """Return the required names, each with every extra that is asked for and with none."""
        if (name, extra) not in self._required:
            lines = {line for info in self._infos.get(name, ()) for line in info.requirements()}
            self._required[name, extra] = frozenset(
                (wanted, each) for line in lines for wanted, each in requirement(line, extra)
            )
        return self._required[name, extra]

    def installed(self) -> tuple[Installed, ...]:
        """Return all distributions by name, with their sizes on the disk."""
        return tuple(
            Installed(
                name,
                infos[-1].version(),
                sum(map(_size_of, infos)),
                any(info.is_editable() for info in infos),
            )
            for name, infos in sorted(self._infos.items())
        )


def requirement(line: str, extra: str = "") -> list[tuple[str, str]]:
    """Return the name in a requirement, with no extra and with each extra that it asks for.

    Empty if its marker excludes this environment, or if it belongs to another extra. Without
    `packaging`, every requirement counts that belongs to no extra.

    >>> requirement("Requests[socks]>=2; python_version > '3'")
    [('requests', ''), ('requests', 'socks')]
    >>> requirement("tomli; python_version < '3.11'"), requirement("rich; extra == 'color'")
    ([], [])
    """
    if not extra and _OF_EXTRA.search(line):
        return []
    try:
        from packaging.requirements import InvalidRequirement, Requirement  # noqa: PLC0415
    except ImportError:
        found = _NAME.match(line)
        return [(normalised(found[1]), "")] if found and "extra" not in line else []
    try:
        parsed = Requirement(line)
        if parsed.marker is not None and not parsed.marker.evaluate({"extra": extra}):
            return []
    except (InvalidRequirement, ValueError):
        found = _NAME.match(line)
        return [(normalised(found[1]), "")] if found else []
    name = normalised(parsed.name)
    return [(name, ""), *((name, each) for each in sorted(parsed.extras))]


def _size_of(info: DistInfo) -> int:
    total = 0
    for path, _, size in info.files():
        if size is not None:
            total += size
            continue
        with suppress(OSError, ValueError):
            total += (info.folder.parent / path).stat().st_size
    return total


@cache
def environment() -> Distributions:
    """Return the distributions of this process, by the search path at the first call."""
    return Distributions(tuple(sys.path))


def distribution_of(path: str) -> str | None:
    """Return the distribution that installed a file, as `Distributions.distribution_of` does."""
    return environment().distribution_of(path)


def closure_of(names: Iterable[str], among: Collection[str] | None = None) -> frozenset[str]:
    """Return distributions with all that they require, as `Distributions.closure_of` does."""
    return environment().closure_of(names, among)


def digest_of(name: str) -> str:
    """Return 16 hexadecimal digits over a distribution, as `Distributions.digest_of` does."""
    return environment().digest_of(name)


def installed() -> tuple[Installed, ...]:
    """Return all distributions of this process, as `Distributions.installed` does."""
    return environment().installed()
