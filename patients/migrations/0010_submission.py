"""Submissions of forms, so that a form sent twice is saved once."""

from django.db import migrations

from centers.database import center_rows, sql


class Migration(migrations.Migration):
    dependencies = [("patients", "0003_record_checks")]

    operations = [
        sql(
            """
            create table patients_submission (
                id uuid primary key,
                center_id bigint not null references centers_center (id),
                patient_id bigint,
                created_at timestamptz not null default now(),
                constraint patients_submission_patient_fk foreign key (patient_id, center_id)
                    references patients_patient (id, center_id)
            );
            create index patients_submission_created on patients_submission (created_at);
            """,
            "drop table patients_submission;",
        ),
        center_rows("patients_submission"),
        sql(
            "revoke select on patients_submission from registry_worker;"
            " drop policy worker_reads on patients_submission;",
            "create policy worker_reads on patients_submission for select to registry_worker"
            " using (true); grant select on patients_submission to registry_worker;",
        ),
    ]
