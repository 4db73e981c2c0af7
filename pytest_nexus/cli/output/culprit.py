"""Say which commit broke a test, for people and programs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pytest_nexus.domain.wording import counted, percent
from pytest_nexus.errors import with_code

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_nexus.launch.culprit_runs.past_commits import PastCommit
    from pytest_nexus.plan.culprit.hunting import Verdict

_SHORT: Final = 12
_NAMED: Final = 10


@dataclass(frozen=True, slots=True)
class CulpritResult:
    """What a search found."""

    test: str
    verdict: Verdict
    commits: Sequence[PastCommit]
    good: str
    bad: str
    is_finished: bool
    """False if `--runs` or `--budget` ended the search."""
    n_new: int
    """Number of runs of this call."""
    n_runs: int
    """Number of runs of this call and of the interrupted calls before."""
    n_unknown: int
    seconds: float
    flake_rate: float
    why: str
    """The exception of the last failure; empty if there was none."""
    slower_than_s: float | None = None
    """Seconds of the call from which on the test counts as broken; None for failures."""

    @property
    def status(self) -> str:
        """The status for programs."""
        return self.verdict.status if self.is_finished else "unfinished"

    def sentences(self) -> list[str]:
        """Return the result for people."""
        why = self.why if self.slower_than_s is not None else f"it fails with {self.why}"
        found = [*self._answer(), *([why] if self.why else [])]
        unknown = f", {self.n_unknown} of them without a result" if self.n_unknown else ""
        among = counted(len(self.commits), "commit")
        return [
            *found,
            f"{counted(self.n_runs, 'run')} in {self.seconds:.1f} s among {among}{unknown}",
        ]

    def _unfinished(self, sure: str) -> str:
        if not self.n_new:
            return with_code(
                "NX659",
                "not finished: the time ended before a new run; raise --budget."
                f" The likeliest is {self._name()}, {sure}",
            )
        return with_code(
            "NX656",
            f"not finished: the likeliest is {self._name()}, {sure};"
            " call the same command again to continue",
        )

    def _answer(self) -> list[str]:
        verdict = self.verdict
        sure = percent(verdict.probability)
        if not self.is_finished:
            return [self._unfinished(sure)]
        if verdict.status == "not broken":
            is_not = f"it is not {self._state} at {self.bad[:_SHORT]} ({sure})"
            return [f"no commit {self._verb} {self.test}: {is_not}"]
        if verdict.status == "found":
            command = f"git show {self._commit()[:_SHORT]}"
            return [
                f"{self._name()} {self._verb} {self.test} ({sure})",
                f"look at the change: {command}",
            ]
        named = [self._name(at) for at in verdict.others[:_NAMED]]
        left = len(verdict.others) - len(named)
        rest = [f"  and {counted(left, 'more commit')}"] if left else []
        return [
            with_code(
                "NX657", f"one of these commits {self._verb} {self.test}, and no run tells which:"
            ),
            *(f"  {each}" for each in named),
            *rest,
        ]

    @property
    def _verb(self) -> str:
        return "broke" if self.slower_than_s is None else "slowed down"

    @property
    def _state(self) -> str:
        return "broken" if self.slower_than_s is None else "slower"

    def _commit(self) -> str:
        return "" if self.verdict.place is None else self.commits[self.verdict.place].commit

    def _name(self, at: int | None = None) -> str:
        place = self.verdict.place if at is None else at
        if place is None:
            return "no commit"
        found = self.commits[place]
        return f"{found.commit[:_SHORT]} {found.subject}".strip()

    def fields(self) -> dict[str, Any]:
        """Return the fields that `--json` prints."""
        place = self.verdict.place
        return {
            "test": self.test,
            "status": self.status,
            "commit": self._commit() or None,
            "subject": None if place is None else self.commits[place].subject,
            "probability": round(self.verdict.probability, 4),
            "suspects": [self.commits[at].commit for at in self.verdict.others],
            "good": self.good,
            "bad": self.bad,
            "commits": len(self.commits),
            "runs": self.n_runs,
            "unknown": self.n_unknown,
            "seconds": round(self.seconds, 2),
            "flake_rate": round(self.flake_rate, 4),
            "why": self.why,
            "slower_than_s": self.slower_than_s,
        }
