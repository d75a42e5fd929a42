"""The rows of a data cut, derived again from the events at its seal; and what two cuts differ in."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from django.db import connections, transaction

from analytics.derivation.engine import (
    DEFAULT_VARIANT,
    DERIVATION,
    RULE_SET,
    VARIANTS,
    derivation_parameters,
    without_memoize,
)
from analytics.models import DataCut
from analytics.queries.known import Seal, known_at
from analytics.queries.outcomes import COLUMNS
from patients.models import ROW_MODELS, Patient

# The site's own number stays out: a cut names records by registry number alone.
CUT_COLUMNS: Final = (
    "registry_number",
    "variant",
    *(name for name in COLUMNS if name not in ("record_id", "registry_number")),
)
Row = tuple[Any, ...]
_EVENTS: Final = """
    select record.registry_number, event.id, event.at, event.table_name, event.operation, event.reason
    from audit.event
    join patients_patient record on record.id = event.patient_id
    where event.table_name = any(%(tables)s)
        and event.id <@ (select coalesce(range_agg(part), '{}') from audit.seal, unnest(ids) part
            where number > %(after)s and number <= %(upto)s)
        and record.registry_number = any(%(numbers)s)
    order by event.id
"""


_ROWS: Final = f"""
select record.registry_number, derived.variant, center.code,
    {", ".join(f"derived.{name}" for name in CUT_COLUMNS[3:-1])}
from (
{DERIVATION}
) derived
join patients_patient record on record.id = derived.patient_id
join centers_center center on center.id = derived.center_id
"""  # noqa: S608  # fixed text: columns of this module and outcome.sql


def cut_rows(
    seal: Seal, cutoff: date, using: str = "worker", ids: Sequence[int] | None = None
) -> list[Row]:
    """Rows of every record in scope (or of `ids`) in every variant, as known at the seal.

    In CUT_COLUMNS and canonical order.
    """
    parameters = derivation_parameters(ids, cutoff, reasons=False)
    with known_at(seal, using), connections[using].cursor() as cursor:
        without_memoize(using)
        cursor.execute(_ROWS, parameters)
        found = [(*map(_plain, row), RULE_SET) for row in cursor.fetchall()]
    return sorted(found, key=lambda row: (row[0], VARIANTS.index(row[1])))


def content_hash(rows: Iterable[Row]) -> str:
    """SHA-256 (hexadecimal) of the rows, each a line of JSON without spaces, ended by LF."""
    digest = hashlib.sha256()
    for row in rows:
        line = json.dumps(row, ensure_ascii=False, separators=(",", ":"))
        digest.update(f"{line}\n".encode())
    return digest.hexdigest()


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


def seal_of(cut: DataCut) -> Seal:
    """The cut's moment."""
    return Seal(cut.seal, cut.seal_hash, cut.made_at)


@dataclass(frozen=True, slots=True)
class Difference:
    """What changed in one record's row of one variant between two cuts.

    `before` and `after` hold the differing columns; empty where the record is in one cut only.
    """

    registry_number: str
    variant: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]


def differences(first: Iterable[Row], second: Iterable[Row]) -> Iterator[Difference]:
    """Rows that are not the same in both, by registry number and variant."""
    old = {row[:2]: row for row in first}
    new = {row[:2]: row for row in second}
    for key in sorted({*old, *new}, key=lambda key: (key[0], VARIANTS.index(key[1]))):
        one, two = old.get(key), new.get(key)
        if one == two:
            continue
        before = dict(zip(CUT_COLUMNS, one, strict=True)) if one else {}
        after = dict(zip(CUT_COLUMNS, two, strict=True)) if two else {}
        changed = [n for n in CUT_COLUMNS[2:] if before.get(n) != after.get(n)]
        yield Difference(
            key[0],
            key[1],
            {name: before[name] for name in changed} if before else {},
            {name: after[name] for name in changed} if after else {},
        )


@dataclass(frozen=True, slots=True)
class Cause:
    """An event between the seals of two cuts that touched a record."""

    event: int
    at: str
    table: str
    operation: str
    reason: str

    @property
    def day(self) -> date:
        """The day of the entry, UTC."""
        return datetime.fromisoformat(self.at).date()


