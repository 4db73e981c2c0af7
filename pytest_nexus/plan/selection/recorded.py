"""What a session says about its selection: in its journal, and later in the history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

Mode = Literal["on", "shadow"]


class RunSelection(NamedTuple):
    """The selection of one session."""

    mode: Mode
    """`on` if tests were left out; `shadow` if all tests ran, although some could be left out."""
    rule: str
    """The value of `nexus_select`."""
    confidence: float | None
    """The promised share of failing runs that are caught; None without a promise."""
    gap: float | None
    """The cut; None if there was none, so that no test was left out by its forecast."""
    n_left: int
    """Number of tests that were, or would have been, left out."""
    left_s: float
    """Seconds that these tests were expected to take."""
    left: AbstractSet[str] = frozenset()
    """Keys of the tests that would have been left out, but ran; of a stored run, the failing ones
    among them."""
    why: str = ""
    """Why all tests ran, or why no test was left out by its forecast; empty if nothing is to be
    said."""
