"""Prove from one run's journals that each collected test ran once or has a reason not to.

Every shard writes the plan's verdicts on the *whole* collection, and the tests that it ran. The
proof adds up the tests that all shards ran, and compares the collections that they saw.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from pytest_nexus.domain.wording import counted
from pytest_nexus.plan.sharding.document import collection_digest
from pytest_nexus.plan.sharding.pinned import LISTED, listing
from pytest_nexus.plan.verification.shard_reports import Evidence

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_nexus.plan.verification.queue_jobs import JobWork
    from pytest_nexus.plan.verification.shard_reports import Expected, ShardJournal

ProblemKind = Literal[
    "no shards",
    "width",
    "missing shard",
    "killed shard",
    "ended early",
    "damaged journal",
    "plan differs",
    "collection differs",
    "not run",
    "ran twice",
    "ran though left",
    "not collected",
    "lost",
]


@dataclass(frozen=True, slots=True)
class Problem:
    """A reason why the run proves nothing, or less than it should."""

    kind: ProblemKind
    sentence: str
    nodeids: tuple[str, ...] = ()
    """All affected tests; the sentence names only the first ones."""


class Note(NamedTuple):
    """A fact that is worth knowing and no problem."""

    sentence: str
    nodeids: tuple[str, ...] = ()
    """All affected tests; the sentence names only the first ones."""


@dataclass(frozen=True, slots=True)
class Verification:
    """The result of checking the journals of one run."""

    n_shards: int
    n_collected: int
    n_ran: int
    left: Mapping[str, int]
    """Number of tests left out, by reason."""
    problems: tuple[Problem, ...]
    notes: tuple[Note, ...] = ()
    """Facts that are worth knowing and no problem."""
    of: str = "shard"
    """What each journal is of: a shard, or a job of a shared queue."""
    jobs: tuple[JobWork, ...] = ()
    """What each job of a shared queue did, in the order of their starts; empty for shards."""

    @property
    def is_proven(self) -> bool:
        """Return whether each collected test ran exactly once or has its reason."""
        return not self.problems

    @property
    def _ran(self) -> str:
        return "ran exactly once" if self.of == "shard" else "has a result"

    @property
    def sentence(self) -> str:
        """Return the proof, or its proven part, in one line."""
        start = f"{counted(self.n_shards, self.of)}, {counted(self.n_collected, 'test')} collected"
        if not self.is_proven:
            return f"{start}, {self.n_ran:,} ran; {counted(len(self.problems), 'problem')}"
        if not self.left:
            return f"{start}, each {self._ran}"
        reasons = ", ".join(f"{times:,} {reason}" for reason, times in sorted(self.left.items()))
        has = "ran exactly once" if self.of == "shard" else "have a result"
        return f"{start}, {self.n_ran:,} {has}, the rest were left: {reasons}"


def apart(about: Problem | Note) -> tuple[str, list[str]]:
    """Return a sentence without the tests at its end, and these tests, each for its own line.

    >>> apart(Note("2 tests ran twice: a, b", ("a", "b")))
    ('2 tests ran twice:', ['a', 'b'])
    >>> apart(Note("1 test ran twice: a", ("a",)))
    ('1 test ran twice: a', [])
    """
    names = about.nodeids
    head = about.sentence.removesuffix(listing(names))
    if len(names) < 2 or head == about.sentence:
        return about.sentence, []
    more = len(names) - LISTED
    rest = [f"and {more:,} more"] if more > 0 else []
    return head.rstrip(), [*names[:LISTED], *rest]


def verify(journals: Sequence[ShardJournal]) -> Verification:
    """Return the proof from the journals of one run.

    If a shard has several journals, that of the highest attempt of the CI run counts, and among
    these the newest.
    """
    if not journals:
        problem = Problem("no shards", "no journal of a sharded run was given")
        return Verification(0, 0, 0, {}, (problem,))
    evidence = Evidence(journals)
    problems = tuple(problem for check in _CHECKS for problem in check(evidence))
    left = Counter(reason for entry in evidence.agreed.values() for reason in entry.reasons)
    n_ran = sum(min(evidence.ran[name], evidence.times[name]) for name in evidence.times)
    return Verification(
        evidence.n_shards,
        sum(evidence.times.values()),
        n_ran,
        left,
        problems,
        tuple(map(Note, evidence.notes)),
    )


def _width(evidence: Evidence) -> list[Problem]:
    """Return a problem if shards assume different numbers of shards."""
    widths = sorted({journal.n_shards for journal in evidence.shards.values()})
    if len(widths) == 1:
        return []
    parts = (
        f"{_shards(shard for shard, one in evidence.shards.items() if one.n_shards == width)}"
        f" of {width}"
        for width in widths
    )
    return [Problem("width", f"the shards have different widths: {'; '.join(parts)}")]


def _missing(evidence: Evidence) -> list[Problem]:
    """Return the shards without a journal."""
    missing = [k for k in range(1, evidence.n_shards + 1) if k not in evidence.shards]
    if not missing:
        return []
    return [
        Problem(
            "missing shard", f"there is no journal of {_shards(missing)} of {evidence.n_shards}"
        )
    ]


def _endings(evidence: Evidence) -> list[Problem]:
    """Return a problem for the shards that did not complete."""
    found = []
    for name, journal, _ in evidence.parts:
        if journal.is_killed:
            sentence = f"{name} was killed: {journal.name} has no end"
            found.append(Problem("killed shard", sentence))
        elif not journal.has_ended:
            sentence = f"{name} ended early, with exit status {journal.run.exit_status}"
            found.append(Problem("ended early", sentence))
    return found


def _damaged(evidence: Evidence) -> list[Problem]:
    """Return the journals whose verdicts do not match the collection that they name."""
    found = []
    sound: set[tuple[str, int]] = set()
    for _, journal, expected in evidence.parts:
        names = [name for name, one in expected.items() for _ in range(one.times)]
        fingerprint = (journal.collection, hash(tuple(sorted(names))))
        if fingerprint in sound:
            continue
        if collection_digest(names) == journal.collection:
            sound.add(fingerprint)
        elif not journal.is_killed:
            sentence = f"{journal.name} does not say of every collected test what was decided"
            found.append(Problem("damaged journal", sentence))
    return found


def _plans(evidence: Evidence) -> list[Problem]:
    """Return a problem if shards ran different plans, with the tests they disagree on."""
    by_plan: defaultdict[str, list[int]] = defaultdict(list)
    for _, journal, _ in evidence.parts:
        by_plan[journal.plan].append(journal.shard)
    if len(by_plan) == 1:
        return []
    parts = "; ".join(f"{_shards(who)} ran {plan or 'none'}" for plan, who in by_plan.items())
    differing = tuple(sorted(name for name in evidence.agreed if _is_disputed(evidence, name)))
    tests = f"; tests decided differently: {listing(differing)}" if differing else ""
    return [Problem("plan differs", f"the shards ran different plans: {parts}{tests}", differing)]


def _is_disputed(evidence: Evidence, name: str) -> bool:
    entries = [part.expected[name] for part in evidence.parts if name in part.expected]
    first = entries[0]
    return any(
        (one.run_in, bool(one.reasons)) != (first.run_in, bool(first.reasons)) for one in entries
    )


def _collections(evidence: Evidence) -> list[Problem]:
    """Return, for each shard, the tests that only other shards collected."""
    found = []
    for part, journal, expected in evidence.parts:
        if journal.is_killed and not expected:
            continue
        absent = tuple(
            sorted(
                name
                for name, times in evidence.times.items()
                if name not in expected or expected[name].times < times
            )
        )
        if absent:
            sentence = (
                f"{part} did not collect {counted(len(absent), 'test')} that others did: "
                f"{listing(absent)}"
            )
            found.append(Problem("collection differs", sentence, absent))
    return found


def _not_run(evidence: Evidence) -> list[Problem]:
    """Return the tests that no shard ran, by the shard that should have run them."""
    by_shard: defaultdict[int | None, list[str]] = defaultdict(list)
    for name, entry in evidence.agreed.items():
        if evidence.ran[name] < len(entry.run_in):
            by_shard[_due(evidence, name, entry)].append(name)
    found = []
    for shard in sorted(by_shard, key=lambda one: one or 0):
        names = tuple(sorted(by_shard[shard]))
        of = f" of shard {shard}, {_state(evidence, shard)}," if shard is not None else ""
        sentence = f"{counted(len(names), 'test')}{of} ran in no shard: {listing(names)}"
        found.append(Problem("not run", sentence, names))
    return found


def _due(evidence: Evidence, name: str, entry: Expected) -> int | None:
    for shard in entry.run_in:
        if shard is None or shard not in evidence.shards or not evidence.attempts[shard][name]:
            return shard
    return entry.run_in[0]


def _state(evidence: Evidence, shard: int) -> str:
    journal = evidence.shards.get(shard)
    if journal is None:
        return "which is missing"
    if journal.is_killed:
        return "which was killed"
    return f"which ended with exit status {journal.run.exit_status}"


def _too_often(evidence: Evidence) -> list[Problem]:
    """Return the tests that ran in two shards, or although the plan leaves them out."""
    twice: list[str] = []
    left: list[str] = []
    for name, entry in evidence.agreed.items():
        if evidence.ran[name] > len(entry.run_in):
            (twice if entry.run_in else left).append(name)
    found = []
    if twice:
        names = tuple(sorted(twice))
        where = _places(evidence, names[0])
        sentence = f"{counted(len(names), 'test')} ran more than once, the first in {where}: "
        found.append(Problem("ran twice", sentence + listing(names), names))
    if left:
        names = tuple(sorted(left))
        sentence = f"{counted(len(names), 'test')} ran although the plan leaves them: "
        found.append(Problem("ran though left", sentence + listing(names), names))
    return found


def _places(evidence: Evidence, name: str) -> str:
    """Return the shards that ran a test, and the shards whose rest ran it."""
    ran_in = [part.journal for part in evidence.parts if evidence.counts(part)[name]]
    shards = [one.shard for one in ran_in if not one.is_rest]
    rests = [f"the rest of shard {one.shard}" for one in ran_in if one.is_rest]
    return " and ".join([_shards(shards), *rests] if shards else rests)


def _not_collected(evidence: Evidence) -> list[Problem]:
    """Return the tests that ran but are in no collection."""
    names = tuple(sorted(name for name in evidence.ran if name not in evidence.agreed))
    if not names:
        return []
    sentence = f"{counted(len(names), 'test')} ran that no shard collected: {listing(names)}"
    return [Problem("not collected", sentence, names)]


def _shards(numbers: Iterable[int]) -> str:
    found = [str(number) for number in sorted(numbers)]
    return f"shard{'s' if len(found) != 1 else ''} {', '.join(found)}"


_CHECKS: Final = (
    _width,
    _missing,
    _endings,
    _damaged,
    _plans,
    _collections,
    _not_run,
    _too_often,
    _not_collected,
)
