"""Selection by what tests use, tried on mutants: is every test selected whose outcome changes?"""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Final

from pytest_nexus.plan.reuse import AUDIT_REASON
from tests.benchmarks.mutants import Mutant, choose_mutants
from tests.benchmarks.processes import RunFailedError
from tests.benchmarks.table import Table, within
from tests.benchmarks.watched_sessions import (
    RECORDING,
    Clock,
    Project,
    changed_outcomes,
    is_bad,
    share_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tests.benchmarks.bench import Bench
    from tests.benchmarks.table import Cell
    from tests.benchmarks.watched_sessions import Seen

TITLE = "mutants of the projects in the folders that MUTATED_PROJECTS names, separated by colons"

_PEER: Final = "nexus-projects"
_EACH: Final = 150
_SEED: Final = 17
_TIMEOUT_S: Final = 60.0
_ARGUMENTS: Final[dict[str, tuple[str, ...]]] = {
    "packaging": (  # 59,000 of its 64,000 tests are in these
        "--deselect=tests/test_version.py::TestVersion::test_comparison_true",
        "--deselect=tests/test_version.py::TestVersion::test_comparison_false",
        "--deselect=tests/test_requirements.py::test_basic_valid_requirement_parsing",
        "--deselect=tests/test_markers.py::TestMarker::test_parses_valid",
    ),
}
_REASONS: Final = 3


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of one mutant."""

    project: str
    kind: str
    place: str
    verdict: str
    """judged; or why not: collection fails, too slow."""
    selected: float = 0.0
    """Share of the tests."""
    saved: float = 0.0
    """Share of the seconds."""
    n_changed: int = 0
    """Number of tests whose outcome changed."""
    misses: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()


def measure(bench: Bench) -> list[Table]:
    """Try the mutants of each project; without a folder there is nothing to measure.

    MUTANTS is another number of mutants for each project, MUTANTS_SEED another choice,
    MUTANTS_WORKERS the number of workers of xdist that record, and MUTANTS_LOG a file that takes
    one line for each mutant.
    """
    folders = os.environ.get("MUTATED_PROJECTS")
    if not folders or bench.is_quick:
        return []
    tried = [one for folder in folders.split(":") for one in _try_all(bench, Path(folder))]
    return [_by_kind(tried), _missed(tried)]


def _try_all(bench: Bench, origin: Path) -> Iterator[Tried]:
    name = origin.name.partition("-")[0]
    folder = bench.folder / name
    shutil.copytree(
        origin, folder, ignore=shutil.ignore_patterns("__pycache__", ".nexus", ".git", ".pytest*")
    )
    tools = bench.folder / f"{name}-tools"
    project = Project(folder, bench.required(_PEER), _ARGUMENTS.get(name, ()), tools)
    (folder / ".gitignore").write_text("__pycache__/\n.nexus/\n.pytest_cache/\n.hypothesis/\n")
    project.git("init", "--quiet")
    project.git("add", "--all")
    project.git("commit", "--quiet", "--message", "as released")
    workers = os.environ.get("MUTANTS_WORKERS")
    parallel = ("-n", workers) if workers else ()
    first, again = project.required(*RECORDING, *parallel), project.required()
    stable = {
        test: outcome
        for test, outcome in first.outcomes.items()
        if again.outcomes.get(test) == outcome
    }
    n_mutants = int(os.environ.get("MUTANTS", _EACH))
    seed = int(os.environ.get("MUTANTS_SEED", _SEED))
    log = os.environ.get("MUTANTS_LOG")
    clock = Clock()
    for mutant in choose_mutants(folder, n_mutants, seed):
        with_file = folder / mutant.path
        before = with_file.read_bytes()
        clock.write(with_file, mutant.content)
        tried = _judge(project, name, mutant, stable)
        clock.write(with_file, before)
        if tried.misses:  # a test that fails by chance fails here too
            tried = _without_chance(project, tried)
        if log:
            with Path(log).open("a", encoding="utf-8") as file:
                file.write(json.dumps({each: getattr(tried, each) for each in tried.__slots__}))
                file.write("\n")
        yield tried
    if project.required().outcomes.keys() != first.outcomes.keys():
        raise RunFailedError(f"the mutants left something in {folder}")


def _judge(project: Project, name: str, mutant: Mutant, stable: Mapping[str, str]) -> Tried:
    place = f"{mutant.path}:{mutant.line}"
    seen = project.decision(timeout_s=_TIMEOUT_S)
    if seen is None:
        return Tried(name, mutant.kind, place, "too slow, or pytest fails")
    if seen.n_errors or not seen.outcomes:
        return Tried(name, mutant.kind, place, "collection fails")
    changed = changed_outcomes(stable, seen.outcomes)
    new = {test for test in seen.outcomes.keys() - stable.keys() if is_bad(seen.outcomes[test])}
    left = seen.left_out & seen.outcomes.keys()
    return Tried(
        name,
        mutant.kind,
        place,
        "judged",
        1 - len(left) / len(seen.outcomes),
        share_of(left, seen.seconds),
        len(changed),
        tuple(sorted(left & (changed | new))),
        _why(seen),
    )


def _without_chance(project: Project, tried: Tried) -> Tried:
    """Return a result without misses that fail without the mutant too."""
    again = project.session(*tried.misses)
    if again is None:
        return tried
    real = tuple(test for test in tried.misses if not is_bad(again.outcomes.get(test, "")))
    fields = {each: getattr(tried, each) for each in tried.__slots__}
    return Tried(**(fields | {"misses": real}))


def _why(seen: Seen) -> tuple[str, ...]:
    reasons = Counter(
        reason
        for action, reason in seen.verdicts.values()
        if action == "run" and not reason.startswith(AUDIT_REASON)
    )
    return tuple(f"{count}: {reason}" for reason, count in reasons.most_common(_REASONS))


def _by_kind(tried: Sequence[Tried]) -> Table:
    groups: dict[tuple[str, str], list[Tried]] = {}
    for one in tried:
        groups.setdefault((one.project, one.kind), []).append(one)
    for project in dict.fromkeys(one.project for one in tried):
        groups[project, "all"] = [one for one in tried if one.project == project]
    rows = [_row(project, kind, group) for (project, kind), group in groups.items()]
    note = (
        "Shares are means over the judged mutants: those with which all tests can be collected in"
        " time. Changed: mutants that change an outcome. A miss is a test that was left out and"
        " ends otherwise than without the mutant."
    )
    return Table("selection of tests on mutants", rows, note)


def _row(project: str, kind: str, group: Sequence[Tried]) -> dict[str, Cell]:
    judged = [one for one in group if one.verdict == "judged"]
    n_misses = sum(len(one.misses) for one in judged)
    return {
        "project": project,
        "mutants of": kind,
        "mutants": len(group),
        "not collected": sum(one.verdict == "collection fails" for one in group),
        "not in time": len(group) - len(judged) - sum("collection" in one.verdict for one in group),
        "changed": sum(one.n_changed > 0 for one in judged),
        "selected": fmean([one.selected for one in judged] or [0.0]),
        "seconds saved": fmean([one.saved for one in judged] or [0.0]),
        "misses": n_misses,
        "budget": within(n_misses, 0, "tests"),
    }


def _missed(tried: Sequence[Tried]) -> Table:
    rows: list[dict[str, Cell]] = [
        {"project": one.project, "mutant of": one.kind, "place": one.place, "test": test}
        for one in tried
        for test in one.misses
    ]
    return Table("misses", rows)
