"""Tokens of the REST API and the codes of records in their exports."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

from centers.database import APP, IN_SCOPE, child_of, sql

TOKENS = f"""
grant select, insert, update (revoked_at, last_used_at) on analytics_api_token to {APP};
create trigger audit after insert or delete or update of label, owner_id, expires_at, revoked_at
    on analytics_api_token for each row
    execute function audit.write_event('id', 'patient_id', 'False', '{{token_hash,last_used_at}}');
"""

# Not audited: an audit event would keep the link between code and record after its destruction.
CODES = f"""
alter table analytics_api_code enable row level security;
create policy center_scope on analytics_api_code to {APP}
    using ({IN_SCOPE}) with check ({IN_SCOPE});
grant select, insert on analytics_api_code to {APP};
"""

# 12 characters of Crockford's base 32 = 60 random bits, from the bytes of a version 4 UUID that
# carry no version or variant.
RANDOM_CODE = """
create function analytics_random_code() returns text language sql volatile as $$
    select string_agg(
        substr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', (get_byte(source.bytes, place) & 31) + 1, 1), '')
    from (select uuid_send(gen_random_uuid()) as bytes offset 0) source,
        unnest(array[0, 1, 2, 3, 4, 5, 9, 10, 11, 12, 13, 14]) place
$$;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("analytics", "0002_derivation"),
        ("centers", "0002_database"),
        ("patients", "0003_record_checks"),
    ]

    operations = [
        migrations.CreateModel(
            name="ApiToken",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("label", models.CharField(max_length=100)),
                ("token_hash", models.BinaryField(unique=True)),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("expires_at", models.DateTimeField()),
                ("revoked_at", models.DateTimeField(null=True)),
                ("last_used_at", models.DateTimeField(null=True)),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={"db_table": "analytics_api_token"},
        ),
        migrations.CreateModel(
            name="ApiCode",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("code", models.CharField(max_length=12)),
                (
                    "center",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="centers.center",
                    ),
                ),
                (
                    "patient",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="patients.patient",
                    ),
                ),
                (
                    "token",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="analytics.apitoken",
                    ),
                ),
            ],
            options={
                "db_table": "analytics_api_code",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("token", "patient"), name="analytics_api_code_record"
                    ),
                    models.UniqueConstraint(
                        fields=("token", "code"), name="analytics_api_code_code"
                    ),
                ],
            },
        ),
        sql(
            TOKENS,
            f"drop trigger audit on analytics_api_token; revoke all on analytics_api_token from {APP};",
        ),
        sql(
            CODES,
            f"drop policy center_scope on analytics_api_code; revoke all on analytics_api_code from {APP};",
        ),
        child_of("analytics_api_code", "patient_id", "patients_patient"),
        sql(RANDOM_CODE, "drop function analytics_random_code;"),
    ]
