"""A plugin for `pytest -p`: all tests in one process, in the order of collection, each once.

For sessions that look for tests that depend on the order. Whatever else divides, shuffles, selects
by the last run or repeats is kept from it; what the tests need, as markers and fixtures, is not.
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
"""Select and sort by the last run, and note what fails for the next one."""


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> Generator[None, Any, Any]:
    """Turn xdist's workers and pytest-rerunfailures' reruns off before they begin."""
    for name, off in (("numprocesses", None), ("dist", "no"), ("tx", []), ("reruns", 0)):
        if hasattr(config.option, name):
            setattr(config.option, name, off)
    return (yield)


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Take away what goes by the last run: the next run of the user's is not to go by this.

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
        """Undo the order of a plugin that shuffles; what it and others deselect stays out."""
        places = {id(item): place for place, item in enumerate(items)}
        yield
        if is_shuffled(config):
            items.sort(key=lambda item: places.get(id(item), len(places)))
