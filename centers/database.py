"""SQL that migrations of every app use: policies, grants, audit triggers, composite keys.

All text here is fixed by the migration that calls it; no value of a user ever enters it.
Roles: `registry_owner` owns everything and nobody logs in as it, `registry_app` serves pages and
commands under row-level security, `registry_worker` reads clinical tables and writes outcomes,
`registry_exporter` reads what is released, `registry_auditor` what verify_audit compares.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.db.migrations import RunSQL

APP = "registry_app"
WORKER = "registry_worker"
EXPORTER = "registry_exporter"
AUDITOR = "registry_auditor"

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


def auditor_reads() -> RunSQL:
    """The auditor reads the columns that events hold, of every audited table there is by now.

    Columns left out of events (plain identifiers, secrets) stay closed to it. Running it again
    changes nothing: a migration that adds audited tables calls it last.
    """
    return sql(
        f"""
        do $$
        declare audited record;
        begin
            for audited in
                select c.oid, t.tgrelid::regclass as name, n.nspname as schema, c.relrowsecurity,
                    (string_to_array(encode(t.tgargs, 'escape'), '\\000'))[4]::text[] as left_out
                from pg_trigger t join pg_class c on c.oid = t.tgrelid
                    join pg_namespace n on n.oid = c.relnamespace
                where t.tgfoid = 'audit.write_event'::regproc
            loop
                execute format('grant usage on schema %I to {AUDITOR}', audited.schema);
                execute format('revoke all on %s from {AUDITOR}', audited.name);
                execute format('grant select (%s) on %s to {AUDITOR}', (
                    select string_agg(quote_ident(attname), ', ' order by attnum)
                    from pg_attribute where attrelid = audited.oid and attnum > 0
                        and not attisdropped and attname <> all (audited.left_out)), audited.name);
                if audited.relrowsecurity and not exists (select from pg_policy
                        where polrelid = audited.oid and polname = 'auditor_reads') then
                    execute format('create policy auditor_reads on %s for select to {AUDITOR}'
                        ' using (true)', audited.name);
                end if;
            end loop;
        end $$;
        """  # noqa: S608  # fixed text
    )


def functions_for_roles() -> RunSQL:
    """Functions that everybody could execute become the app's and the worker's.

    PostgreSQL opens new functions to everybody. A migration that adds some calls it last; those that
    were closed on purpose stay closed.
    """
    return sql(
        f"""
        do $$
        declare open_to_all regprocedure;
        begin
            for open_to_all in
                select p.oid from pg_proc p join pg_namespace n on n.oid = p.pronamespace
                where p.proowner = 'registry_owner'::regrole and n.nspname <> 'pg_temp'
                    and exists (select from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner)))
                        where grantee = 0)
            loop
                execute format('revoke execute on routine %s from public', open_to_all);
                execute format('grant execute on routine %s to {APP}, {WORKER}', open_to_all);
            end loop;
        end $$;
        """  # noqa: S608  # fixed text
    )
