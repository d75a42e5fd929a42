"""Comparisons of groups as plain values, named as in the results of R they are checked with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from analytics.stats.counts import DayCounts, Floats
from analytics.stats.cox import Ties, partial_likelihood, stratified_hazard_ratio
from analytics.stats.distributions import normal_quantile
from analytics.stats.kaplan_meier import kaplan_meier
from analytics.stats.logrank import stratified_log_rank
from analytics.stats.summaries import (
    Difference,
    RestrictedMean,
    ratio_of,
    restricted_mean,
    restricted_mean_difference,
)
from analytics.stats.timeline import Timeline

Pair = tuple[DayCounts, DayCounts]


def comparison_table(
    names: Sequence[str], strata: Sequence[Sequence[DayCounts]], rho: float = 0.0
) -> dict[str, Any]:
    """Log-rank test (rho 0) or Peto and Peto's (rho 1); the order of `groups` is that of the rest."""
    found = stratified_log_rank(strata, rho)
    return {
        "groups": list(names),
        "n": list(found.n),
        "observed": list(found.observed),
        "expected": list(found.expected),
        "var": found.variance.tolist(),
        "chisq": found.chi_square,
        "df": found.df,
        "p": found.p,
        "withheld_on_pages": found.withheld,
    }


def ratio_table(strata: Sequence[Pair], ties: Ties) -> dict[str, Any]:
    """Cox's hazard ratio of x = 1 to x = 0, with the likelihood of its fit."""
    ratio = stratified_hazard_ratio(strata, ties=ties)
    likelihood = partial_likelihood(strata, ratio, ties)
    coefficient, error = ratio.coefficient, ratio.std_error
    return {
        "coef": coefficient,
        "se": error,
        "hr": ratio.ratio,
        "lower": ratio.lower,
        "upper": ratio.upper,
        "z": None if coefficient is None or error is None else coefficient / error,
        "p": ratio.p,
        "loglik_null": likelihood.null,
        "loglik": likelihood.maximum,
        "score": likelihood.score,
        "n": sum(group.n for pair in strata for group in pair),
        "nevent": sum(group.n_events for pair in strata for group in pair),
    }


def cox_table(pair: Pair, strata: Sequence[Pair] | None) -> dict[str, Any]:
    """Both ways with ties, and by stratum.

    R stops its iterations early by default; `_tight` are its results when it does not, to which
    ours are equal.
    """
    efron, breslow = ratio_table([pair], "efron"), ratio_table([pair], "breslow")
    found = {
        "efron": efron,
        "efron_tight": efron,
        "breslow": breslow,
        "breslow_tight": breslow,
    }
    return found if strata is None else found | {"efron_stratified": ratio_table(strata, "efron")}


def mean_differences(
    groups: Mapping[str, DayCounts], timeline: Timeline, taus: Sequence[float]
) -> list[dict[str, Any]]:
    """Restricted means of two groups compared, second minus (or to) first (R: `survRM2::rmst2`).

    The first entry takes survRM2's own tau; the others `taus` as far as survRM2 allows them.
    """
    (_, first), (name, second) = groups.items()
    limit = _largest_tau(first, second, timeline)
    wanted = [(limit, True), *((tau, False) for tau in taus if 0.0 < tau <= limit)]
    times = [timeline.at(group.days) for group in (first, second)]
    return [
        {"tau": tau, "tau_was_default": default, "arm1_is": name}
        | _compared((first, second), times, tau)
        for tau, default in wanted
    ]


def _largest_tau(first: DayCounts, second: DayCounts, timeline: Timeline) -> float:
    """The longer follow-up if the shorter ends with events alone, else the shorter."""
    shorter, longer = sorted((first, second), key=lambda group: group.last_day or 0)
    known = longer if shorter.censored[-1] == 0 else shorter
    return float(timeline.at(known.days)[-1])


def _compared(pair: Pair, times: Sequence[Floats], tau: float) -> dict[str, Any]:
    first, second = (
        restricted_mean(kaplan_meier(group), tau, moments)
        for group, moments in zip(pair, times, strict=True)
    )
    return {
        "columns": ["est", "lower", "upper", "p"],
        "diff": _row(restricted_mean_difference(first, second)),
        "ratio": _row(ratio_of((first.days, first.std_error), (second.days, second.std_error))),
        # Time lost to the event before tau.
        "ratio_rmtl": _row(
            ratio_of((tau - first.days, first.std_error), (tau - second.days, second.std_error))
        ),
        "arm1": _arm(second),
        "arm0": _arm(first),
    }


def _row(found: Difference | None) -> list[float | None]:
    if found is None:
        return [None, None, None, None]
    return [found.estimate, found.lower, found.upper, found.p]


def _arm(mean: RestrictedMean) -> list[float]:
    reach = normal_quantile(0.975) * mean.std_error
    return [mean.days, mean.std_error, mean.days - reach, mean.days + reach]
