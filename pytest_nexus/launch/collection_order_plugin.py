"""A plugin for `pytest -p`: runs all tests once, in one process and in collection order.

For sessions that search for order-dependent tests. Plugins that divide, shuffle, repeat, or select
by the last run are switched off. Markers and fixtures that the tests need stay.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_nexus.run.ordering import is_shuffled

if TYPE_CHECKING:
    from collections.abc import Generator

_OF_THE_LAST_RUN: Final = (
    "lfplugin",
    "lfplugin-collwrapper",
    "lfplugin-collskip",
    "nfplugin",
    "stepwiseplugin",
)
"""Plugins that select and sort by the last run, and record failures for the next run."""


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> Generator[None, Any, Any]:
    """Turn xdist's workers and pytest-rerunfailures' reruns off before they begin."""
    for name, off in (("numprocesses", None), ("dist", "no"), ("tx", []), ("reruns", 0)):
        if hasattr(config.option, name):
            setattr(config.option, name, off)
    return (yield)


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Remove the plugins that use the last run; the user's next run must not depend on this run.

    The hook that is registered last wraps the others.
    """
    for name in _OF_THE_LAST_RUN:
        plugin = config.pluginmanager.get_plugin(name)
        if plugin is not None:
            with suppress(ValueError):
                config.pluginmanager.unregister(plugin)
    config.pluginmanager.register(_Unshuffled())


class _Unshuffled:
    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> Generator[None, None, None]:
        """Undo the order of shuffling plugins; tests that any plugin deselects stay deselected."""
        places = {id(item): place for place, item in enumerate(items)}
        yield
        if is_shuffled(config):
            items.sort(key=lambda item: places.get(id(item), len(places)))
