"""Cuts made, named and locked on pages; saved views."""

import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models.functions import Now

from centers.database import APP, auditor_reads, functions_for_roles, sql

OWN = "owner_id = (select centers_actor())"
VIEWS = f"""
alter table analytics_saved_view enable row level security;
create policy own_views on analytics_saved_view to {APP} using ({OWN}) with check ({OWN});
grant select, insert, delete on analytics_saved_view to {APP};
"""
CUTS = f"""
grant insert, update (name, locked_at, locked_by_id) on analytics_data_cut to {APP};
create function analytics_keep_cut() returns trigger
language plpgsql set search_path = pg_catalog, public as $$
begin
    if old.locked_at is not null then
        raise exception 'A locked data cut is never changed.' using errcode = '23514';
    end if;
    if to_jsonb(new) - '{{name,locked_at,locked_by_id}}'::text[]
        is distinct from to_jsonb(old) - '{{name,locked_at,locked_by_id}}'::text[] then
        raise exception 'What was cut is never changed.' using errcode = '23514';
    end if;
    return new;
end $$;
revoke execute on function analytics_keep_cut from public;
create trigger keep_cut before update on analytics_data_cut
    for each row execute function analytics_keep_cut();
"""
UNDO_CUTS = f"""
drop trigger keep_cut on analytics_data_cut;
drop function analytics_keep_cut;
revoke insert, update (name, locked_at, locked_by_id) on analytics_data_cut from {APP};
"""


class Migration(migrations.Migration):
    dependencies = [
        ("analytics", "0141_api_tokens"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField("datacut", "sizes", models.JSONField(default=dict)),
        migrations.AddField("datacut", "locked_at", models.DateTimeField(null=True)),
        migrations.AddField(
            "datacut",
            "locked_by",
            models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.CreateModel(
            name="SavedView",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("public_id", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("name", models.CharField(max_length=100)),
                ("page", models.CharField(max_length=40)),
                ("query", models.CharField(blank=True, max_length=500)),
                ("created_at", models.DateTimeField(db_default=Now())),
                (
                    "owner",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={"db_table": "analytics_saved_view", "ordering": ["name", "id"]},
        ),
        migrations.AddConstraint(
            "savedview",
            models.UniqueConstraint(
                fields=["owner", "name"],
                name="analytics_saved_view_name",
                violation_error_message="You have a view of that name: choose another.",
            ),
        ),
        sql(
            VIEWS,
            f"drop policy own_views on analytics_saved_view; revoke all on analytics_saved_view from {APP};",
        ),
        sql(CUTS, UNDO_CUTS),
        auditor_reads(),
        functions_for_roles(),
    ]
