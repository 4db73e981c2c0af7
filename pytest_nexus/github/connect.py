"""Make the client for the repository of a command."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from pytest_nexus.errors import OptionError
from pytest_nexus.github.client import API_URL, Client

if TYPE_CHECKING:
    from collections.abc import Mapping

_REPOSITORY: Final = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9_.][\w.-]*", re.ASCII)
_LOCAL: Final = ("http://127.0.0.1", "http://localhost", "http://[::1]")


def connect(repository: str | None, api_url: str | None, environ: Mapping[str, str]) -> Client:
    """Return a client; missing values come from the variables of GitHub Actions.

    Raises:
        OptionError: no repository is named, or a value is invalid.
    """
    name = repository or environ.get("GITHUB_REPOSITORY", "")
    if not _REPOSITORY.fullmatch(name) or ".." in name:
        raise OptionError("NX819", f"--repository must be OWNER/NAME, got {name!r}")
    url = api_url or environ.get("GITHUB_API_URL") or API_URL
    token = environ.get("GITHUB_TOKEN") or environ.get("GH_TOKEN") or ""
    if not url.startswith("https://") and not url.startswith(_LOCAL):
        raise OptionError("NX820", f"--api-url must begin with https://, got {url!r}")
    return Client(name, token.strip(), url)
