"""What a session foresaw for its tests, in the form that its journal keeps. Values only."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

OTHER: Final = "other"
"""Name of the model if a user's own forecaster predicted."""

SHIPPED: Final = "shipped"


class Foreseen(NamedTuple):
    """The forecast of one test, and the facts that simple orders use."""

    key: str
    p_fail: float
    duration_s: float
    since_failure: int | None = None
    """Runs since the last failure before this run; None without a failure."""
    rate: float = 0.0
    """Failure rate before this run, weight halved every two runs."""
    is_left: bool = False
    """Whether the plan leaves the test out."""

    @property
    def has_failed_before(self) -> bool:
        """Return whether a run before this one had a failure of the test."""
        return self.since_failure is not None


class Origin(NamedTuple):
    """Where a deployed model came from, and who uses it."""

    region: str
    """Of the manifest that names the model."""
    node: str
    """16 hexadecimal digits over the name of the runner; empty if the name is unknown."""
    got: str
    """How the session got the model: one of `WAYS`."""


WAYS: Final = ("fresh", "cached", "last good")
"""The place was asked just now; it was asked within the last hour; it gave nothing good."""


class NodeUse(NamedTuple):
    """How a session used a deployed model."""

    origin: Origin
    scoring_ms: float
    """Milliseconds of processor time for the scores."""
    n_tests: int
    """Tests that were scored: the whole suite."""


class Prediction(NamedTuple):
    """The forecasts of one session."""

    model: str
    """Version of the model, `SHIPPED` or `OTHER`."""
    tests: Sequence[Foreseen]
    """In collection order: the tests of this session, and those that are left out."""
    features: Mapping[str, tuple[int, ...]] = MappingProxyType({})
    """By feature: the tests in each bin, over the whole suite."""
    node: NodeUse | None = None
    """None if the model is none that was deployed to nodes."""
