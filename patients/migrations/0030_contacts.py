"""Contact log, the day of the next contact, records visited, and reminders."""

import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from centers.database import APP, IN_SCOPE, audited, auditor_reads, center_rows, child_of, sql

# The one place of the rule; docs/follow-up.md says it in words. Days are points of partial dates.
DUE = f"""
create view patients_contact_due with (security_invoker = true) as
select record.id as patient_id, record.center_id, seen.last_contact,
    (seen.base + case
        when seen.base < given.t0 + interval '2 years' then interval '3 months'
        when seen.base < given.t0 + interval '5 years' then interval '6 months'
        else interval '12 months' end)::date as due_on
from patients_patient record
cross join lateral (
    select min(cycle.start_date_point) as t0 from patients_cycle cycle
    where cycle.patient_id = record.id and not cycle.retracted
        and cycle.doses_given is distinct from 0
        and not exists (select from patients_course course
            where course.id = cycle.course_id and course.retracted)
) given
cross join lateral (
    select max(contact.date_point) as last_contact,
        greatest(max(contact.date_point), given.t0) as base
    from patients_follow_up contact
    where contact.patient_id = record.id and not contact.retracted
        and contact.vital_status <> 'unknown'
) seen
where given.t0 is not null
    and not record.retracted
    and record.date_of_death is null
    and record.consent is distinct from 'withdrawn'
    and not exists (select from patients_erasure erasure where erasure.patient_id = record.id)
    and not exists (select from patients_contact_attempt attempt
        where attempt.patient_id = record.id and not attempt.retracted
            and attempt.outcome = 'declined'
            and (seen.last_contact is null or attempt.attempted_on >= seen.last_contact));
grant select on patients_contact_due to {APP};
"""

OWN = f"{IN_SCOPE} and user_id = (select centers_actor())"
VISITS = f"""
alter table patients_visit enable row level security;
create policy own_visits on patients_visit to {APP} using ({OWN}) with check ({OWN});
grant select, insert, update on patients_visit to {APP};
create index patients_visit_last on patients_visit (user_id, visited_at desc);
"""
UNDO_VISITS = f"""
drop policy own_visits on patients_visit;
revoke all on patients_visit from {APP};
"""
REMINDERS = f"""
alter table patients_reminder enable row level security;
create policy own_reminder on patients_reminder to {APP}
    using (user_id = (select centers_actor())) with check (user_id = (select centers_actor()));
grant select, insert, update on patients_reminder to {APP};
"""
UNDO_REMINDERS = f"""
drop policy own_reminder on patients_reminder;
revoke all on patients_reminder from {APP};
"""


def center():
    return models.ForeignKey(
        db_index=False,
        on_delete=django.db.models.deletion.PROTECT,
        related_name="+",
        to="centers.center",
    )


def patient(related_name):
    return models.ForeignKey(
        db_constraint=False,
        db_index=False,
        on_delete=django.db.models.deletion.PROTECT,
        related_name=related_name,
        to="patients.patient",
    )


def key():
    return models.BigAutoField(
        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
    )


class Migration(migrations.Migration):
    dependencies = [
        ("patients", "0015_database_roles"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ContactAttempt",
            fields=[
                ("id", key()),
                ("public_id", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("attempted_on", models.DateField()),
                ("channel", models.TextField()),
                ("outcome", models.TextField()),
                ("made_at", models.DateTimeField(auto_now_add=True)),
                ("retracted", models.BooleanField(db_default=False, default=False)),
                ("center", center()),
                ("patient", patient("contact_attempts")),
                (
                    "made_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "db_table": "patients_contact_attempt",
                "indexes": [
                    models.Index(fields=["patient", "center"], name="patients_contact_record")
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            channel__in=[
                                "phone",
                                "letter",
                                "email",
                                "visit",
                                "physician",
                                "relative",
                            ]
                        ),
                        name="patients_contact_channel",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            outcome__in=[
                                "reached",
                                "no_answer",
                                "message_left",
                                "moved",
                                "declined",
                            ]
                        ),
                        name="patients_contact_outcome",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Visit",
            fields=[
                ("id", key()),
                ("visited_at", models.DateTimeField()),
                ("center", center()),
                ("patient", patient("+")),
                (
                    "user",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "db_table": "patients_visit",
                "constraints": [
                    models.UniqueConstraint(fields=["user", "patient"], name="patients_visit_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="Reminder",
            fields=[
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("is_wanted", models.BooleanField(db_default=True, default=True)),
                ("sent_week", models.DateField(null=True)),
            ],
            options={"db_table": "patients_reminder"},
        ),
        migrations.CreateModel(
            name="ContactDue",
            fields=[
                (
                    "patient",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        primary_key=True,
                        related_name="contact_due",
                        serialize=False,
                        to="patients.patient",
                    ),
                ),
                ("last_contact", models.DateField(null=True)),
                ("due_on", models.DateField()),
                (
                    "center",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="centers.center",
                    ),
                ),
            ],
            options={"db_table": "patients_contact_due", "managed": False},
        ),
        child_of("patients_contact_attempt", "patient_id", "patients_patient"),
        center_rows("patients_contact_attempt"),
        sql(
            "revoke all on patients_contact_attempt from registry_worker;"
            "drop policy worker_reads on patients_contact_attempt;"
        ),
        audited("patients_contact_attempt"),
        child_of("patients_visit", "patient_id", "patients_patient"),
        sql(VISITS, UNDO_VISITS),
        sql(REMINDERS, UNDO_REMINDERS),
        sql(DUE, "drop view patients_contact_due;"),
        auditor_reads(),
    ]
