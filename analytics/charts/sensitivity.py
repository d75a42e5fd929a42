"""How much the curve depends on the reading: four variants of PFS, and the bounds that partial dates leave."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from analytics.charts.cohort import CONDITIONED, RECORDS, curve_table
from analytics.charts.km import Group, kaplan_meier_figure
from analytics.charts.printed import PrintedFigure
from analytics.charts.survival import (
    CURVE_COLUMNS,
    VARIANTS,
    GroupSummary,
    curve_rows,
    group_document,
    group_summary,
    printed_table,
)
from analytics.stats.counts import DayCounts
from analytics.stats.kaplan_meier import kaplan_meier
from analytics.stats.summaries import common_tau

Printed = tuple[tuple[GroupSummary, ...], PrintedFigure]
READINGS: Final = gettext_noop(
    "Primary: progression of any kind or death; censored before a later systemic therapy. "
    "FDA: clinical progression ignored; also censored before a local therapy without progression and at a long gap. "
    "EMA: later therapies ignored. Worst case: a later systemic therapy, or a local one of unknown indication, is an event."
)
EXPLAINED: Final = gettext_noop(
    "A date known to the month or year leaves its day open. Dates as counted: a month at the 15th, a year at 1 July. "
    "Earliest possible: every observation as short as its dates allow (end at its first possible day, first dose at its "
    "last); latest possible: as long as they allow. What ends an observation, event or censoring, is the same in all "
    "three. Where all dates are known to the day the three curves are one."
)
BOUND_LABELS: Final = {
    "pfs_min": gettext_noop("Earliest possible"),
    "pfs": gettext_noop("Dates as counted"),
    "pfs_max": gettext_noop("Latest possible"),
}


def printed_variants(records: str, counts: Mapping[str, DayCounts]) -> Printed | None:
    """Four variants side by side, by code of the variant; None without any record."""
    groups = {_(VARIANTS[code]): group for code, group in counts.items() if group.n}
    title = _("Progression-free survival in four variants: %(records)s") % {
        "records": _(RECORDS[records]).lower()
    }
    parameters = {"records": records, "variants": list(counts)}
    return _printed("variants", title, (_(READINGS),), groups, parameters, records)


def printed_bounds(variant: str, records: str, counts: Mapping[str, DayCounts]) -> Printed | None:
    """The curve between its bounds, by code of BOUND_LABELS; None without any record."""
    groups = {_(BOUND_LABELS[code]): group for code, group in counts.items() if group.n}
    title = _(
        "Progression-free survival (%(variant)s) between the bounds of partial dates: %(records)s"
    ) % {"variant": _(VARIANTS[variant]), "records": _(RECORDS[records]).lower()}
    parameters = {"records": records, "variant": variant}
    return _printed("bounds", title, (_(EXPLAINED),), groups, parameters, records)


def _printed(
    key: str,
    title: str,
    notes: tuple[str, ...],
    groups: Mapping[str, DayCounts],
    parameters: Mapping[str, Any],
    records: str,
) -> Printed | None:
    if not groups:
        return None
    curves = {label: kaplan_meier(group) for label, group in groups.items()}
    tau = common_tau(list(groups.values())) or 0
    figure = PrintedFigure(
        key=key,
        name=f"{key}-{records}",
        title=title,
        notes=(*notes, _(CONDITIONED)) if records == "eligible" else notes,
        tables=tuple(printed_table(curve_table(label, curve)) for label, curve in curves.items()),
        columns=CURVE_COLUMNS,
        rows=tuple(curve_rows(groups)),
        template="analytics/figures/km.svg",
        drawing=kaplan_meier_figure(
            title, [Group(label, curve) for label, curve in curves.items()]
        ),
        parameters={**parameters, "interval": "log-log", "level": 0.95},
        document={"groups": [group_document(label, group) for label, group in groups.items()]},
    )
    return tuple(group_summary(label, curve, tau) for label, curve in curves.items()), figure
