"""What a session says of its set-up for `nexus doctor`, beside the plugins that change it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_nexus.launch.settings_plugin import SETTINGS_VARIABLE, read_settings
from tests.support.project import Project

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_nexus.launch.settings_plugin import SessionSettings

PLUGIN = ("-p", "pytest_nexus.launch.settings_plugin")


def asked(tmp_path: Path, *arguments: str, companions: tuple[str, ...]) -> SessionSettings:
    project = Project(tmp_path / "project", {"test_a.py": "raise SystemError('imported')\n"})
    file = tmp_path / "settings.json"
    done = project.run(
        *PLUGIN, *arguments, companions=companions, env={SETTINGS_VARIABLE: str(file)}
    )
    assert done.exit_status == 0, done.stderr
    assert not project.journals
    return read_settings(file.read_text())


@pytest.mark.parametrize(
    ("companion", "arguments", "expected"),
    [
        ("randomly", (), ("randomly", "")),
        ("randomly", ("--nexus-order=risk",), ("", "")),
        ("random_order", ("--random-order",), ("random_order", "")),
        ("rerunfailures", ("--reruns=2",), ("", "rerunfailures")),
        ("rerunfailures", (), ("", "")),
        ("pytest-retry", ("--retries=2",), ("", "pytest-retry")),
        ("flaky", ("--force-flaky",), ("", "flaky")),
    ],
)
def test_plugins_that_switch_a_part_off_are_named(
    tmp_path: Path, companion: str, arguments: tuple[str, ...], expected: tuple[str, str]
) -> None:
    found = asked(tmp_path, *arguments, companions=(companion,))
    assert (found.shuffled_by, found.repeated_by) == expected
    assert found.is_on


def test_limits_of_every_run_are_named(tmp_path: Path) -> None:
    found = asked(tmp_path, "-x", "-k", "a", companions=())
    assert found.limits == ("-k", "-x")
    assert found.values["nexus_order"] == "risk"
