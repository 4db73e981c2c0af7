"""The Beta distribution, for rates that are known from counts: its quantiles. Pure.

SciPy has these; the core does not depend on it.
"""

from __future__ import annotations

from functools import lru_cache
from math import exp, lgamma, log, log1p
from typing import Final

_TINY: Final = 1e-300
"""Stands for a denominator of zero in the continued fraction."""

_PRECISION: Final = 1e-14
_MAX_TERMS: Final = 10_000
"""The fraction needs about sqrt(max(a, b)) terms."""

_HALVINGS: Final = 60
"""An interval of 1 halved so often is below the precision of the fraction."""


def beta_cdf(x: float, a: float, b: float) -> float:
    """Return the regularised incomplete beta function I_x(a, b): P(X <= x) for X ~ Beta(a, b).

    By the continued fraction of DLMF 8.17.22 (https://dlmf.nist.gov/8.17#v), evaluated by the
    method of Lentz as Thompson and Barnett modified it (Journal of Computational Physics 64,
    1986). It converges fast below the mean; above, I_x(a, b) = 1 - I_(1-x)(b, a) is used.

    Args:
        x: in [0, 1]; values outside count as the nearer end.
        a: above 0.
        b: above 0.

    >>> round(beta_cdf(0.3, 2.0, 5.0), 6)
    0.579825
    """
    if x <= 0:
        return 0.0
    if x >= 1:
        return 1.0
    if x > (a + 1) / (a + b + 2):
        return 1.0 - _below_mean(1 - x, b, a)
    return _below_mean(x, a, b)


@lru_cache(maxsize=4096)
def beta_quantile(p: float, a: float, b: float) -> float:
    """Return the x with P(X <= x) = p for X ~ Beta(a, b), by bisection.

    >>> round(beta_quantile(0.95, 0.5, 40.5), 4)
    0.0466
    """
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if beta_cdf(middle, a, b) < p:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _below_mean(x: float, a: float, b: float) -> float:
    scale = lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x)
    return exp(scale) * _fraction(x, a, b) / a


def _fraction(x: float, a: float, b: float) -> float:
    """Return 1 / (1 + d_1 / (1 + d_2 / ...)), with the d_n of DLMF 8.17.23."""
    value, c, d = 1.0, 1.0, 0.0
    for n in range(1, _MAX_TERMS):
        term = _term(n, x, a, b)
        d = 1 / _nonzero(1 + term * d)
        c = _nonzero(1 + term / c)
        value *= c * d
        if abs(c * d - 1) < _PRECISION:
            break
    return 1 / value


def _term(n: int, x: float, a: float, b: float) -> float:
    m = n // 2
    if n % 2:
        return -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
    return m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))


def _nonzero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
