"""Imports through the browser: jobs, their sealed files and pages, remembered columns."""

import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from centers.database import APP, IN_SCOPE, WORKER, audited, auditor_reads, child_of, sql

CENTER = {
    "db_index": False,
    "on_delete": django.db.models.deletion.PROTECT,
    "related_name": "+",
    "to": "centers.center",
}
USER = CENTER | {"to": settings.AUTH_USER_MODEL}
JOB = {
    "db_constraint": False,
    "db_index": False,
    "on_delete": django.db.models.deletion.CASCADE,
    "related_name": "+",
    "to": "patients.importjob",
}
STATES = [
    ("checking", "Being checked"),
    ("columns", "Columns to name"),
    ("refused", "Errors found"),
    ("ready", "Ready to import"),
    ("same", "Nothing to change"),
    ("committing", "Being imported"),
    ("committed", "Imported"),
    ("outdated", "Preview out of date"),
    ("undoing", "Being undone"),
    ("undone", "Undone"),
    ("failed", "Stopped"),
    ("discarded", "Discarded"),
    ("expired", "Expired"),
]
ID = models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")

# What may identify a person: the database shows it where it shows identifiers, and nowhere else.
SHOWN = f"{IN_SCOPE} and center_id = any((select centers_identified())::bigint[])"
PARTS = ("patients_import_content", "patients_import_page")
ACCESS = f"""
alter table patients_import_job enable row level security;
create policy center_scope on patients_import_job to {APP} using ({IN_SCOPE}) with check ({IN_SCOPE});
grant select, insert, update on patients_import_job to {APP};
-- The worker finds what is to be done, says how far it is, and ends what cannot be done.
create policy worker_tends on patients_import_job to {WORKER} using (true) with check (true);
grant select, update (state, problem, changed_at) on patients_import_job to {WORKER};
alter table patients_import_run enable row level security;
create policy center_scope on patients_import_run for select to {APP} using ({IN_SCOPE});
create policy worker_writes on patients_import_run to {WORKER} using (true) with check (true);
grant select on patients_import_run to {APP};
grant select, insert, update, delete on patients_import_run to {WORKER};
alter table patients_import_columns enable row level security;
create policy center_scope on patients_import_columns to {APP} using ({SHOWN}) with check ({SHOWN});
grant select, insert, update, delete on patients_import_columns to {APP};
""" + "".join(
    f"""
    alter table {table} enable row level security;
    create policy center_scope on {table} to {APP} using ({SHOWN}) with check ({SHOWN});
    grant select, insert, delete on {table} to {APP};
    -- The worker takes away what has expired; it opens none.
    create policy worker_purges on {table} for delete to {WORKER} using (true);
    create policy worker_finds on {table} for select to {WORKER} using (true);
    grant select (job_id), delete on {table} to {WORKER};
    """
    for table in PARTS
)
UNDO_ACCESS = "".join(
    f"drop policy center_scope on {table}; revoke all on {table} from {APP}, {WORKER};"
    for table in ("patients_import_job", "patients_import_run", "patients_import_columns", *PARTS)
)
UNDO_ACCESS += "drop policy worker_tends on patients_import_job;"
UNDO_ACCESS += "drop policy worker_writes on patients_import_run;"
UNDO_ACCESS += "".join(
    f"drop policy worker_purges on {table}; drop policy worker_finds on {table};" for table in PARTS
)
# Files and previews hold identifiers, and nobody can tell whose: an erasure at the center takes all
# of them, as it takes drafts.
ERASURE = """
create function patients_drop_imports() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
    delete from patients_import_content where center_id = new.center_id;
    delete from patients_import_page where center_id = new.center_id;
    update patients_import_job set state = 'expired', changed_at = now()
    where center_id = new.center_id
        and state in ('checking', 'columns', 'refused', 'ready', 'same', 'outdated', 'failed');
    return null;
end $$;
revoke execute on function patients_drop_imports from public;
create trigger drop_imports after update of destroyed_at on ident.data_key
    for each row when (new.destroyed_at is not null) execute function patients_drop_imports();
"""
UNDO_ERASURE = "drop trigger drop_imports on ident.data_key; drop function patients_drop_imports;"


class Migration(migrations.Migration):
    dependencies = [
        ("patients", "0040_data_queries"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ImportJob",
            fields=[
                ("id", ID.clone()),
                ("public_id", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("state", models.CharField(choices=STATES, max_length=20)),
                ("kind", models.CharField(blank=True, max_length=10)),
                ("size", models.BigIntegerField()),
                ("reason", models.CharField(blank=True, max_length=500)),
                ("counts", models.JSONField(default=dict)),
                ("digest", models.CharField(blank=True, max_length=64)),
                ("problem", models.CharField(blank=True, max_length=40)),
                ("created_at", models.DateTimeField()),
                ("changed_at", models.DateTimeField()),
                ("committed_at", models.DateTimeField(null=True)),
                ("expires_at", models.DateTimeField()),
                ("center", models.ForeignKey(**CENTER)),
                ("user", models.ForeignKey(**USER)),
                ("asked_by", models.ForeignKey(**USER)),
            ],
            options={
                "db_table": "patients_import_job",
                "indexes": [
                    models.Index(fields=["center", "-created_at"], name="patients_import_job_list"),
                    models.Index(
                        condition=models.Q(("state__in", ["checking", "committing", "undoing"])),
                        fields=["changed_at"],
                        name="patients_import_job_work",
                    ),
                ],
            },
        ),
        sql(
            "alter table patients_import_job"
            " add constraint patients_import_job_center unique (center_id, id);",
            "alter table patients_import_job drop constraint patients_import_job_center;",
        ),
        migrations.CreateModel(
            name="ImportContent",
            fields=[
                ("id", ID.clone()),
                ("sealed", models.BinaryField()),
                ("job", models.ForeignKey(**JOB)),
                ("center", models.ForeignKey(**CENTER)),
            ],
            options={
                "db_table": "patients_import_content",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("center", "job"), name="patients_import_content_job"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ImportPage",
            fields=[
                ("id", ID.clone()),
                ("sealed", models.BinaryField()),
                ("stream", models.CharField(max_length=20)),
                ("number", models.IntegerField()),
                ("job", models.ForeignKey(**JOB)),
                ("center", models.ForeignKey(**CENTER)),
            ],
            options={
                "db_table": "patients_import_page",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("center", "job", "stream", "number"),
                        name="patients_import_page_place",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ImportColumns",
            fields=[
                ("sealed", models.BinaryField()),
                ("updated_at", models.DateTimeField()),
                (
                    "center",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="centers.center",
                    ),
                ),
            ],
            options={"db_table": "patients_import_columns"},
        ),
        migrations.CreateModel(
            name="ImportRun",
            fields=[
                (
                    "job",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="run",
                        serialize=False,
                        to="patients.importjob",
                    ),
                ),
                ("attempts", models.SmallIntegerField()),
                ("progress", models.CharField(blank=True, max_length=100)),
                ("center", models.ForeignKey(**CENTER)),
            ],
            options={"db_table": "patients_import_run"},
        ),
        *(
            child_of(table, "job_id", "patients_import_job")
            for table in (*PARTS, "patients_import_run")
        ),
        sql(ACCESS, UNDO_ACCESS),
        audited("patients_import_job", patient="none", reason=False),
        sql(ERASURE, UNDO_ERASURE),
        auditor_reads(),
    ]
