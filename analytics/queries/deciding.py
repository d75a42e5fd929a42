"""Which entry would decide each unknown criterion: what analytics puts into a slot of patients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from django.db import connection

from analytics.derivation import wording
from analytics.derivation.engine import DEFAULT_VARIANT
from analytics.queries.panel import sentence_of
from patients.slots import Decision

# The form that takes each kind of entry; the other kind names the row that it amends.
_FORMS: Final = {
    "metastatic_date": "patients",
    "given_cycle": "courses",
    "follow_up": "follow_ups",
    "attestation": "follow_ups",
    "attestation_yes": "follow_ups",
    "adequate_negative": "assessments",
}
# Those that eligibility rests on; the last one is reported and not required.
_REQUIRED: Final = list(wording.CRITERIA)[:-1]
_FIND: Final = """
select outcome.patient_id, criterion.name, criterion.told -> 'resolve' ->> 'code',
    criterion.told -> 'resolve' ->> 'day', criterion.told -> 'resolve' -> 'row' ->> 0,
    (criterion.told -> 'resolve' -> 'row' ->> 1)::bigint
from analytics_outcome outcome
    join patients_patient record on record.id = outcome.patient_id and not record.retracted
    cross join lateral jsonb_each(outcome.criteria) criterion (name, told)
where outcome.variant = %(variant)s and outcome.eligible = 'unknown'
    and outcome.center_id = any(%(centers)s)
    and (%(record)s::bigint is null or outcome.patient_id = %(record)s)
    and criterion.told ->> 'value' = 'unknown' and criterion.name = any(%(required)s)
    and jsonb_typeof(criterion.told -> 'resolve') = 'object'
order by record.registry_number, array_position(%(required)s, criterion.name)
"""


def find_deciding(center_ids: Sequence[int], patient_id: int | None) -> list[Decision]:
    """The entries that would decide, by record and criterion; one query."""
    parameters = {
        "variant": DEFAULT_VARIANT,
        "centers": list(center_ids),
        "record": patient_id,
        "required": _REQUIRED,
    }
    with connection.cursor() as cursor:
        cursor.execute(_FIND, parameters)
        return [_decision(*row) for row in cursor]


def _decision(
    patient_id: int, name: str, code: str, day: str | None, form: str | None, row_id: int | None
) -> Decision:
    entry = {"code": code, "day": day, "row": [form, row_id]}
    sentence = sentence_of(wording.resolving_entry(name, entry))
    of_row = code == "day_of_row"
    return Decision(
        patient_id,
        wording.CRITERIA[name].split(" (")[0],
        code,
        sentence,
        (form or "") if of_row else _FORMS.get(code, ""),
        row_id if of_row else None,
    )
