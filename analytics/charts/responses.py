"""Response rates with exact intervals: a point and its interval for each, by disease."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from analytics.charts.cohort import disease_label, span_text
from analytics.charts.km import Mark
from analytics.charts.printed import PrintedFigure, PrintedTable, key_of
from analytics.charts.scales import Scale, place
from analytics.queries.responses import Counts
from analytics.stats.proportions import Proportion, proportion

WIDTH, LEFT, RIGHT, TOP, LINE, GAP = 760, 224, 216, 10, 22, 14
RATES: Final[Mapping[str, tuple[str, ...]]] = {
    gettext_noop("Complete or partial (objective)"): ("CR", "PR"),
    gettext_noop("Complete"): ("CR",),
    gettext_noop("Partial"): ("PR",),
    gettext_noop("Stable"): ("SD",),
    gettext_noop("Progressive"): ("PD",),
    gettext_noop("Not evaluable or not recorded"): ("NE",),
}
TITLE: Final = gettext_noop("Best overall response of treated records")
NOTES: Final = (
    (
        gettext_noop(
            "Best overall response after the first dose of HD IL-2, up to progression or a later systemic therapy; a resection "
            "never upgrades it. Denominator: all treated records, not evaluable ones included."
        )
    ),
    gettext_noop("Bars: exact 95% confidence interval (Clopper-Pearson)."),
)
COLUMNS: Final = ("disease", "response", "records", "of", "share", "lower", "upper")


@dataclass(frozen=True)
class Line:
    """A rate as drawn; a heading has no bar."""

    label: str
    y: str
    bar: str = ""
    x: str = ""
    text: str = ""
    share: str = ""
    css: str = "s1"


@dataclass(frozen=True)
class ResponseFigure:
    """Everything the template needs."""

    width: int
    height: int
    key: str
    title: str
    description: str
    bottom: str
    ticks: tuple[Mark, ...]
    lines: tuple[Line, ...]


def printed_responses(counts: Counts) -> PrintedFigure | None:
    """The figure; None without any record."""
    if not counts:
        return None
    rates = _rates(counts)
    rows = tuple(
        (label, name, one.cell, one.total, one.share, one.lower, one.upper)
        for label, found in rates.items()
        for name, one in found.items()
    )
    return PrintedFigure(
        key="responses",
        name="responses",
        title=_(TITLE),
        notes=tuple(map(_, NOTES)),
        tables=tuple(
            PrintedTable(
                _("%(label)s: %(total)s treated records")
                % {"label": label, "total": next(iter(found.values())).total},
                (_("Best response"), _("Records"), _("Share"), _("95% confidence interval")),
                tuple((name, str(one.cell), *_texts(one)) for name, one in found.items()),
            )
            for label, found in rates.items()
        ),
        columns=COLUMNS,
        rows=rows,
        template="analytics/figures/responses.svg",
        drawing=_figure(rates),
        parameters={"interval": "Clopper-Pearson", "level": 0.95},
        document={"rates": [dict(zip(COLUMNS, row, strict=True)) for row in rows]},
    )


def _rates(counts: Counts) -> dict[str, dict[str, Proportion]]:
    groups: dict[str, Mapping[str, int]] = {disease_label(d): row for d, row in counts.items()}
    if len(counts) > 1:
        names = next(iter(counts.values()))
        groups[_("All")] = {name: sum(row[name] for row in counts.values()) for name in names}
    return {
        label: {
            _(name): proportion(sum(row[code] for code in codes), sum(row.values()))
            for name, codes in RATES.items()
        }
        for label, row in groups.items()
    }


def _texts(one: Proportion) -> tuple[str, str]:
    if one.share is None or one.lower is None or one.upper is None:
        return "-", "-"
    return f"{one.share:.1%}", span_text(f"{one.lower:.1%}", f"{one.upper:.1%}")


def _figure(rates: Mapping[str, Mapping[str, Proportion]]) -> ResponseFigure:
    scale = Scale(0, 1, LEFT, WIDTH - RIGHT)
    lines, y = [], float(TOP)
    for number, (label, found) in enumerate(rates.items()):
        y += LINE
        lines.append(Line(f"{label}: {next(iter(found.values())).total}", place(y)))
        for name, one in found.items():
            y += LINE
            lines.append(_line(name, one, y, scale, f"s{number + 1}"))
        y += GAP
    return ResponseFigure(
        width=WIDTH,
        height=int(y) + 30,
        key=key_of(TITLE),
        title=_(TITLE),
        description=_describe(rates),
        bottom=place(y),
        ticks=tuple(Mark(f"{p}%", place(scale.at(p / 100))) for p in (0, 25, 50, 75, 100)),
        lines=tuple(lines),
    )


def _line(name: str, one: Proportion, y: float, scale: Scale, css: str) -> Line:
    share, low, high = one.share or 0.0, one.lower or 0.0, one.upper or 0.0
    return Line(
        label=name,
        y=place(y),
        bar=f"M{place(scale.at(low))} {place(y)}H{place(scale.at(high))}",
        x=place(scale.at(share)),
        text=f"{one.cell}/{one.total}  {share:.0%} ({span_text(f'{low:.0%}', f'{high:.0%}')})",
        share=f"{share:.6f}",
        css=css,
    )


def _describe(rates: Mapping[str, Mapping[str, Proportion]]) -> str:
    parts: list[Any] = [
        _("%(label)s: objective response %(share)s")
        % {"label": label, "share": _texts(next(iter(found.values())))[0]}
        for label, found in rates.items()
    ]
    return "; ".join(parts) + "."
