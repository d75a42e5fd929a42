"""Table 1: the cohort at baseline and its treatment, by disease, with what is missing always a row."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from analytics.queries.disclosure import SMALLEST_CELL, readings_beside, row_releasable
from analytics.queries.filters import EVERYBODY, Filters
from analytics.queries.overview import sizes_released
from analytics.queries.selection import REGISTERED, fetch
from analytics.stats.balance import mean_difference, share_difference
from patients.rules.code_words import CODE_WORDS

DISEASES: Final = ("melanoma", "renal_cell")
MISSING: Final = ""
WITHHELD: Final = gettext_noop("withheld")
# Characteristic -> SQL of its code. Order is that of the table.
CATEGORIES: Final = {
    gettext_noop("Sex"): "record.sex",
    gettext_noop("Race"): "record.race",
    gettext_noop("ECOG performance status"): "record.ecog",
    gettext_noop("M stage (melanoma)"): (
        "case when outcome.disease = 'melanoma' then record.m_stage end"
    ),
    gettext_noop("Clear cell histology (renal cell)"): (
        "case when outcome.disease = 'renal_cell' then record.clear_cell end"
    ),
    gettext_noop("Nephrectomy (renal cell)"): (
        "case when outcome.disease = 'renal_cell' then record.nephrectomy end"
    ),
    gettext_noop("Metastatic sites"): (
        "case when record.metastatic_sites is null then null"
        " when cardinality(record.metastatic_sites) > 2 then '3 or more'"
        " else cardinality(record.metastatic_sites)::text end"
    ),
    gettext_noop("Systemic therapy before"): (
        "case when exists (select from patients_prior_therapy prior"
        " where prior.patient_id = record.id and not prior.retracted"
        " and prior.therapy_class not in ('surgery', 'radiotherapy')) then 'yes' else 'no' end"
    ),
    gettext_noop("Courses of HD IL-2"): (
        "case when outcome.courses > 3 then '4 or more' else outcome.courses::text end"
    ),
    gettext_noop("Best response"): "outcome.best_response",
    gettext_noop("Local therapy after HD IL-2"): (
        "case when exists (select from patients_local_therapy local"
        " where local.patient_id = record.id and not local.retracted"
        " and local.date_lo <= %(cutoff)s) then 'yes' else 'no' end"
    ),
    gettext_noop("Surgically rendered free of disease"): "outcome.surgical_ned",
}
MEASURES: Final = {
    gettext_noop("Age at first HD IL-2, years"): "outcome.age_at_t0",
    gettext_noop("Weight, kg"): "record.weight_kg",
    gettext_noop("LDH, times the upper limit"): "record.ldh_ratio",
    gettext_noop("Doses of HD IL-2"): "outcome.doses",
}
# Categories in words; what stands as it is, such as M1a, is left out.
_WORDS: Final = {
    **{code: words for code, words in CODE_WORDS.items() if code.islower()},
    "3 or more": gettext_noop("3 or more"),
    "4 or more": gettext_noop("4 or more"),
}
# Of one disease only: not counted as missing in the other.
ONE_DISEASE: Final = {
    gettext_noop("M stage (melanoma)"): "melanoma",
    gettext_noop("Clear cell histology (renal cell)"): "renal_cell",
    gettext_noop("Nephrectomy (renal cell)"): "renal_cell",
}
# Outcomes first, by their index: the planner expects few records in scope and would ask for each outcome by key.
_ELIGIBLE: Final = f"""
    with outcome as materialized (
        select outcome.patient_id, outcome.disease, outcome.age_at_t0, outcome.courses, outcome.doses,
            outcome.best_response, outcome.surgical_ned
        {REGISTERED} and outcome.eligible = 'yes'
    )
