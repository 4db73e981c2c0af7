"""Decide which tests cannot have another result than before, and need not run.

A test is left out if it passed with a set of dependencies (a fingerprint) in which nothing has
changed. Whatever is unknown about a test makes the test run.
"""

from __future__ import annotations

from collections import Counter
from hashlib import sha256
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.domain.records import Verdict
from pytest_nexus.domain.wording import counted
from pytest_nexus.plan.set_changes import COUNTED, SetChanges

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from pytest_nexus.domain.dependencies import (
        Dependency,
        Fingerprint,
        KnownUses,
    )
    from pytest_nexus.domain.records import CollectedTest, Plan

AUDIT_SHARE: Final = 0.01
LEAST_AUDITED: Final = 5
FEWEST_TO_AUDIT: Final = 4
"""Of fewer tests that are left out none is audited."""

AUDIT_REASON: Final = "audit: "
"""Start of the reason of a test that runs although it would be left out."""

_SHOWN_CHARS: Final = 7
_SESSION: Final[Mapping[str, str]] = {
    "python": "another version of Python",
    "platform": "another platform",
    "settings": "other plugins or settings of pytest",
}
_FIRST_NAMED: Final = ("session", *COUNTED)


class Present(NamedTuple):
    """What the tests would run on now, compared with what the history knows."""

    changed: Mapping[int, bool]
    """Ids of the dependencies that have another content now; False for what no longer exists."""
    new_files: Mapping[str, Collection[str]]
    """By run: files that exist now and did not exist in that run. A run that is not among them
    cannot be compared; what passed in that run does not count."""
    importers: Mapping[str, Collection[int]] = {}
    """By new Python file: ids of the code with an import statement that may now find the file."""
    gone_files: Mapping[str, Collection[str]] = {}
    """By run: files that existed in that run and do not exist now."""
    sets: SetChanges | None = None
    """What changed in each set, if somebody has found it already."""


class Judgement(NamedTuple):
    """The verdicts on all tests."""

    verdicts: list[Verdict]
    """One for each test, in the order given; `run` or `reuse`."""
    audited: frozenset[int]
    """Indices of the tests that run only as a sample of those that could be left out."""
    n_incomparable: int = 0
    """Number of tests that run only because their runs cannot be compared with the present."""


def judge(
    tests: Sequence[CollectedTest],
    known: KnownUses,
    present: Present,
    always: Mapping[int, str],
    seed: str,
) -> Judgement:
    """Return for each test whether it runs, and why.

    Deterministic: the same arguments give the same verdicts, whatever the order of the tests.

    Args:
        tests: as collected.
        known: what the history knows about the dependencies of tests.
        present: what changed since.
        always: reasons of the tests that run in any case, by index; see `plan.standing_reasons`.
        seed: chooses the tests that are audited.
    """
    fitting = _Fitting(known, present)
    verdicts: list[Verdict] = []
    n_incomparable = 0
    for index, test in enumerate(tests):
        reason = always.get(index)
        if reason is not None:
            verdicts.append(Verdict("run", reason))
            continue
        verdict = fitting.verdict(test)
        n_incomparable += verdict.reason == _INCOMPARABLE
        verdicts.append(verdict)
    _keep_together(tests, verdicts)
    audited = _sample(tests, verdicts, seed)
    for index in audited:
        reason = f"{AUDIT_REASON}it would be left out, as it {verdicts[index].reason}"
        verdicts[index] = Verdict("run", reason)
    return Judgement(verdicts, audited, n_incomparable)


def hold_beside_new_files(
    tests: Sequence[CollectedTest], same: KnownUses, present: Present
) -> list[bool]:
    """Return for each test whether new files leave one of its fingerprints as it was.

    Args:
        tests: as collected.
        same: only fingerprints in which nothing changed.
        present: what changed since, with the new files.
    """
    fitting = _Fitting(same, present)
    of = same.fingerprints
    return [any(not fitting.new(test, each) for each in of.get(test.key, ())) for test in tests]


def is_audited(verdict: Verdict) -> bool:
    """Return whether a test runs only as a sample of those that could be left out."""
    return verdict.action == "run" and verdict.reason.startswith(AUDIT_REASON)


