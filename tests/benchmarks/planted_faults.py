"""Real commits with a fault planted in a function that they change, and what tests executed before.

The commit before is run with tracking. Then the commit is the change at hand, with the fault in it.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Final

from pytest_nexus.domain.identity import function_of_key, key_of_nodeid
from pytest_nexus.domain.mass_failure import is_mass_failure
from pytest_nexus.domain.records import CollectedTest, NodeId
from pytest_nexus.forecast.known_executions import read_executions
from pytest_nexus.forecast.snapshot import code_of, files_of
from pytest_nexus.history.state.fold import Observation, RunFacts
from pytest_nexus.impact.changes import find_change
from pytest_nexus.impact.code_blocks import read_blocks
from pytest_nexus.journal.encoding import FAIL, PASS
from pytest_nexus.session.history_view import read_texts
from pytest_nexus.training.point_in_time import LabelledTest, PointInTimeReplay
from tests.benchmarks.mutants import Mutant, mutants_of
from tests.benchmarks.watched_sessions import RECORDING, Clock, Project, is_bad

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_nexus.predictor.evaluation.evaluate import Case

    from pytest_nexus.domain.evidence import ExecutedChange
    from pytest_nexus.domain.records import TestKey
    from tests.benchmarks.watched_sessions import Seen

KINDS: Final = ("statement", "function body")
_MOST_LISTED: Final = 200
_HISTORY: Final = ".nexus/history.sqlite3"
_NO_CACHE: Final = ("-p", "no:cacheprovider")


@dataclass(frozen=True, slots=True)
class Planted:
    """One fault."""

    case: Case
    n_new: int
    """Failing tests that did not exist before the commit."""


def planted_faults(
    project: Project, places: tuple[str, str], n_commits: int, n_faults: int
) -> Iterator[Planted]:
    """Yield the faults of the newest commits that change sources and tests.

    Args:
        project: a clone.
        places: the folders of the sources and of the tests.
        n_commits: number of commits.
        n_faults: number of faults in each that make a test fail.
    """
    listed = project.git("log", "--no-merges", "--format=%H", f"-n{_MOST_LISTED}", "--", places[0])
    random, n_done = Random(18), 0
    for commit in listed.split():
        if n_done == n_commits:
            return
        faults = _faults(project, commit, places)
        random.shuffle(faults)
        if faults:
            before = _before(project, commit)
            after = _after(project, commit) if before is not None else None
            if before is not None and after is not None:
                n_done += 1
                yield from _tried(project, commit, (before, after), faults, n_faults)


def _faults(project: Project, commit: str, places: tuple[str, str]) -> list[Mutant]:
    """Return the faults in functions that a commit changes."""
    names = project.git("diff", "--name-only", f"{commit}^", commit).split("\n")
    files = [
        [name for name in names if name.startswith(f"{place}/") and name.endswith(".py")]
        for place in places
    ]
    if not all(files):
        return []
    project.git("checkout", "--quiet", "--force", commit)
    found: list[Mutant] = []
    for path in files[0]:
        if not (project.folder / path).exists():
            continue
        now = _blocks(project, commit, path)
        before = _blocks(project, f"{commit}^", path)
        changed = {name for name, digest in now.items() if before.get(name) != digest}
        for mutant in mutants_of(project.folder / path, path) if changed else ():
            if mutant.kind in KINDS:
                blocks = read_blocks(mutant.content, path)
                touched = {} if blocks is None else blocks.blocks
                if any(now.get(name) != touched[name] for name in changed & touched.keys()):
                    found.append(mutant)
    return found


def _blocks(project: Project, commit: str, path: str) -> Mapping[str, str]:
    try:
        source = project.git("show", f"{commit}:{path}")
    except subprocess.CalledProcessError:
        return {}
    found = read_blocks(source.encode("utf-8", "surrogateescape"), path)
    return {} if found is None else found.blocks


def _before(project: Project, commit: str) -> Seen | None:
    """Return a tracked run of the commit before, the only one in the history."""
    project.git("checkout", "--quiet", "--force", f"{commit}^")
    for path in (project.folder / ".nexus").glob("history*"):
        path.unlink()
    return _whole(project.session(*RECORDING))


def _after(project: Project, commit: str) -> Seen | None:
    project.git("checkout", "--quiet", "--force", commit)
    return _whole(project.session(*_NO_CACHE))


def _whole(seen: Seen | None) -> Seen | None:
    return None if seen is None or seen.n_errors or not seen.outcomes else seen


def _tried(
    project: Project,
    commit: str,
    runs: tuple[Seen, Seen],
    faults: Sequence[Mutant],
    n_faults: int,
) -> Iterator[Planted]:
    before, after = runs
    names = [name for name, outcome in after.outcomes.items() if not is_bad(outcome)]
    tests = [_test(name) for name in names]
    clock, n_found = Clock(), 0
    for fault in faults:
        if n_found == n_faults:
            return
        file = project.folder / fault.path
        unchanged = file.read_bytes()
        clock.write(file, fault.content)
        change = find_change(project.folder, f"{commit}^", {})
        texts = read_texts(project.folder, tests, change, {})
        executed = read_executions(project.folder / _HISTORY, project.folder, tests, change)
        seen = _whole(project.session(*_NO_CACHE))
        clock.write(file, unchanged)
        failed = set() if seen is None else {n for n in names if is_bad(seen.outcomes.get(n, ""))}
        if seen is None or not failed or is_mass_failure(len(failed), len(names)):
            continue
        n_found += 1
        past = PointInTimeReplay()
        known = [name for name, outcome in before.outcomes.items() if not is_bad(outcome)]
        facts = RunFacts(1.7e9, b"", teaches_flakes=True, has_outcomes=True)
        past.add(_lived([_test(name) for name in known], set(), before.seconds, {}), facts)
        lived = _lived(tests, failed, seen.seconds, executed)
        case = past.case(commit, lived, files_of(change, texts.words), code_of(texts.code))
        yield Planted(case, len(failed - before.outcomes.keys()))


def _test(name: str) -> CollectedTest:
    key = key_of_nodeid(name)
    return CollectedTest(NodeId(name), key, function_of_key(key), name.partition("::")[0])


def _lived(
    tests: Sequence[CollectedTest],
    failed: set[str],
    seconds: Mapping[str, float],
    executed: Mapping[TestKey, ExecutedChange],
) -> list[LabelledTest]:
    found = []
    for test in tests:
        is_failure, s = test.nodeid in failed, seconds.get(test.nodeid, 0.0)
        seen = Observation(
            0o121 if is_failure else 0o111, FAIL if is_failure else PASS, 0, int(s * 1e6), 0
        )
        found.append(LabelledTest(test, seen, is_failure, s, executed.get(test.key)))
    return found