"""
_FROM: Final = "from outcome join patients_patient record on record.id = outcome.patient_id"


def _unpivoted(columns: dict[str, str], kind: str) -> str:
    pairs = ", ".join(
        f"({number}, ({expression})::{kind})" for number, expression in enumerate(columns.values())
    )
    return f"cross join lateral (values {pairs}) cell (variable, value)"


_CATEGORY_SQL: Final = f"{_FROM} {_unpivoted(CATEGORIES, 'text')}"
_MEASURE_SQL: Final = f"{_FROM} {_unpivoted(MEASURES, 'double precision')}"
_COUNT: Final = f"""{_ELIGIBLE}
    select variable, outcome.disease, coalesce(value, ''), count(*) {_CATEGORY_SQL} group by 1, 2, 3
"""
_SPREAD: Final = f"""{_ELIGIBLE}
    select variable, outcome.disease, count(value), count(*) - count(value),
        percentile_cont(array[0.25, 0.5, 0.75]) within group (order by value), avg(value), var_samp(value)
    {_MEASURE_SQL} group by grouping sets ((1, 2), (1))
"""


@dataclass(frozen=True, slots=True)
class Line:
    """One line: a heading (no cells), a category or a measure. Cells by disease, then all; texts."""

    label: str
    cells: tuple[str, ...]
    is_heading: bool = False
    difference: str = ""
    is_sub: bool = False


@dataclass(frozen=True, slots=True)
class TableOne:
    """The table of the eligible cohort; `sizes` by disease, then all; none when all is withheld."""

    sizes: tuple[int, ...]
    lines: tuple[Line, ...]
    withheld: tuple[str, ...]


def table_one(
    cutoff: date,
    *,
    own_centers: bool,
    filters: Filters = EVERYBODY,
    own_ids: Sequence[int] = (),
) -> TableOne:
    """Table 1 at a cutoff, for rows in scope that the filters leave.

    Numbers are n (%) of those known, and median (quartiles) of those measured. The standardized
    difference compares the two diseases (Yang and Dalton 2012 for categories). Without membership a
    characteristic is shown only where each of its cells, by disease, may be, in this table and in each
    reading beside it (docs/small-cells.md).
    """
    if not own_centers and not sizes_released(cutoff, filters, own_ids):
        # The cells of any characteristic add up to the sizes.
        return TableOne((), (), (_("Records"), *map(_, MEASURES), *map(_, CATEGORIES)))
    counted, spread = _fetch(cutoff, filters)
    sizes = _sizes(counted)
    readings = () if own_centers else tuple(readings_beside(filters, own_ids))
    beside = [_fetch(cutoff, reading) for reading in readings]
    lines: list[Line] = []
    withheld: list[str] = []
    for number, label in enumerate(MEASURES):
        shown = [_measure_releasable(*one, number) for one in beside]
        if all(enough for enough, _ in shown):
            lines += _measure(label, spread.get(number, {}), all(missing for _, missing in shown))
        else:
            withheld.append(_(label))
    for number, label in enumerate(CATEGORIES):
        if all(_releasable(one[number], label) for one, _ in beside):
            lines += _category(label, counted[number])
        else:
            withheld.append(_(label))
    return TableOne((*sizes, sum(sizes)), tuple(lines), tuple(withheld))


_Counts = dict[int, dict[str, dict[str, int]]]
_Spreads = dict[int, dict[str, tuple[Any, ...]]]


def _sizes(counted: _Counts) -> list[int]:
    return [sum(counted[0][disease].values()) for disease in DISEASES]


def _measure_releasable(counted: _Counts, spread: _Spreads, number: int) -> tuple[bool, bool]:
    """Whether a measure, and who lacks it, may be shown to readers without membership."""
    sizes = {d: n for d, n in zip(DISEASES, _sizes(counted), strict=True) if n}
    if not sizes:
        return True, True
    # Who lacks a value is a cell like any other; one withheld would follow from the sum.
    found = [spread.get(number, {}).get(name) for name in (*sizes, "all")]
    gone = [(one[1], one[0] + one[1]) if one else (0, 0) for one in found]
    enough = all(n >= SMALLEST_CELL for n in sizes.values())
    return enough, row_releasable([n for n, _ in gone], [of for _, of in gone])


def _fetch(cutoff: date, filters: Filters) -> tuple[_Counts, _Spreads]:
    counted: _Counts = defaultdict(lambda: {disease: {} for disease in DISEASES})
    spread: _Spreads = defaultdict(dict)
    for variable, disease, value, number in fetch(_COUNT, cutoff, filters):
        counted[variable].setdefault(disease, {})[value] = number
    for variable, disease, *numbers in fetch(_SPREAD, cutoff, filters):
        spread[variable][disease or "all"] = tuple(numbers)
    return counted, spread


def _releasable(cells: dict[str, dict[str, int]], label: str) -> bool:
    """Whether each cell and its complement are large enough, within each disease.

    Of both diseases also where the reader asked for one: curves by this characteristic show the sum.
    """
    found = [cells[disease] for disease in DISEASES if ONE_DISEASE.get(label, disease) == disease]
    values = sorted({value for one in found for value in one})
    rows = [[one.get(value, 0) for value in values] for one in found if one]
    return all(row_releasable(row, [sum(row)] * len(row)) for row in rows)


def _category(label: str, cells: dict[str, dict[str, int]]) -> list[Line]:
    asked = [ONE_DISEASE[label]] if label in ONE_DISEASE else list(DISEASES)
    values = sorted({value for disease in asked for value in cells[disease] if value != MISSING})
    known = {d: sum(n for v, n in cells[d].items() if v != MISSING) for d in asked}
    lines = [Line(_(label), (), True, _category_difference(cells, values, asked))]
    for value in values:
        numbers = [cells[d].get(value, 0) if d in asked else None for d in DISEASES]
        of = [known.get(d, 0) for d in DISEASES]
        shown = [_share(n, total) for n, total in zip(numbers, of, strict=True)]
        total = sum(n for n in numbers if n is not None)
        lines.append(Line(_category_label(value), (*shown, _share(total, sum(of))), is_sub=True))
    gone = [cells[d].get(MISSING, 0) if d in asked else None for d in DISEASES]
    texts = ["" if n is None else str(n) for n in gone]
    texts.append(str(sum(n for n in gone if n is not None)))
    lines.append(Line(_("Missing"), tuple(texts), is_sub=True))
    return lines


def _category_label(value: str) -> str:
    return _(_WORDS[value]) if value in _WORDS else value


def _share(number: int | None, total: int) -> str:
    if number is None:
        return ""
    return f"{number} ({number / total:.0%})" if total else f"{number}"


def _measure(label: str, spreads: dict[str, tuple[Any, ...]], missing_shown: bool) -> list[Line]:
    columns = [spreads.get(name) for name in (*DISEASES, "all")]
    texts = tuple(_quartiles(found) for found in columns)
    missing = tuple(str(one[1] if one else 0) if missing_shown else _(WITHHELD) for one in columns)
    difference = _measure_difference(columns[0], columns[1])
    return [
        Line(_("%(label)s: median (quartiles)") % {"label": _(label)}, texts, False, difference),
        Line(_("Missing"), missing, is_sub=True),
    ]


def _quartiles(found: tuple[Any, ...] | None) -> str:
    if found is None or found[0] == 0:
        return "-"
    low, middle, high = found[2]
    return f"{_number(middle)} ({_number(low)}-{_number(high)})"


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _measure_difference(one: tuple[Any, ...] | None, two: tuple[Any, ...] | None) -> str:
    if one is None or two is None or None in (one[3], one[4], two[3], two[4]):
        return ""
    return _difference(mean_difference(one[3], one[4], two[3], two[4]))


def _category_difference(
    cells: dict[str, dict[str, int]], values: list[str], asked: list[str]
) -> str:
    if len(asked) < len(DISEASES):
        return ""
    one, two = ([cells[disease].get(value, 0) for value in values] for disease in asked)
    return _difference(share_difference(one, two))


def _difference(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
