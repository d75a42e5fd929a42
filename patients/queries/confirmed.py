"""What was said before to a soft check of a record, to be offered again while its history is typed in."""

from __future__ import annotations

from typing import Final

from patients.models import Query

# It fires at each row that becomes the latest, for the same silence since.
CARRIED: Final = ("follow_up.gap",)


def carried_reasons(patient_id: int) -> dict[str, str]:
    """The latest reason given for each of these checks in the record, by check."""
    rows = Query.objects.filter(patient_id=patient_id, check_id__in=CARRIED).exclude(
        confirmed_reason=""
    )
    return dict(rows.order_by("id").values_list("check_id", "confirmed_reason"))
