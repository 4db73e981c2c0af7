"""The folder in which an installer describes one distribution: its files, requirements, content."""

from __future__ import annotations

import csv
import json
import re
from hashlib import sha256
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.domain.system.regular_files import read_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_MAX_BYTES: Final = 64 * 1024 * 1024
_SUFFIXES: Final = (".dist-info", ".egg-info")
_SEPARATORS: Final = re.compile(r"[-_.]+")
_VERSION: Final = re.compile(r"^Version: *(.*?) *$", re.MULTILINE)
_REQUIRES: Final = re.compile(r"^Requires-Dist: *(.*?) *$", re.MULTILINE)
_FIRST_PART: Final = re.compile(r"^([^/,\n]+)[/,].*(?:\n\1/.*)*", re.MULTILINE)
_ABOUT_THE_INSTALLATION: Final = (
    "RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json", "uv_build.json"
)  # fmt: skip
"""Files that an installer adds: they differ between installations of the same wheel."""


class RecordedFile(NamedTuple):
    """A line of RECORD."""

    path: str
    """Relative to the folder of the packages, with `/`."""
    digest: str
    size_bytes: int | None


def normalised(name: str) -> str:
    """Return the name under which an index knows a distribution.

    >>> normalised("Foo.Bar__baz")
    'foo-bar-baz'
    """
    return _SEPARATORS.sub("-", name).lower()


def name_of_folder(folder_name: str) -> str | None:
    """Return the normalised name of the distribution that a folder or a file describes.

    None for other names, and for those without a version: a source folder holds such a folder after
    an editable installation.

    >>> name_of_folder("Foo_Bar-1.0.dist-info"), name_of_folder("six-1.0-py3.11.egg-info")
    ('foo-bar', 'six')
    >>> name_of_folder("mine.egg-info"), name_of_folder("mine")
    (None, None)
    """
    stem, dot, suffix = folder_name.rpartition(".")
    name, dash, _ = stem.partition("-")
    return normalised(name) if dash and name and dot + suffix in _SUFFIXES else None


class DistInfo:
    """What one `.dist-info` or `.egg-info` says. Whatever is missing or unreadable is empty."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = name_of_folder(folder.name) or ""

    def version(self) -> str:
        """Return the version; the one in the name of the folder if the metadata have none."""
        if found := _VERSION.search(self._head()):
            return found[1]
        return self.folder.name.split("-")[1].removesuffix(".dist-info").removesuffix(".egg-info")

    def requirements(self) -> list[str]:
        """Return the requirements with their markers, as the metadata write them."""
        if found := _REQUIRES.findall(self._head()):
            return found
        lines = self._read("requires.txt").partition("[")[0].splitlines()
        return [line.strip() for line in lines if line.strip()]

    def is_editable(self) -> bool:
        """Return whether the modules lie in a source folder."""
        try:
            about = json.loads(self._read("direct_url.json") or "{}")
            return bool(about.get("dir_info", {}).get("editable"))
        except (ValueError, AttributeError, RecursionError):
            return False

    def top_names(self) -> set[str]:
        """Return the first part of the path of each file, up to the first dot.

        >>> from pathlib import Path
        >>> DistInfo(Path("none/foo-1.0.dist-info")).top_names()
        set()
        """
        listed = self._read("top_level.txt").split()
        found = listed or _FIRST_PART.findall(self.record_text())
        return {name.replace("\\", "/").partition("/")[0].partition(".")[0] for name in found}

    def files(self) -> list[RecordedFile]:
        """Return the files of the distribution, as RECORD lists them."""
        return [*_rows(self.record_text())]

    def holds(self, path: str) -> bool:
        """Return whether RECORD lists a file; a path with a comma is not found."""
        return f"\n{path}," in f"\n{self.record_text()}"

    def content(self) -> str:
        """Return what identifies the content: equal wherever the same wheel is installed.

        Scripts are left out, because their first line names the interpreter. An editable
        distribution and one without RECORD have their metadata only.
        """
        record = "" if self.is_editable() else self.record_text()
        kept = sorted(
            f"{path},{digest},{size}" for path, digest, size in _rows(record) if _counts(path)
        )
        about = kept or [self._metadata(), self._read("entry_points.txt")]
        return "\n".join([self.version(), *about])

    def record_text(self) -> str:
        """Return RECORD; empty if the installer wrote none."""
        return self._read("RECORD")

    def _head(self) -> str:
        return self._metadata().partition("\n\n")[0]

    def _metadata(self) -> str:
        if self.folder.is_file():  # an .egg-info of distutils
            return self._read("")
        return self._read("METADATA") or self._read("PKG-INFO")

    def _read(self, name: str) -> str:
        try:
            return read_text(self.folder / name, _MAX_BYTES, errors="replace")
        except OSError:
            return ""


def digest_of_infos(infos: list[DistInfo]) -> str:
    """Return 16 hexadecimal digits over the content of all folders that describe one name."""
    contents = sorted(info.content() for info in infos)
    return sha256("\0".join(contents).encode("utf-8", "replace")).hexdigest()[:16]


def _rows(record: str) -> Iterator[RecordedFile]:
    try:
        for row in csv.reader(record.splitlines()):
            if row and row[0]:
                size = row[2] if len(row) > 2 else ""
                size_bytes = int(size) if size.isascii() and size.isdecimal() else None
                yield RecordedFile(row[0].replace("\\", "/"), "".join(row[1:2]), size_bytes)
    except csv.Error:
        return


def _counts(path: str) -> bool:
    if path.endswith(".pyc") or path.startswith("__editable__"):
        return False
    folder, _, name = path.rpartition("/")
    if folder.endswith(".dist-info") and name in _ABOUT_THE_INSTALLATION:
        return False
    return not (path.startswith("../") and folder.rpartition("/")[2] in ("bin", "Scripts"))
