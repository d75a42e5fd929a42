"""Table 1 with its files."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from analytics.charts.cohort import DISEASES, disease_label
from analytics.charts.printed import PrintedFigure, PrintedTable
from analytics.queries.table_one import DISEASES as COLUMNS
from analytics.queries.table_one import Line, TableOne

CAPTION = gettext_noop(
    "Eligible cohort: n (% of those known); median (quartiles) of those measured; missing values always a row. "
    "SD: standardized difference of the two diseases."
)


def printed_table_one(table: TableOne) -> PrintedFigure:
    """Characteristics of the eligible cohort by disease."""
    heads = (_("Characteristic"), *(disease_label(code) for code in COLUMNS), _("All"), _("SD"))
    numbers = [str(size) for size in table.sizes] or [_("withheld")] * (len(DISEASES) + 1)
    sizes = (_("Records"), *numbers, "")
    rows = (sizes, *(_row(line) for line in table.lines))
    notes = [_(CAPTION)]
    if table.withheld:
        notes.append(
            _(
                "Withheld, since a cell or its complement is below 11 records and you are not a member of"
                " the centers: %(lines)s."
            )
            % {"lines": ", ".join(table.withheld)}
        )
    columns = ("characteristic", *COLUMNS, "all", "standardized_difference")
    return PrintedFigure(
        key="table-one",
        name="table-1",
        title=_("Table 1: characteristics of the eligible cohort"),
        notes=tuple(notes),
        tables=(PrintedTable(_("Characteristics"), heads, rows),),
        columns=columns,
        rows=rows,
        document={
            "rows": [dict(zip(columns, row, strict=True)) for row in rows],
            "withheld": list(table.withheld),
        },
    )


def _row(line: Line) -> tuple[str, ...]:
    label = f"\u2013 {line.label}" if line.is_sub else line.label
    cells = line.cells or ("",) * (len(COLUMNS) + 1)
    return (label, *cells, line.difference)
