"""Case tables for rules.md: each case is one record, a cutoff, and what must come out, by section.

`on(variant, column=value, ...)` states columns of one variant; `flags` are sets. Expected values were
worked out by hand from the rules; SQL and oracle are both held to them.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from datetime import date
from itertools import count
from typing import Any

from tests.oracle import VARIANTS, Record, Row

C = date(2017, 6, 30)
T0 = "2000-01-10"
NUMBERS = count(1)


@dataclass
class Case:
    """A named record at a cutoff, with the columns that must come out for each variant named."""

    name: str
    record: Record
    expected: dict[str, dict[str, Any]]
    cutoff: date = C

    def __str__(self) -> str:
        return self.name


@dataclass
class Table:
    """Collects the cases of one section."""

    cases: list[Case] = field(default_factory=list)

    def add(
        self,
        name: str,
        *rows: Row,
        at: date | str = C,
        disease: str = "renal_cell",
        meta: str | None = "1999-12-01",
        death: str | None = None,
        birth: str | None = None,
        **expected: Any,
    ) -> None:
        """`expected`: columns for every variant, or a variant's name with a dictionary of columns."""
        cutoff = date.fromisoformat(at) if isinstance(at, str) else at
        record = Record(
            "C01", f"R{next(NUMBERS):04d}", disease, deepcopy(list(rows)), birth, meta, death
        )
        common = {key: value for key, value in expected.items() if key not in VARIANTS}
        _number_cycles(record)
        by_variant = {v: common | expected.get(v, {}) for v in VARIANTS}
        self.cases.append(Case(name, record, by_variant, cutoff))


def _number_cycles(record: Record) -> None:
    """Cycles 1 and 2 of each course, in the order given."""
    seen: dict[str | None, int] = {}
    for row in record.rows:
        if row.table == "cycle":
            course = row.values["course_number"]
            seen[course] = seen.get(course, 0) + 1
            row.values["cycle_number"] = str(seen[course])


def cycle(
    when: str | None = T0, doses: str | None = "9", course: int = 1, retracted: bool = False
) -> Row:
    """A cycle."""
    return Row("cycle", 0, when, {"doses_given": doses, "course_number": str(course)}, retracted)


def scan(
    when: str | None, response: str, basis: str | None = "imaging", retracted: bool = False
) -> Row:
    """An assessment."""
    return Row("assessment", 0, when, {"response": response, "basis": basis}, retracted)


def local(when: str, indication: str | None, ned: str | None = None) -> Row:
    """A local therapy."""
    return Row("local_therapy", 0, when, {"indication": indication, "rendered_ned": ned})


def drug(when: str, therapy: str = "targeted", indication: str | None = "progression") -> Row:
    """A systemic therapy."""
    return Row("systemic_therapy", 0, when, {"therapy_class": therapy, "indication": indication})


def contact(
    when: str, vital: str = "alive", disease: str | None = None, attested: str | None = None
) -> Row:
    """A follow-up contact."""
    values = {
        "vital_status": vital,
        "disease_status": disease,
        "systemic_therapy_since_il2": attested,
    }
    return Row("follow_up", 0, when, values)
