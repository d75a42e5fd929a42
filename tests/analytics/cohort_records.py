"""Generated records whose cohort has the seed paper's aggregates at 2017-06-30, plus ineligible ones.

100 eligible = 54 melanoma + 46 renal cell; PFS 5+ to 30+ years; alive 10 years or more 32 + 27; 60 treated
records that progressed and died early; one each withdrawn, retracted, untreated and of another disease.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from tests.oracle import Record, Row

CUTOFF = date(2017, 6, 30)
CENTERS = tuple(f"C{number:02d}" for number in range(1, 12))
COHORT = (("melanoma", 54, 32), ("renal_cell", 46, 27))
# Words that must never leave in an export: they stand in identifying fields only.
CANARY = "CANARY-RECORD-"


def row(table: str, when: date, **values: str) -> Row:
    return Row(table, 0, f"{when}", dict(values))


def treated(
    number: int, disease: str, start: date, *, free: int, alive: int, progressed: bool, dead: bool
) -> Record:
    """One record: `free` days to the end of PFS, `alive` days to the last contact or death."""
    end, last = start + timedelta(days=free), start + timedelta(days=alive)
    record = Record(
        CENTERS[number % len(CENTERS)],
        f"{CANARY}{number}",
        disease,
        birth_date=f"{1925 + number % 50}-03-0{1 + number % 9}",
        metastatic_diagnosis_date=f"{start - timedelta(days=90)}",
        date_of_death=f"{last}" if dead else None,
    )
    record.rows = [
        row("cycle", start, cycle_number="1", doses_given="12", course_number="1"),
        row("assessment", start + timedelta(days=80), response="PR", basis="imaging"),
        row("assessment", end, response="PD" if progressed else "NED", basis="imaging"),
    ]
    if not dead:
        record.rows.append(
            row("follow_up", last, vital_status="alive", systemic_therapy_since_il2="none")
        )
    return record


def eligible(number: int, disease: str, over_ten: bool) -> Record:
    if over_ten:
        # The first is the longest observation: 30 completed years.
        days = 11_020 if number == 0 else 3_700 + 67 * (number % 50)
    else:
        days = 1_830 + 40 * (number % 44)
    start = CUTOFF - timedelta(days=days + 20 + number)
    return treated(number, disease, start, free=days, alive=days, progressed=False, dead=False)


def ineligible(number: int, disease: str) -> Record:
    start = date(1995, 1, 10) + timedelta(days=61 * (number % 90))
    return treated(
        number,
        disease,
        start,
        free=200 + number,
        alive=500 + 2 * number,
        progressed=True,
        dead=True,
    )


def left_out(number: int) -> Iterator[Record]:
    """Records that no figure counts."""
    withdrawn = eligible(number, "melanoma", over_ten=True)
    withdrawn.consent = "withdrawn"
    retracted = eligible(number + 1, "renal_cell", over_ten=True)
    retracted.retracted = True
    untreated = eligible(number + 2, "melanoma", over_ten=True)
    untreated.rows = [line for line in untreated.rows if line.table != "cycle"]
    yield from (withdrawn, retracted, untreated, eligible(number + 3, "other", over_ten=True))


def cohort_records() -> list[Record]:
    records: list[Record] = []
    for disease, number, over_ten in COHORT:
        records += [eligible(len(records) + i, disease, i < over_ten) for i in range(number)]
    records += [ineligible(len(records) + i, COHORT[i % 2][0]) for i in range(60)]
    records += left_out(len(records))
    return records
