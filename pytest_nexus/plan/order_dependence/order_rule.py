"""How a test depends on the tests that ran before it, and when such a rule counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple

if TYPE_CHECKING:
    from pytest_nexus.domain.records import TestKey

Dependence = Literal["brittle", "victim"]
"""`brittle` passes only if another test ran before it; `victim` fails if another ran before it."""

CERTAIN: Final = 0.98
"""A test with at least this posterior counts as order-dependent."""

DOUBTFUL: Final = 0.05
"""A test with a lower posterior is flaky, and does not depend on the order."""

MIN_FAILURES: Final = 2
"""Fewest failures of an order-dependent test; a single failure has too many explanations."""

NAMED_OTHERS: Final = 3
"""How many of the other tests a sentence names."""


class OrderRule(NamedTuple):
    """How one test seems to depend on the tests that ran before it."""

    key: TestKey
    kind: Dependence
    others: tuple[TestKey, ...]
    """The tests that this test depends on, the likeliest first. A rule that is learned from runs
    suspects any one of them; a rule that a bisection found needs all of them together. Empty if no
    single test explains the outcomes."""
    posterior: float
    """Probability that the test depends on the order and is not flaky, in [0, 1]."""
    n_failed: int
    """Failed attempts that count as evidence."""
    n_passed: int
    found_by: Literal["runs", "bisect"]
    at: float
    """Start of the last run that counts, or of the bisection; seconds since the epoch."""
    is_touched: bool = False
    """Whether that run's change touched this test, or a test that it depends on."""
    n_proved: int = 0
    """Number of runs in which a separate process showed that the order caused the failure."""
    is_followed: bool = False
    """Whether later passing runs count too: they may contradict the rule."""

    @property
    def is_certain(self) -> bool:
        """Whether the test counts as order-dependent."""
        return self.posterior >= CERTAIN and self.n_failed >= MIN_FAILURES

    @property
    def is_probable(self) -> bool:
        """Whether the dependence is certain, or was shown in a separate process and is no flake."""
        return self.is_certain or (self.n_proved > 0 and self.posterior >= DOUBTFUL)

    @property
    def words(self) -> str:
        """The dependence as a clause: `passes after tests/a.py::test_x`."""
        verb = "passes after" if self.kind == "brittle" else "fails after"
        if not self.others:
            return f"{verb} other tests"
        joint = " and " if self.found_by == "bisect" else " or "
        named = joint.join(self.others[:NAMED_OTHERS])
        left = len(self.others) - NAMED_OTHERS
        return f"{verb} {named}" + (f" or one of {left} more" if left > 0 else "")
