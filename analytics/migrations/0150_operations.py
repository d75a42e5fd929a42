"""What operators see: batches of the derivation, ages of waiting work, marks that failed too often."""

from django.db import migrations, models
from django.db.models.functions import Now

from centers.database import APP, WORKER, functions_for_roles, sql

# MOST_ATTEMPTS of analytics/derivation/stale.py.
DEAD = 5

# The worker writes a row a batch and removes old ones; no center, no record.
BATCHES = f"""
grant select on analytics_derivation_batch to {APP};
grant select, insert, delete on analytics_derivation_batch to {WORKER};
"""

# Counts and ages over all centers, without any row: readiness and metrics ask as nobody.
WORK = f"""
create function analytics_operations() returns jsonb
language sql stable security definer set search_path = pg_catalog, public as $$
    select jsonb_build_object(
        'stale', (select count(*) from analytics_stale where attempts < {DEAD}),
        'stale_seconds', (select extract(epoch from clock_timestamp() - min(marked_at))
            from analytics_stale where attempts < {DEAD}),
        'dead', (select count(*) from analytics_stale where attempts >= {DEAD}),
        'unsealed_seconds', (select extract(epoch from clock_timestamp() - event.at)
            from audit.event event
            where event.xact >= coalesce((select horizon from audit.seal
                    order by number desc limit 1), '0')
                and not exists (select from audit.seal where ids @> event.id)
            order by event.xact, event.id limit 1),
        'imports', (select coalesce(jsonb_object_agg(state, jobs), '{{}}') from (
            select state, count(*) as jobs from patients_import_job
            where state in ('checking', 'committing', 'undoing', 'failed') group by state) found),
        'exports', (select coalesce(jsonb_object_agg(state, jobs), '{{}}') from (
            select state, count(*) as jobs from analytics_export_job
            where state in ('queued', 'running', 'review', 'failed') group by state) found));
$$;
create function analytics_dead_letters() returns table (
    record uuid, registry_number text, center text, attempts smallint, error text,
    marked_at timestamptz
)
language plpgsql stable security definer set search_path = pg_catalog, public as $$
begin
    if not (centers_has_role('administrator') or centers_has_role('system')) then
        raise exception 'This needs the role administrator.' using errcode = '42501';
    end if;
    return query select patient.public_id, patient.registry_number::text, home.code::text,
            mark.attempts, mark.last_error, mark.marked_at
        from analytics_stale mark
            join patients_patient patient on patient.id = mark.patient_id
            join centers_center home on home.id = mark.center_id
        where mark.attempts >= {DEAD} order by mark.marked_at, patient.id limit 200;
end $$;
create function analytics_retry_dead(only_record uuid) returns bigint
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
    retried bigint;
begin
    if not (centers_has_role('administrator') or centers_has_role('system')) then
        raise exception 'This needs the role administrator.' using errcode = '42501';
    end if;
    update analytics_stale mark set attempts = 0, last_error = '', due_at = clock_timestamp()
    where mark.attempts >= {DEAD} and (only_record is null or mark.patient_id =
        (select id from patients_patient where public_id = only_record));
    get diagnostics retried = row_count;
    return retried;
end $$;
"""
UNDO = """
drop function analytics_retry_dead;
drop function analytics_dead_letters;
drop function analytics_operations;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("analytics", "0131_release"),
        ("centers", "0008_operations"),
        ("patients", "0050_import_jobs"),
    ]

    operations = [
        migrations.CreateModel(
            name="DerivationBatch",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("at", models.DateTimeField(db_default=Now())),
                ("records", models.IntegerField()),
                ("failed", models.IntegerField()),
                ("seconds", models.FloatField()),
                ("waited", models.FloatField()),
            ],
            options={
                "db_table": "analytics_derivation_batch",
                "indexes": [models.Index(fields=["at"], name="analytics_batch_at")],
            },
        ),
        sql(BATCHES, f"revoke all on analytics_derivation_batch from {APP}, {WORKER};"),
        sql(WORK, UNDO),
        functions_for_roles(),
    ]
