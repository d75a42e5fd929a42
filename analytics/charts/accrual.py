"""Accrual: one large panel for all centers, and a small one for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from analytics.charts.km import Mark
from analytics.charts.printed import PrintedFigure, PrintedTable, key_of
from analytics.charts.scales import Scale, place, step_path
from analytics.queries.accrual import Accrual

WIDTH, LEFT, RIGHT, TOP = 760, 52, 16, 26
TALL, SHORT, ACROSS, BETWEEN, LABELS = 220, 84, 4, 26, 40
# More panels than these do not fit a page: then the table has them.
MOST_PANELS: Final = 24
STEPS: Final = (1, 2, 5)
TITLES: Final = {
    "treated": gettext_noop("Treated records, cumulative, by month of the first dose of HD IL-2"),
    "entered": gettext_noop("Treated records, cumulative, by month of entry into the registry"),
}
COLUMNS: Final = ("center", "by", "records")
TABLE_COLUMNS: Final = (
    gettext_noop("Center"),
    gettext_noop("Records"),
    gettext_noop("Last 12 months"),
    gettext_noop("A month, of these"),
    gettext_noop("First"),
    gettext_noop("Last"),
)
MONTHS: Final = gettext_noop(
    "The last 12 months are those before the cutoff. Small panels share one scale, so that they may be "
    "compared."
)
LADDER: Final = gettext_noop(
    "Pooled figures stand at days between which at least 11 records came in, or nobody; centers, months and the last "
    "12 months are shown to members."
)


@dataclass(frozen=True)
class Panel:
    """One panel as drawn, its positions absolute."""

    label: str
    label_x: str
    label_y: str
    path: str
    axis: str
    grid: tuple[Mark, ...]
    grid_left: str
    grid_right: str
    ticks: tuple[Mark, ...]
    tick_y: str
    css: str
    days: str
    values: str


@dataclass(frozen=True)
class AccrualFigure:
    """Everything the template needs."""

    width: int
    height: int
    key: str
    title: str
    description: str
    panels: tuple[Panel, ...]


def printed_accrual(
    curves: Sequence[Accrual], of: str, cutoff: date, *, pooled: bool
) -> PrintedFigure | None:
    """The figure of all centers together (first) and of each; None without any record."""
    if not curves:
        return None
    title = _(TITLES[of])
    notes = [
        _("Treated records of melanoma and renal cell carcinoma whose consent stands."),
        _(LADDER if pooled else MONTHS),
    ]
    if len(curves) - 1 > MOST_PANELS:
        notes.append(
            _("More than %(most_panels)s centers: the table has each.")
            % {"most_panels": MOST_PANELS}
        )
    rows = [(one.name or "all", day.isoformat(), n) for one in curves for day, n in one.points]
    return PrintedFigure(
        key="accrual",
        name=f"accrual-{of}",
        title=title,
        notes=tuple(notes),
        tables=(
            PrintedTable(title, tuple(map(_, TABLE_COLUMNS)), tuple(_line(one) for one in curves)),
            PrintedTable(
                _("All centers by year"), (_("By the end of"), _("Records")), _by_year(curves[0])
            ),
        ),
        columns=COLUMNS,
        rows=tuple(rows),
        template="analytics/figures/accrual.svg",
        drawing=_figure(title, curves, cutoff),
        parameters={"of": of},
        document={"curves": [_document(one) for one in curves]},
    )


def _line(one: Accrual) -> tuple[str, ...]:
    recent = one.recent
    return (
        one.name or _("All"),
        str(one.total),
        "-" if recent is None else str(recent),
        "-" if recent is None else f"{recent / 12:.2f}",
        f"{one.points[0][0]:%b-%Y}",
        f"{one.points[-1][0]:%b-%Y}",
    )


def _by_year(one: Accrual) -> tuple[tuple[str, str], ...]:
    years = {day.year: number for day, number in one.points}
    return tuple((str(year), str(number)) for year, number in years.items())


def _document(one: Accrual) -> dict[str, Any]:
    return {
        "center": one.name or None,
        "records": one.total,
        "last_12_months": one.recent,
        "points": [{"by": day.isoformat(), "records": number} for day, number in one.points],
    }


def _figure(title: str, curves: Sequence[Accrual], cutoff: date) -> AccrualFigure:
    first = min(one.points[0][0] for one in curves).replace(month=1, day=1)
    last = max(cutoff, *(one.points[-1][0] for one in curves))
    span = (first, last)
    panels = [_panel(curves[0], span, (LEFT, TOP, WIDTH - LEFT - RIGHT, TALL), curves[0].total, 8)]
    small = curves[1:] if len(curves) - 1 <= MOST_PANELS else ()
    width = (WIDTH - LEFT - RIGHT - (ACROSS - 1) * BETWEEN) / ACROSS
    highest = max((one.total for one in small), default=1)
    below = TOP + TALL + LABELS
    for number, one in enumerate(small):
        place_ = (
            LEFT + (number % ACROSS) * (width + BETWEEN),
            below + TOP + (number // ACROSS) * (SHORT + TOP + LABELS / 2),
            width,
            SHORT,
        )
        panels.append(_panel(one, span, place_, highest, 2))
    lines = -(-len(small) // ACROSS)
    return AccrualFigure(
        width=WIDTH,
        height=int(below + lines * (SHORT + TOP + LABELS / 2)) + 4,
        key=key_of(title),
        title=title,
        description=_describe(curves, first, last),
        panels=tuple(panels),
    )


def _describe(curves: Sequence[Accrual], first: date, last: date) -> str:
    at_centers = _("%(records)s records from %(first)s to %(last)s, at %(centers)s centers.")
    said = at_centers if len(curves) > 1 else _("%(records)s records from %(first)s to %(last)s.")
    return said % {
        "records": curves[0].total,
        "first": first.year,
        "last": last.year,
        "centers": len(curves) - 1,
    }


def _panel(
    one: Accrual,
    span: tuple[date, date],
    box: tuple[float, float, float, float],
    highest: int,
    most_ticks: int,
) -> Panel:
    left, top, width, height = box
    bottom = top + height
    scale_x = Scale(span[0].toordinal(), span[1].toordinal(), left, left + width)
    scale_y = Scale(0, highest, bottom, top)
    points = [(float(span[0].toordinal()), 0.0)]
    points += [(float(day.toordinal()), float(number)) for day, number in one.points]
    points.append((float(span[1].toordinal()), float(one.total)))
    years = range(span[0].year, span[1].year + 1)
    every = next((s for s in (1, 2, 5, 10, 20) if len(years) / s <= most_ticks + 1), 50)
    shown = [year for year in years if year % every == 0]
    return Panel(
        label=f"{one.name or _('All centers')}: {one.total}",
        label_x=place(left),
        label_y=place(top - 8),
        path=step_path(scale_x, scale_y, points),
        axis=f"M{place(left)} {place(top)}V{place(bottom)}H{place(left + width)}",
        grid=tuple(Mark(str(n), place(scale_y.at(n))) for n in _levels(highest, most_ticks > 2)),
        grid_left=place(left),
        grid_right=place(left + width),
        ticks=tuple(Mark(str(y), place(scale_x.at(date(y, 1, 1).toordinal()))) for y in shown),
        tick_y=place(bottom + 15),
        css="s2" if one.name else "s1",
        days=" ".join(day.isoformat() for day, _ in one.points),
        values=" ".join(str(number) for _, number in one.points),
    )


def _levels(highest: int, fine: bool) -> list[int]:
    """Round numbers up to the highest: about four of them, or one on a small panel."""
    if not fine:
        return [highest]
    step, power = 1, 1
    while highest / step > 5:
        for factor in STEPS:
            step = factor * power
            if highest / step <= 5:
                break
        power *= 10
    return list(range(step, highest + 1, step))
