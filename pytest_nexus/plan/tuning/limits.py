"""Read limits such as `p95 <= 8 min`, and check figures against them. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.plan.tuning.figures import FIGURES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_nexus.plan.tuning.rounds import Outcome

_TIME: Final = {"": 1.0, "s": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0}
_MINUTES: Final = {"": 1.0, "min": 1.0, "m": 1.0, "h": 60.0}
_UNITS: Final[Mapping[str, tuple[str, Mapping[str, float]]]] = {
    "p50": ("wall_p50_s", _TIME),
    "p95": ("wall_p95_s", _TIME),
    "machine": ("machine_minutes", _MINUTES),
    "money": ("money", {"": 1.0}),
    "misses": ("misses", {"": 1.0, "%": 0.01}),
    "energy": ("energy_wh", {"": 1.0, "wh": 1.0, "kwh": 1000.0}),
}
_LIMIT: Final = re.compile(r"\s*([a-z0-9]+)\s*<=\s*([0-9]{1,9}(?:\.[0-9]{1,9})?)\s*([a-z%]*)\s*")
_ROUNDING: Final = 1e-9


class Limit(NamedTuple):
    """The most that a figure may be."""

    text: str
    figure: str
    most: float
    """In the unit of the figure; for `misses`, a share of the failing rounds if `is_share`."""
    is_share: bool = False

    def is_kept(self, rounds: Sequence[Outcome], n_failing: int) -> bool:
        """Return whether these rounds keep the limit.

        Args:
            rounds: the rounds.
            n_failing: how many of them had a failing test.
        """
        most = self.most * n_failing if self.is_share else self.most
        return FIGURES[self.figure](rounds) <= most + _ROUNDING


def parse_limit(text: str) -> Limit | None:
    """Return the limit in a text; None if the text is not understood.

    >>> parse_limit("p95 <= 8 min")
    Limit(text='p95 <= 8 min', figure='wall_p95_s', most=480.0, is_share=False)
    >>> parse_limit("p95 < 8")
    """
    found = _LIMIT.fullmatch(text.lower())
    if found is None or found[1] not in _UNITS:
        return None
    figure, units = _UNITS[found[1]]
    if found[3] not in units:
        return None
    return Limit(text.strip(), figure, float(found[2]) * units[found[3]], found[3] == "%")
