"""Features from what tracking recorded: which changed functions a test executed."""

from __future__ import annotations

from math import log1p
from typing import TYPE_CHECKING, Final

from ..schema import UNKNOWN

if TYPE_CHECKING:
    from ..schema import Executed

    Columns = tuple[float, float, float, float]

_NOT_KNOWN: Final = (UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN)
_ASSUMED: Final = (1.0, 0.0, 1.0, 1.0)


def columns_of(executed: Executed | None, *, is_assumed: bool = False) -> Columns:
    """Return executes_change, executed_share, executed_rarity and executes_file.

    The rarity is log(1 + n / k) / log(1 + n), if k of n tests execute the changed function.

    Args:
        executed: what the test executed of the change; None if that is not known.
        is_assumed: whether a test without a record counts as a test that executes what
            changed, and that no other test executes. A change often brings tests of its own. Where
            other tests are known to execute the change, its own tests would else come last.

    >>> columns_of(None)
    (-1.0, -1.0, -1.0, -1.0)
    """
    if executed is None:
        return _ASSUMED if is_assumed else _NOT_KNOWN
    in_file = float(executed.is_in_file)
    if not executed.n_changed:
        return 0.0, 0.0, 0.0, in_file
    n = max(executed.n_tests, executed.n_others + 1)
    return (
        1.0,
        executed.n_changed / max(executed.n_functions, executed.n_changed),
        log1p(n / (executed.n_others + 1)) / log1p(n),
        in_file,
    )
