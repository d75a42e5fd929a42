"""Functions of the derivation, row-level security of its tables, and the trigger that marks records stale."""

from pathlib import Path

from django.db import migrations

from centers.database import APP, IN_SCOPE, WORKER, sql

# Installed as it stands: a later change of a function is a new file and a new migration.
FUNCTIONS = Path(__file__).parents[1] / "derivation" / "functions.sql"
DROP_FUNCTIONS = (
    "drop function criterion; drop function resolving_entry; drop function evidence_row;"
    "drop function evidence_hi; drop function evidence_lo; drop function evidence_point;"
    "drop function evidence_latest; drop function evidence_key;"
)

# The mark follows the record's version, which every write path bumps: no path can miss it. A mark that
# the worker holds makes the writer wait for that batch, so that no change falls between its reading and
# its removal of the mark. A changed record is tried anew, however often it failed before.
STALE = """
create function analytics_mark_stale() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
    insert into analytics_stale as mark (patient_id, center_id, version)
    select patient_id, center_id, version from changed order by patient_id
    on conflict (patient_id) do update set
        center_id = excluded.center_id, version = excluded.version, marked_at = now(),
        due_at = now(), attempts = 0, last_error = '';
    return null;
end $$;
revoke execute on function analytics_mark_stale from public;
create trigger stale_insert after insert on patients_record_version
    referencing new table as changed for each statement execute function analytics_mark_stale();
create trigger stale_update after update on patients_record_version
    referencing new table as changed for each statement execute function analytics_mark_stale();
"""
DROP_STALE = """
drop trigger stale_update on patients_record_version;
drop trigger stale_insert on patients_record_version;
drop function analytics_mark_stale;
"""


def worker_writes(table):
    """The app reads its centers' rows; the worker reads and writes all."""
    return sql(
        f"""
        alter table {table} enable row level security;
        create policy center_scope on {table} for select to {APP} using ({IN_SCOPE});
        create policy worker_writes on {table} to {WORKER} using (true) with check (true);
        grant select on {table} to {APP};
        grant select, insert, update, delete on {table} to {WORKER};
        """,
        f"""
        revoke all on {table} from {APP}, {WORKER};
        drop policy center_scope on {table};
        drop policy worker_writes on {table};
        alter table {table} disable row level security;
        """,
    )


class Migration(migrations.Migration):
    dependencies = [("analytics", "0001_outcomes"), ("patients", "0002_database")]

    operations = [
        sql(FUNCTIONS.read_text(encoding="utf-8"), DROP_FUNCTIONS),
        worker_writes("analytics_outcome"),
        worker_writes("analytics_stale"),
        sql(STALE, DROP_STALE),
    ]
