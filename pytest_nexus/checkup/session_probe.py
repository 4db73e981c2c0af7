"""Ask pytest itself how a session would be set up, in a process of its own."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.launch.session_process import run_to_end, tail, whole_environment
from pytest_nexus.launch.settings_plugin import (
    SETTINGS_VARIABLE,
    SessionSettings,
    read_settings,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

_TIMEOUT_S: Final = 60.0
"""A session that takes longer before its first test is itself a finding."""


_ERROR: Final = re.compile(r"(?:\bERROR: |\berror: |^E\s+)(?!usage: )(.+)")


class Probed(NamedTuple):
    """What a session said of its set-up."""

    settings: SessionSettings | None
    """None if pytest did not start."""
    ending: str = ""
    """Why pytest did not start, in one line."""


def probe_session(arguments: Sequence[str]) -> Probed:
    """Return the settings of a session in the current folder with these arguments."""
    with TemporaryDirectory(prefix="nexus-doctor-") as own:
        file = Path(own) / "settings.json"
        command = [sys.executable, "-m", "pytest", "-p", "pytest_nexus.launch.settings_plugin"]
        environment = whole_environment(**{SETTINGS_VARIABLE: str(file)})
        done = run_to_end([*command, *arguments], environment, _TIMEOUT_S)
        if file.exists():
            return Probed(read_settings(file.read_text("utf-8")))
    if done is None:
        return Probed(None, f"it was ended after {_TIMEOUT_S:.0f} s")
    lines = [line.strip() for line in tail(done) if line.strip()]
    errors = [found[1] for line in lines if (found := _ERROR.search(line))]
    return Probed(None, (errors or lines[-1:] or [f"exit status {done.returncode}"])[-1])
