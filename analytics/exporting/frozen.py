"""The frozen rows of a data cut: what they hold, and how they are filled from the rows known at its seal.

No date is frozen: days since the first dose and the year of it are. A date known to the month is
rounded to 30 days, to the year to 365, so that together with the year of the first dose it says
nothing of where in the year that lay. The end of an observation that the cutoff alone decides would
tell the first dose's date too (cutoff minus days): it is moved back to the last death before it,
which changes no curve.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from analytics.exporting.columns import CRITERIA
from analytics.exporting.fields import FIELDS, Treatment
from analytics.exporting.tables import RELEASES
from analytics.projects import RESEARCH
from patients.models import ROW_MODELS
from patients.rules.dictionary import FORMS, PATIENTS, Field

VARIANT_ENDS: Final = ("primary", "fda", "ema", "worst_case")
_OUTCOME_CODES: Final = (
    *CRITERIA,
    "long_term_pfs",
    "best_response",
    "surgical_ned",
    "pfs_band",
)
_TYPES: Final = {
    "code": "text",
    "codes": "text",
    "integer": "integer",
    "number": "numeric",
    "text": "text",
}


@dataclass(frozen=True, slots=True)
class Frozen:
    """One column of a frozen table: its type, and its SQL over the rows known at the seal."""

    name: str
    type: str
    sql: str


def _day(source: str) -> str:
    """Days since the first dose, as coarse as the date is known."""
    days = f"({source}_point - o.t0)"
    return (
        f"case {_precision(source)} when 'day' then {days}"
        f" when 'month' then round({days} / 30.0)::integer * 30"
        f" when 'year' then round({days} / 365.0)::integer * 365 end"
    )


def _precision(source: str) -> str:
    low, high = f"{source}_lo", f"{source}_hi"
    return (
        f"case when {low} = {high} then 'day'"
        f" when date_trunc('month', {low}) = date_trunc('month', {high}) then 'month'"
        f" when {low} is not null then 'year' end"
    )


def _known(source: str, expression: str) -> str:
    """Only what had happened at the cutoff."""
    return f"case when {source}_point <= o.cutoff then {expression} end"


def _field(spec: Field, row: str) -> list[Frozen]:
    """A field of the dictionary; a date becomes its day and its precision."""
    source = f"{row}.{spec.name}"
    if spec.kind == "partial_date":
        return [
            Frozen(f"{spec.name}_day", "integer", _known(source, _day(source))),
            Frozen(f"{spec.name}_precision", "text", _known(source, _precision(source))),
        ]
    if spec.kind == "codes":
        source = f"array_to_string({source}, ';')"
    if spec.kind == "number":
        source = f"trim_scale({source})"
    if spec.kind == "text":
        # The only texts that are released are codes of ICD-O-3; anything else stays here.
        source = f"case when {source} ~ '^\\d{{4}}/\\d$' then {source} end"
    return [Frozen(spec.name, _TYPES[spec.kind], source)]


def _released(model: str, name: str) -> bool:
    entry = FIELDS.get(f"{model}.{name}")
    return entry is not None and entry.research not in (Treatment.DROP, Treatment.USED)


def _record_columns() -> list[Frozen]:
    found = [
        Frozen("t0_year", "integer", "extract(year from o.t0)::integer"),
        Frozen("t0_precision", "text", "o.t0_precision"),
        Frozen("anchored", "boolean", _ANCHORED),
        Frozen("age_at_t0", "integer", "o.age_at_t0"),
        Frozen("oldest_age", "integer", _OLDEST),
    ]
    for spec in PATIENTS.fields:
        if _released("Patient", spec.name):
            columns = _field(spec, "record")
            if spec.name == "cause_of_death":
                known = "case when o.os_event = 1 then record.cause_of_death end"
                columns = [Frozen(spec.name, "text", known)]
            found.extend(columns)
    found += [Frozen(name, "text", f"o.{name}") for name in _OUTCOME_CODES]
    found += [Frozen(name, "integer", f"o.{name}") for name in ("courses", "doses")]
    for variant in VARIANT_ENDS:
        row = "o" if variant == "primary" else variant
        stem = "pfs" if variant == "primary" else variant
        found += [
            Frozen(f"{stem}_days", "integer", f"{row}.pfs_days"),
            Frozen(f"{stem}_cnsr", "integer", f"{row}.cnsr"),
            Frozen(f"{stem}_event_type", "text", f"{row}.pfs_event_type"),
            Frozen(f"{stem}_censor_reason", "text", f"{row}.pfs_censor_reason"),
        ]
    found.append(Frozen("os_days", "integer", _OS_DAYS))
    found.append(Frozen("os_cnsr", "integer", "1 - o.os_event"))
    return found


_ANCHORED: Final = """coalesce(o.t0_lo = o.t0_hi and o.pfs_end_lo = o.pfs_end_hi
    and fda.pfs_end_lo = fda.pfs_end_hi and ema.pfs_end_lo = ema.pfs_end_hi
    and worst_case.pfs_end_lo = worst_case.pfs_end_hi
    and case when o.os_event = 1 then record.date_of_death_lo = record.date_of_death_hi
        else o.os_end = o.cutoff or exact.patient_id is not null end, false)"""
# The oldest anybody of that birth date can have been at any event that is released.
_OLDEST: Final = """extract(year from age(greatest(o.os_end, o.last_known_alive, o.pfs_end_hi,
    fda.pfs_end_hi, ema.pfs_end_hi, worst_case.pfs_end_hi, reach.hi),
    identity.birth_date_lo))::integer"""
_OS_DAYS: Final = """case when o.os_event = 0 and o.os_end = o.cutoff
        then coalesce(max(o.os_days) filter (where o.os_event = 1)
            over (order by o.os_days range between unbounded preceding and current row), 0)
        else o.os_days end"""
_DATED: Final = " union all ".join(
    f"select patient_id, {name}_lo as lo, {name}_hi as hi, {name}_point as point"
    f" from {ROW_MODELS[form]._meta.db_table} where not retracted"
    for form, name in (
        ("cycles", "start_date"),
        ("assessments", "date"),
        ("local_therapies", "date"),
        ("systemic_therapies", "start_date"),
        ("systemic_therapies", "end_date"),
        ("follow_ups", "date"),
    )
)
_RECORDS_WITH: Final = f"""
with dated as materialized ({_DATED}),
    exact as (select distinct patient_id, point from dated where lo = hi),
    reach as (select patient_id, max(least(hi, %(cutoff)s)) as hi from dated
        where point <= %(cutoff)s group by patient_id)
