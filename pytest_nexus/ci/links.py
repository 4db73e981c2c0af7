"""Build the links of a report, where the CI names the repository. Pure functions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Mapping

_SERVER: Final = re.compile(r"https://[A-Za-z0-9.-]{1,200}(:\d{1,5})?", re.ASCII)
_REPOSITORY: Final = re.compile(r"[A-Za-z0-9][\w-]{0,99}/[\w.-]{1,100}", re.ASCII)
_COMMIT: Final = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?", re.ASCII)
_RUN: Final = re.compile(r"[0-9]{1,20}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Links:
    """The addresses of one repository; unknown addresses are empty."""

    repository: str = ""
    """Address of the repository, such as `https://github.com/octo/repo`."""
    run: str = ""
    """Address of the CI run."""
    folder: str = ""
    """Folder of the suite in the repository, with a final slash; empty at the top."""

    def file(self, commit: str, path: str, line: int) -> str:
        """Return the address of a line of a file at a commit."""
        if not self.repository or not _COMMIT.fullmatch(commit):
            return ""
        return f"{self.repository}/blob/{commit}/{quote(self.folder + path)}#L{line}"

    def commit(self, commit: str) -> str:
        """Return the address of a commit."""
        return f"{self.repository}/commit/{commit}" if self.file(commit, "", 1) else ""


NO_LINKS: Final = Links()


def links_of(environ: Mapping[str, str], folder: str = "") -> Links:
    """Return the links that the variables of GitHub Actions define.

    >>> names = {"GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "octo/repo"}
    >>> links_of(names | {"GITHUB_RUN_ID": "7"}).run
    'https://github.com/octo/repo/actions/runs/7'
    """
    server, name = environ.get("GITHUB_SERVER_URL", ""), environ.get("GITHUB_REPOSITORY", "")
    if not _SERVER.fullmatch(server) or not _REPOSITORY.fullmatch(name):
        return NO_LINKS
    repository, run = f"{server}/{name}", environ.get("GITHUB_RUN_ID", "")
    page = f"{repository}/actions/runs/{run}" if _RUN.fullmatch(run) else ""
    return Links(repository, page, folder)
