"""Projects, their members and cohorts, export jobs and revocations."""

import uuid

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

from centers.database import APP, WORKER, audited, auditor_reads, sql

TABLES = (
    "analytics_project",
    "analytics_project_member",
    "analytics_cohort",
    "analytics_export_job",
    "analytics_export_revocation",
)
# What a person decides is the app's to write, what came out is the worker's.
GRANTS = f"""
grant select on {", ".join(TABLES)} to {APP}, {WORKER};
grant insert on {", ".join(TABLES)} to {APP};
grant update (name, purpose, agreement, agreement_expires_on, recipients, closed_at,
    codes_destroyed_at) on analytics_project to {APP};
grant update (removed_at) on analytics_project_member to {APP};
grant update (state, approved_by_id, decided_at, decision_reason, expires_at)
    on analytics_export_job to {APP};
grant update (state, progress, stage, attempts, lease_until, error, risk, files, records,
    manifest_sha256, finished_at, expires_at) on analytics_export_job to {WORKER};
grant insert on analytics_export_revocation to {WORKER};
create policy project_events on audit.event for select to {APP} using (
    ((select centers_has_role('administrator')) or (select centers_has_role('system')))
    and table_name = any('{{{",".join(TABLES)}}}'::text[]));
"""
# How far a job is changes many times and says nothing of who did what: no event, and left out of them.
JOB_EVENTS = """
create trigger audit after insert or delete or update of state, approved_by_id, decision_reason,
        expires_at, files, risk, manifest_sha256, error
    on analytics_export_job for each row execute function
    audit.write_event('id', 'none', 'False', '{progress,stage,attempts,lease_until}');
"""
UNDO = f"""
drop policy project_events on audit.event;
revoke all on {", ".join(TABLES)} from {APP}, {WORKER};
"""


