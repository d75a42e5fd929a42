"""SQL that migrations of every app use: policies, grants, audit triggers, composite keys.

All text here is fixed by the migration that calls it; no value of a user ever enters it.
Roles: `registry_owner` owns everything and nobody logs in as it, `registry_app` serves pages and
commands under row-level security, `registry_worker` reads clinical tables and writes outcomes.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.db.migrations import RunSQL

APP = "registry_app"
WORKER = "registry_worker"

# Reasons of the system's own changes; others come from people.
IN_SCOPE = "center_id = any((select centers_scope())::bigint[])"


def sql(forward: str, backward: str = "") -> RunSQL:
    """One reversible step of SQL; reverting creates nothing unless told."""
    return RunSQL(forward, backward or RunSQL.noop)


def center_rows(table: str, *, write: str = "select, insert, update") -> RunSQL:
    """Row-level security by center for the app; the worker reads every row."""
    return sql(
        f"""
        alter table {table} enable row level security;
        create policy center_scope on {table} to {APP}
            using ({IN_SCOPE}) with check ({IN_SCOPE});
        create policy worker_reads on {table} for select to {WORKER} using (true);
        grant {write} on {table} to {APP};
        grant select on {table} to {WORKER};
        """,
        f"""
        drop policy center_scope on {table};
        drop policy worker_reads on {table};
        alter table {table} disable row level security;
        revoke all on {table} from {APP}, {WORKER};
        """,
    )


def child_of(table: str, column: str, parent: str, parent_key: str = "id") -> RunSQL:
    """A composite key: a row can only hang on a parent of its own center."""
    name = f"{table.split('.')[-1]}_{column}_center_fk"
    return sql(
        f"""
        alter table {table} add constraint {name} foreign key ({column}, center_id)
            references {parent} ({parent_key}, center_id) deferrable initially immediate;
        """,
        f"alter table {table} drop constraint {name};",
    )


def audited(
    table: str,
    *,
    key: str = "id",
    patient: str = "patient_id",
    reason: bool = True,
    left_out: Iterable[str] = (),
) -> RunSQL:
    """Every write becomes an audit event; `reason`: changing a saved row needs one.

    `left_out` columns stay out of the event: generated ones, and plain identifiers whose sealed
    form is in the event.
    """
    columns = ",".join(left_out)
    return sql(
        f"""
        create trigger audit after insert or update or delete on {table} for each row
            execute function audit.write_event('{key}', '{patient}', '{reason}', '{{{columns}}}');
        """,
        f"drop trigger audit on {table};",
    )
