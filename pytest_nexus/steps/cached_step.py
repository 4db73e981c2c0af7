"""Run a command, or restore the outputs of a run that used the same things."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from pytest_nexus.domain.system import clock
from pytest_nexus.errors import CacheError
from pytest_nexus.impact.distributions import Distributions
from pytest_nexus.steps.output_entries import collect
from pytest_nexus.steps.pythons import PythonFacts, facts_of, program_of
from pytest_nexus.steps.restore import is_up_to_date, restore, set_aside
from pytest_nexus.steps.step_store import StoredRun, file_sha256
from pytest_nexus.steps.used_things import Surroundings, Use
from pytest_nexus.steps.watched_process import run_plain, run_watched

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pytest_nexus.plan.insights.finding import StepAction
    from pytest_nexus.steps.observed import Observed
    from pytest_nexus.steps.pythons import Program
    from pytest_nexus.steps.step_store import StepStore

_BELOW_PYTHON: Final = (
    "LANG", "LANGUAGE", "LC_ALL", "LC_COLLATE", "LC_CTYPE", "LC_MESSAGES", "LC_NUMERIC", "LC_TIME",
    "PYTHONDEVMODE", "PYTHONHASHSEED", "PYTHONHOME", "PYTHONIOENCODING", "PYTHONNOUSERSITE",
    "PYTHONOPTIMIZE", "PYTHONPATH", "PYTHONSAFEPATH", "PYTHONUTF8", "PYTHONWARNINGS", "TZ",
)  # fmt: skip
"""Variables that the interpreter and the C library read, which no Python code can see."""
_MOST_REASONS: Final = 3
_WHY_ALWAYS: Final = (
    "it is no Python program, and no --input names what it uses",
    "its options keep the environment out, so nexus cannot watch it",
)
"""For other programs, and for a Python that cannot be watched."""


@dataclass(frozen=True, slots=True)
class Step:
    """A command with its outputs."""

    command: tuple[str, ...]
    root: Path
    """Folder of the project, with links resolved."""
    folder: Path
    """In which the command runs, with links resolved; below the root or equal to it."""
    outputs: tuple[str, ...]
    """Paths relative to the root."""
    inputs: tuple[str, ...]
    """Patterns of files, relative to the root."""
    environ: Mapping[str, str]

    @property
    def name(self) -> str:
        """32 hexadecimal digits over the command, its folder and its outputs."""
        root = str(self.root) + os.sep
        words = [word.replace(root, "") for word in self.command]
        place = os.path.relpath(self.folder, self.root)
        parts = [words, place, self.outputs, self.inputs]
        return sha256(json.dumps(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class StepResult:
    """What became of a step."""

    action: StepAction
    status: int
    """Exit status of the command; below 0 for the number of a signal."""
    seconds: float
    """How long the command took, now or in the stored run."""
    files: int = 0
    """Files of the outputs."""
    reasons: tuple[str, ...] = ()
    """Why the command ran, as clauses."""
    obstacles: tuple[str, ...] = ()
    """Why its outputs were not stored, as clauses."""
    changed: tuple[str, ...] = ()
    """Files that the command read and then wrote, which are no outputs."""


def run_step(step: Step, store: StepStore) -> StepResult:
    """Restore the outputs of a stored run, or run the command and store its outputs.

    Two processes with the same step wait for each other.

    Raises:
        CacheError: the command does not exist.
        OSError: the command cannot be started.
    """
    program = program_of(step.command, str(step.folder), step.environ.get("PATH", ""))
    if program.kind == "missing":
        raise CacheError("NX166", f"there is no program {step.command[0]!r}")
    facts = _facts(step, program)
    around = Surroundings(step.root, step.environ, Distributions(facts.search_path))
    if program.kind != "python" and not step.inputs:
        return _run_always(step, _WHY_ALWAYS[program.kind == "deaf"])
    try:
        store.require_writable()
    except OSError as error:
        return _run_always(step, f"the store cannot be used: {error}")
    with store.step_lock(step.name):
        with store.shared_lock():
            found = _restored(step, store, around, facts)
        if isinstance(found, StepResult):
            return found
        return _run_and_store(step, store, around, facts, found)


def _facts(step: Step, program: Program) -> PythonFacts:
    found = None
    if program.kind == "python":
        found = facts_of(program.interpreter, step.folder, step.environ, step.root)
    return found or PythonFacts((), ())


def _run_always(step: Step, why: str) -> StepResult:
    started = clock.perf_counter()
    status = run_plain(step.command, step.folder, step.environ)
    return StepResult("ran", status, clock.perf_counter() - started, obstacles=(why,))


def _restored(
    step: Step, store: StepStore, around: Surroundings, facts: PythonFacts
) -> StepResult | tuple[str, ...]:
    """Restore a stored run that used the same; else return why there is none."""
    reasons: tuple[str, ...] = ()
    for path, run in store.runs(step.name):
        differences = _differences(run, around, facts)
        if differences:
            reasons = reasons or differences
            continue
        files = sum(entry.kind == "file" for entry in run.entries)
        if is_up_to_date(step.root, step.outputs, run.entries, file_sha256):
            path.touch()
            return StepResult("kept", 0, run.seconds, files)
        try:
            if {entry.path for entry in run.entries} >= {*step.outputs}:
                restore(step.root, step.outputs, run.entries, store.copy_out)
                path.touch()
                return StepResult("restored", 0, run.seconds, files)
            reasons = reasons or ("the stored run is damaged",)
        except OSError as error:
            reasons = reasons or (f"the stored outputs cannot be restored: {error}",)
        path.unlink(missing_ok=True)
    return reasons or ("no earlier run of it is stored",)


def _differences(run: StoredRun, around: Surroundings, facts: PythonFacts) -> tuple[str, ...]:
    """Return what differs from the surroundings of a run, as clauses; not all of it."""
    if run.python != facts.facts:
        return ("it runs with another Python",)
    now = around.with_step(run.modules, run.ignored)
    found: list[str] = []
    for use in run.uses:
        if now.digest_of(use.kind, use.name) != use.digest:
            found.append(_clause(use))
            if len(found) == _MOST_REASONS:
                break
    return tuple(found)


def _clause(use: Use) -> str:
    if use.name == "*":
        return "a variable has changed, and the project reads all of them"
    texts = {
        "file": f"{use.name} has changed",
        "folder": f"the names in {use.name} have changed",
        "search": f"modules in {use.name} were added or removed",
        "variable": f"the variable {use.name} has changed",
        "distribution": f"the distribution {use.name} has changed",
        "program": f"the program {use.name} is there now",
        "input": f"files of {use.name} have changed",
    }
    return texts[use.kind]


def _run_and_store(
    step: Step, store: StepStore, around: Surroundings, facts: PythonFacts, why: tuple[str, ...]
) -> StepResult:
    fixed = tuple(Use("input", each, around.digest_of("input", each)) for each in step.inputs)
    if facts.facts:
        fixed += tuple(
            Use("variable", name, around.digest_of("variable", name)) for name in _BELOW_PYTHON
        )
    started = clock.perf_counter()
    with set_aside(step.root, step.outputs):
        status, seen = run_watched(step.command, step.folder, around, step.outputs)
    seconds = clock.perf_counter() - started
    obstacles = () if step.inputs else seen.obstacles
    if status != 0 or obstacles:
        return StepResult("ran", status, seconds, reasons=why, obstacles=obstacles)
    return _store(step, store, StoredRun(
        seconds, facts.facts, tuple({*fixed, *seen.uses}), seen.modules, _ignored(step, seen), ()
    ), why, seen.changed)  # fmt: skip


def _ignored(step: Step, seen: Observed) -> tuple[str, ...]:
    folders = {part for name in step.outputs for part in _parts(name)}
    return tuple(sorted({*seen.made, *folders}))


def _parts(name: str) -> list[str]:
    parts = name.split("/")
    return ["/".join(parts[: at + 1]) for at in range(len(parts))]


def _store(
    step: Step, store: StepStore, run: StoredRun, why: tuple[str, ...], changed: tuple[str, ...]
) -> StepResult:
    obstacles: tuple[str, ...] = ()
    files = 0
    try:
        with store.shared_lock():
            entries = collect(step.root, step.outputs, store.keep)
            files = sum(entry.kind == "file" for entry in entries)
            store.add(step.name, run._replace(entries=entries))
    except CacheError as error:
        obstacles = (error.message,)
    except OSError as error:
        obstacles = (f"its outputs cannot be stored: {error}",)
    return StepResult(
        "ran", 0, run.seconds, files, reasons=why, obstacles=obstacles, changed=changed
    )


def bound(store: StepStore, max_bytes: int) -> None:
    """Remove what was not used for longest if the store is too large."""
    with suppress(OSError):
        if store.size_bytes() > max_bytes:
            store.prune(max_bytes)
