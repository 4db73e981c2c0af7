"""Puts the collected items of a single process into the order of the plan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from pytest_nexus.allocation import without_collector
from pytest_nexus.identity import identify
from pytest_nexus.records import CollectedTest, NodeId
from pytest_nexus.run.scopes import position_marker, shared_scopes

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from pytest_nexus.pipeline import Pipeline

_RANDOM_ORDER: Final = ("randomly", "random_order")
"""Plugins whose users want another order in each run, to find tests that depend on theirs."""


class Ordering:
    """Orders the items after every other plugin has selected and ordered them."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(
        self, session: pytest.Session, items: list[pytest.Item]
    ) -> Generator[None]:
        """Let all others act first (`--lf` and `--ff` act after their own yield), then order."""
        yield
        if stepped_back := self._steps_back(session.config):
            self._pipeline.lose(stepped_back)
            return
        with without_collector():
            order = self._pipeline.plan(describe(items)).order
        items[:] = [items[index] for index in order]

    def _steps_back(self, config: pytest.Config) -> str:
        if self._pipeline.options.sources["nexus_order"] != "default":
            return ""
        for name in _RANDOM_ORDER:
            if config.pluginmanager.hasplugin(name) and _reorders(name, config):
                return f"{name} orders the tests; --nexus-order=risk overrules it"
        return ""


def describe(items: Iterable[pytest.Item]) -> list[CollectedTest]:
    """Return what a plan needs to know of each item, in the order given."""
    tests = []
    for item in items:
        identity = identify(item)
        tests.append(
            CollectedTest(
                nodeid=NodeId(item.nodeid),
                key=identity.key,
                function_key=identity.function_key,
                path=item.location[0].replace("\\", "/"),
                scopes=shared_scopes(item),
                marker=position_marker(item),
            )
        )
    return tests


def _reorders(name: str, config: pytest.Config) -> bool:
    if name == "randomly":
        return bool(config.getoption("randomly_reorganize", default=True))
    # Its other two options turn it on as well, unless they still have their marked defaults.
    given = (config.getoption(f"random_order_{part}", default=None) for part in ("bucket", "seed"))
    return bool(config.getoption("random_order_enabled", default=False)) or any(
        value and not str(value).startswith("default:") for value in given
    )
