"""The Kaplan-Meier figure: curves, bands, censor ticks, medians and the table at risk.

Layout follows the form readers rated best: confidence band and an extended
table (at risk, censored, events) aligned with the axis, the three adding up to
n (KMunicate: Morris et al. 2019, BMJ Open 9:e030215).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from analytics.charts.printed import key_of
from analytics.charts.scales import (
    Scale,
    axis_years,
    band_path,
    place,
    step_path,
    thinned,
    year_ticks,
)
from analytics.stats.kaplan_meier import Curve
from analytics.stats.summaries import RiskRow, quantile, risk_table

# For display only: survival times stay whole days in every computation.
DAYS_A_YEAR = 365.25
MATURE_AT_RISK = 10
WIDTH, PLOT_TOP, PLOT_HEIGHT, LEFT, RIGHT = 760, 14, 300, 92, 20
ROW = 17
# Colour is never the only sign: each curve has its own dash. Light colours are written into the
# drawing so that a downloaded file stands alone; on a page the stylesheet's tokens override them.
STYLES = (
    ("#12436d", ""),
    ("#b4530a", "8 3"),
    ("#19746b", "2 3"),
    ("#801650", "10 3 2 3"),
)


@dataclass(frozen=True)
class Mark:
    """A tick on an axis: its text and its position."""

    text: str
    position: str


@dataclass(frozen=True)
class Cell:
    """One number of the table at risk."""

    text: str
    x: str


@dataclass(frozen=True)
class TableRow:
    """One line of the table at risk."""

    label: str
    y: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Drawn:
    """One group as drawn. `early` is the mature part of the curve, `late` the rest (few at risk).

    `days`, `values` and `risks` are the points of the curve as drawn, for readers of `data-*`.
    """

    label: str
    css: str
    color: str
    dash: str
    early: str
    late: str
    band: str
    censor_path: str
    median_path: str
    legend_y: str
    heading_y: str
    rows: tuple[TableRow, ...]
    n: int
    events: int
    days: str
    values: str
    risks: str


@dataclass(frozen=True)
class KaplanMeierFigure:
    """Everything the template needs, as text; positions in the drawing's own units."""

    width: int
    height: int
    left: str
    right: str
    top: str
    bottom: str
    axis_label_y: str
    middle: str
    x_ticks: tuple[Mark, ...]
    y_ticks: tuple[Mark, ...]
    groups: tuple[Drawn, ...]
    title: str
    description: str
    key: str
    axis_label: str
    plot: str
    legend_x: str
    legend_text_x: str


@dataclass(frozen=True)
class Group:
    """One curve to draw and its label."""

    label: str
    curve: Curve


def _points(curve: Curve) -> list[tuple[float, float, int]]:
    """(day, S, at risk just after the day) from the first day under observation, one entry a distinct day."""
    counts = curve.counts
    after = [*curve.at_risk.tolist()[1:], 0]
    entries = list(zip(curve.days.tolist(), curve.survival.tolist(), after, strict=True))
    # With delayed entry the curve begins where somebody is under observation.
    if entries and counts.waiting(0) == counts.n:
        return entries
    return [(0, 1.0, counts.n - counts.waiting(0)), *entries]


Points = list[tuple[float, float]]


def _split(points: list[tuple[float, float, int]], scale_x: Scale) -> tuple[Points, Points]:
    """The curve in two: as long as `MATURE_AT_RISK` are at risk, and from there on."""
    mature = [i for i, point in enumerate(points) if point[2] >= MATURE_AT_RISK]
    cut = min(mature[-1] + 1, len(points) - 1) if mature else 0
    plain = [(day, survival) for day, survival, _ in points]
    return thinned(plain[: cut + 1], scale_x), thinned(plain[cut:], scale_x)


def _band(curve: Curve, scale_x: Scale, scale_y: Scale) -> str:
    start = float(_points(curve)[0][0])
    steps = [(start, 1.0, 1.0)]
    for day, low, high in zip(
        curve.days.tolist(), curve.lower.tolist(), curve.upper.tolist(), strict=True
    ):
        if low != low:  # NaN: S is 0 and has no interval; the band ends at that day
            return band_path(scale_x, scale_y, thinned(steps, scale_x), float(day))
        if (low, high) != steps[-1][1:]:
            steps.append((float(day), low, high))
    last = float(curve.counts.last_day or 0)
    return band_path(scale_x, scale_y, thinned(steps, scale_x), last)


def _censor_path(curve: Curve, scale_x: Scale, scale_y: Scale) -> str:
    marks = [
        (day, survival)
        for day, survival, censored in zip(
            curve.days.tolist(),
            curve.survival.tolist(),
            curve.counts.censored.tolist(),
            strict=True,
        )
        if censored
    ]
    return "".join(
        f"M{place(scale_x.at(day))} {place(scale_y.at(survival) - 4)}v8"
        for day, survival in thinned(marks, scale_x)
    )


