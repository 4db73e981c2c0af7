"""How many examples a property test tries: few, unless HYPOTHESIS_PROFILE is usual or thorough."""

from __future__ import annotations

import os
from typing import Final

PROFILE: Final = os.environ.get("HYPOTHESIS_PROFILE", "quick")
_FACTORS: Final = {"quick": 0.25, "usual": 1.0, "thorough": 10.0}
_FEWEST: Final = 10


def scaled(n: int) -> int:
    """Return how many examples this session tries where a test asks for n by itself."""
    return max(_FEWEST, round(n * _FACTORS[PROFILE]))
