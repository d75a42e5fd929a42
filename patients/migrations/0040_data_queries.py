"""Queries with kinds, states and a thread of messages; the worker keeps those it derives."""

import uuid

import django.db.models.deletion
from django.conf import settings
from django.contrib.postgres.functions import RandomUUID
from django.db import migrations, models
from django.db.models.functions import Coalesce, Now

from centers.database import APP, IN_SCOPE, WORKER, audited, auditor_reads, sql

DERIVED = "kind in ('criterion', 'flag')"
UNCLOSED = models.Q(closed_at__isnull=True)

# The worker writes what it derived and no other query. People's words are written once: nobody is
# granted to change or delete them.
ACCESS = f"""
drop policy worker_reads on patients_query;
create policy worker_derives on patients_query to {WORKER} using ({DERIVED}) with check ({DERIVED});
grant select, insert, update on patients_query to {WORKER};

alter table patients_query_message add constraint patients_query_message_query_fk
    foreign key (query_id, patient_id, center_id)
    references patients_query (id, patient_id, center_id) deferrable initially immediate;
alter table patients_query_message enable row level security;
create policy center_scope on patients_query_message to {APP}
    using ({IN_SCOPE}) with check ({IN_SCOPE});
create policy worker_writes on patients_query_message for insert to {WORKER} with check (author_id = 1);
grant select, insert on patients_query_message to {APP};
grant insert on patients_query_message to {WORKER};
"""
UNDO_ACCESS = f"""
revoke all on patients_query_message from {APP}, {WORKER};
drop policy worker_writes on patients_query_message;
drop policy center_scope on patients_query_message;
alter table patients_query_message disable row level security;
alter table patients_query_message drop constraint patients_query_message_query_fk;
revoke all on patients_query from {WORKER};
drop policy worker_derives on patients_query;
create policy worker_reads on patients_query for select to {WORKER} using (true);
"""


def reference(target, **options):
    """A foreign key of the message without an index of its own."""
    return models.ForeignKey(
        to=target,
        on_delete=django.db.models.deletion.PROTECT,
        db_index=False,
        related_name=options.pop("related_name", "+"),
        **options,
    )


class Migration(migrations.Migration):
    dependencies = [
        ("centers", "0007_database_roles"),
        ("patients", "0030_contacts"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveIndex("query", "patients_query_open"),
        migrations.AddField("query", "kind", models.TextField(default="check", db_default="check")),
        migrations.AddField("query", "stands", models.BooleanField(default=True, db_default=True)),
        migrations.AddField("query", "answered_at", models.DateTimeField(null=True)),
        migrations.AddField("query", "reopened_at", models.DateTimeField(null=True)),
        migrations.AlterField(
            "query", "closing_note", models.TextField(blank=True, db_default="", default="")
        ),
        migrations.AlterField(
            "query", "confirmed_reason", models.TextField(blank=True, db_default="", default="")
        ),
        migrations.AlterField(
            "query", "opened_at", models.DateTimeField(auto_now_add=True, db_default=Now())
        ),
        migrations.AlterField(
            "query",
            "public_id",
            models.UUIDField(
                db_default=RandomUUID(), default=uuid.uuid4, editable=False, unique=True
            ),
        ),
        migrations.AddField(
            "query",
            "state",
            models.GeneratedField(
                expression=models.Case(
                    models.When(closed_at__isnull=False, then=models.Value("closed")),
                    models.When(answered_at__isnull=False, then=models.Value("answered")),
                    models.When(reopened_at__isnull=False, then=models.Value("reopened")),
                    default=models.Value("open"),
                ),
                output_field=models.TextField(),
                db_persist=True,
            ),
        ),
        migrations.AddField(
            "query",
            "asked_at",
            models.GeneratedField(
                expression=Coalesce("reopened_at", "opened_at"),
                output_field=models.DateTimeField(),
                db_persist=True,
            ),
        ),
        migrations.AddIndex(
            "query",
            models.Index(
                fields=["center", "asked_at"], name="patients_query_asked", condition=UNCLOSED
            ),
        ),
        migrations.AddIndex(
            "query",
            models.Index(
                fields=["patient", "center"], name="patients_query_unclosed", condition=UNCLOSED
            ),
        ),
        migrations.AddConstraint(
            "query",
            models.UniqueConstraint(
                fields=["id", "patient", "center"], name="patients_query_id_patient"
            ),
        ),
        migrations.AddConstraint(
            "query",
            models.UniqueConstraint(
                fields=["patient", "check_id", "center"],
                condition=models.Q(kind__in=("criterion", "flag")),
                name="patients_query_derived_once",
            ),
        ),
        migrations.AddConstraint(
            "query",
            models.CheckConstraint(
                condition=models.Q(kind__in=("manual", "check", "criterion", "flag")),
                name="patients_query_kind",
            ),
        ),
        migrations.CreateModel(
            name="QueryMessage",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("act", models.TextField()),
                ("text", models.TextField()),
                ("written_at", models.DateTimeField(db_default=Now())),
                ("author", reference(settings.AUTH_USER_MODEL)),
                ("center", reference("centers.center")),
                ("patient", reference("patients.patient", db_constraint=False)),
                (
                    "query",
                    reference("patients.query", db_constraint=False, related_name="thread"),
                ),
            ],
            options={
                "db_table": "patients_query_message",
                "indexes": [
                    models.Index(fields=["query", "center"], name="patients_query_message_thread")
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(act__in=["raised", "answered", "closed", "reopened"]),
                        name="patients_query_message_act",
                    ),
                    models.CheckConstraint(
                        condition=~models.Q(text=""), name="patients_query_message_text"
                    ),
                ],
            },
        ),
        sql(ACCESS, UNDO_ACCESS),
        audited("patients_query_message", reason=False),
        auditor_reads(),
    ]
