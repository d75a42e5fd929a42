"""Exact confidence interval of a proportion (Clopper and Pearson 1934), from `math` alone."""

from __future__ import annotations

import math
from dataclasses import dataclass

_STEPS = 200
_TINY = 1e-300
_ENOUGH = 1e-16
# Newton's errors are squared: after so small a step the next one lies far below rounding.
_STEP = 1e-12


@dataclass(frozen=True, slots=True)
class Proportion:
    """`cell` of `total`, with exact bounds; share and bounds None of an empty total."""

    cell: int
    total: int
    share: float | None
    lower: float | None
    upper: float | None


def proportion(cell: int, total: int, level: float = 0.95) -> Proportion:
    """Share and exact interval; at least `level` of all samples cover the truth.

    Raises ValueError unless 0 <= cell <= total and 0 < level < 1.
    """
    if not 0 <= cell <= total or not 0.0 < level < 1.0:
        raise ValueError("a proportion is 0 <= cell <= total; level lies between 0 and 1")
    if total == 0:
        return Proportion(0, 0, None, None, None)
    tail = (1.0 - level) / 2.0
    # P(X >= k) = I_p(k, n - k + 1): the bounds are quantiles of the beta distribution.
    lower = 0.0 if cell == 0 else _beta_quantile(tail, cell, total - cell + 1)
    upper = 1.0 if cell == total else 1.0 - _beta_quantile(tail, total - cell, cell + 1)
    return Proportion(cell, total, cell / total, lower, upper)


def _beta_quantile(probability: float, a: float, b: float) -> float:
    """x with I_x(a, b) = probability: Newton's steps from the mean, halved where one leaves the bracket."""
    low, x, high = 0.0, a / (a + b), 1.0
    for _ in range(_STEPS):
        excess = _incomplete_beta(x, a, b) - probability
        low, high = (x, high) if excess < 0.0 else (low, x)
        density = math.exp(_log_front(x, a, b)) / (x * (1.0 - x))
        near = x - excess / density if density else low
        if not low < near < high:
            near = (low + high) / 2.0
        step, x = abs(near - x), near
        if step <= _STEP * min(x, 1.0 - x) or near in (low, high):
            break
    return x


def _log_front(x: float, a: float, b: float) -> float:
    """The logarithm of x^a (1 - x)^b / B(a, b)."""
    scale = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    return scale + a * math.log(x) + b * math.log1p(-x)


def _incomplete_beta(x: float, a: float, b: float) -> float:
    """I_x(a, b) by its continued fraction (Abramowitz and Stegun 26.5.8), on the side where it converges."""
    if x <= 0.0 or x >= 1.0:
        return 0.0 if x <= 0.0 else 1.0
    if x > (a + 1.0) / (a + b + 2.0):
        return 1.0 - _incomplete_beta(1.0 - x, b, a)
    return math.exp(_log_front(x, a, b)) / a * _fraction(x, a, b)


def _fraction(x: float, a: float, b: float) -> float:
    """The continued fraction by Lentz's method (Thompson and Barnett 1986)."""
    c, d = 1.0, 1.0 / _away(1.0 - (a + b) * x / (a + 1.0))
    value = d
    most = 200 + int(10 * math.sqrt(max(a, b)))
    for m in range(1, most):
        for term in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1.0 / _away(1.0 + term * d)
            c = _away(1.0 + term / c)
            value *= c * d
        if abs(c * d - 1.0) < _ENOUGH:
            break
    return value


def _away(value: float) -> float:
    """The value, kept away from 0."""
    return value if abs(value) > _TINY else _TINY
