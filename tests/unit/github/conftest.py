from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_nexus.github.client import Client
from pytest_nexus.history.store import History, open_history
from tests.support.github_server import TOKEN, GitHubServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def server() -> Iterator[GitHubServer]:
    with GitHubServer() as running:
        yield running


@pytest.fixture
def waits() -> list[float]:
    """The seconds that the client slept, instead of sleeping them."""
    return []


@pytest.fixture
def client(server: GitHubServer, waits: list[float]) -> Iterator[Client]:
    one = Client("octo/repo", TOKEN, server.url, sleep=waits.append)
    yield one
    one.close()


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    with open_history(tmp_path / "history.sqlite3") as opened:
        yield opened
