"""The flow diagram: boxes from registered to eligible, beside each step who left and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from analytics.charts.printed import PrintedFigure, PrintedTable, key_of
from analytics.charts.scales import place
from analytics.derivation.wording import reason
from analytics.queries.flow import FIRST, Flow, Reason, Step

WIDTH, LEFT, BOX_WIDTH, SIDE_LEFT, SIDE_WIDTH = 844, 8, 290, 336, 500
# What fits a line of a side box; the longest reason of these criteria has 66 letters.
LETTERS = 70
BOX_HEIGHT, LINE, PADDING, GAP = 48, 17, 12, 16
VALUES: Final = {"no": gettext_noop("Not met"), "unknown": gettext_noop("Not known")}
TITLE: Final = gettext_noop("From registered to eligible records")
ADDS_UP: Final = gettext_noop(
    "Each box is the one before it less those who left; a record leaves at the first criterion, in this order, that is not "
    "met or not known. Registered: records whose consent stands. Criteria: rule set of the registry."
)
NO_REASONS: Final = gettext_noop("Reasons are told to members of the centers.")
SMALL: Final = gettext_noop(
    "Withheld: a box, or who left before it, is below 11 records, and you are not a member of the centers."
)
COLUMNS: Final = ("step", "criterion", "value", "reason", "records")


@dataclass(frozen=True)
class Line:
    """A line of text; `address` leads to the records, empty for none."""

    text: str
    number: str
    address: str
    y: str


@dataclass(frozen=True)
class Box:
    """A box as drawn, with the way out on its right (empty for none) before it."""

    label: str
    number: str
    address: str
    y: str
    number_y: str
    label_y: str
    arrow: str
    side_y: str
    side_height: str
    side_arrow: str
    lines: tuple[Line, ...]
    value: int | None


@dataclass(frozen=True)
class FlowFigure:
    """Everything the template needs."""

    width: int
    height: int
    key: str
    title: str
    description: str
    boxes: tuple[Box, ...]


def printed_flow(
    flow: Flow, reasons: Mapping[str, Sequence[Reason]], query: str, *, linked: bool
) -> PrintedFigure:
    """The diagram; `reasons` by criterion (empty: not told), `linked`: every n leads to its records."""
    notes = [_(ADDS_UP)]
    if flow.withheld:
        notes.append(_(SMALL))
    elif not reasons:
        notes.append(_(NO_REASONS))
    rows = _rows(flow, reasons)
    return PrintedFigure(
        key="flow",
        name="flow",
        title=_(TITLE),
        notes=tuple(notes),
        tables=(PrintedTable(_(TITLE), (_("Step"), _("Records")), _text_rows(flow, reasons)),),
        columns=COLUMNS,
        rows=rows,
        template="analytics/figures/flow.svg",
        drawing=_figure(flow, reasons, f"&{query}" if query else "", linked),
        document={"steps": [dict(zip(COLUMNS, row, strict=True)) for row in rows]},
    )


def _rows(flow: Flow, reasons: Mapping[str, Sequence[Reason]]) -> tuple[tuple[Any, ...], ...]:
    rows: list[tuple[Any, ...]] = [(0, FIRST, "yes", None, flow.registered)]
    for number, step in enumerate(flow.steps, start=1):
        for value, count in (("no", step.no), ("unknown", step.unknown)):
            rows.append((number, step.criterion, value, None, count))
            rows += [
                (number, step.criterion, value, found.code, found.number)
                for found in reasons.get(step.criterion, ())
                if found.value == value
            ]
        rows.append((number, step.criterion, "yes", None, step.met))
    return tuple(rows)


def _text_rows(flow: Flow, reasons: Mapping[str, Sequence[Reason]]) -> tuple[tuple[str, str], ...]:
    rows = [(_("Registered"), _count(flow.registered))]
    for step in flow.steps:
        for value, count in (("no", step.no), ("unknown", step.unknown)):
            left = {"criterion": _(step.label).lower(), "value": _(VALUES[value]).lower()}
            rows.append((_("Left: %(criterion)s: %(value)s") % left, _count(count)))
            rows += [
                (_("of these: %(reason)s") % {"reason": _(reason(found.code))}, str(found.number))
                for found in reasons.get(step.criterion, ())
                if found.value == value
            ]
        rows.append((_(step.label), _count(step.met)))
    return tuple(rows)


def _count(number: int | None) -> str:
    return _("withheld") if number is None else f"{number:,}"


def _figure(
    flow: Flow, reasons: Mapping[str, Sequence[Reason]], query: str, linked: bool
) -> FlowFigure:
    def address(step: str, value: str) -> str:
        return f"?step={step}&value={value}{query}" if linked else ""

    boxes = [_box(_("Registered"), flow.registered, address(FIRST, "yes"), 4, ())]
    top = 4.0 + BOX_HEIGHT
    for step in flow.steps:
        lines = _lines(step, reasons.get(step.criterion, ()), address)
        side = len(lines) * LINE + PADDING
        # The way out hangs between two boxes and decides how far apart they stand.
        below = top + side + 2 * GAP
        label = _(step.label)
        if step is flow.steps[-1]:
            label = _("%(step)s: eligible") % {"step": label}
        boxes.append(_box(label, step.met, address(step.criterion, "yes"), below, lines, top + GAP))
        top = below + BOX_HEIGHT
    last = flow.steps[-1].met
    return FlowFigure(
        width=WIDTH,
        height=int(top) + 6,
        key=key_of(TITLE),
        title=_(TITLE),
        description=_("%(registered)s registered, %(eligible)s eligible.")
        % {"registered": _count(flow.registered), "eligible": _count(last)},
        boxes=tuple(boxes),
    )


def _lines(step: Step, reasons: Sequence[Reason], address: Any) -> list[tuple[str, str, str]]:
    """(text, number, address) of who left: each value, then its reasons."""
    lines = []
    for value, count in (("no", step.no), ("unknown", step.unknown)):
        lines.append((_(VALUES[value]), _count(count), address(step.criterion, value)))
        lines += [
            (f"\u2013 {_short(found.code)}", str(found.number), "")
            for found in reasons
            if found.value == value
        ]
    return lines


def _short(code: str) -> str:
    text = _(reason(code))
    return text if len(text) <= LETTERS else f"{text[: LETTERS - 1].rsplit(' ', 1)[0]}\u2026"


def _box(
    label: str,
    number: int | None,
    address: str,
    top: float,
    lines: Sequence[tuple[str, str, str]],
    side: float = 0.0,
) -> Box:
    middle = LEFT + BOX_WIDTH / 2
    height = len(lines) * LINE + PADDING
    before = side - GAP
    return Box(
        label=label,
        number=_count(number),
        address=address,
        y=place(top),
        number_y=place(top + 39),
        label_y=place(top + 19),
        arrow=f"M{place(middle)} {place(before)}V{place(top - 2)}m-4-6 4 6 4-6" if lines else "",
        side_y=place(side),
        side_height=place(height),
        side_arrow=f"M{place(middle)} {place(side + height / 2)}H{SIDE_LEFT - 2}m-6-4 6 4-6 4"
        if lines
        else "",
        lines=tuple(
            Line(text, count, target, place(side + PADDING / 2 + LINE * (row + 0.72)))
            for row, (text, count, target) in enumerate(lines)
        ),
        value=number,
    )