def _median_path(curve: Curve, scale_x: Scale, scale_y: Scale) -> str:
    median = quantile(curve).day
    if median is None:
        return ""
    x, y = place(scale_x.at(median)), place(scale_y.at(0.5))
    return f"M{place(scale_x.start)} {y}H{x}V{place(scale_y.start)}"


def _table_rows(rows: Sequence[RiskRow], scale_x: Scale, top: float) -> tuple[TableRow, ...]:
    lines = [
        (_("At risk"), [row.at_risk for row in rows]),
        (_("Censored"), [row.censored for row in rows]),
        (_("Events"), [row.events for row in rows]),
    ]
    if any(row.waiting for row in rows):
        lines.insert(0, (_("Not entered"), [row.waiting for row in rows]))
    return tuple(
        TableRow(
            label,
            place(top + number * ROW),
            tuple(
                Cell(str(value), place(scale_x.at(row.day)))
                for value, row in zip(values, rows, strict=True)
            ),
        )
        for number, (label, values) in enumerate(lines, start=1)
    )


def _describe(groups: Sequence[Group]) -> str:
    """The finding in words, for readers who do not see the drawing."""
    parts = []
    for group in groups:
        counts, median = group.curve.counts, quantile(group.curve).day
        reached = _("%(label)s: %(n)s records, %(events)s events, median %(years)s years")
        beyond = _("%(label)s: %(n)s records, %(events)s events, median not reached")
        told = {"label": group.label, "n": counts.n, "events": counts.n_events}
        told["years"] = "" if median is None else years(median)
        parts.append((beyond if median is None else reached) % told)
    return "; ".join(parts) + "."


def years(days: float) -> str:
    """Days as years with one decimal, cut and not rounded (rules.md, section 1)."""
    return f"{int(days / DAYS_A_YEAR * 10) / 10:.1f}"


FIRST_DOSE = gettext_noop("Years since the first dose of HD IL-2")


def kaplan_meier_figure(
    title: str, groups: Sequence[Group], axis_label: str = FIRST_DOSE
) -> KaplanMeierFigure:
    """Lay out one to four curves. Raises ValueError for another number of groups."""
    if not 1 <= len(groups) <= len(STYLES):
        raise ValueError("one to four curves fit one figure")
    last = max((group.curve.counts.last_day or 0) for group in groups)
    ticks = year_ticks(last, DAYS_A_YEAR)
    scale_x = Scale(0, axis_years(last, DAYS_A_YEAR) * DAYS_A_YEAR, LEFT, WIDTH - RIGHT)
    bottom = PLOT_TOP + PLOT_HEIGHT
    scale_y = Scale(0, 1, bottom, PLOT_TOP)
    # A tick is the first whole day of its year: at risk means observed that long or longer.
    tick_days = [int(-(-tick * DAYS_A_YEAR // 1)) for tick in ticks]
    lines = 4 + any(group.curve.counts.waiting(day) for group in groups for day in tick_days)
    block = lines * ROW + 6
    table_top = bottom + 52
    drawn = tuple(
        _draw(group, number, scale_x, scale_y, tick_days, table_top + number * block)
        for number, group in enumerate(groups)
    )
    return KaplanMeierFigure(
        width=WIDTH,
        height=table_top + len(groups) * block,
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
        description=_describe(groups),
        key=key_of(title),
        axis_label=_(axis_label),
        plot=f"{place(LEFT)} {place(WIDTH - RIGHT)} {PLOT_TOP} {bottom} {scale_x.high}",
        **legend_place([group.label for group in groups]),
    )


# Width of a letter of the legend at most, on average.
_LETTER = 7.2


def legend_place(labels: Sequence[str]) -> dict[str, str]:
    """Where the legend begins, so that its longest label ends at the plot's edge."""
    text = min(634.0, WIDTH - RIGHT - _LETTER * max(len(label) for label in labels))
    return {"legend_x": place(text - 34), "legend_text_x": place(text)}


def _draw(
    group: Group,
    number: int,
    scale_x: Scale,
    scale_y: Scale,
    tick_days: Sequence[int],
    table_top: float,
) -> Drawn:
    color, dash = STYLES[number]
    points = _points(group.curve)
    early, late = _split(points, scale_x)
    shown = thinned(points, scale_x)
    counts = group.curve.counts
    return Drawn(
        label=group.label,
        css=f"s{number + 1}",
        color=color,
        dash=dash,
        early=step_path(scale_x, scale_y, early),
        late=step_path(scale_x, scale_y, late) if len(late) > 1 else "",
        band=_band(group.curve, scale_x, scale_y),
        censor_path=_censor_path(group.curve, scale_x, scale_y),
        median_path=_median_path(group.curve, scale_x, scale_y),
        legend_y=place(PLOT_TOP + 14 + number * 18),
        heading_y=place(table_top),
        rows=_table_rows(risk_table(counts, tick_days), scale_x, table_top),
        n=counts.n,
        events=counts.n_events,
        days=" ".join(str(day) for day, _, _ in shown),
        values=" ".join(f"{survival:.4f}" for _, survival, _ in shown),
        risks=" ".join(str(at_risk) for _, _, at_risk in shown),
    )
