"""Know the code that libraries compile from data files of the project, from templates for example.

A library keeps the code, and later tests run it without opening the file.
"""

from __future__ import annotations

import os
from types import CodeType
from typing import TYPE_CHECKING, Final

from pytest_nexus.domain.system.originals import identity_of
from pytest_nexus.impact.code_blocks import nested_code

if TYPE_CHECKING:
    from pytest_nexus.record.dependencies.watching.project_files import ProjectFiles

_SOURCES: Final = (".py", ".pyw", ">")
_is_file: Final = os.path.isfile  # suites patch pathlib


class Generated:
    """Maps code objects to the data files from which they were compiled.

    Args:
        files: tells which files are the project's.
    """

    def __init__(self, files: ProjectFiles) -> None:
        self._files = files
        self._codes: list[CodeType] = []  # keeps the identities in use
        self.paths: dict[int, str] = {}
        """The path of the file below the root, by the identity of the code."""

    def add(self, code: object) -> list[CodeType]:
        """Add code that is about to be executed; return what of it is to be watched."""
        if not isinstance(code, CodeType) or code.co_filename.endswith(_SOURCES):
            return []
        path = self._files.opened(code.co_filename)
        if path is None or not _is_file(code.co_filename):
            return []
        added = list(nested_code(code))
        self._codes += added
        for one in added:
            self.paths[identity_of(one)] = path
        return added
