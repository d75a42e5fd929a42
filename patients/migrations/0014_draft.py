"""Drafts: what somebody typed and has not saved, seen by its writer alone."""

import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from centers.database import APP, IN_SCOPE, WORKER, sql

OWN = f"{IN_SCOPE} and user_id = (select centers_actor())"
# Written a second time in patients/actions/drafts.py, which says so to people.
AGED = "updated_at < now() - interval '30 days'"

ACCESS = f"""
alter table patients_draft enable row level security;
create policy own_drafts on patients_draft to {APP} using ({OWN}) with check ({OWN});
grant select, insert, update, delete on patients_draft to {APP};
-- The worker takes away what is old, and reads of the rest not even that it is there.
create policy aged_seen on patients_draft for select to {WORKER} using ({AGED});
create policy aged_go on patients_draft for delete to {WORKER} using ({AGED});
grant select (updated_at), delete on patients_draft to {WORKER};
"""
UNDO_ACCESS = f"""
drop policy own_drafts on patients_draft;
drop policy aged_seen on patients_draft;
drop policy aged_go on patients_draft;
revoke all on patients_draft from {APP}, {WORKER};
"""
# Drafts hold identifiers: whose are erased, of that person nothing typed is kept either.
ERASURE = """
create function patients_drop_drafts() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
    delete from patients_draft d using patients_patient p
    where p.id = new.patient_id and d.record = p.public_id;
    return null;
end $$;
revoke execute on function patients_drop_drafts from public;
create trigger drop_drafts after update of destroyed_at on ident.data_key
    for each row when (new.destroyed_at is not null) execute function patients_drop_drafts();
"""
UNDO_ERASURE = "drop trigger drop_drafts on ident.data_key; drop function patients_drop_drafts;"


class Migration(migrations.Migration):
    dependencies = [
        ("patients", "0013_erasure"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Draft",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("public_id", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("address", models.CharField(max_length=300)),
                ("record", models.UUIDField(null=True)),
                ("version", models.BigIntegerField(null=True)),
                ("sealed", models.BinaryField()),
                ("updated_at", models.DateTimeField()),
                (
                    "center",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="centers.center",
                    ),
                ),
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
                "db_table": "patients_draft",
                "indexes": [
                    models.Index(fields=["updated_at"], name="patients_draft_updated"),
                    models.Index(fields=["record"], name="patients_draft_record"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=["center", "user", "address"], name="patients_draft_page"
                    )
                ],
            },
        ),
        sql(ACCESS, UNDO_ACCESS),
        sql(ERASURE, UNDO_ERASURE),
    ]
