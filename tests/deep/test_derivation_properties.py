"""SQL == oracle on many generated histories; and every resolving entry, entered, does resolve."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import date
from random import Random

import psycopg
import pytest

from tests.analytics.test_derivation_properties import CUTOFFS, generated
from tests.comparing import differences
from tests.histories import Histories
from tests.loader import number_rows
from tests.oracle import Record, Row, Span
from tests.oracle_criteria import Criterion, Entry
from tests.oracle_outcome import derive


@pytest.mark.requirement("D2")
@pytest.mark.parametrize("seed", range(16))
def test_sql_equals_oracle_on_many_histories(
    seed: int, database: None, superuser: psycopg.Connection, tell: Callable[[str], None]
) -> None:
    random = Random(1000 + seed)
    cutoff = random.choice(CUTOFFS)
    with generated(superuser, random, cutoff, 2500) as records:
        tell(f"{len(records)} generated histories at the cutoff {cutoff} compared")
        assert differences(records, cutoff, years=random.choice((5, 5, 3)))[:3] == []


def entered(record: Record, name: str, entry: Entry) -> Record:
    """The record after the entry that is said to resolve a criterion."""
    after = copy.deepcopy(record)
    day = f"{entry.day}"
    attested = {"attestation": "none", "attestation_yes": "yes"}.get(entry.code)
    if entry.code == "day_of_row" and entry.row and entry.row[0] == "patient":
        field = "metastatic_diagnosis_date" if name == "metastatic_disease" else "date_of_death"
        setattr(after, field, day)
    elif entry.code == "day_of_row" and entry.row:
        row = next(r for r in after.rows if (r.table, r.id) == entry.row)
        # A day that the row can have: its date says a month or a year already.
        span = Span.parse(row.when or "")
        row.when = f"{max(span.lo, entry.day)}"
        assert row.when <= f"{span.hi}"
    elif entry.code == "metastatic_date":
        after.metastatic_diagnosis_date = day
    elif entry.code == "adequate_negative":
        after.rows.append(Row("assessment", 10**6, day, {"response": "SD", "basis": "imaging"}))
    else:
        values = {
            "vital_status": "alive",
            "disease_status": None,
            "systemic_therapy_since_il2": attested,
        }
        after.rows.append(Row("follow_up", 10**6, day, values))
    return after


def unknowns(record: Record, cutoff: date) -> list[tuple[str, Criterion]]:
    """The criteria that are unknown, with an entry that is said to resolve them."""
    outcome = derive(record, cutoff, "primary")
    criteria = outcome.criteria if outcome else {}
    return [
        (name, found)
        for name, found in criteria.items()
        if found.resolve and found.resolve.code not in ("none", "given_cycle")
    ]


@pytest.mark.parametrize("cutoff", CUTOFFS)
def test_every_resolving_entry_resolves(cutoff: date) -> None:
    maker = Histories(Random(99), cutoff)
    records = [maker.record() for _ in range(4000)]
    number_rows(records)
    codes: set[str] = set()
    for record in records:
        for name, found in unknowns(record, cutoff):
            assert found.resolve
            # Moving the row that ended PFS may let another row end it: then the next entry is named.
            if name == "progression_free_5y" and found.resolve.code == "day_of_row":
                continue
            after = derive(entered(record, name, found.resolve), cutoff, "primary")
            assert after is not None
            assert after.criteria[name].value != "unknown", (record, name, found)
            codes.add(found.resolve.code)
    assert codes >= {
        "day_of_row",
        "follow_up",
        "attestation",
        "metastatic_date",
        "adequate_negative",
    }
