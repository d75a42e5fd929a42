"""The registry as it was known at a seal of the audit trail, and outcomes at any cutoff.

Inside `known_at` the clinical tables' names lead to temporary views with the rows of that moment: the
live ones that nothing touched since, and those that something did, out of the events. So the same
derivation, statistics and pages run on them unchanged. A moment is a seal and never a
clock reading: an event stamped before a time but committed after it was not known then.

What is not read back: direct identifiers (events hold them sealed), centers and accounts. `record_id`
is that of today, and age at T0 is reckoned from the birth date of today, for readers who may not see
it too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from django.db import connections, transaction
from psycopg import sql

from analytics.derivation.engine import (
    DERIVATION,
    RULE_SET,
    THRESHOLD_YEARS,
    VARIANTS,
    Derived,
    derivation_parameters,
    without_memoize,
)
from analytics.models import Outcome
from centers.access import one_snapshot, required_scope
from patients.models import ROW_MODELS, Patient

PATIENTS: Final = Patient._meta.db_table
TABLES: Final = (
    PATIENTS,
    *(model._meta.db_table for model in ROW_MODELS.values()),
)
# Generated columns are not in the events: the copy computes them as the table does.
_COLUMNS: Final = """
    select attname, attgenerated = '' from pg_attribute
    where attrelid = %s::regclass and attnum > 0 and not attisdropped
    order by attnum
"""
# Ids of events that were known at a seal.
_KNOWN: Final = """
    select coalesce(range_agg(part), '{}'), current_setting('transaction_isolation')
    from audit.seal, unnest(ids) part where number <= %s
"""
# What an event touched since: row by row the last event that was known, null where the row was not.
_TOUCHED: Final = sql.SQL("""
    create temporary table known_touched on commit drop as
    select later.table_name, later.row_id, later.patient_id, (
        select id from audit.event known
        where known.table_name = later.table_name and known.row_id = later.row_id
            and known.id <@ {known}::int8multirange
        order by id desc limit 1
    ) as event_id
    from (
        select distinct event.table_name, event.row_id, event.patient_id
        from unnest('{{[1,)}}'::int8multirange - {known}::int8multirange) part
        join audit.event event on event.id >= lower(part)
            and (upper_inf(part) or event.id < upper(part))
        where event.table_name = any({tables})
            and ({patients}::bigint[] is null or event.patient_id = any({patients}::bigint[]))
    ) later
""")
# Rows that something touched since, as the events have them.
_FILL: Final = sql.SQL("""
    insert into pg_temp.{known} ({columns})
    select {columns} from (
        select event.after from pg_temp.known_touched touched
        join audit.event event on event.id = touched.event_id
        where touched.table_name = {name} and event.after is not null
    ) last, jsonb_populate_record(null::public.{table}, last.after)
""")
# All others stand as they are: a live row is what its last event says (manage.py verify_audit).
_VIEW: Final = sql.SQL("""
    create temporary view {table} with (security_invoker) as
    select {every} from public.{table} live where ({patients}::bigint[] is null
        or live.{parent} = any({patients}::bigint[])) and not exists (
            select from pg_temp.known_touched touched
            where touched.table_name = {name} and touched.row_id = live.id)
    union all select {every} from pg_temp.{known}
""")


OUTCOMES: Final = Outcome._meta.db_table
# What is derived for the block; a view of the name of OUTCOMES shows it.
DERIVED: Final = "known_outcome"
# Why a criterion has its value: large, and most pages only count values.
REASONS: Final = ("criteria", "evidence")
# Statistics of the large documents would take as long as the derivation.
_ANALYZED: Final = tuple(n for n in Derived._fields if n not in (*REASONS, "flags"))
# A tenth of the usual sample serves figures that read every row anyway.
_ANALYZE: Final = (
    f"set local default_statistics_target = 10; analyze pg_temp.{DERIVED} ({', '.join(_ANALYZED)})"
)
AGE: Final = "coalesce(derived.age_at_t0, stored.age_at_t0)"
_CREATE: Final = (
    f"create temporary table {DERIVED} (like public.{OUTCOMES} including defaults) on commit drop"
)
_WITHOUT_REASONS: Final = (
    f"; alter table pg_temp.{DERIVED} {', '.join(f'drop column {name}' for name in REASONS)}"
)
# The start of treatment is one day at every cutoff that has it. So where the database shows the
# reader no birth date, the age is the one that is stored with the same start.
_FROM_DERIVATION: Final = f"""
    from (
{DERIVATION}
    ) derived left join public.{OUTCOMES} stored on %(hidden)s
        and stored.patient_id = derived.patient_id and stored.variant = derived.variant
        and stored.t0 = derived.t0
