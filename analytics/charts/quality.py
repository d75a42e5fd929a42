"""Completeness as a heat map with its numbers, and what is open, as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from analytics.charts.km import years
from analytics.charts.printed import PrintedFigure, PrintedTable, key_of
from analytics.charts.scales import place
from analytics.derivation.wording import CRITERIA, reason
from analytics.queries.quality import CURRENT_MONTHS, FOLLOW_UP, CenterState, Quality, Share, total
from patients.rules.dictionary import RECORD_FORMS

WIDTH, LEFT, TOP, ROW, GUTTER = 760, 74, 46, 30, 3
POOLED: Final = gettext_noop("All")
COLUMNS: Final[Mapping[str, str]] = {
    "patients": gettext_noop("Baseline"),
    "prior_therapies": gettext_noop("Prior"),
    "courses": gettext_noop("Courses"),
    "cycles": gettext_noop("Cycles"),
    "assessments": gettext_noop("Assessments"),
    "local_therapies": gettext_noop("Local"),
    "systemic_therapies": gettext_noop("Systemic"),
    "follow_ups": gettext_noop("Follow-ups"),
    FOLLOW_UP: gettext_noop("Current"),
}
FORMS: Final = tuple(form.name for form in RECORD_FORMS)
DEFINITION: Final = gettext_noop(
    "Of each form: rows that stand in which every field of need C (data dictionary) holds a value or a coded reason, per "
    "cent of all that stand; the denominator is what was entered, not visits to come. Current: treated records dead or "
    "known alive within %(months)s months before the cutoff, per cent of all treated. Empty: nothing entered."
)
COMPARISON: Final = gettext_noop(
    "Completeness and follow-up alone. Survival is not compared between centers: whom a center treats, and when, differs. "
    "Follow-up: median years by reverse Kaplan-Meier. Lag: median days from a contact to its entry (quartiles); contacts "
    "entered from old charts make it long."
)
AGES: Final = (
    gettext_noop("Under 30 days"),
    gettext_noop("30 to 89"),
    gettext_noop("90 to 364"),
    gettext_noop("A year or more"),
)


@dataclass(frozen=True)
class HeatCell:
    """A cell as drawn: per cent as text, the shade as opacity of one hue."""

    x: str
    y: str
    middle: str
    text_y: str
    text: str
    shade: str
    title: str
    is_dark: bool


@dataclass(frozen=True)
class HeatRow:
    """A center's cells."""

    label: str
    text_y: str
    cells: tuple[HeatCell, ...]


@dataclass(frozen=True)
class HeatFigure:
    """Everything the template needs."""

    width: int
    height: int
    key: str
    title: str
    description: str
    cell_width: str
    heads: tuple[tuple[str, str], ...]
    rows: tuple[HeatRow, ...]


def printed_completeness(cells: Mapping[str, Mapping[str, Share]]) -> PrintedFigure | None:
    """The heat map: a line a center (or all of them as one) and a column a form; None without any row."""
    if not cells:
        return None
    title = (
        _("Completeness by center and form") if POOLED not in cells else _("Completeness by form")
    )
    rows = tuple(
        (center, form, share.number, share.of, share.number / share.of if share.of else None)
        for center, found in cells.items()
        for form, share in found.items()
    )
    texts = tuple(
        (_center_label(center), *(_told(found.get(form)) for form in COLUMNS))
        for center, found in cells.items()
    )
    return PrintedFigure(
        key="completeness",
        name="completeness",
        title=title,
        notes=(_(DEFINITION) % {"months": CURRENT_MONTHS},),
        tables=(
            PrintedTable(
                _("Complete of all that stand"), (_("Center"), *map(_, COLUMNS.values())), texts
            ),
        ),
        columns=("center", "form", "complete", "of", "share"),
        rows=rows,
        template="analytics/figures/heat.svg",
        drawing=_figure(title, cells),
        document={
            "cells": [
                dict(zip(("center", "form", "complete", "of", "share"), row, strict=True))
                for row in rows
            ]
        },
    )


def _center_label(center: str) -> str:
    return _(POOLED) if center == POOLED else center


def _told(share: Share | None) -> str:
    return "-" if share is None or not share.of else f"{share.number}/{share.of}"


def _figure(title: str, cells: Mapping[str, Mapping[str, Share]]) -> HeatFigure:
    width = (WIDTH - LEFT) / len(COLUMNS)
    heads = tuple(
        (_(label), place(LEFT + (n + 0.5) * width)) for n, label in enumerate(COLUMNS.values())
    )
    rows = tuple(
        HeatRow(
            _center_label(center),
            place(TOP + (row + 0.5) * ROW),
            tuple(
                _cell(
                    found.get(form),
                    _center_label(center),
                    _(label),
                    LEFT + n * width,
                    TOP + row * ROW,
                    width,
                )
                for n, (form, label) in enumerate(COLUMNS.items())
            ),
        )
        for row, (center, found) in enumerate(cells.items())
    )
    everything = [total(found, FORMS) for found in cells.values()]
    number, of = sum(s.number for s in everything), sum(s.of for s in everything)
    return HeatFigure(
        width=WIDTH,
        height=TOP + len(cells) * ROW + 4,
        key=key_of(title),
        title=title,
        description=_("%(number)s of %(of)s rows are complete, at %(centers)s center(s).")
        % {"number": number, "of": of, "centers": len(cells)},
        cell_width=place(width - GUTTER),
        heads=heads,
        rows=rows,
    )


