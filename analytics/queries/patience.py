"""How many records a page derives while its reader waits."""

from __future__ import annotations

from typing import Final

from django.db import connection
from django.utils.translation import gettext as _

# Beyond so many records a derivation takes longer than a reader waits.
MOST_RECORDS: Final = 10_000


def few_enough() -> bool:
    """Whether the records in scope are few enough to derive them all while a page waits."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select count(*) from (select from patients_patient limit %s) counted",
            [MOST_RECORDS + 1],
        )
        return int(cursor.fetchone()[0]) <= MOST_RECORDS


def too_many() -> str:
    """Why a page derives nothing: more than so many records."""
    said = _(
        "More than %(most)s records: that takes longer than a page may. Make a data cut, or use"
        " manage.py derive or report."
    )
    return said % {"most": f"{MOST_RECORDS:,}"}
