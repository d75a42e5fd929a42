"""Runs of backups and drills as rows; acts of operation as a kind of event, which administrators read."""

from django.db import migrations, models
from django.db.models.functions import Now

from centers.database import APP, sql

KINDS = (
    "sign_in",
    "sign_out",
    "sign_in_failed",
    "locked_out",
    "signing_refused",
    "mfa",
    "read",
    "reveal",
    "search",
    "print",
    "download",
    "export",
    "import",
)
NEW_KINDS = (*KINDS, "operation")
ACCESS_KINDS = (
    "sign_in",
    "sign_out",
    "sign_in_failed",
    "locked_out",
    "signing_refused",
    "mfa",
    "download",
    "export",
    "import",
)
ACCESS_TABLES = (
    "centers_user",
    "centers_membership",
    "centers_center",
    "centers_openidentity",
    "mfa_authenticator",
)
BY_ROLE = "((select centers_has_role('administrator')) or (select centers_has_role('system')))"


def listed(words):
    """The words as a list of SQL texts; all are fixed above."""
    return ", ".join(f"'{word}'" for word in words)


def record_event(kinds):
    """Events that are no row's change. Fixed kinds; the actor is the scope's."""
    return f"""
create or replace function audit.record_event(kind text, center bigint, patient bigint, detail jsonb)
returns void language plpgsql security definer set search_path = pg_catalog, public as $$
begin
    if kind not in ({listed(kinds)}) then
        raise exception 'Unknown kind of event.' using errcode = '22023';
    end if;
    perform audit.append(center, patient, '', null, kind, null, detail,
        nullif(btrim(current_setting('registry.reason', true)), ''));
end $$;
"""


def access_policy(kinds):
    """What administrators see of the trail: accounts, centers, files, operation; nothing of records."""
    return f"""
alter policy access_events on audit.event using (
    {BY_ROLE}
    and patient_id is null
    and (table_name in ({listed(ACCESS_TABLES)})
        or (table_name = '' and operation in ({listed(kinds)})
            and not coalesce(after, '{{}}') ? 'patient_ids')));
"""


# Written by commands and by the process that makes backups; nobody changes it afterwards.
RUNS = f"""
alter table centers_operation_run enable row level security;
create policy operators on centers_operation_run to {APP}
    using ({BY_ROLE}) with check ((select centers_has_role('system')));
grant select, insert on centers_operation_run to {APP};
"""


class Migration(migrations.Migration):
    dependencies = [("centers", "0007_database_roles")]

    operations = [
        sql(record_event(NEW_KINDS), record_event(KINDS)),
        sql(access_policy((*ACCESS_KINDS, "operation")), access_policy(ACCESS_KINDS)),
        migrations.CreateModel(
            name="OperationRun",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("kind", models.CharField(max_length=10)),
                ("passed", models.BooleanField()),
                ("seconds", models.FloatField()),
                ("detail", models.JSONField(default=dict)),
                ("at", models.DateTimeField(db_default=Now())),
            ],
            options={
                "db_table": "centers_operation_run",
                "ordering": ["-id"],
                "constraints": [
                    models.CheckConstraint(
                        name="centers_operation_run_kind",
                        condition=models.Q(kind__in=["backup", "drill"]),
                    )
                ],
            },
        ),
        sql(RUNS, f"revoke all on centers_operation_run from {APP};"),
    ]
