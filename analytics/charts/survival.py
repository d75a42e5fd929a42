"""A survival analysis as the page, the drawing and the files print it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from analytics.charts.cohort import (
    CONDITIONED,
    DISEASES,
    FROM_LANDMARK,
    METHOD,
    RECORDS,
    SINCE_LANDMARK,
    CurveTable,
    comparison_note,
    curve_table,
    ratio_note,
    span_text,
    trend_note,
)
from analytics.charts.km import (
    DAYS_A_YEAR,
    FIRST_DOSE,
    Group,
    KaplanMeierFigure,
    kaplan_meier_figure,
    years,
)
from analytics.charts.printed import PrintedFigure, PrintedTable
from analytics.queries.survival import LATER_GROUPS, Analysis
from analytics.stats.counts import DayCounts
from analytics.stats.kaplan_meier import Curve, kaplan_meier, reverse_kaplan_meier
from analytics.stats.logrank import log_rank
from analytics.stats.summaries import common_tau, landmark, quantile, restricted_mean

ENDPOINTS: Final = {
    "pfs": gettext_noop("Progression-free survival"),
    "os": gettext_noop("Overall survival"),
}
RECORD_SETS: Final = {**RECORDS, "truncated": gettext_noop("Eligible, entering at 5 years")}
FROM_ENTRY: Final = gettext_noop(
    "Left-truncated view (delayed entry): eligible records enter the risk set at their own fifth anniversary, so "
    "that nobody is counted as at risk in years that they could not but survive (immortal time). The curve is "
    "conditional on being progression-free and under observation then."
)
VARIANTS: Final = {
    "primary": gettext_noop("Primary"),
    "fda": "FDA",
    "ema": "EMA",
    "worst_case": gettext_noop("Worst case"),
}
GROUPINGS: Final = {
    "": gettext_noop("No groups"),
    "disease": gettext_noop("Disease"),
    "decade": gettext_noop("Decade of treatment"),
    "response": gettext_noop("Best response"),
    "local_therapy": gettext_noop("Local therapy"),
    "center": gettext_noop("Center"),
}
_LABELS: Final[dict[str, dict[str, str]]] = {
    "": {"": gettext_noop("All records")},
    "disease": DISEASES,
    "decade": {
        "to_1989": gettext_noop("To 1989"),
        "1990_1999": "1990-1999",
        "2000_2009": "2000-2009",
        "from_2010": gettext_noop("From 2010"),
    },
    "response": {
        "CR": gettext_noop("Complete"),
        "PR": gettext_noop("Partial"),
        "SD": gettext_noop("Stable"),
        "other": gettext_noop("PD or not known"),
    },
    "local_therapy": {"yes": gettext_noop("Local therapy"), "no": gettext_noop("None")},
    "center": {},
}
_DEFINITIONS: Final = {
    "primary": gettext_noop(
        "Endpoint: progression-free survival, from the first dose of HD IL-2 "
        "to progression by imaging, pathology or clinically, progression implied by a local therapy, or death "
        "from any cause; without an event censored at the last adequate assessment, and at the one before a later systemic "
        "therapy."
    ),
    "fda": gettext_noop(
        "Endpoint: progression-free survival, from the first dose of HD IL-2 "
        "to progression by imaging or pathology, progression implied by a local therapy, or death from any cause; "
        "clinical progression is ignored; censored at the last adequate assessment, and at the one before a later systemic "
        "therapy, a local therapy without progression, or a gap in assessments."
    ),
    "ema": gettext_noop(
        "Endpoint: progression-free survival, from the first dose of HD IL-2 "
        "to progression by imaging, pathology or clinically, progression implied by a local therapy, or death from "
        "any cause, whatever therapy came before; without an event censored at the last adequate assessment."
    ),
    "worst_case": gettext_noop(
        "Endpoint: progression-free survival, from the first dose of HD IL-2 "
        "to progression of any kind, death from any cause, a later systemic therapy, or a local therapy of "
        "unknown indication, whichever comes first; without an event censored at the last adequate assessment."
    ),
}
IMMORTAL: Final = gettext_noop(
    "These groups form after treatment began: who lives longer has more time to enter them (immortal time). "
    "The curves describe; they do not show what a response or a local therapy does."
)
# Groupings whose order means something.
ORDERED: Final = frozenset({"decade", "response"})
RATE_YEARS: Final = (1, 3, 5, 10, 15, 20)


@dataclass(frozen=True)
class GroupSummary:
    """One group's line of the summary: text, ready to print."""

    label: str
    n: int
    events: int
    median: str
    rates: tuple[str, ...]
    mean: str
    follow_up: str


