"""A plugin for `pytest -p` that writes the collected tests to a file, for `nexus plan`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from pytest_nexus.domain.records import CollectedTest, FunctionKey, NodeId, TestKey
from pytest_nexus.domain.system import originals
from pytest_nexus.run.ordering import describe, tied

if TYPE_CHECKING:
    from collections.abc import Iterable

LISTING_VARIABLE: Final = "NEXUS_LISTING"
"""Environment variable with the name of the file."""

TIES_VARIABLE: Final = "NEXUS_LISTING_TIES"
"""`0` lets the tests of one `xdist_group` run apart, as in a single process."""


@pytest.hookimpl(trylast=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Write the collected tests that remain after every selection."""
    path = originals.environ.get(LISTING_VARIABLE)
    if path:
        is_tied = originals.environ.get(TIES_VARIABLE) != "0"
        tests = tied(session.items) if is_tied else describe(session.items)
        rows = [test._asdict() for test in tests]
        Path(path).write_text(json.dumps(rows), encoding="utf-8")


def read_listing(text: str) -> list[CollectedTest]:
    """Return the tests of a listing, in collection order."""
    return [_test(**row) for row in json.loads(text)]


def _test(
    *, scopes: Iterable[str], duration_factor: float, runs_always: bool, **fields: str
) -> CollectedTest:
    return CollectedTest(
        nodeid=NodeId(fields["nodeid"]),
        key=TestKey(fields["key"]),
        function_key=FunctionKey(fields["function_key"]),
        path=fields["path"],
        scopes=tuple(scopes),
        marker=fields["marker"],  # type: ignore[arg-type] # as `describe` wrote it
        duration_factor=duration_factor,
        runs_always=runs_always,
    )