def _cell(
    share: Share | None, center: str, form: str, x: float, y: float, width: float
) -> HeatCell:
    part = share.number / share.of if share and share.of else None
    # Never "100%" for less than all, nor "0%" for more than none.
    percent = (
        0 if part is None else min(max(round(part * 100), int(part > 0)), 100 if part == 1 else 99)
    )
    return HeatCell(
        x=place(x),
        y=place(y),
        middle=place(x + (width - GUTTER) / 2),
        text_y=place(y + ROW / 2),
        text="" if part is None else f"{percent}%",
        shade="0" if part is None else f"{0.06 + 0.94 * part**2:.3f}",
        title=f"{center}, {form}: {_told(share)}",
        is_dark=part is not None and part > 0.8,
    )


def printed_centers(
    found: Quality, cells: Mapping[str, Mapping[str, Share]]
) -> PrintedFigure | None:
    """Centers side by side: completeness and follow-up, nothing of how patients fared."""
    if not found.centers:
        return None
    heads = (
        _("Center"), _("Records"), _("Treated"), _("Rows complete"), _("Current follow-up"), _("Follow-up, years"),
        _("Eligibility unknown"), _("Open queries, per 100 records"), _("Lag, days"),
    )  # fmt: skip
    rows = tuple(_center(state, cells.get(state.code, {})) for state in found.centers)
    columns = (
        "center", "records", "treated", "complete", "rows", "current", "current_of", "follow_up_days",
        "eligibility_unknown", "open_queries", "lag_days",
    )  # fmt: skip
    raw = tuple(_raw(state, cells.get(state.code, {})) for state in found.centers)
    return PrintedFigure(
        key="centers",
        name="centers",
        title=_("Centers: completeness and follow-up"),
        notes=(_(COMPARISON),),
        tables=(PrintedTable(_("Centers, by code"), heads, rows),),
        columns=columns,
        rows=raw,
        document={"centers": [dict(zip(columns, row, strict=True)) for row in raw]},
    )


def _percent(share: Share) -> str:
    return f"{share.number / share.of:.0%}" if share.of else "-"


def _center(state: CenterState, cells: Mapping[str, Share]) -> tuple[str, ...]:
    per_100 = 100 * state.open_queries / state.records
    lag = "-" if state.lag is None else _lag(*state.lag)
    return (
        state.code,
        str(state.records),
        str(state.treated),
        _percent(total(cells, FORMS)),
        _percent(total(cells, (FOLLOW_UP,))),
        "NR" if state.follow_up is None else years(state.follow_up),
        str(state.unknown),
        f"{state.open_queries} ({per_100:.0f})",
        lag,
    )


def _lag(low: float, median: float, high: float) -> str:
    numbers = {"low": f"{low:,.0f}", "median": f"{median:,.0f}", "high": f"{high:,.0f}"}
    return _("%(median)s (%(low)s to %(high)s)") % numbers


def _raw(state: CenterState, cells: Mapping[str, Share]) -> tuple[Any, ...]:
    rows, current = total(cells, FORMS), total(cells, (FOLLOW_UP,))
    return (
        state.code, state.records, state.treated, rows.number, rows.of, current.number, current.of,
        state.follow_up, state.unknown, state.open_queries, state.lag[1] if state.lag else None,
    )  # fmt: skip


def printed_queries(found: Quality) -> PrintedFigure | None:
    """Open queries by check and age; None when nothing is open."""
    if not found.queries:
        return None
    rows = tuple(
        (_words(check), *map(str, ages), str(sum(ages))) for check, ages in found.queries.items()
    )
    raw = tuple((check, *ages) for check, ages in found.queries.items())
    columns = ("check", "under_30_days", "30_to_89", "90_to_364", "365_and_over")
    return PrintedFigure(
        key="queries",
        name="open-queries",
        title=_("Open queries by check and age"),
        notes=(_("Queries that are open now, whatever the cutoff."),),
        tables=(PrintedTable(_("Open queries"), (_("Check"), *map(_, AGES), _("All")), rows),),
        columns=columns,
        rows=raw,
        document={"queries": [dict(zip(columns, row, strict=True)) for row in raw]},
    )


def _words(check: str) -> str:
    """The id of a check as words: what it is about, then what."""
    about, _, what = check.replace("_", " ").partition(".")
    return f"{about.capitalize()}: {what}" if what else about.capitalize()


def printed_unknowns(unknowns: Sequence[tuple[str, str, int]]) -> PrintedFigure | None:
    """Criteria of treated records that are not known, by reason; None when all are."""
    if not unknowns:
        return None
    columns = ("criterion", "reason", "records")
    return PrintedFigure(
        key="unknowns",
        name="unknown-criteria",
        title=_("Criteria not known, by reason"),
        notes=(
            _("Of treated records; a record counts once for each criterion that is not known."),
        ),
        tables=(
            PrintedTable(
                _("Criteria not known"),
                (_("Criterion"), _("Reason"), _("Records")),
                tuple((_(CRITERIA[name]), _(reason(code)), str(n)) for name, code, n in unknowns),
                words=2,
            ),
        ),
        columns=columns,
        rows=tuple(unknowns),
        document={"unknowns": [dict(zip(columns, row, strict=True)) for row in unknowns]},
    )
