"""Describe the result of a bisection in sentences, in commands, and as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_nexus.cli.output.reproduce import command_of
from pytest_nexus.plan.order_dependence.bisection import MAX_MEMBERS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_nexus.domain.records import NodeId, TestKey
    from pytest_nexus.plan.order_dependence.bisection import RerunOutcome


@dataclass(frozen=True, slots=True)
class BisectResult:
    """The facts about a test after a bisection."""

    nodeid: NodeId
    finding: RerunOutcome | None
    """None if a limit ended the bisection."""
    ids: Mapping[TestKey, NodeId]
    """Node ids of all tests of the suite."""
    why: str
    """The exception of its last failure in one line; empty if it never failed."""
    n_failed: int
    n_passed: int
    n_probes: int
    seconds: float

    @property
    def is_found(self) -> bool:
        """Whether the tests on which it depends are known."""
        return self.finding is not None and self.finding.status == "found"

    @property
    def others(self) -> list[NodeId]:
        """The tests on which it depends, all of them together."""
        return [] if self.finding is None else [self.ids[each] for each in self.finding.others]

    def sentences(self) -> list[str]:
        """Return the result, one sentence a line; empty if the bisection is not finished."""
        if self.finding is None:
            return []
        if self.is_found:
            return self._found(self.finding)
        return [
            {
                "none": f"no order was found in which {self.nodeid} fails: it passed alone, after"
                " the tests before it, and after all others in both directions",
                "broken": f"{self.nodeid} is broken, whatever runs before it: it failed alone and"
                " after all others in both directions",
                "flaky": f"{self.nodeid} is flaky: it failed in {self.n_failed:,} of"
                f" {self.n_probes:,} probes, and equal probes ended differently",
                "large": f"{self.nodeid} depends on more than {MAX_MEMBERS} tests together",
            }[self.finding.status]
        ]

    def commands(self) -> dict[str, str]:
        """Return the commands in which the test passes and fails; the one with others first."""
        if self.finding is None or not self.is_found:
            return {}
        after, alone = command_of([*self.others, self.nodeid]), command_of([self.nodeid])
        is_brittle = self.finding.kind == "brittle"
        return (
            {"passes": after, "fails": alone} if is_brittle else {"fails": after, "passes": alone}
        )

    def fields(self) -> dict[str, Any]:
        """Return the fields that `--json` prints."""
        finding = self.finding
        return {
            "test": self.nodeid,
            "status": "unfinished" if finding is None else finding.status,
            "kind": finding.kind if finding is not None and self.is_found else None,
            "others": self.others,
            "flaky": finding is not None and finding.is_flaky,
            "fails_in_order_of_collection": finding.fails_plainly if finding is not None else None,
            "why": self.why,
            "failed": self.n_failed,
            "passed": self.n_passed,
            "probes": self.n_probes,
            "seconds": round(self.seconds, 2),
            "commands": self.commands(),
        }

    def _found(self, finding: RerunOutcome) -> list[str]:
        verb = "passes only after" if finding.kind == "brittle" else "fails after"
        said = [f"{self.nodeid} {verb} {' and '.join(self.others)}"]
        if self.why:
            said.append(f"it fails with {self.why}")
        if finding.fails_plainly:
            said.append("it fails in the order of collection, too")
        if finding.is_flaky:
            said.append("it is flaky as well: equal probes ended differently")
        return said
