"""The Kaplan-Meier figure of the cohort overview: what to draw, its table and its notes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext

from analytics.charts.km import (
    DAYS_A_YEAR,
    FIRST_DOSE,
    Group,
    KaplanMeierFigure,
    kaplan_meier_figure,
    years,
)
from analytics.queries.cohort import PfsCounts
from analytics.stats.counts import DayCounts, pooled
from analytics.stats.cox import hazard_ratio
from analytics.stats.kaplan_meier import Curve, kaplan_meier
from analytics.stats.logrank import SMALLEST_GROUP, log_rank, trend
from analytics.stats.summaries import Landmark, landmark, quantile, risk_table

DISEASES: Final = {"melanoma": gettext_noop("Melanoma"), "renal_cell": gettext_noop("Renal cell")}
RECORDS: Final = {
    "eligible": gettext_noop("Eligible cohort"),
    "treated": gettext_noop("All treated records"),
    "landmark": gettext_noop("Treated, from 5 years on"),
}
TABLE_YEARS: Final = (0, 1, 3, 5, 10, 15, 20, 25, 30)

ENDPOINT: Final = gettext_noop(
    "Endpoint: progression-free survival (variant primary), from the first dose of HD IL-2 to progression by "
    "imaging, pathology or clinically, or death from any cause. Without an event it is censored at the last "
    "adequate assessment, and before a later systemic therapy."
)
CONDITIONED: Final = gettext_noop(
    "This cohort is conditioned on surviving 5 years (immortal time): its curve describes people who reached "
    "that point and says nothing about the effect of treatment. Compare with all treated records and with the "
    "view from 5 years on."
)
FROM_LANDMARK: Final = gettext_noop(
    "Landmark view: all treated records still observed without progression 5 years after the first dose; years "
    "count from there."
)


METHOD: Final = gettext_noop(
    "Kaplan-Meier estimate; band: pointwise 95% confidence interval, log-log; upright ticks: censored; "
    "grey line: fewer than 10 at risk; dashed guides: median."
)
SINCE_LANDMARK: Final = gettext_noop("Years since the end of the fifth year")


@dataclass(frozen=True)
class CurveTable:
    """One curve as rows: the same numbers as the drawing."""

    label: str
    median: str
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class CohortFigure:
    """The figure, its tables and the sentences under it."""

    figure: KaplanMeierFigure
    tables: tuple[CurveTable, ...]
    notes: tuple[str, ...]


def disease_label(code: str) -> str:
    """How a disease is called."""
    return _(DISEASES[code]) if code in DISEASES else code


def span_text(low: str, high: str) -> str:
    """ "12.1% to 20.3%"."""
    return _("%(low)s to %(high)s") % {"low": low, "high": high}


def chosen_counts(pfs: PfsCounts, records: str) -> dict[str, DayCounts]:
    """Day counts by disease for one of `RECORDS`."""
    if records == "eligible":
        return dict(pfs.eligible)
    if records == "landmark":
        return pfs.landmark
    return dict(pfs.treated)


def cohort_figure(pfs: PfsCounts, records: str, by_disease: bool) -> CohortFigure | None:
    """Draw PFS of the chosen records, in one curve or by disease; None without any record."""
    counts = {disease: group for disease, group in chosen_counts(pfs, records).items() if group.n}
    if not counts:
        return None
    everyone = {_("All records"): pooled(counts.values())}
    named = {disease_label(disease): group for disease, group in counts.items()}
    curves = {
        label: kaplan_meier(group) for label, group in (named if by_disease else everyone).items()
    }
    title = _("Progression-free survival: %(records)s") % {"records": _(RECORDS[records]).lower()}
    figure = kaplan_meier_figure(
        title,
        [Group(label, curve) for label, curve in curves.items()],
        SINCE_LANDMARK if records == "landmark" else FIRST_DOSE,
    )
    tables = tuple(curve_table(label, curve) for label, curve in curves.items())
    return CohortFigure(figure, tables, _notes(records, named, by_disease))


def _notes(records: str, named: Mapping[str, DayCounts], by_disease: bool) -> tuple[str, ...]:
    notes = [_(ENDPOINT)]
    if records == "eligible":
        notes.append(_(CONDITIONED))
    elif records == "landmark":
        notes.append(_(FROM_LANDMARK))
    notes.append(_(METHOD))
    if by_disease and len(named) > 1:
        notes.append(comparison_note(named))
    return tuple(notes)


def comparison_note(named: Mapping[str, DayCounts]) -> str:
    """The log-rank test of the groups in a sentence, or why there is none."""
    result = log_rank(list(named.values()))
    if result.withheld:
        return _("Log-rank p not shown: a group has fewer than 10 records.")
    if result.chi_square is None or result.p is None:
        return _("Log-rank test not computable.")
    said = ngettext(
        "Log-rank test: chi-square %(chi_square)s, %(df)s degree of freedom, p = %(p)s; descriptive, not adjusted.",
        "Log-rank test: chi-square %(chi_square)s, %(df)s degrees of freedom, p = %(p)s; descriptive, not adjusted.",
        result.df,
    )
    return said % {
        "chi_square": f"{result.chi_square:.2f}",
        "df": result.df,
        "p": f"{result.p:.2g}",
    }


def trend_note(groups: Mapping[str, DayCounts]) -> str:
    """The test for trend over the groups in a sentence, or why there is none."""
    found = trend([list(groups.values())], range(len(groups)))
    if found.withheld:
        return _("Test for trend not shown: a group has fewer than 10 records.")
    if found.chi_square is None or found.p is None:
        return _("Test for trend not computable.")
    return _(
        "Test for trend over the groups in their order (Tarone): chi-square %(chi_square)s, 1 degree of freedom, p = %(p)s."
    ) % {"chi_square": f"{found.chi_square:.2f}", "p": f"{found.p:.2g}"}


def ratio_note(groups: Mapping[str, DayCounts]) -> str:
    """The hazard ratio of two groups in a sentence, or why there is none."""
    (first_label, first), (second_label, second) = groups.items()
    if min(first.n, second.n) < SMALLEST_GROUP:
        return _("Hazard ratio not shown: a group has fewer than 10 records.")
    found = hazard_ratio(first, second)
    if found.ratio is None or found.lower is None or found.upper is None:
        return _("Hazard ratio not estimable.")
    return _(
        "Hazard ratio, %(second)s to %(first)s (Cox, Efron, no other variable): %(ratio)s (95%% confidence interval %(low)s to %(high)s)."
    ) % {
        "second": second_label.lower(),
        "first": first_label.lower(),
        "ratio": f"{found.ratio:.2f}",
        "low": f"{found.lower:.2f}",
        "high": f"{found.upper:.2f}",
    }


def curve_table(label: str, curve: Curve) -> CurveTable:
    """The curve at the ticks: years, at risk, censored and events before, S and its interval."""
    last = curve.counts.last_day or 0
    # One tick beyond the last observation shows that nothing is known there.
    wanted = [year for year in TABLE_YEARS if (year - 5) * DAYS_A_YEAR <= last]
    days = [int(-(-year * DAYS_A_YEAR // 1)) for year in wanted]
    # With delayed entry the table begins where the curve does.
    known = [day for day in days if curve.counts.waiting(day) < max(curve.counts.n, 1)]
    wanted, days = wanted[len(days) - len(known) :], known
    states = [landmark(curve, day) for day in days]
    risk = risk_table(curve.counts, days)
    rows = tuple(
        (str(year), str(row.at_risk), str(row.censored), str(row.events), *_rate(state))
        for year, row, state in zip(wanted, risk, states, strict=True)
    )
    return CurveTable(label, median_text(curve), rows)


def _rate(state: Landmark) -> tuple[str, str]:
    if state.survival is None:
        return "NE", "-"
    if state.lower is None or state.upper is None:
        return f"{state.survival:.1%}", "-"
    return f"{state.survival:.1%}", span_text(f"{state.lower:.1%}", f"{state.upper:.1%}")


def median_text(curve: Curve) -> str:
    """The median in years with its interval, in words."""
    median = quantile(curve)
    day, lower, upper = (
        _("not reached") if value is None else _("%(years)s years") % {"years": years(value)}
        for value in (median.day, median.lower, median.upper)
    )
    said = _("Median %(median)s (95%% confidence interval: %(lower)s to %(upper)s)")
    return said % {"median": day, "lower": lower, "upper": upper}