"""
_RECORDS_FROM: Final = """
from analytics_outcome o
join patients_patient record on record.id = o.patient_id
left join ident.patient_identity identity on identity.patient_id = o.patient_id
left join exact on exact.patient_id = o.patient_id and exact.point = o.os_end
left join reach on reach.patient_id = o.patient_id
join analytics_outcome fda on fda.patient_id = o.patient_id and fda.variant = 'fda'
join analytics_outcome ema on ema.patient_id = o.patient_id and ema.variant = 'ema'
join analytics_outcome worst_case
    on worst_case.patient_id = o.patient_id and worst_case.variant = 'worst_case'
where o.variant = 'primary' and o.t0 is not null"""
_ROWS_FROM: Final = """
from {table} row
join analytics_outcome o on o.patient_id = row.patient_id and o.variant = 'primary'
{more}
where o.t0 is not null and not row.retracted and {known}"""
_GIVEN: Final = """exists (select from patients_cycle cycle where cycle.course_id = row.id
    and not cycle.retracted and cycle.doses_given is distinct from 0
    and cycle.start_date_point <= o.cutoff)"""
_WHEN: Final = {
    "prior_therapies": "row.start_date is null or row.start_date_point <= o.cutoff",
    "courses": _GIVEN,
    "cycles": "row.start_date_point <= o.cutoff",
    "assessments": "row.date_point <= o.cutoff",
    "local_therapies": "row.date_point <= o.cutoff",
    "systemic_therapies": "row.start_date_point <= o.cutoff",
    "follow_ups": "row.date_point <= o.cutoff",
}


def _form_columns(name: str) -> list[Frozen]:
    model = ROW_MODELS[name].__name__
    found = []
    for spec in FORMS[name].fields:
        if name == "cycles" and spec.name == "course_number":
            found.append(Frozen("course_number", "integer", "course.course_number"))
        elif _released(model, spec.name):
            found.extend(_field(spec, "row"))
    return found


def frozen_tables() -> dict[str, list[Frozen]]:
    """Columns of every frozen table, beside cut, center and patient."""
    forms = [name for name in RELEASES[RESEARCH] if name in ROW_MODELS]
    return {"record": _record_columns(), **{name: _form_columns(name) for name in forms}}


def fill_statement(table: str) -> str:
    """INSERT of one frozen table, inside `known_at` and `outcomes_at`; parameters `cut` and `cutoff`."""
    columns = frozen_tables()[table]
    names = ", ".join(("cut_id", "center_id", "patient_id", *(c.name for c in columns)))
    row = "o" if table == "record" else "row"
    values = ",\n    ".join(
        ("%(cut)s", f"{row}.center_id", f"{row}.patient_id", *(c.sql for c in columns))
    )
    if table == "record":
        head = _RECORDS_WITH
        source = _RECORDS_FROM
    else:
        head = ""
        more = (
            "join patients_course course on course.id = row.course_id" if table == "cycles" else ""
        )
        source = _ROWS_FROM.format(
            table=ROW_MODELS[table]._meta.db_table, more=more, known=f"({_WHEN[table]})"
        )
    return f"insert into frozen.{table} ({names})\n{head}select {values}{source}"