class Migration(migrations.Migration):
    dependencies = [
        ("analytics", "0104_data_cut"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Project",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("public_id", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("name", models.CharField(max_length=100, unique=True)),
                ("purpose", models.TextField()),
                ("profile", models.TextField()),
                ("agreement", models.CharField(max_length=100)),
                ("agreement_expires_on", models.DateField()),
                ("recipients", models.TextField()),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("closed_at", models.DateTimeField(null=True)),
                ("codes_destroyed_at", models.DateTimeField(null=True)),
                (
                    "created_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "db_table": "analytics_project",
                "ordering": ["name"],
            },
        ),
        migrations.CreateModel(
            name="ExportJob",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("public_id", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("profile", models.TextField()),
                ("population", models.TextField()),
                ("disease", models.TextField(default="")),
                ("recipe", models.JSONField()),
                ("recipe_hash", models.CharField(max_length=64)),
                (
                    "formats",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.TextField(), size=None
                    ),
                ),
                ("idempotency_key", models.CharField(max_length=100, null=True)),
                ("client", models.TextField(default="")),
                (
                    "requested_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("state", models.TextField(default="queued")),
                ("progress", models.SmallIntegerField(default=0)),
                ("stage", models.TextField(default="")),
                ("attempts", models.SmallIntegerField(default=0)),
                ("lease_until", models.DateTimeField(null=True)),
                ("error", models.TextField(default="")),
                ("risk", models.JSONField(null=True)),
                ("files", models.JSONField(null=True)),
                ("records", models.IntegerField(null=True)),
                ("manifest_sha256", models.CharField(default="", max_length=64)),
                ("finished_at", models.DateTimeField(null=True)),
                ("expires_at", models.DateTimeField(null=True)),
                ("decided_at", models.DateTimeField(null=True)),
                ("decision_reason", models.TextField(default="")),
                (
                    "approved_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "cut",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="analytics.datacut",
                    ),
                ),
                (
                    "requested_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "project",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="exports",
                        to="analytics.project",
                    ),
                ),
            ],
            options={
                "db_table": "analytics_export_job",
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="Cohort",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("public_id", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("name", models.CharField(max_length=100)),
                ("population", models.TextField()),
                ("disease", models.TextField(default="")),
                ("client", models.TextField(default="")),
                (
                    "made_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                (
                    "made_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "project",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="cohorts",
                        to="analytics.project",
                    ),
                ),
            ],
            options={
                "db_table": "analytics_cohort",
                "ordering": ["name"],
            },
        ),
        migrations.CreateModel(
            name="ProjectMember",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "added_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("removed_at", models.DateTimeField(null=True)),
                (
                    "added_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "project",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="members",
                        to="analytics.project",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "db_table": "analytics_project_member",
            },
        ),
        migrations.CreateModel(
            name="ExportRevocation",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("reason", models.TextField()),
                (
                    "revoked_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                (
                    "job",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="revocation",
                        to="analytics.exportjob",
                    ),
                ),
            ],
            options={
                "db_table": "analytics_export_revocation",
                "ordering": ["-id"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("reason__in", ["consent_withdrawn", "project_closed", "called_back"])
                        ),
                        name="analytics_export_revocation_reason",
                    )
                ],
            },
        ),
        migrations.AddConstraint(
            model_name="project",
            constraint=models.CheckConstraint(
                condition=models.Q(("profile__in", ["safe_harbor", "research"])),
                name="analytics_project_profile",
            ),
        ),
        migrations.AddConstraint(
            model_name="project",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("codes_destroyed_at", None), ("closed_at__isnull", False), _connector="OR"
                ),
                name="analytics_project_destroyed",
            ),
        ),
        migrations.AddIndex(
            model_name="exportjob",
            index=models.Index(
                condition=models.Q(("state__in", ["queued", "running"])),
                fields=["lease_until"],
                name="analytics_export_job_waiting",
            ),
        ),
        migrations.AddConstraint(
            model_name="exportjob",
            constraint=models.UniqueConstraint(
                fields=("project", "idempotency_key"), name="analytics_export_job_key"
            ),
        ),
        migrations.AddConstraint(
            model_name="exportjob",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "state__in",
                        [
                            "queued",
                            "running",
                            "review",
                            "ready",
                            "refused",
                            "revoked",
                            "failed",
                            "expired",
                        ],
                    )
                ),
                name="analytics_export_job_state",
            ),
        ),
        migrations.AddConstraint(
            model_name="exportjob",
            constraint=models.CheckConstraint(
                condition=models.Q(("profile__in", ["safe_harbor", "research"])),
                name="analytics_export_job_profile",
            ),
        ),
        migrations.AddConstraint(
            model_name="exportjob",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("approved_by", None),
                    models.Q(("approved_by", models.F("requested_by")), _negated=True),
                    _connector="OR",
                ),
                name="analytics_export_job_two_people",
            ),
        ),
        migrations.AddConstraint(
            model_name="exportjob",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("profile", "research"), ("state", "ready"), _negated=True),
                    ("approved_by__isnull", False),
                    _connector="OR",
                ),
                name="analytics_export_job_approved",
            ),
        ),
        migrations.AddConstraint(
            model_name="cohort",
            constraint=models.UniqueConstraint(
                fields=("project", "name"), name="analytics_cohort_name", nulls_distinct=False
            ),
        ),
        migrations.AddConstraint(
            model_name="cohort",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("population__in", ["eligible", "treated"]),
                    ("disease__in", ["", "melanoma", "renal_cell"]),
                ),
                name="analytics_cohort_definition",
            ),
        ),
        migrations.AddConstraint(
            model_name="projectmember",
            constraint=models.UniqueConstraint(
                condition=models.Q(("removed_at", None)),
                fields=("project", "user"),
                name="analytics_project_member_standing",
            ),
        ),
        sql(GRANTS, UNDO),
        audited("analytics_project", patient="none", reason=True),
        audited("analytics_project_member", patient="none", reason=False),
        audited("analytics_cohort", patient="none", reason=False),
        audited("analytics_export_revocation", patient="none", reason=False),
        sql(JOB_EVENTS, "drop trigger audit on analytics_export_job;"),
        auditor_reads(),
    ]
