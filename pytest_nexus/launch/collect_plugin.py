"""A plugin for `pytest -p` that writes the collected tests to a file, for `nexus plan`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import pytest

from pytest_nexus.domain.records import CollectedTest, FunctionKey, NodeId, TestKey
from pytest_nexus.domain.system import originals
from pytest_nexus.options import read_options
from pytest_nexus.run.ordering import describe, tied
from pytest_nexus.session.learned_options import with_learned

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

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
        content = {
            "tests": [test._asdict() for test in tests],
            "session": _session(session.config)._asdict(),
        }
        Path(path).write_text(json.dumps(content), encoding="utf-8")


class CollectedSession(NamedTuple):
    """What a session with the same arguments would know before its tests run."""

    root: str
    """pytest's root directory."""
    facts: Mapping[str, str]
    """Digests of the facts of the session by name; empty if no tests are to be left out."""
    is_asked: bool = False
    """Whether the command line gives the value of `nexus_select`."""
    select: str = "off"
    """Value of `nexus_select`."""
    always: Sequence[str] = ()
    max_age: str = "7d or 20 runs"
    is_shadow: bool = False
    rest: str = "after-failure"
    """Value of `nexus_select_rest`."""


def read_listing(text: str) -> tuple[list[CollectedTest], CollectedSession]:
    """Return the tests of a listing, in collection order, and the session."""
    content = json.loads(text)
    return [_test(**row) for row in content["tests"]], CollectedSession(**content["session"])


def _session(config: pytest.Config) -> CollectedSession:
    options = with_learned(read_options(config), originals.environ, _quietly)
    if options.select == "off":
        return CollectedSession(str(config.rootpath), {})
    from pytest_nexus.record.dependencies.session_facts import session_facts  # noqa: PLC0415 - as asked for

    return CollectedSession(
        str(config.rootpath),
        session_facts(config) if "affected" in options.select else {},
        is_asked=options.sources["nexus_select"] == "command line",
        select=options.select,
        always=options.select_always,
        max_age=options.select_max_age,
        is_shadow=options.select_shadow,
        rest=options.select_rest,
    )


def _quietly(_: str) -> None:
    """Say nothing: the session that runs the tests says what is learned."""


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
