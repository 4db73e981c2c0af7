"""Selection by what tests use, replayed on real commits, beside whole files and testmon."""

from __future__ import annotations

import json
import os
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Final

from pytest_nexus.domain.identity import key_of_nodeid
from pytest_nexus.history.store import read_history
from pytest_nexus.plan.reuse import AUDIT_REASON
from tests.benchmarks.table import Table
from tests.benchmarks.watched_sessions import (
    RECORDING,
    SELECTING,
    Project,
    Seen,
    changed_outcomes,
    is_bad,
    share_of,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from tests.benchmarks.bench import Bench
    from tests.benchmarks.peers import Environment
    from tests.benchmarks.table import Cell

TITLE = "commits of the git repositories in the folder that REPLAY_REPOSITORIES names, replayed"

_PEER: Final = "nexus-projects"
_TESTMON: Final = "testmon-projects"
_STEPS: Final = 25
"""Number of commits; each is compared with the one before it."""
_MOST_TRIED: Final = 45
"""Commits on which the tests cannot be collected are passed over, up to this many in all."""
_PLACES: Final = ("src", "tests", "testing", "conftest.py")
_ARGUMENTS: Final[dict[str, tuple[str, ...]]] = {
    # pytest-benchmark starts a process, and pluggy is on the stack
    "pluggy": ("-p", "no:benchmark", "--ignore=testing/benchmark.py"),
    "packaging": (  # 56,000 of its 63,000 tests are three functions
        "--deselect=tests/test_version.py::TestVersion::test_comparison_true",
        "--deselect=tests/test_version.py::TestVersion::test_comparison_false",
        "--deselect=tests/test_requirements.py::test_basic_valid_requirement_parsing",
    ),
}
_SOURCES: Final = ("src",)
_FORWARD: Final = "forward"
_REASONS: Final = 12
_KINDS_OF_FILES: Final = ("block", "module", "file")


def measure(bench: Bench) -> list[Table]:
    """Replay each repository; without a folder there is nothing to measure.

    REPLAY_ONLY names some of the repositories, REPLAY_COMMITS another number of commits, and
    REPLAY_LOG a file that takes one line for each step. A repository is `NAME` or `NAME/repo`.
    """
    folder = os.environ.get("REPLAY_REPOSITORIES")
    if not folder or bench.is_quick:
        return []
    wanted = os.environ.get("REPLAY_ONLY", "")
    names = sorted(path.name for path in Path(folder).iterdir() if path.is_dir())
    kept = [name for name in names if not wanted or name in wanted.split(",")]
    steps: list[Step] = []
    for name in kept:
        place = Path(folder) / name
        origin = place / "repo" if (place / "repo").is_dir() else place
        steps += Replay(bench, origin, name).steps()
    return [_shares(steps), _missed(steps), _reasons(steps)]


@dataclass(frozen=True, slots=True)
class Step:
    """What one way of selecting did with one change."""

    project: str
    way: str
    """The tool and the direction."""
    commit: str
    n_tests: int
    selected: float
    """Share of the tests that exist now."""
    saved: float
    """Share of the seconds of all tests."""
    audited: float
    """Share of the tests that run only as a sample; they are not among the selected."""
    n_changed: int
    """Number of tests whose outcome changed."""
    misses: tuple[str, ...]
    """Tests that were left out although their outcome changed."""
    reasons: dict[str, int]
    """Why tests ran, with their number."""


class Replay:
    """The replay of one repository.

    Args:
        bench: gives environments and a folder.
        origin: the bare repository.
        name: of the project.
    """

    def __init__(self, bench: Bench, origin: Path, name: str) -> None:
        self._bench = bench
        self._origin = origin
        self._name = name
        self._truths: dict[str, Seen] = {}
        self._log = os.environ.get("REPLAY_LOG")

    def steps(self) -> list[Step]:
        """Return the steps of all ways."""
        used = self._bench.required(_PEER)
        bare = self._project("truth", used)
        commits = self._commits(bare)
        forward = self._walk(_FORWARD, self._project("forward", used), commits)
        backward = self._walk("taken back", self._project("backward", used), commits[::-1])
        return [*forward, *backward, *self._testmon(commits)]

    def _project(self, copy: str, used: Environment) -> Project:
        folder = self._bench.folder / self._name / copy
        subprocess.run(("git", "clone", "--quiet", str(self._origin), str(folder)), check=True)
        arguments = _ARGUMENTS.get(self._name, ())
        return Project(folder, used, arguments, folder.with_name(f"{copy}-tools"))

    def _commits(self, bare: Project) -> list[str]:
        """Return commits whose tests can be collected, the oldest first; run all their tests."""
        wanted = int(os.environ.get("REPLAY_COMMITS", _STEPS)) + 1
        places = [place for place in (*_PLACES, self._name) if (bare.folder / place).exists()]
        listed = bare.git("log", "--first-parent", "--format=%H", f"-n{_MOST_TRIED}", "--", *places)
        found: list[str] = []
        for commit in listed.split():
            bare.git("checkout", "--quiet", "--force", commit)
            seen = bare.session()
            if seen is not None and seen.outcomes and not seen.n_errors:
                self._truths[commit] = seen
                found.append(commit)
            if len(found) == wanted:
                break
        return found[::-1]

    def _walk(self, way: str, project: Project, commits: Sequence[str]) -> list[Step]:
        """Record the first commit; from then on run what is selected, as a team would."""
        steps: list[Step] = []
        for before, after in zip([None, *commits], commits, strict=False):
            project.git("checkout", "--quiet", "--force", after)
            if before is None:
                project.required(*RECORDING)
                continue
            whole = self._whole_files(project, before, after)
            seen = project.session(*RECORDING, *SELECTING)
            if seen is None:
                continue
            change = (self._truths[before], self._truths[after])
            steps.append(self._step(f"nexus, {way}", after, change, seen))
            steps.append(self._step(f"whole files, {way}", after, change, whole))
            if any(is_bad(seen.outcomes.get(name, "")) for name in seen.audited):
                project.nexus("reuse", "on")
            steps += self._without_sources(way, project, before, after)
        return steps

    def _without_sources(
        self, way: str, project: Project, before: str, after: str
    ) -> Iterable[Step]:
        """Take only the sources back, so that the tests of the change fail; record nothing."""
        places = [one for one in (*_SOURCES, self._name) if (project.folder / one).exists()]
        if way != _FORWARD or not project.git("diff", "--name-only", before, after, "--", *places):
            return
        project.git("restore", "--source", before, "--worktree", "--", *places)
        seen = project.decision("--continue-on-collection-errors")
        if seen is not None and seen.outcomes:
            change = (self._truths[after], seen)
            yield self._step("nexus, only sources taken back", after, change, seen)
        project.git("checkout", "--quiet", "--force", after)
        project.git("clean", "--quiet", "--force", "-d", "--", *places)

    def _testmon(self, commits: Sequence[str]) -> list[Step]:
        used = self._bench.environment(_TESTMON)
        if used is None:
            return []
        project = self._project("testmon", used)
        steps: list[Step] = []
        for before, after in zip([None, *commits], commits, strict=False):
            project.git("checkout", "--quiet", "--force", after)
            seen = project.session("--testmon")
            if seen is not None and before is not None:
                left = self._truths[after].outcomes.keys() - seen.outcomes.keys()
                change = (self._truths[before], self._truths[after])
                steps.append(self._step(f"testmon, {_FORWARD}", after, change, left))
        return steps

    def _step(
        self, way: str, commit: str, change: tuple[Seen, Seen], selection: Seen | Collection[str]
    ) -> Step:
        """Judge one selection.

        Args:
            way: of selecting.
            commit: what is selected for.
            change: all tests before and after.
            selection: a session that selected, or the tests that are left out.
        """
        before, after = change
        is_nexus = isinstance(selection, Seen)
        left = (selection.left_out if is_nexus else frozenset(selection)) & after.outcomes.keys()
        changed = changed_outcomes(before.outcomes, after.outcomes)
        n_tests = len(after.outcomes)
        step = Step(
            self._name,
            way,
            commit[:10],
            n_tests,
            1 - len(left) / n_tests,
            share_of(left, after.seconds),
            len(selection.audited) / n_tests if is_nexus else 0.0,
            len(changed),
            tuple(sorted(left & (changed | _failing(after)))),
            _why(selection) if is_nexus else {},
        )
        if self._log:
            with Path(self._log).open("a", encoding="utf-8") as file:
                file.write(json.dumps({field: getattr(step, field) for field in step.__slots__}))
                file.write("\n")
        return step

    def _whole_files(self, project: Project, before: str, after: str) -> set[str]:
        """Return the tests that used no file that changed, and passed before."""
        listed = project.git("diff", "--name-only", "--no-renames", before, after)
        changed = set(listed.split("\n")) - {""}
        history = read_history(project.folder / ".nexus/history.sqlite3")
        assert history is not None
        past = self._truths[before].outcomes
        names = {name: key_of_nodeid(name) for name in self._truths[after].outcomes}
        left: set[str] = set()
        with history:
            known = history.uses(list(names.values()))
            touched = {
                number
                for number, each in known.dependencies.items()
                if each.kind in _KINDS_OF_FILES and each.name.partition("::")[0] in changed
            }
            untouched: dict[int, bool] = {}
            for name, key in names.items():
                for one in known.fingerprints.get(key, ())[:1]:
                    place = id(one.members)
                    if place not in untouched:
                        untouched[place] = one.members.isdisjoint(touched)
                    if untouched[place] and past.get(name) == "passed":
                        left.add(name)
        return left


def _why(seen: Seen) -> dict[str, int]:
    """Return the most frequent reasons why tests run, with the number of tests."""
    reasons = [reason for action, reason in seen.verdicts.values() if action == "run"]
    found = Counter(one for one in reasons if not one.startswith(AUDIT_REASON))
    return dict(found.most_common(_REASONS))


def _failing(seen: Seen) -> frozenset[str]:
    return frozenset(name for name, outcome in seen.outcomes.items() if is_bad(outcome))


def _shares(steps: Sequence[Step]) -> Table:
    groups: dict[tuple[str, str], list[Step]] = {}
    for step in steps:
        groups.setdefault((step.project, step.way), []).append(step)
    rows: list[dict[str, Cell]] = [
        {
            "project": project,
            "selection": way,
            "commits": len(group),
            "tests": round(fmean(step.n_tests for step in group)),
            "selected": fmean(step.selected for step in group),
            "seconds saved": fmean(step.saved for step in group),
            "sample": fmean(step.audited for step in group),
            "changed outcomes": sum(step.n_changed for step in group),
            "misses": sum(len(step.misses) for step in group),
        }
        for (project, way), group in groups.items()
    ]
    note = (
        "Shares are means over the commits. A miss is a test that was left out although it fails,"
        " or ends otherwise than at the commit before. The sample that runs as an audit counts as"
        " left out. Nexus records only what its selection runs, except at the first commit."
    )
    return Table("selection on real commits", rows, note)


def _missed(steps: Sequence[Step]) -> Table:
    rows: list[dict[str, Cell]] = [
        {"project": step.project, "selection": step.way, "commit": step.commit, "test": name}
        for step in steps
        for name in step.misses
    ]
    return Table("misses", rows)


def _reasons(steps: Sequence[Step]) -> Table:
    found: dict[str, Counter[str]] = {}
    for step in steps:
        found.setdefault(step.project, Counter()).update(step.reasons)
    rows: list[dict[str, Cell]] = [
        {"project": project, "reason": reason, "tests": count}
        for project, reasons in found.items()
        for reason, count in reasons.most_common(10)
    ]
    return Table("why tests ran", rows)
