"""A rule of the audit review: dates that decide eligibility, changed long after they were entered."""

from __future__ import annotations

from typing import Final

from django.utils.translation import gettext_noop

from centers.slots import Finder

LATE_DAYS: Final = 90
# The dates that the derivation reads (docs/derivation.md), by table; to retract a row is to change it too.
DECIDING: Final = (
    ("patients_patient", "metastatic_diagnosis_date"),
    ("patients_patient", "date_of_death"),
    ("patients_cycle", "start_date"),
    ("patients_assessment", "date"),
    ("patients_local_therapy", "date"),
    ("patients_systemic_therapy", "start_date"),
    ("patients_follow_up", "date"),
    ("patients_cycle", "retracted"),
    ("patients_assessment", "retracted"),
    ("patients_local_therapy", "retracted"),
    ("patients_systemic_therapy", "retracted"),
    ("patients_follow_up", "retracted"),
)
_SQL: Final = """
select e.id, e.center_id, e.actor_id, e.at, e.patient_id from audit.event e
where e.at >= %(start)s and e.at < %(end)s and e.center_id = any(%(centers)s)
    and e.operation = 'update'
    and exists (select from unnest(%(tables)s::text[], %(fields)s::text[]) as dates (name, field)
        where dates.name = e.table_name
            and e.after ->> dates.field is distinct from e.before ->> dates.field)
    and exists (select from audit.event f where f.table_name = e.table_name
        and f.row_id = e.row_id and f.operation = 'insert'
        and f.at <= e.at - make_interval(days => %(late)s))
"""
LATE_CHANGES: Final = Finder(
    "late_changes",
    gettext_noop("Late changes of deciding dates"),
    gettext_noop(
        "A date that decides eligibility was changed, or its row retracted, %(late)s days or more"
        " after the row was entered."
    ),
    _SQL,
    {
        "tables": [table for table, _ in DECIDING],
        "fields": [field for _, field in DECIDING],
        "late": LATE_DAYS,
    },
)
