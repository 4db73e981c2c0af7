"""Who else repeats tests, by what a session was told."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from pytest_nexus.run.reruns.other_engines import foreign_tests, reason_not_to_rerun
from tests.support.messages import assert_message


def config(
    plugins: tuple[str, ...] = (), ini: dict[str, object] | None = None, **options: object
) -> Any:
    def getini(name: str) -> object:
        if name in (ini or {}):
            return (ini or {})[name]
        raise ValueError(f"unknown configuration value: {name!r}")

    return SimpleNamespace(
        option=SimpleNamespace(**options),
        getini=getini,
        pluginmanager=SimpleNamespace(hasplugin=lambda name: name in plugins),
    )


class Item:
    """An item with what another plugin left on it."""

    def __init__(self, marker: dict[str, object] | None = None, obj: object = None) -> None:
        self._marker = marker
        self.obj = obj

    def get_closest_marker(self, name: str) -> Any:
        has_it = name == "flaky" and self._marker is not None
        return SimpleNamespace(kwargs=self._marker) if has_it else None


@pytest.mark.parametrize(
    ("option", "flag"),
    [
        ("usepdb", "--pdb"),
        ("trace", "--trace"),
        ("setuponly", "--setup-only"),
        ("setupplan", "--setup-plan"),
        ("stepwise", "--stepwise"),
    ],
)
def test_nothing_is_repeated_where_a_person_or_no_test_is_at_work(option: str, flag: str) -> None:
    assert_message(reason_not_to_rerun(config(**{option: True})), "NX301", flag)
    assert reason_not_to_rerun(config(**{option: False})) == ""


@pytest.mark.parametrize(
    ("plugin", "options"),
    [
        ("rerunfailures", {"reruns": 2}),
        ("rerunfailures", {"reruns": None, "force_reruns": 1}),
        ("rerunfailures", {"only_rerun": ["OSError"]}),
        ("rerunfailures", {"rerun_except": ["OSError"]}),
        ("pytest-retry", {"retries": 1}),
        ("flaky", {"force_flaky": True}),
        ("ddtrace", {"ddtrace": True}),
        ("pytest_mergify", {}),
    ],
)
def test_an_engine_that_was_put_to_work_is_left_to_it(
    plugin: str, options: dict[str, object]
) -> None:
    said = reason_not_to_rerun(config((plugin,), **options))
    assert_message(said, "NX302", plugin)
    assert reason_not_to_rerun(config((), **options)) == ""


@pytest.mark.parametrize(
    ("plugin", "ini"),
    [
        ("rerunfailures", {"reruns": "3"}),
        ("rerunfailures", {"rerun_except": ["OSError"]}),
        ("pytest-retry", {"retries": "2"}),
    ],
)
def test_the_ini_file_puts_it_to_work_too(plugin: str, ini: dict[str, object]) -> None:
    assert plugin in reason_not_to_rerun(config((plugin,), ini, reruns=None, retries=None))


@pytest.mark.parametrize(
    ("options", "ini"),
    [
        ({}, {}),
        ({"reruns": None, "only_rerun": None}, {"reruns": "", "only_rerun": []}),
        ({"reruns": 0}, {"reruns": "3"}),
        ({"retries": None}, {"retries": 0}),
        ({}, {"reruns": "0", "retries": "0"}),
        ({"force_flaky": False}, {}),
    ],
)
def test_an_engine_that_is_only_installed_repeats_nothing(
    options: dict[str, object], ini: dict[str, object]
) -> None:
    plugins = ("rerunfailures", "pytest-retry", "flaky", "ddtrace")
    assert reason_not_to_rerun(config(plugins, ini, **options)) == ""


def test_without_other_engines_no_test_is_looked_at() -> None:
    assert foreign_tests(config(("ddtrace",))) is None


def test_the_plugin_flaky_is_known_by_what_it_writes_on_tests() -> None:
    is_foreign = foreign_tests(config(("flaky",)))
    assert is_foreign is not None
    decorated: Any = Item(obj=SimpleNamespace(_flaky_max_runs=2))
    marked, in_class, plain, other = Item(), Item(), Item(), Item({"reruns": 2})
    marked._flaky_max_runs = 2  # type: ignore[attr-defined] # as the plugin does
    in_class.cls = SimpleNamespace(_flaky_max_runs=2)  # type: ignore[attr-defined] # likewise
    found = [is_foreign(one) for one in (decorated, marked, in_class, plain, other)]  # type: ignore[arg-type] # as much of an item as is needed
    assert found == [True, True, True, False, False]


@pytest.mark.parametrize("arguments", [{}, {"retries": 2}, {"delay": 1}, {"reruns": 2}])
@pytest.mark.parametrize("plugin", ["pytest-retry", "rerunfailures"])
def test_some_engines_take_every_marker_for_their_own(
    plugin: str, arguments: dict[str, object]
) -> None:
    is_foreign = foreign_tests(config((plugin,)))
    assert is_foreign is not None
    assert is_foreign(Item(arguments))  # type: ignore[arg-type] # as much of an item as is needed
    assert not is_foreign(Item())  # type: ignore[arg-type] # likewise
