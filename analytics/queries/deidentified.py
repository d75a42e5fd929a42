"""The de-identified rows of `outcomes.csv`: profile safe_harbor (45 CFR 164.514(b)(2)).

One SQL statement is the whole profile: what it does not select is not
released. docs/api.md describes the columns. No date, center, number or id of
the registry leaves; rows are sorted by their random code, so that their order
says nothing either.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Generator, Iterator
from datetime import date
from typing import Any, Final

from django.db import connection, transaction

CRITERIA: Final = (
    "metastatic_disease",
    "received_hd_il2",
    "survival_5y",
    "no_later_systemic_therapy",
    "progression_free_5y",
)
COLUMNS: Final = (
    "code",
    "disease",
    "sex",
    "age_band_at_t0",
    "t0_era",
    "pfs_weeks",
    "pfs_event",
    "pfs_event_type",
    "pfs_censor_reason",
    "os_weeks",
    "os_event",
    *CRITERIA,
    "eligible",
    "long_term_pfs",
    "best_response",
    "surgical_ned",
    "courses",
    "doses_band",
)
COHORTS: Final = ("eligible", "treated")
CHUNK: Final = 2000

_WHICH: Final = """
    from analytics_outcome outcome
    join patients_patient record on record.id = outcome.patient_id
    where outcome.variant = 'primary' and outcome.cutoff = %(cutoff)s
        and not record.retracted and record.consent is distinct from 'withdrawn'
        and outcome.t0 is not null and (%(cohort)s = 'treated' or outcome.eligible = 'yes')
"""

_ASSIGN_CODES: Final = f"""
    insert into analytics_api_code (project_id, center_id, patient_id, code)
    select %(project)s, outcome.center_id, outcome.patient_id, analytics_random_code()
    {_WHICH} and not exists (
        select from analytics_api_code code
        where code.project_id = %(project)s and code.patient_id = outcome.patient_id)
    on conflict (project_id, patient_id) do nothing
"""  # noqa: S608  # fixed text; values are bound parameters

# 90+: the greatest age at any released event decides, not the age at T0. Birth, T0 and end may each be
# known to the year only, and age_at_t0 is cut to whole years: the bound below adds half a year for each
# and the lost fraction, so it may cap two years early and never late. Where it caps, the era goes too.
_ROWS: Final = f"""
    select code.code, outcome.disease, record.sex,
        case when capped then '90+'
            else (age_at_t0 / 5 * 5) || '-' || (age_at_t0 / 5 * 5 + 4) end,
        case when not capped then era || '-' || (era + 5) end,
        pfs_days / 7, pfs_event, pfs_event_type, pfs_censor_reason, os_days / 7, os_event,
        metastatic_disease, received_hd_il2, survival_5y, no_later_systemic_therapy,
        progression_free_5y, eligible, long_term_pfs, best_response, surgical_ned, courses,
        case when doses = 0 then '0' when doses <= 14 then '1 to 14'
            when doses <= 28 then '15 to 28' when doses <= 42 then '29 to 42' else '43+' end
    from (
        select outcome.*,
            age_at_t0 + 2 + (greatest(pfs_days, pfs_days_max, os_days) + 183) / 365 >= 90 as capped,
            2006 + (floor((extract(year from t0) - 2006) / 6) * 6)::integer as era
        {_WHICH}
    ) outcome
    join patients_patient record on record.id = outcome.patient_id
    join analytics_api_code code
        on code.project_id = %(project)s and code.patient_id = outcome.patient_id
    order by code.code collate "C"
"""  # noqa: S608  # fixed text; values are bound parameters


def assign_codes(*, project_id: int, cohort: str, cutoff: date) -> None:
    """Give every record of the export its code for this project; those that have one keep it."""
    with connection.cursor() as cursor:
        cursor.execute(_ASSIGN_CODES, {"project": project_id, "cohort": cohort, "cutoff": cutoff})


def rows(*, project_id: int, cohort: str, cutoff: date) -> Iterator[list[tuple[Any, ...]]]:
    """De-identified rows in chunks, in the order of their codes; needs an open transaction."""
    with connection.chunked_cursor() as cursor:
        cursor.execute(_ROWS, {"project": project_id, "cohort": cohort, "cutoff": cutoff})
        while chunk := cursor.fetchmany(CHUNK):
            yield chunk


def csv_lines(*, project_id: int, cohort: str, cutoff: date) -> Generator[bytes, None, None]:
    """The file: header, then rows; UTF-8, lines end in a line feed (RFC 4180 otherwise).

    Streams from one transaction, so that memory stays flat and the rows belong to one moment.
    """
    yield _encoded([COLUMNS])
    with transaction.atomic():
        for chunk in rows(project_id=project_id, cohort=cohort, cutoff=cutoff):
            yield _encoded(chunk)


def _encoded(lines: Any) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(lines)
    return text.getvalue().encode()
