"""Data cuts, and the worker's reading of the clinical events of the past."""

import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models.functions import Now

from centers.database import APP, WORKER, audited, auditor_reads, sql

CLINICAL = (
    "patients_patient",
    "patients_prior_therapy",
    "patients_course",
    "patients_cycle",
    "patients_assessment",
    "patients_local_therapy",
    "patients_systemic_therapy",
    "patients_follow_up",
)
# Time travel runs as the worker, which sees every clinical row today: so it sees every one of the past.
EVENTS = f"""
grant select on audit.event to {WORKER};
create policy clinical_past on audit.event for select to {WORKER}
    using (table_name = any('{{{",".join(CLINICAL)}}}'::text[]));
"""
CUTS = f"""
grant select on analytics_data_cut to {APP}, {WORKER};
grant insert on analytics_data_cut to {WORKER};
"""


class Migration(migrations.Migration):
    dependencies = [("analytics", "0103_database_roles")]

    operations = [
        migrations.CreateModel(
            name="DataCut",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("public_id", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("name", models.CharField(max_length=100, unique=True)),
                ("cutoff", models.DateField()),
                ("seal", models.BigIntegerField()),
                ("seal_hash", models.CharField(max_length=64)),
                ("rule_set", models.SmallIntegerField()),
                ("records", models.IntegerField()),
                ("content_hash", models.CharField(max_length=64)),
                ("code_version", models.TextField()),
                ("made_at", models.DateTimeField(db_default=Now())),
                (
                    "made_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={"db_table": "analytics_data_cut", "ordering": ["-id"]},
        ),
        sql(CUTS, f"revoke all on analytics_data_cut from {APP}, {WORKER};"),
        audited("analytics_data_cut", patient="none", reason=True),
        auditor_reads(),
        sql(
            EVENTS,
            f"drop policy clinical_past on audit.event; revoke select on audit.event from {WORKER};",
        ),
    ]