def counted_reasons(plan: Plan, most: int = 10) -> list[str]:
    """Return why tests run or are left out, the most frequent reasons first, one line each.

    Args:
        plan: with verdicts.
        most: number of reasons to run; further ones are counted together.
    """
    runs = Counter(
        AUDIT_REASON.rstrip(": ") if is_audited(one.verdict) else one.verdict.reason
        for one in plan.tests
        if one.verdict.action == "run"
    )
    left = Counter(
        "passed with the same code" if one.verdict.action == "reuse" else one.verdict.reason
        for one in plan.tests
        if one.verdict.action != "run"
    )
    ordered = sorted(left.items(), key=lambda each: (-each[1], each[0]))
    lines = [f"{counted(times, 'test')} left out: {reason}" for reason, times in ordered[:most]]
    frequent = sorted(runs.items(), key=lambda each: (-each[1], each[0]))
    lines += [f"{counted(times, 'test')} to run: {reason}" for reason, times in frequent[:most]]
    rest = sum(times for _, times in frequent[most:])
    return [*lines, f"{counted(rest, 'test')} to run for other reasons"] if rest else lines


def unchanged_runs(known: KnownUses, sets: SetChanges) -> dict[str, str | None]:
    """Return the commits of the runs whose results may be reused, by run.

    The runs that most tests need come first, then the newest.

    Args:
        known: what the history knows about the dependencies of tests.
        sets: what changed in its sets.
    """
    needs: Counter[str] = Counter()
    runs: dict[str, Fingerprint] = {}
    for fingerprints in known.fingerprints.values():
        for each in fingerprints:
            if not sets.changes(each.members):
                needs[each.run_uid] += 1
                runs[each.run_uid] = each
    ordered = sorted(runs, key=lambda run: (-needs[run], -runs[run].at, run))
    return {run: runs[run].commit for run in ordered}


UNKNOWN: Final = Verdict("run", "nothing is known of what it uses")
"""No session recorded what the test uses, or its result cannot be reused."""
_INCOMPARABLE: Final = "the commit it passed at is not here"


class _Fitting:
    """Finds the fingerprints in which nothing changed. Equal sets are looked at once."""

    def __init__(self, known: KnownUses, present: Present) -> None:
        self._known = known
        self._present = present
        self._dependencies = known.dependencies
        self._sets = present.sets or SetChanges(known.dependencies, present.changed)
        self._ranks = {n: rank for rank, n in enumerate(sorted(present.changed, key=self._place))}
        """Which change is named before which."""
        self._why_not: dict[tuple[int, str], str] = {}
        self._touched: dict[str, _Touched] = {}
        self._folders = _folders(known.dependencies)

    def verdict(self, test: CollectedTest) -> Verdict:
        """Return the verdict on a test that may be left out as far as other rules go."""
        fingerprints = self._known.fingerprints.get(test.key, ())
        if not fingerprints:
            return UNKNOWN
        nearest: frozenset[int] = frozenset()
        reason = ""
        for each in fingerprints:
            changes = self._sets.changes(each.members)
            if changes:
                nearest = changes if not nearest else min(nearest, changes, key=len)
                continue
            why_not = self.new(test, each)
            if not why_not:
                return Verdict("reuse", self._because(each))
            reason = reason or why_not
        return Verdict("run", reason or self._clause(nearest))

    def new(self, test: CollectedTest, each: Fingerprint) -> str:
        """Return why new files make a test run; empty if they do not."""
        if each.run_uid not in self._present.new_files:
            return _INCOMPARABLE
        touched = self._touched.get(each.run_uid)
        if touched is None:
            touched = _touched(self._present, each.run_uid, self._dependencies, self._folders)
            self._touched[each.run_uid] = touched
        for folder, path in touched.conftests:
            if test.path.startswith(folder):
                return f"{path} is new"
        key = (id(each.members), each.run_uid)
        if key not in self._why_not:
            hits = (one.clause for one in touched.files if one.touches(each.members))
            self._why_not[key] = next(hits, "")
        return self._why_not[key]

    def _because(self, each: Fingerprint) -> str:
        at = f"at {each.commit[:_SHOWN_CHARS]}" if each.commit else "before"
        return f"passed {at} with the same {self._sets.content(each.members)}"

    def _clause(self, changes: frozenset[int]) -> str:
        """Return what changed: the first thing by kind and name, and how many more."""
        first = min(changes, key=self._ranks.__getitem__)
        each = self._dependencies[first]
        more = f", and {len(changes) - 1:,} more" if len(changes) > 1 else ""
        if each.kind == "session":
            return _SESSION.get(each.name, f"another {each.name}") + more
        if not self._present.changed[first]:
            return f"{_named(each)} is gone{more}"
        return f"{_named(each)} {'is new' if not each.digest else 'changed'}{more}"

    def _place(self, number: int) -> tuple[int, str]:
        each = self._dependencies[number]
        return _FIRST_NAMED.index(each.kind), each.name


