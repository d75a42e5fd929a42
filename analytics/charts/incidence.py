"""Cumulative incidence of progression, death competing: the figure, its table and its files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from analytics.charts.cohort import CONDITIONED, span_text
from analytics.charts.km import (
    DAYS_A_YEAR,
    FIRST_DOSE,
    LEFT,
    PLOT_HEIGHT,
    PLOT_TOP,
    RIGHT,
    ROW,
    STYLES,
    WIDTH,
    Cell,
    Drawn,
    KaplanMeierFigure,
    Mark,
    TableRow,
    legend_place,
)
from analytics.charts.printed import PrintedFigure, PrintedTable, key_of
from analytics.charts.scales import (
    Scale,
    axis_years,
    band_path,
    place,
    step_path,
    thinned,
    year_ticks,
)
from analytics.charts.survival import GROUPINGS, IMMORTAL, RECORD_SETS, label_of, whole_day
from analytics.queries.survival import LATER_GROUPS, Analysis
from analytics.stats.incidence import CompetingCounts, Incidence, cumulative_incidence

YEARS: Final = (0, 1, 2, 3, 5, 10, 15, 20)
DEFINITION: Final = gettext_noop(
    "Cumulative incidence of progression (imaging, pathology or clinical, or implied by a local therapy), from the "
    "first dose of HD IL-2; death without progression competes and is no censoring. Without either, censored as in "
    "progression-free survival."
)
METHOD: Final = gettext_noop(
    "Aalen-Johansen estimate; band: pointwise 95% confidence interval, log-log of the incidence, variance by the delta "
    "method (Gaynor). One minus Kaplan-Meier would count the dead as if they could still progress. Grey line: fewer than "
    "10 at risk."
)
COLUMNS: Final = (
    "group", "day", "at_risk", "progressions", "deaths", "censored",
    "incidence", "std_error", "lower", "upper",
)  # fmt: skip
TABLE_COLUMNS: Final = (
    gettext_noop("Years"),
    gettext_noop("At risk"),
    gettext_noop("Censored before"),
    gettext_noop("Progressed before"),
    gettext_noop("Died before"),
    gettext_noop("Progressed by then"),
    gettext_noop("95% confidence interval"),
)
_MATURE: Final = 10


def printed_incidence(
    analysis: Analysis, counts: Mapping[str, CompetingCounts]
) -> PrintedFigure | None:
    """The figure of one to four groups; None without any record."""
    if not counts:
        return None
    curves = _curves(analysis.by, counts)
    grouped = _("Cumulative incidence of progression by %(by)s: %(records)s")
    title = (grouped if analysis.by else _("Cumulative incidence of progression: %(records)s")) % {
        "by": _(GROUPINGS[analysis.by]).lower(),
        "records": _(RECORD_SETS[analysis.records]).lower(),
    }
    notes = [_(DEFINITION)]
    if analysis.records == "eligible":
        notes.append(_(CONDITIONED))
    if analysis.by in LATER_GROUPS:
        notes.append(_(IMMORTAL))
    parts = ("progression", analysis.records, analysis.by)
    return PrintedFigure(
        key="progression",
        name="-".join(part for part in parts if part),
        title=title,
        notes=(*notes, _(METHOD)),
        tables=tuple(_table(label, curve) for label, curve in curves.items()),
        columns=COLUMNS,
        rows=tuple(row for label, curve in curves.items() for row in _rows(label, curve)),
        template="analytics/figures/km.svg",
        drawing=_figure(title, curves),
        parameters={"records": analysis.records, "by": analysis.by, "level": 0.95},
        document={
            "definition": _(DEFINITION),
            "groups": [_document(label, curve) for label, curve in curves.items()],
        },
    )


def _curves(by: str, counts: Mapping[str, CompetingCounts]) -> dict[str, Incidence]:
    """One curve a group; of all records in one group both kinds of event."""
    if by:
        return {label_of(by, code): cumulative_incidence(group) for code, group in counts.items()}
    (everyone,) = counts.values()
    return {
        _("Progression"): cumulative_incidence(everyone),
        _("Death without progression"): cumulative_incidence(everyone.other),
    }


def _at(curve: Incidence, day: int) -> tuple[float, float, float]:
    place_ = curve.index_at(day)
    if place_ < 0:
        return 0.0, 0.0, 0.0
    found = (curve.incidence[place_], curve.lower[place_], curve.upper[place_])
    return float(found[0]), float(found[1]), float(found[2])


def _before(curve: Incidence, day: int) -> tuple[int, int, int, int]:
    """At risk, censored, of interest and competing before a day: they add up to n."""
    counts = curve.counts
    past = counts.days < day
    gone = [int(c[past].sum()) for c in (counts.censored, counts.events, counts.competing)]
    return counts.n - sum(gone), gone[0], gone[1], gone[2]


def _table(label: str, curve: Incidence) -> PrintedTable:
    last = int(curve.counts.days[-1])
    rows = []
    for year in YEARS:
        day = whole_day(year)
        value, low, high = _at(curve, day)
        known = day <= last
        interval = span_text(f"{low:.1%}", f"{high:.1%}") if known and low == low else "-"
        numbers = map(str, _before(curve, day))
        rows.append((str(year), *numbers, f"{value:.1%}" if known else "NE", interval))
    return PrintedTable(
        _("%(label)s. NE: not estimable.") % {"label": label},
        tuple(map(_, TABLE_COLUMNS)),
        tuple(rows),
    )


def _rows(label: str, curve: Incidence) -> list[tuple[Any, ...]]:
    counts = curve.counts
    columns = (
        counts.days, curve.at_risk, counts.events, counts.competing, counts.censored,
        curve.incidence, curve.std_error, curve.lower, curve.upper,
    )  # fmt: skip
    return [
        (label, *(None if value != value else value for value in row))
        for row in zip(*(column.tolist() for column in columns), strict=True)
    ]


def _document(label: str, curve: Incidence) -> dict[str, Any]:
    return {
        "group": label,
        "n": curve.counts.n,
        "events": int(curve.counts.events.sum()),
        "competing": int(curve.counts.competing.sum()),
        "curve": [dict(zip(COLUMNS[1:], row[1:], strict=True)) for row in _rows(label, curve)],
    }


def _figure(title: str, curves: Mapping[str, Incidence]) -> KaplanMeierFigure:
    last = max(int(curve.counts.days[-1]) for curve in curves.values())
    ticks = year_ticks(last, DAYS_A_YEAR)
    scale_x = Scale(0, axis_years(last, DAYS_A_YEAR) * DAYS_A_YEAR, LEFT, WIDTH - RIGHT)
    bottom = PLOT_TOP + PLOT_HEIGHT
    scale_y = Scale(0, 1, bottom, PLOT_TOP)
    days = [whole_day(tick) for tick in ticks]
    block, table_top = 5 * ROW + 6, bottom + 52
    drawn = tuple(
        _drawn(label, curve, number, (scale_x, scale_y), days, table_top + number * block)
        for number, (label, curve) in enumerate(curves.items())
    )
    return KaplanMeierFigure(
        width=WIDTH,
        height=table_top + len(curves) * block,
        left=place(LEFT),
        right=place(WIDTH - RIGHT),
        top=place(PLOT_TOP),
        bottom=place(bottom),
        axis_label_y=place(bottom + 36),
        middle=place((LEFT + WIDTH - RIGHT) / 2),
        x_ticks=tuple(Mark(str(tick), place(scale_x.at(tick * DAYS_A_YEAR))) for tick in ticks),
        y_ticks=tuple(Mark(f"{p}%", place(scale_y.at(p / 100))) for p in (0, 25, 50, 75, 100)),
        groups=drawn,
        title=title,
        description=_describe(curves),
        key=key_of(title),
        axis_label=_(FIRST_DOSE),
        plot=f"{LEFT} {WIDTH - RIGHT} {PLOT_TOP} {bottom} {scale_x.high}",
        **legend_place(list(curves)),
    )


def _describe(curves: Mapping[str, Incidence]) -> str:
    parts = [
        _("%(label)s: %(n)s records, %(events)s events, %(share)s by 5 years")
        % {
            "label": label,
            "n": curve.counts.n,
            "events": int(curve.counts.events.sum()),
            "share": f"{_at(curve, whole_day(5))[0]:.0%}",
        }
        for label, curve in curves.items()
    ]
    return "; ".join(parts) + "."


def _drawn(
    label: str,
    curve: Incidence,
    number: int,
    scales: tuple[Scale, Scale],
    tick_days: Sequence[int],
    top: float,
) -> Drawn:
    color, dash = STYLES[number]
    after = [*curve.at_risk.tolist()[1:], 0]
    points: list[tuple[float, float, int]] = [
        (0, 0.0, curve.counts.n),
        *zip(curve.counts.days.tolist(), curve.incidence.tolist(), after, strict=True),
    ]
    few = next((i for i, p in enumerate(points) if p[2] < _MATURE), len(points) - 1)
    plain = [(day, value) for day, value, _ in points]
    shown = thinned(points, scales[0])
    late = thinned(plain[few:], scales[0])
    return Drawn(
        label=label,
        css=f"s{number + 1}",
        color=color,
        dash=dash,
        early=step_path(*scales, thinned(plain[: few + 1], scales[0])),
        late=step_path(*scales, late) if len(late) > 1 else "",
        band=_band(curve, *scales),
        censor_path="",
        median_path="",
        legend_y=place(PLOT_TOP + 14 + number * 18),
        heading_y=place(top),
        rows=_risk_rows(curve, scales[0], tick_days, top),
        n=curve.counts.n,
        events=int(curve.counts.events.sum()),
        days=" ".join(str(day) for day, _, _ in shown),
        values=" ".join(f"{value:.4f}" for _, value, _ in shown),
        risks=" ".join(str(at_risk) for _, _, at_risk in shown),
    )


def _band(curve: Incidence, scale_x: Scale, scale_y: Scale) -> str:
    steps = [(0.0, 0.0, 0.0)]
    days = curve.counts.days.tolist()
    for day, low, high in zip(days, curve.lower.tolist(), curve.upper.tolist(), strict=True):
        if low != low:  # NaN: everybody had the event; the band ends at that day
            return band_path(scale_x, scale_y, thinned(steps, scale_x), float(day))
        if (low, high) != steps[-1][1:]:
            steps.append((float(day), low, high))
    return band_path(scale_x, scale_y, thinned(steps, scale_x), float(days[-1]))


def _risk_rows(
    curve: Incidence, scale_x: Scale, tick_days: Sequence[int], top: float
) -> tuple[TableRow, ...]:
    columns = [_before(curve, day) for day in tick_days]
    names = (_("At risk"), _("Censored"), _("Events"), _("Competing"))
    return tuple(
        TableRow(
            name,
            place(top + (number + 1) * ROW),
            tuple(
                Cell(str(column[number]), place(scale_x.at(day)))
                for day, column in zip(tick_days, columns, strict=True)
            ),
        )
        for number, name in enumerate(names)
    )
