from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.action.toy import Toy
from tests.support.github_server import GitHubServer
from tests.support.warm import pytest_sessionfinish  # noqa: F401 - a hook of this folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def toy(tmp_path: Path) -> Iterator[Toy]:
    """A repository with a suite of ten tests, and the workflow that `nexus init` writes."""
    with GitHubServer() as server:
        yield Toy(tmp_path, server)
