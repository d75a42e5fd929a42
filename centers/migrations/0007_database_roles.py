"""Logins that only read: the auditor, and the exporter with a schema of its own for what is released."""

from django.db import migrations

from centers.database import AUDITOR, EXPORTER, auditor_reads, functions_for_roles, sql

# A server's roles come from registry/stack/roles.py, which a migration cannot run: it says so.
ROLES = f"""
do $$ begin
    if exists (select from unnest(array['{AUDITOR}', '{EXPORTER}']) role
            where not exists (select from pg_roles where rolname = role)) then
        raise exception 'Roles are missing: run python -m registry.stack.roles again (or with --apply).';
    end if;
end $$;
"""
TRAIL = f"""
grant usage on schema audit to {AUDITOR};
grant select on audit.event, audit.seal to {AUDITOR};
create policy auditor_reads on audit.event for select to {AUDITOR} using (true);
"""
# Views in it are made and granted one by one; a base table is never granted to the exporter.
RELEASE = f"""
create schema release;
grant usage on schema release to {EXPORTER};
"""


class Migration(migrations.Migration):
    dependencies = [("centers", "0006_audit_review")]

    operations = [
        sql(ROLES),
        sql(
            TRAIL,
            f"drop policy auditor_reads on audit.event; revoke all on audit.event, audit.seal from {AUDITOR};",
        ),
        sql(RELEASE, "drop schema release;"),
        auditor_reads(),
        functions_for_roles(),
    ]