"""
# Where the start was another one then, the database tells the age of a moment and no birth date.
_AGES: Final = f"""
    update pg_temp.{DERIVED} outcome set age_at_t0 = known.age
    from analytics_ages_known(%s, array(
        select distinct patient_id from pg_temp.{DERIVED}
        where age_at_t0 is null and t0 is not null
    )) known
    where known.patient_id = outcome.patient_id
        and outcome.age_at_t0 is null and outcome.t0 is not null
"""  # noqa: S608  # fixed text


# Of a record that nothing touched since the seal and that waits for no derivation, what is stored is
# what was known: the derivation reads the same rows. These are the others.
_ANEW: Final = f"""
    create temporary table known_anew on commit drop as
    select patient_id from pg_temp.known_touched
    union select patient_id from analytics_stale
    union select id from public.{PATIENTS} where id not in (
        select patient_id from public.{OUTCOMES}
        where cutoff = %(cutoff)s and rule_set = %(rule_set)s and variant = 'primary')
"""  # noqa: S608  # fixed text
_ONLY_DERIVED: Final = sql.SQL(
    "create temporary view {outcomes} with (security_invoker) as select {every} from pg_temp.{derived}"
)
_WITH_STORED: Final = sql.SQL("""
    union all select {every} from public.{outcomes} stored
    where cutoff = {cutoff} and rule_set = {rule_set} and variant = any({variants})
        and not exists (select from pg_temp.known_anew anew where anew.patient_id = stored.patient_id)
""")


class NotSealed(LookupError):
    """Nothing was sealed by that moment."""


@dataclass(frozen=True, slots=True)
class Seal:
    """A moment of the registry: the seal's number, its hash (hexadecimal) and when it was made."""

    number: int
    hash: str
    sealed_at: datetime


def seal_before(moment: datetime | int, using: str = "worker") -> Seal:
    """The last seal made by a time, or the seal of a number. Raises NotSealed."""
    by_number = isinstance(moment, int)
    column = "number = %s" if by_number else "sealed_at <= %s"
    query = (
        f"select number, encode(hash, 'hex'), sealed_at from audit.seal where {column}"  # noqa: S608
        " order by number desc limit 1"
    )
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        cursor.execute(query, [moment])
        row = cursor.fetchone()
    if row is None:
        raise NotSealed
    return Seal(*row)


@contextmanager
def known_at(
    seal: Seal, using: str = "worker", patients: Sequence[int] | None = None
) -> Iterator[None]:
    """One transaction in which clinical tables stand as they were known at the seal; read only.

    `patients`: of these records alone. Raises RuntimeError inside a transaction that sees what others
    commit meanwhile (begin it in `one_snapshot`): a row changed between two statements would be there
    as it is now.

    The caller's scope decides which rows and events are read. docs/benchmarks.md says how long it takes.
    """
    with (
        one_snapshot(),
        transaction.atomic(using=using),
        connections[using].cursor() as cursor,
    ):
        cursor.execute(_KNOWN, [seal.number])
        known, isolation = cursor.fetchone()
        if isolation != "repeatable read":
            raise RuntimeError("The past is read in one snapshot alone.")
        cursor.execute("set local work_mem = '64MB'")
        only = sql.Literal(None if patients is None else list(patients))
        touched = _TOUCHED.format(
            known=sql.Literal(str(known)), tables=sql.Literal(list(TABLES)), patients=only
        )
        cursor.execute(touched)
        cursor.execute("create index on pg_temp.known_touched (table_name, row_id)")
        cursor.execute("analyze pg_temp.known_touched")
        cursor.execute("select distinct table_name from pg_temp.known_touched")
        changed = {name for (name,) in cursor.fetchall()}
        # Where nothing was touched the live table is what was known.
        views = [
            name
            for name in TABLES
            if name in changed or (name == PATIENTS and patients is not None)
        ]
        copies = [_view(cursor, table, only) for table in views]
        with _first_here(cursor, views, [*copies, "known_touched"]):
            yield


