"""Note what became of each call of a cached step, a line of JSON each, in the folder of the store.

A note that cannot be written is left out: it must not fail a command. A line that is damaged is not
read.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Final, get_args

from pytest_nexus.domain.system.files import atomic_write
from pytest_nexus.domain.system.regular_files import read_text
from pytest_nexus.domain.validation import WRONG
from pytest_nexus.plan.insights.finding import CachedCall, StepAction

if TYPE_CHECKING:
    from pathlib import Path

_NAME: Final = "calls.jsonl"
_KEPT: Final = 500
_MAX_BYTES: Final = 4 * 1024 * 1024
_MAX_CHARS: Final = 300


def note_call(folder: Path, call: CachedCall) -> None:
    """Add a call; the oldest ones are forgotten once there are twice as many as needed."""
    short = call._replace(step=call.step[:_MAX_CHARS], why=call.why[:_MAX_CHARS])
    path = folder / _NAME
    with suppress(OSError):
        with path.open("a", encoding="utf-8") as file:
            file.write(f"{json.dumps(short)}\n")
        known = read_text(path, _MAX_BYTES).splitlines()
        if len(known) > 2 * _KEPT:
            atomic_write(path, "\n".join([*known[-_KEPT:], ""]))


def read_calls(folder: Path) -> list[CachedCall]:
    """Return the noted calls, the oldest first; none if they cannot be read."""
    try:
        lines = read_text(folder / _NAME, _MAX_BYTES).splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        with suppress(*WRONG):
            found.append(_call(*json.loads(line)))
    return found


def _call(at: float, step: str, action: StepAction, seconds: float, why: str) -> CachedCall:
    if action not in get_args(StepAction):
        raise ValueError(f"an action {action!r}")
    return CachedCall(float(at), str(step), action, float(seconds), str(why))
