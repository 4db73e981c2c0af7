"""What is used of xdist in its workers beyond hooks, in one place.

A worker calls `pytest_runtest_protocol` through the attribute `config` of its plugin. Where that
is no longer so, the hook is called for what is no test too; nothing else depends on it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest


def hide_from_hooks(config: pytest.Config, item: pytest.Item, run: Callable[..., Any]) -> None:
    """Let xdist call `run(nextitem)` for one item, instead of the hook that runs a test.

    Other plugins wrap the hook, and would take the item for a test.
    """
    for plugin in config.pluginmanager.get_plugins():
        if type(plugin).__name__ == "WorkerInteractor" and hasattr(plugin, "config"):
            plugin.config = _Proxy(config, hook=_Hooks(config.hook, item, run))


class _Proxy:
    """Has some attributes of its own, and those of another object."""

    def __init__(self, other: Any, **own: object) -> None:
        self._other = other
        self.__dict__.update(own)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._other, name)


class _Hooks(_Proxy):
    def __init__(self, hooks: Any, item: pytest.Item, run: Callable[..., Any]) -> None:
        super().__init__(hooks)
        self._item = item
        self._run = run

    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> None:
        if item is self._item:
            self._run(nextitem)
        else:
            self._other.pytest_runtest_protocol(item=item, nextitem=nextitem)
