"""Log-rank test for k groups, stratified, and for trend.

Sources: Mantel 1966; Peto and Peto 1972; Tarone 1975 (trend). Variance is the
multivariate hypergeometric one, as in R's `survival::survdiff`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analytics.stats.counts import DayCounts, Floats, event_days
from analytics.stats.distributions import chi_square_tail

# Below this size of a group the p value is withheld from readers.
SMALLEST_GROUP = 10


@dataclass(frozen=True)
class LogRank:
    """Result of a log-rank test.

    `chi_square` and `p` are None when not computable (fewer than two groups
    with an expectation, or no variance). `withheld` says that a group is
    smaller than `SMALLEST_GROUP`: pages and exports then print no p.
    """

    n: tuple[int, ...]
    observed: tuple[float, ...]
    expected: tuple[float, ...]
    variance: Floats
    df: int
    chi_square: float | None
    p: float | None

    @property
    def withheld(self) -> bool:
        """True when some group has fewer than `SMALLEST_GROUP` subjects."""
        return min(self.n, default=0) < SMALLEST_GROUP


def _moments(groups: Sequence[DayCounts], rho: float) -> tuple[Floats, Floats, Floats]:
    """Observed and expected events of each group and their covariance, within one stratum.

    Each day weighs S(t-)^rho, S being the Kaplan-Meier curve of all groups just before it.
    """
    days = event_days(groups)
    tables = [group.on(days) for group in groups]
    at_risk = np.array([table[0] for table in tables], dtype=np.float64)
    events = np.array([table[1] for table in tables], dtype=np.float64)
    n, d = at_risk.sum(axis=0), events.sum(axis=0)
    share = at_risk / n
    # n == 1: one subject left, no choice who has the event, no variance.
    weight = np.where(n > 1, d * (n - d) / np.maximum(n - 1.0, 1.0), 0.0)
    emphasis = np.concatenate([[1.0], np.cumprod((n - d) / n)[:-1]])[: n.size] ** rho
    weight = weight * emphasis**2
    variance = np.diag((share * weight).sum(axis=1)) - (share * weight) @ share.T
    return (events * emphasis).sum(axis=1), (share * d * emphasis).sum(axis=1), variance


def _summed(
    strata: Sequence[Sequence[DayCounts]], rho: float = 0.0
) -> tuple[Floats, Floats, Floats]:
    if not strata or len({len(groups) for groups in strata}) != 1:
        raise ValueError("every stratum lists the same groups, empty ones included")
    parts = [_moments(groups, rho) for groups in strata]
    return sum_of(parts, 0), sum_of(parts, 1), sum_of(parts, 2)


def sum_of(parts: Sequence[tuple[Floats, ...]], position: int) -> Floats:
    """Sum over strata of one of the moments."""
    total: Floats = np.sum([part[position] for part in parts], axis=0)
    return total


def _sizes(strata: Sequence[Sequence[DayCounts]]) -> tuple[int, ...]:
    return tuple(sum(group.n for group in column) for column in zip(*strata, strict=True))


def _result(
    strata: Sequence[Sequence[DayCounts]],
    moments: tuple[Floats, Floats, Floats],
    df: int,
    chi_square: float | None,
) -> LogRank:
    observed, expected, variance = moments
    p = None if chi_square is None else chi_square_tail(chi_square, df)
    return LogRank(
        _sizes(strata),
        tuple(observed.tolist()),
        tuple(expected.tolist()),
        variance,
        df,
        chi_square,
        p,
    )


def stratified_log_rank(strata: Sequence[Sequence[DayCounts]], rho: float = 0.0) -> LogRank:
    """Test equality of the groups' curves, comparing only within each stratum.

    `strata[s][g]` is group g of stratum s. `rho` 0 is the log-rank test, 1 that of Peto and Peto,
    which weighs early events more (Harrington and Fleming 1982; R's `survdiff(rho=)`). Raises ValueError when the strata
    list different numbers of groups.
    """
    moments = _summed(strata, rho)
    observed, expected, variance = moments
    counted = np.flatnonzero(expected > 0.0)
    df = max(counted.size - 1, 0)
    if df < 1:
        return _result(strata, moments, df, None)
    kept = counted[1:]
    difference = (observed - expected)[kept]
    block = variance[np.ix_(kept, kept)]
    if np.linalg.matrix_rank(block) < df:
        return _result(strata, moments, df, None)
    chi_square = float(difference @ np.linalg.solve(block, difference))
    return _result(strata, moments, df, chi_square)


def log_rank(groups: Sequence[DayCounts], rho: float = 0.0) -> LogRank:
    """Test equality of the groups' curves; `rho` as in `stratified_log_rank`."""
    return stratified_log_rank([groups], rho)


def trend(strata: Sequence[Sequence[DayCounts]], scores: Sequence[float]) -> LogRank:
    """One-degree test for a trend over ordered groups with the given scores.

    Raises ValueError when the number of scores is not the number of groups.
    """
    moments = _summed(strata)
    observed, expected, variance = moments
    score = np.asarray(scores, dtype=np.float64)
    if score.size != observed.size:
        raise ValueError("one score for each group")
    spread = float(score @ variance @ score)
    # Relative to the scores' size: rounding alone may leave a spread of 1e-16.
    if spread <= 1e-12 * float(score @ score):
        return _result(strata, moments, 1, None)
    chi_square = float(score @ (observed - expected)) ** 2 / spread
    return _result(strata, moments, 1, chi_square)