def causes(
    first: DataCut, second: DataCut, numbers: Iterable[str], using: str = "worker"
) -> dict[str, list[Cause]]:
    """The clinical events between two cuts' seals, by registry number; without any value of a row."""
    parameters = _between(first, second) | {"numbers": sorted(set(numbers))}
    found: dict[str, list[Cause]] = {}
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        cursor.execute(_EVENTS, parameters)
        for number, event, at, table, operation, reason in cursor.fetchall():
            cause = Cause(event, at.isoformat(), table, operation, reason or "")
            found.setdefault(number, []).append(cause)
    return found


@dataclass(frozen=True, slots=True)
class Changed:
    """One record of the reader's centers that differs between two cuts, and what may be why.

    `eligible` and `pfs` are (before, after) of the primary reading, None where the record was not
    there; `columns` are the other columns that differ in any variant.
    """

    registry_number: str
    public_id: str
    eligible: tuple[Any, Any]
    pfs: tuple[Any, Any]
    columns: tuple[str, ...]
    causes: tuple[Cause, ...]

    @property
    def eligibility_changed(self) -> bool:
        """Whether it entered or left the cohort, or became known."""
        return bool(self.eligible[0] != self.eligible[1])

    @property
    def pfs_changed(self) -> bool:
        """Whether days or event of PFS, primary reading, differ."""
        return bool(self.pfs[0] != self.pfs[1])


_TOUCHED: Final = """
    select distinct event.patient_id from audit.event
    where event.table_name = any(%(tables)s) and event.patient_id is not null
        and event.id <@ (select coalesce(range_agg(part), '{}') from audit.seal, unnest(ids) part
            where number > %(after)s and number <= %(upto)s)
"""


def _between(first: DataCut, second: DataCut) -> dict[str, Any]:
    return {
        "tables": [Patient._meta.db_table, *(m._meta.db_table for m in ROW_MODELS.values())],
        "after": min(first.seal, second.seal),
        "upto": max(first.seal, second.seal),
    }


def both_rows(first: DataCut, second: DataCut, using: str) -> tuple[list[Row], list[Row]]:
    """Rows of both cuts, in scope; where only entries can differ, of the records touched between."""
    ids = None
    if (first.cutoff, first.rule_set) == (second.cutoff, second.rule_set):
        with transaction.atomic(using=using), connections[using].cursor() as cursor:
            cursor.execute(_TOUCHED, _between(first, second))
            ids = [int(row[0]) for row in cursor.fetchall()]
    return (
        cut_rows(seal_of(first), first.cutoff, using, ids),
        cut_rows(seal_of(second), second.cutoff, using, ids),
    )


def changed_records(first: DataCut, second: DataCut, using: str = "default") -> list[Changed]:
    """Records in scope that differ, by registry number, with the events between the cuts."""
    old, new = both_rows(first, second, using)
    before, after = (
        {row[0]: row for row in rows if row[1] == DEFAULT_VARIANT} for rows in (old, new)
    )
    columns: dict[str, set[str]] = {}
    for one in differences(old, new):
        columns.setdefault(one.registry_number, set()).update(one.before, one.after)
    why = causes(first, second, columns, using)
    public = dict(
        Patient.objects.using(using)
        .filter(registry_number__in=list(columns))
        .values_list("registry_number", "public_id")
    )
    return [
        Changed(
            number,
            str(public.get(number, "")),
            (_eligible(before.get(number)), _eligible(after.get(number))),
            (_pfs(before.get(number)), _pfs(after.get(number))),
            tuple(name for name in CUT_COLUMNS if name in names),
            tuple(why.get(number, ())),
        )
        for number, names in sorted(columns.items())
    ]


def _eligible(row: Row | None) -> Any:
    return row[CUT_COLUMNS.index("eligible")] if row else None


def _pfs(row: Row | None) -> Any:
    """Days and whether they ended in an event, as people write it: "1234" or "1234+"."""
    if row is None or row[CUT_COLUMNS.index("pfs_days")] is None:
        return None
    plus = "" if row[CUT_COLUMNS.index("pfs_event")] else "+"
    return f"{row[CUT_COLUMNS.index('pfs_days')]}{plus}"