@contextmanager
def outcomes_at(
    cutoff: date,
    using: str = "default",
    threshold_years: int = THRESHOLD_YEARS,
    variants: Sequence[str] = VARIANTS,
    *,
    seal: Seal | None = None,
    reasons: bool = True,
) -> Iterator[None]:
    """One transaction in which the outcome table holds what is derived at another cutoff.

    Inside `known_at` it is derived from the rows known then. With its `seal` given, what is stored of
    the same cutoff stands for records that nothing touched since (at the registry's own threshold),
    and only the others are derived. Without `reasons` the table has no `criteria` and `evidence`,
    which takes three quarters of the time.
    """
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        without_memoize(using)
        cursor.execute(_CREATE if reasons else _CREATE + _WITHOUT_REASONS)
        bound = derivation_parameters(None, cutoff, variants, threshold_years, reasons=reasons)
        parameters = bound | {"rule_set": RULE_SET, "hidden": _hides_birth_dates()}
        kept = seal is not None and threshold_years == THRESHOLD_YEARS
        if kept:
            cursor.execute(_ANEW, parameters)
            cursor.execute("analyze pg_temp.known_anew")
            cursor.execute("select array(select patient_id from pg_temp.known_anew)")
            parameters["ids"] = cursor.fetchone()[0]
        cursor.execute(_derive(reasons=reasons), parameters)
        if seal is not None and parameters["hidden"]:
            cursor.execute(_AGES, [seal.number])
        cursor.execute(_ANALYZE)
        cursor.execute(_outcomes_view(cursor, parameters, kept=kept))
        with _first_here(cursor, [OUTCOMES], [DERIVED, *(["known_anew"] if kept else [])]):
            yield


def _derive(*, reasons: bool) -> str:
    names = [name for name in Derived._fields if reasons or name not in REASONS]
    values = [AGE if name == "age_at_t0" else f"derived.{name}" for name in names]
    return (
        f"insert into pg_temp.{DERIVED} ({', '.join(names)}, rule_set)"
        f" select {', '.join(values)}, %(rule_set)s {_FROM_DERIVATION}"
    )


def _hides_birth_dates() -> bool:
    """Whether the database keeps birth dates of some records in scope from the reader."""
    scope = required_scope()
    return not set(scope.center_ids) <= set(scope.identified)


@contextmanager
def _first_here(cursor: Any, views: Sequence[str], tables: Sequence[str]) -> Iterator[None]:
    """Names lead to the temporary views first; a changed path also makes kept plans look again."""
    cursor.execute("select current_setting('search_path')")
    before = cursor.fetchone()[0]
    cursor.execute("select set_config('search_path', 'pg_temp, public', true)")
    yield
    # After an error the transaction's end undoes all of this.
    cursor.execute("select set_config('search_path', %s, true)", [before])
    for kind, names in (("view", views), ("table", tables)):
        for name in names:
            cursor.execute(sql.SQL(f"drop {kind} pg_temp.{{}}").format(sql.Identifier(name)))


def _columns(cursor: Any, table: str) -> list[tuple[str, bool]]:
    """Columns of a table (with its schema) in order, and whether an event holds each."""
    cursor.execute(_COLUMNS, [table])
    found: list[tuple[str, bool]] = cursor.fetchall()
    return found


def _listed(names: Iterable[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, names))


def _view(cursor: Any, table: str, patients: sql.Literal) -> str:
    """The view of one clinical table as it was known; answers the name of the table of what was touched."""
    columns = _columns(cursor, f"public.{table}")
    known = f"known_{table}"
    parent = "id" if table == PATIENTS else "patient_id"
    names: dict[str, sql.Composable] = {
        "table": sql.Identifier(table),
        "known": sql.Identifier(known),
        "name": sql.Literal(table),
        "parent": sql.Identifier(parent),
        "patients": patients,
        "columns": _listed(name for name, held in columns if held),
        "every": _listed(name for name, _ in columns),
    }
    made = "create temporary table {known} (like public.{table} including generated) on commit drop"
    cursor.execute(sql.SQL(made).format(**names))
    cursor.execute(_FILL.format(**names))
    cursor.execute(sql.SQL("create index on pg_temp.{known} ({parent})").format(**names))
    cursor.execute(sql.SQL("analyze pg_temp.{known}").format(**names))
    cursor.execute(_VIEW.format(**names))
    return known


def _outcomes_view(cursor: Any, parameters: Mapping[str, Any], *, kept: bool) -> sql.Composed:
    """The view of what is derived; with `kept` also of what is stored of all other records."""
    names: dict[str, sql.Composable] = {
        "outcomes": sql.Identifier(OUTCOMES),
        "derived": sql.Identifier(DERIVED),
        "every": _listed(name for name, _ in _columns(cursor, f"pg_temp.{DERIVED}")),
        **{name: sql.Literal(parameters[name]) for name in ("cutoff", "rule_set", "variants")},
    }
    parts = [_ONLY_DERIVED, _WITH_STORED] if kept else [_ONLY_DERIVED]
    return sql.SQL("").join(part.format(**names) for part in parts)
