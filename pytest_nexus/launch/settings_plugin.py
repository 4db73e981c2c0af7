"""A plugin for `pytest -p` that writes the settings of a session to a file, for `nexus doctor`.

The session ends before it collects: its options are parsed, and its plugins are loaded.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import pytest

from pytest_nexus.compat.pytest_internals import ini_keys
from pytest_nexus.domain.system import originals
from pytest_nexus.options import is_enabled, read_options
from pytest_nexus.record.limited_by import limits
from pytest_nexus.run.ordering import shuffling_plugin
from pytest_nexus.run.reruns.other_engines import repeating_plugin

if TYPE_CHECKING:
    from collections.abc import Mapping

SETTINGS_VARIABLE: Final = "NEXUS_SETTINGS"
"""Environment variable with the name of the file."""


class SessionSettings(NamedTuple):
    """The settings of a session, as pytest and its plugins read them."""

    has_nexus: bool
    """Whether pytest loads nexus."""
    keys: tuple[str, ...] = ()
    """All names in the ini file."""
    refused: str = ""
    """Why the value of an option of nexus is refused; empty if all values are allowed."""
    is_on: bool = False
    """Whether the ini file, the environment or the arguments turn nexus on."""
    values: Mapping[str, str] = {}
    """The value of each option of nexus as text, by name."""
    shuffled_by: str = ""
    """The plugin that decides the order instead of nexus; empty if no plugin does."""
    repeated_by: str = ""
    """The plugin that repeats failed tests instead of nexus; empty if no plugin does."""
    limits: tuple[str, ...] = ()
    """What limits every run to a part of the suite, such as `-x` among `addopts`."""
    dist: str = "no"
    """The value of xdist's option `--dist`."""


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> int | None:
    """Write the settings, and end the session."""
    path = originals.environ.get(SETTINGS_VARIABLE)
    if not path:
        return None
    Path(path).write_text(json.dumps(_settings(config)._asdict()), encoding="utf-8")
    return 0


def read_settings(text: str) -> SessionSettings:
    """Return the settings that a session wrote."""
    content = json.loads(text)
    names = ("keys", "limits")
    return SessionSettings(**content | {name: tuple(content[name]) for name in names})


def _settings(config: pytest.Config) -> SessionSettings:
    if not config.pluginmanager.hasplugin("nexus"):
        return SessionSettings(has_nexus=False)
    keys = tuple(ini_keys(config))
    try:
        is_on, options = is_enabled(config), read_options(config)
    except pytest.UsageError as exc:
        return SessionSettings(has_nexus=True, keys=keys, refused=str(exc))
    return SessionSettings(
        has_nexus=True,
        keys=keys,
        is_on=is_on,
        values={f"nexus_{name}": str(value) for name, value in options._asdict().items()},
        shuffled_by=shuffling_plugin(config, options),
        repeated_by=repeating_plugin(config),
        limits=limits(config),
        dist=str(getattr(config.option, "dist", "no")),
    )