@dataclass(frozen=True)
class SurvivalFigure:
    """The drawing, the summary of each group, the tables of the curves and the sentences below."""

    title: str
    figure: KaplanMeierFigure
    summaries: tuple[GroupSummary, ...]
    mean_years: str
    tables: tuple[CurveTable, ...]
    notes: tuple[str, ...]


def label_of(by: str, code: str) -> str:
    """How a group is called."""
    return _(_LABELS[by][code]) if code in _LABELS[by] else code


def labelled(by: str, counts: Mapping[str, DayCounts]) -> dict[str, DayCounts]:
    """Groups by label, in the order in which they are told."""
    order = list(_LABELS[by])
    codes = sorted(
        counts, key=lambda code: (order.index(code) if code in order else len(order), code)
    )
    return {label_of(by, code): counts[code] for code in codes}


def survival_figure(analysis: Analysis, counts: Mapping[str, DayCounts]) -> SurvivalFigure | None:
    """Everything the page shows; None without any record."""
    groups = labelled(analysis.by, counts)
    if not groups:
        return None
    curves = {label: kaplan_meier(group) for label, group in groups.items()}
    title = title_of(analysis)
    tau = common_tau(list(groups.values())) or 0
    return SurvivalFigure(
        title,
        kaplan_meier_figure(
            title,
            [Group(label, curve) for label, curve in curves.items()],
            SINCE_LANDMARK if analysis.records == "landmark" else FIRST_DOSE,
        ),
        tuple(group_summary(label, curve, tau) for label, curve in curves.items()),
        years(tau),
        tuple(curve_table(label, curve) for label, curve in curves.items()),
        tuple(_notes(analysis, groups)),
    )


def title_of(analysis: Analysis) -> str:
    """ "Progression-free survival (FDA) by disease: eligible cohort"."""
    endpoint = _(ENDPOINTS[analysis.endpoint])
    if analysis.endpoint == "pfs":
        endpoint = f"{endpoint} ({_(VARIANTS[analysis.variant])})"
    by = _("%(endpoint)s by %(by)s: %(records)s")
    return (by if analysis.by else _("%(endpoint)s: %(records)s")) % {
        "endpoint": endpoint,
        "by": _(GROUPINGS[analysis.by]).lower(),
        "records": _(RECORD_SETS[analysis.records]).lower(),
    }


def definition(analysis: Analysis) -> str:
    """The endpoint in a sentence, as every figure and file prints it."""
    if analysis.endpoint == "os":
        return _(
            "Endpoint: overall survival, from the first dose of HD IL-2 to death from any cause; "
            "censored at the last day known alive."
        )
    return _(_DEFINITIONS[analysis.variant])


def _notes(analysis: Analysis, groups: Mapping[str, DayCounts]) -> list[str]:
    notes = [definition(analysis)]
    if analysis.records == "eligible":
        notes.append(_(CONDITIONED))
    elif analysis.records == "landmark":
        notes.append(_(FROM_LANDMARK))
    elif analysis.records == "truncated":
        notes.append(_(FROM_ENTRY))
    if analysis.by in LATER_GROUPS:
        notes.append(_(IMMORTAL))
    notes.append(_(METHOD))
    if len(groups) > 1:
        notes.append(comparison_note(groups))
    if len(groups) > 2 and analysis.by in ORDERED:
        notes.append(trend_note(groups))
    if len(groups) == 2:
        notes.append(ratio_note(groups))
    return notes


def group_summary(label: str, curve: Curve, tau: int) -> GroupSummary:
    """One group's line; `tau` is the last day of the restricted mean."""
    mean = restricted_mean(curve, tau)
    follow_up = quantile(reverse_kaplan_meier(curve.counts)).day
    return GroupSummary(
        label,
        curve.counts.n,
        curve.counts.n_events,
        _median(curve),
        tuple(_rate(curve, year) for year in RATE_YEARS),
        f"{mean.days / DAYS_A_YEAR:.2f} (SE {mean.std_error / DAYS_A_YEAR:.2f})",
        "NR" if follow_up is None else years(follow_up),
    )


def _median(curve: Curve) -> str:
    found = quantile(curve)
    low, high = ("NR" if value is None else years(value) for value in (found.lower, found.upper))
    day = "NR" if found.day is None else years(found.day)
    return f"{day} ({span_text(low, high)})"