class _NewFile(NamedTuple):
    """A file that is new or gone, with the tests that this may change."""

    clause: str
    users: frozenset[int] | None
    """Ids of dependencies; the file may change the tests that have one of them. None: all tests."""
    itself: frozenset[int]
    """Ids of the file itself as it is now; tests that have one of them know it."""

    def touches(self, members: AbstractSet[int]) -> bool:
        """Return whether the file may change the tests that have these dependencies."""
        if self.itself and not members.isdisjoint(self.itself):
            return False
        return self.users is None or not members.isdisjoint(self.users)


class _Touched(NamedTuple):
    """What the files that are new or gone since a run may change."""

    files: list[_NewFile]
    conftests: list[tuple[str, str]]
    """Folders (with a final `/`) with a new conftest, and its path."""


def _touched(
    present: Present,
    run: str,
    dependencies: Mapping[int, Dependency],
    folders: Mapping[str, Collection[int]],
) -> _Touched:
    new = sorted(present.new_files[run])
    gone = [one for one in sorted(present.gone_files.get(run, ())) if not one.endswith(".py")]
    itself: dict[str, set[int]] = {path: set() for path in (*new, *gone)}
    for number, each in dependencies.items() if itself else ():
        if each.kind == "file" and number not in present.changed:
            itself.get(each.name, set()).add(number)
    files: list[_NewFile] = []
    conftests: list[tuple[str, str]] = []
    for path in new:
        folder, _, name = path.rpartition("/")
        if name == "conftest.py":
            conftests.append((f"{folder}/" if folder else "", path))
        users = (
            frozenset(present.importers.get(path, ()))
            if name.endswith(".py")
            else _users(folder, folders)
        )
        files.append(_NewFile(f"{path} is new", users, frozenset(itself[path])))
    for path in gone:
        users = _users(path.rpartition("/")[0], folders)
        files.append(_NewFile(f"{path} is gone", users, frozenset(itself[path])))
    return _Touched(files, conftests)


def _users(folder: str, folders: Mapping[str, Collection[int]]) -> frozenset[int] | None:
    """Return the ids of what was used in the nearest folder that a test looked into."""
    nearest = _nearest(folder, folders)
    return None if nearest is None else frozenset(folders[nearest])


def _nearest(folder: str, folders: Mapping[str, object]) -> str | None:
    while folder not in folders:
        if not folder:
            return None
        folder = folder.rpartition("/")[0]
    return folder


def _folders(dependencies: Mapping[int, Dependency]) -> dict[str, set[int]]:
    """Return the folders that tests looked into, each with the ids of what they used below it."""
    used = {n: each for n, each in dependencies.items() if each.kind in ("file", "folder")}
    found: dict[str, set[int]] = {}
    for each in used.values():
        found.setdefault(_folder_of(each), set())
    for number, each in used.items():
        folder = _folder_of(each)
        while True:
            if folder in found:
                found[folder].add(number)
            if not folder:
                break
            folder = folder.rpartition("/")[0]
    return found


def _folder_of(each: Dependency) -> str:
    if each.kind == "folder":
        return "" if each.name == "." else each.name
    return each.name.rpartition("/")[0]


def _named(each: Dependency) -> str:
    before = {
        "module": "the module level of ",
        "folder": "the list of files in ",
        "variable": "the variable ",
        "distribution": "the distribution ",
    }
    return before.get(each.kind, "") + each.name


def _keep_together(tests: Sequence[CollectedTest], verdicts: list[Verdict]) -> None:
    """Let all tests with a marker of dependency run if one of them runs.

    The plugin of that marker skips a test if the tests that it depends on did not run.
    """
    marked = [index for index, test in enumerate(tests) if test.marker == "dependency"]
    if any(verdicts[index].action == "run" for index in marked):
        for index in marked:
            if verdicts[index].action != "run":
                verdicts[index] = Verdict("run", "a test with the marker dependency runs")


def _sample(
    tests: Sequence[CollectedTest], verdicts: Sequence[Verdict], seed: str
) -> frozenset[int]:
    """Return the indices of the tests to audit, among those that are left out."""
    left = [index for index, verdict in enumerate(verdicts) if verdict.action == "reuse"]
    if len(left) < FEWEST_TO_AUDIT:
        return frozenset()
    size = max(-int(-len(left) * AUDIT_SHARE // 1), min(LEAST_AUDITED, len(left) // 2))
    by_chance = sorted(left, key=lambda index: _draw(seed, tests[index].key))
    return frozenset(by_chance[:size])


def _draw(seed: str, key: str) -> bytes:
    return sha256(f"{seed}\0{key}".encode("utf-8", "surrogatepass")).digest()
