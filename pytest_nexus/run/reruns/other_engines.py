"""Detect other plugins that repeat tests, and sessions in which nothing may be repeated."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from pytest_nexus.errors import with_code

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

_ENGINES: Final = (
    ("rerunfailures", ("reruns", "force_reruns", "only_rerun", "rerun_except")),
    ("pytest-retry", ("retries",)),
    ("flaky", ("force_flaky",)),
    ("ddtrace", ("ddtrace",)),
    ("pytest_mergify", ()),
)
"""By plugin: the command-line and ini options that activate it. A plugin without such options is
active whenever it is loaded."""

_DEBUGGING: Final = (
    ("usepdb", "--pdb"),
    ("trace", "--trace"),
    ("setuponly", "--setup-only"),
    ("setupplan", "--setup-plan"),
    ("stepwise", "--stepwise"),
)


def reason_not_to_rerun(config: pytest.Config) -> str:
    """Return why this session repeats nothing; empty if it may repeat tests."""
    for option, flag in _DEBUGGING:
        if getattr(config.option, option, False):
            return with_code("NX301", f"no test is repeated under {flag}")
    name = repeating_plugin(config)
    if name:
        return with_code(
            "NX302", f"{name} repeats the tests of this session, so nexus repeats none"
        )
    return ""


def repeating_plugin(config: pytest.Config) -> str:
    """Return the name of the plugin that repeats failed tests; empty if no other plugin does."""
    for name, options in _ENGINES:
        if config.pluginmanager.hasplugin(name) and (
            not options or any(_given(config, option) for option in options)
        ):
            return name
    return ""


def foreign_tests(config: pytest.Config) -> Callable[[pytest.Item], bool] | None:
    """Return a function that tells whether another plugin repeats a test; None if no plugin does.

    The plugin flaky stores its counters on the test, its function or its class.
    pytest-rerunfailures and pytest-retry act on any marker `flaky`, whatever its arguments.
    """
    has_flaky = config.pluginmanager.hasplugin("flaky")
    has_marker = any(map(config.pluginmanager.hasplugin, ("pytest-retry", "rerunfailures")))
    if not has_flaky and not has_marker:
        return None

    def is_foreign(item: Any) -> bool:
        if has_marker and item.get_closest_marker("flaky") is not None:
            return True
        places = (item, getattr(item, "obj", None), getattr(item, "cls", None))
        return has_flaky and any(hasattr(place, "_flaky_max_runs") for place in places)

    return is_foreign


def _given(config: pytest.Config, option: str) -> bool:
    value = getattr(config.option, option, None)
    if value is None:
        with suppress(ValueError):  # the plugin has no such key
            value = config.getini(option)
    return bool(value) and str(value).strip() != "0"
