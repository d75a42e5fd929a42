"""The swimmer plot: a lane a record, from the first dose to the last day known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from analytics.charts.cohort import disease_label
from analytics.charts.km import DAYS_A_YEAR, FIRST_DOSE, Mark, years
from analytics.charts.printed import PrintedFigure, PrintedTable, key_of
from analytics.charts.scales import Scale, axis_years, place, year_ticks
from analytics.queries.swimmer import Lane, Lanes

WIDTH, LEFT, RIGHT, TOP, LANE = 760, 148, 26, 66, 24
# A cycle takes a week.
CYCLE_DAYS: Final = 7
# Shape of each mark about (0, 0), and whether it is filled: shape tells, colour only helps.
SHAPES: Final = {
    "CR": ("M0-5 5 4H-5Z", True),
    "PR": ("M0-5 5 4H-5Z", False),
    "SD": ("M-4-4H4V4H-4Z", False),
    "PD": ("M0-5.5 5.5 0 0 5.5-5.5 0Z", True),
    "NED": ("M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0", False),
    "local": ("M-1.5-5h3v3.5h3.5v3h-3.5v3.5h-3v-3.5h-3.5v-3h3.5Z", False),
    "systemic": ("M0 5 5-4H-5Z", True),
    "death": ("M-4-4 4 4M4-4-4 4", False),
    "alive": ("M-3 0H7M3-4 7 0 3 4", False),
}
NAMES: Final = {
    "CR": gettext_noop("Complete response"),
    "PR": gettext_noop("Partial response"),
    "SD": gettext_noop("Stable disease"),
    "PD": gettext_noop("Progression"),
    "NED": gettext_noop("No evidence of disease"),
    "local": gettext_noop("Local therapy"),
    "systemic": gettext_noop("Later systemic therapy"),
    "death": gettext_noop("Died"),
    "alive": gettext_noop("Alive, last known"),
}
COLUMNS: Final = ("registry_number", "center", "disease", "what", "code", "day")
TABLE_COLUMNS: Final = (
    gettext_noop("Record"),
    gettext_noop("Center"),
    gettext_noop("Disease"),
    gettext_noop("PFS, years"),
    gettext_noop("Followed, years"),
    gettext_noop("End"),
    gettext_noop("Best response"),
    gettext_noop("Marks: years"),
)
ABOUT: Final = gettext_noop(
    "A lane is a treated record of your own centers, from the first dose of HD IL-2 to death or the last day known "
    "alive. Thick bar: progression-free survival (primary); thin line: the rest of the observation; dark segments: courses "
    "of HD IL-2, drawn at least three units wide. Days without an exact date stand at the middle of what is known."
)


@dataclass(frozen=True)
class Symbol:
    """A mark as drawn."""

    path: str
    filled: bool
    x: str
    y: str
    kind: str
    title: str


@dataclass(frozen=True)
class DrawnLane:
    """A lane as drawn."""

    label: str
    note: str
    href_id: str
    y: str
    text_y: str
    bar: str
    rest: str
    courses: tuple[tuple[str, str], ...]
    symbols: tuple[Symbol, ...]
    pfs_days: int
    os_days: int


@dataclass(frozen=True)
class SwimmerFigure:
    """Everything the template needs."""

    width: int
    height: int
    key: str
    title: str
    description: str
    top: str
    bottom: str
    middle: str
    axis_label: str
    axis_label_y: str
    ticks: tuple[Mark, ...]
    legend: tuple[Symbol, ...]
    lanes: tuple[DrawnLane, ...]


def printed_swimmer(found: Lanes) -> PrintedFigure | None:
    """The figure of one page of lanes; None without any."""
    if not found.lanes:
        return None
    title = _("Swimmer plot: treated records of your centers")
    if found.pages > 1:
        part = _("Swimmer plot: treated records of your centers, page %(page)s of %(pages)s")
        title = part % {"page": found.page, "pages": found.pages}
    return PrintedFigure(
        key="swimmer",
        name=f"swimmer-{found.page}" if found.pages > 1 else "swimmer",
        title=title,
        notes=(
            _(ABOUT),
            _("%(shown)s of %(total)s treated records.")
            % {"shown": len(found.lanes), "total": found.total},
        ),
        tables=(_table(found.lanes),),
        columns=COLUMNS,
        rows=tuple(row for lane in found.lanes for row in _rows(lane)),
        template="analytics/figures/swimmer.svg",
        drawing=_figure(title, found.lanes),
        parameters={"page": found.page},
        document={"lanes": [_document(lane) for lane in found.lanes]},
    )


def _marks(lane: Lane) -> list[tuple[str, str, int]]:
    """(shape, code, day) of a lane, the end included."""
    marks = [(code if kind == "response" else kind, code, day) for kind, code, day in lane.marks]
    return [*marks, ("death" if lane.os_event else "alive", "", lane.os_days)]


def _table(lanes: Sequence[Lane]) -> PrintedTable:
    rows = tuple(
        (
            lane.registry_number,
            lane.center,
            disease_label(lane.disease),
            years(lane.pfs_days) + ("" if lane.pfs_event else "+"),
            years(lane.os_days),
            _("died") if lane.os_event else _("alive"),
            lane.best_response or "-",
            "; ".join(
                f"{_(NAMES[shape]).lower()} {years(day)}" for shape, _code, day in _marks(lane)[:-1]
            )
            or "-",
        )
        for lane in lanes
    )
    return PrintedTable(
        _("Lanes; + is censored; years since the first dose."),
        tuple(map(_, TABLE_COLUMNS)),
        rows,
        words=3,
    )


def _rows(lane: Lane) -> list[tuple[Any, ...]]:
    who = (lane.registry_number, lane.center, lane.disease)
    courses = [(*who, "course", "", first) for first, _ in lane.courses]
    marks = [(*who, *mark) for mark in lane.marks]
    pfs = "event" if lane.pfs_event else "censored"
    end = "death" if lane.os_event else "alive"
    return [*courses, *marks, (*who, "pfs", pfs, lane.pfs_days), (*who, "end", end, lane.os_days)]


def _document(lane: Lane) -> dict[str, Any]:
    return {
        "registry_number": lane.registry_number,
        "center": lane.center,
        "disease": lane.disease,
        "pfs_days": lane.pfs_days,
        "pfs_event": lane.pfs_event,
        "os_days": lane.os_days,
        "os_event": lane.os_event,
        "best_response": lane.best_response,
        "courses": [list(course) for course in lane.courses],
        "marks": [list(mark) for mark in lane.marks],
    }


def _figure(title: str, lanes: Sequence[Lane]) -> SwimmerFigure:
    last = max(lane.os_days for lane in lanes)
    scale = Scale(0, axis_years(last, DAYS_A_YEAR) * DAYS_A_YEAR, LEFT, WIDTH - RIGHT)
    bottom = TOP + len(lanes) * LANE
    return SwimmerFigure(
        width=WIDTH,
        height=bottom + 46,
        key=key_of(title),
        title=title,
        description=_describe(lanes),
        top=place(TOP),
        bottom=place(bottom),
        middle=place((LEFT + WIDTH - RIGHT) / 2),
        axis_label=_(FIRST_DOSE),
        axis_label_y=place(bottom + 36),
        ticks=tuple(
            Mark(str(tick), place(scale.at(tick * DAYS_A_YEAR)))
            for tick in year_ticks(last, DAYS_A_YEAR)
        ),
        legend=_legend(),
        lanes=tuple(_lane(lane, TOP + row * LANE, scale) for row, lane in enumerate(lanes)),
    )


def _legend() -> tuple[Symbol, ...]:
    """Two rows of five above the lanes."""
    return tuple(
        Symbol(
            path, filled, place(10 + 152 * (n % 5)), place(14 + 20 * (n // 5)), kind, _(NAMES[kind])
        )
        for n, (kind, (path, filled)) in enumerate(SHAPES.items())
    )


def _describe(lanes: Sequence[Lane]) -> str:
    died = sum(lane.os_event for lane in lanes)
    said = _(
        "%(records)s records, %(died)s died, %(alive)s alive when last known; the longest observed for "
        "%(years)s years."
    )
    longest = years(max(lane.os_days for lane in lanes))
    alive = len(lanes) - died
    return said % {"records": len(lanes), "died": died, "alive": alive, "years": longest}


def _lane(lane: Lane, top: int, scale: Scale) -> DrawnLane:
    y = top + LANE / 2
    end = scale.at(lane.os_days)
    courses = tuple(
        (
            place(scale.at(first)),
            place(max(scale.at(last + CYCLE_DAYS) - scale.at(first), 3)),
        )
        for first, last in lane.courses
    )
    symbols = tuple(
        Symbol(
            *SHAPES[shape],
            place(scale.at(day) + (4 if shape == "alive" else 0)),
            place(y),
            shape,
            _("%(what)s, %(years)s years") % {"what": _(NAMES[shape]), "years": years(day)},
        )
        for shape, _code, day in _marks(lane)
    )
    return DrawnLane(
        label=lane.registry_number,
        note=_("RCC") if lane.disease == "renal_cell" else _("Mel"),
        href_id=str(lane.public_id),
        y=place(y - 5),
        text_y=place(y),
        bar=place(scale.at(lane.pfs_days) - LEFT),
        rest=f"M{LEFT} {place(y)}H{place(end)}",
        courses=courses,
        symbols=symbols,
        pfs_days=lane.pfs_days,
        os_days=lane.os_days,
    )