def _rate(curve: Curve, year: int) -> str:
    found = landmark(curve, whole_day(year))
    if found.survival is None:
        return "NE"
    if found.lower is None or found.upper is None:
        return f"{found.survival:.0%}"
    return f"{found.survival:.0%} ({found.lower:.0%}-{found.upper:.0%})"


def whole_day(year: int) -> int:
    """The first whole day of a year since T0."""
    return int(-(-year * DAYS_A_YEAR // 1))


def curve_rows(counts: Mapping[str, DayCounts]) -> list[tuple[Any, ...]]:
    """Rows of the curve file: group, day, at risk, events, censored, S, SE, lower, upper (empty: none)."""
    rows: list[tuple[Any, ...]] = []
    for label, group in counts.items():
        curve = kaplan_meier(group)
        rows += [
            (label, day, at_risk, events, censored, survival, *map(_number, rest))
            for day, at_risk, events, censored, survival, *rest in zip(
                curve.days.tolist(),
                curve.at_risk.tolist(),
                group.events.tolist(),
                group.censored.tolist(),
                curve.survival.tolist(),
                curve.std_error.tolist(),
                curve.lower.tolist(),
                curve.upper.tolist(),
                strict=True,
            )
        ]
    return rows


CURVE_COLUMNS: Final = (
    "group",
    "day",
    "at_risk",
    "events",
    "censored",
    "survival",
    "std_error",
    "lower",
    "upper",
)


def _number(value: float) -> float | None:
    """None for NaN: JSON and CSV know no such number."""
    return value if value == value else None


def printed_survival(
    analysis: Analysis, counts: Mapping[str, DayCounts]
) -> tuple[SurvivalFigure, PrintedFigure] | None:
    """The page's summary, and the figure with its files; None without any record."""
    drawing = survival_figure(analysis, counts)
    if drawing is None:
        return None
    parts = ("survival", analysis.endpoint, analysis.variant, analysis.records, analysis.by)
    groups = labelled(analysis.by, counts)
    return drawing, PrintedFigure(
        key="survival",
        name="-".join(part for part in parts if part),
        title=drawing.title,
        notes=drawing.notes,
        tables=tuple(printed_table(table) for table in drawing.tables),
        columns=CURVE_COLUMNS,
        rows=tuple(curve_rows(groups)),
        template="analytics/figures/km.svg",
        drawing=drawing.figure,
        parameters={
            "endpoint": analysis.endpoint,
            "variant": analysis.variant,
            "records": analysis.records,
            "by": analysis.by,
            "interval": "log-log",
            "level": 0.95,
        },
        document=_document(analysis, groups),
    )


TABLE_COLUMNS: Final = (
    gettext_noop("Years"),
    gettext_noop("At risk"),
    gettext_noop("Censored before"),
    gettext_noop("Events before"),
    gettext_noop("Without event"),
    gettext_noop("95% confidence interval"),
)


def printed_table(table: CurveTable) -> PrintedTable:
    """A curve's table for a page and its file."""
    caption = f"{table.label}. {table.median}. {_('NE: not estimable.')}"
    return PrintedTable(caption, tuple(map(_, TABLE_COLUMNS)), table.rows)


def _document(analysis: Analysis, groups: Mapping[str, DayCounts]) -> dict[str, Any]:
    """Definition and every number of the analysis."""
    test = log_rank(list(groups.values())) if len(groups) > 1 else None
    shown = test is not None and not test.withheld
    return {
        "definition": definition(analysis),
        "groups": [group_document(label, group) for label, group in groups.items()],
        "log_rank": {"chi_square": test.chi_square, "df": test.df, "p": test.p}
        if test is not None and shown
        else None,
    }


def group_document(label: str, group: DayCounts) -> dict[str, Any]:
    """One group of the analysis file: median, rates, curve."""
    curve = kaplan_meier(group)
    median = quantile(curve)
    rows = curve_rows({label: group})
    rates = [landmark(curve, whole_day(year)) for year in RATE_YEARS]
    return {
        "group": label,
        "n": group.n,
        "events": group.n_events,
        "median_days": {"estimate": median.day, "lower": median.lower, "upper": median.upper},
        "rates": [
            {
                "year": year,
                "day": rate.day,
                "at_risk": rate.at_risk,
                "survival": rate.survival,
                "lower": rate.lower,
                "upper": rate.upper,
            }
            for year, rate in zip(RATE_YEARS, rates, strict=True)
        ],
        "curve": [dict(zip(CURVE_COLUMNS[1:], row[1:], strict=True)) for row in rows],
    }
