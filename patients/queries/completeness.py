"""How far each form of a record is filled, and what stands about it: the cells of the status grid.

A row is complete when each of its fields of need "complete" (data dictionary, C) holds a value or
a coded reason; a form when all its rows are that stand. Fields of another disease do not count.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

from django.db import connection
from django.db.models import BooleanField, Exists, OuterRef, Q, QuerySet
from django.db.models.expressions import RawSQL
from django.utils.translation import gettext, gettext_noop, ngettext

from patients.models import ROW_MODELS, Patient, RecordRow
from patients.rules.dictionary import PATIENTS, RECORD_FORMS, Form

# The birth date lies with the identity, which some readers do not see: to them it counts as filled.
_BIRTH: Final = "birth_date"
_STATES: Final = {
    "none": gettext_noop("none"),
    "partial": gettext_noop("partial"),
    "complete": gettext_noop("complete"),
    "verified": gettext_noop("verified"),
    "locked": gettext_noop("locked"),
}


@dataclass(frozen=True, slots=True)
class FormState:
    """One cell: rows that stand, how many of them are complete, open queries, and the record's marks."""

    rows: int = 0
    complete: int = 0
    queries: int = 0
    is_verified: bool = False
    is_locked: bool = False

    @property
    def state(self) -> str:
        """none, partial, complete, verified or locked; verified and locked are said of what is there."""
        if not self.rows:
            return "none"
        if self.is_locked:
            return "locked"
        if self.complete < self.rows:
            return "partial"
        return "verified" if self.is_verified else "complete"

    @property
    def words(self) -> str:
        """The state in words: "partial, 1 open query"."""
        parts = [gettext(_STATES[self.state])]
        if self.state == "locked" and self.complete < self.rows:
            parts.append(gettext(_STATES["partial"]))
        if self.queries:
            told = ngettext("%(n)s open query", "%(n)s open queries", self.queries)
            parts.append(told % {"n": self.queries})
        return ", ".join(parts)


def _is_complete(form: Form) -> str:
    """The condition in SQL over the columns of the form's own table."""
    parts = []
    for field in form.fields:
        if field.need != "complete" or field.name == _BIRTH:
            continue
        filled = f"({field.name} is not null or missing ? '{field.name}')"
        # `is true`: an empty disease is no other disease.
        parts.append(f"({filled} or disease <> '{field.disease}')" if field.disease else filled)
    return " and ".join(parts) or "true"


COMPLETE: Final = {form.name: _is_complete(form) for form in RECORD_FORMS}
_NO_BIRTH: Final = (
    "select from ident.patient_identity i where i.patient_id = patients_patient.id"
    " and i.birth_date is null and not i.missing ? 'birth_date' and i.sealed <> ''"
)


def _counts(form: Form) -> str:
    """One branch of the query: form, record, rows that stand, rows that are complete."""
    if form is PATIENTS:
        complete = f"({COMPLETE[form.name]}) and not exists ({_NO_BIRTH})"
        return (
            f"select 'patients', id, 1, ({complete})::integer from patients_patient"  # noqa: S608
            " where id = any(%(ids)s)"
        )
    table = ROW_MODELS[form.name]._meta.db_table
    return (
        f"select '{form.name}', patient_id, count(*)::integer,"  # noqa: S608
        f" (count(*) filter (where {COMPLETE[form.name]}))::integer from {table}"
        " where patient_id = any(%(ids)s) and not retracted group by patient_id"
    )


# Fixed text of the dictionary and the models; no value of a user enters it.
_GRID: Final = " union all ".join(
    [
        *map(_counts, RECORD_FORMS),
        (
            "select 'query ' || form_name, patient_id, count(*)::integer, 0 from patients_query"
            " where patient_id = any(%(ids)s) and closed_at is null group by form_name, patient_id"
        ),
        (
            "select 'verified', patient_id, 1, 0 from patients_signature"
            " where patient_id = any(%(ids)s) and meaning = 'verified' and broken_at is null"
        ),
        (
            "select 'locked', patient_id, 1, 0 from patients_lock"
            " where patient_id = any(%(ids)s) and unlocked_at is null"
        ),
    ]
)


def form_states(patient_ids: Collection[int]) -> dict[int, dict[str, FormState]]:
    """The cells of these records by patient id and form, in the order of the forms; one query."""
    found: dict[tuple[str, int], tuple[int, int]] = {}
    if patient_ids:
        with connection.cursor() as cursor:
            cursor.execute(_GRID, {"ids": list(patient_ids)})
            found = {(kind, record): (rows, done) for kind, record, rows, done in cursor}
    none = (0, 0)
    return {
        record: {
            form.name: FormState(
                *found.get((form.name, record), none),
                queries=found.get((f"query {form.name}", record), none)[0],
                is_verified=("verified", record) in found,
                is_locked=("locked", record) in found,
            )
            for form in RECORD_FORMS
        }
        for record in patient_ids
    }


def incomplete(records: QuerySet[Patient]) -> QuerySet[Patient]:
    """Those with a form that is not complete."""
    return records.filter(_is_incomplete())


def all_complete(records: QuerySet[Patient]) -> QuerySet[Patient]:
    """Those whose forms are all complete."""
    return records.exclude(_is_incomplete())


def _is_incomplete() -> Q:
    condition = Q(Exists(_with_gaps(Patient, PATIENTS).filter(pk=OuterRef("pk"))))
    for form in RECORD_FORMS[1:]:
        if COMPLETE[form.name] != "true":
            rows = _with_gaps(ROW_MODELS[form.name], form)
            condition |= Q(Exists(rows.filter(patient=OuterRef("pk"), retracted=False)))
    return condition


def _with_gaps(model: type[Patient] | type[RecordRow], form: Form) -> QuerySet[Any]:
    condition = f"not ({COMPLETE[form.name]})"
    if form is PATIENTS:
        condition += f" or exists ({_NO_BIRTH})"
    gap = RawSQL(condition, [], output_field=BooleanField())  # noqa: S611 - fixed text
    return model._default_manager.filter(gap)
