"""`nexus cache run`: run a command as a cached step."""

from __future__ import annotations

import os
import shlex
import signal
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_nexus.domain.system import clock, originals
from pytest_nexus.domain.system.console import warn
from pytest_nexus.domain.wording import counted, seconds
from pytest_nexus.errors import CacheError, with_code
from pytest_nexus.plan.insights.finding import CachedCall
from pytest_nexus.project import project_root
from pytest_nexus.steps.cached_step import Step, StepResult, bound, run_step
from pytest_nexus.steps.output_entries import input_patterns, output_names
from pytest_nexus.steps.step_log import note_call

if TYPE_CHECKING:
    import argparse

    from pytest_nexus.steps.step_store import StepStore


def run_command(options: argparse.Namespace, store: StepStore) -> int:
    """Run or restore; return the exit status of the command, and die of the signal that ended it.

    Everything that nexus says goes to the error output: the output belongs to the command.
    """
    if not options.pytest_args:
        raise CacheError("NX167", "give the command after --, as in `nexus cache run --output"
                         " dist -- python -m build`")  # fmt: skip
    folder = Path.cwd().resolve()
    root = project_root(folder)
    step = Step(
        command=tuple(options.pytest_args),
        root=root,
        folder=folder,
        outputs=output_names(root, folder, options.output),
        inputs=input_patterns(root, options.input),
        environ=dict(originals.environ),
    )
    result = run_step(step, store)
    why = ", ".join(result.reasons or result.obstacles)
    words = shlex.join(step.command)
    note_call(store.folder, CachedCall(clock.time(), words, result.action, result.seconds, why))
    for line in sentences(result):
        warn(line)
    if result.action == "ran" and result.files:
        bound(store, options.max_size)
    if result.status < 0:
        _die_of(-result.status)
    return result.status


def sentences(result: StepResult) -> list[str]:
    """Return what happened, a line for each message."""
    about = f"{counted(result.files, 'file')}, {seconds(result.seconds)} saved"
    if result.action == "kept":
        return [f"nexus: the outputs are up to date: nothing that was used has changed ({about})"]
    if result.action == "restored":
        return [f"nexus: outputs restored: nothing that was used has changed ({about})"]
    lines = []
    if result.reasons:
        lines.append(f"nexus: the command ran: {', '.join(result.reasons)}")
    if result.status:
        lines.append(with_code("NX169", "nexus: the command failed, so nothing was stored"))
    elif result.obstacles:
        lines.append(
            with_code("NX168", f"nexus: the outputs were not stored: {'; '.join(result.obstacles)}")
        )
    if result.changed:
        names = ", ".join(result.changed[:3])
        lines.append(with_code(
            "NX170",
            f"nexus: the command reads and then changes {names}; name it with --output, or the"
            " next call runs the command again",
        ))  # fmt: skip
    return lines


def _die_of(number: int) -> None:
    """End this process by the signal that ended the command, so that a shell sees the same."""
    if os.name != "nt":
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
