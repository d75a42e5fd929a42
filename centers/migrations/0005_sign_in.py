"""Sign-in: sessions that know their person, second factors and OpenID accounts with their audit trail."""

import uuid

import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

from centers.database import APP, WORKER, audited, sql

# Using a factor writes when it was used: no change of the account, and the sign-in has its event.
FACTORS = """
create trigger audit after insert or delete or update of user_id, type, data, created_at
    on mfa_authenticator for each row
    execute function audit.write_event('id', 'patient_id', 'False', '{data,last_used_at}');
"""

# Factors are no table with policies: one that hid them would let people in without.
GRANTS = f"""
grant select, insert, update, delete on centers_session to {APP};
grant select, delete on centers_session to {WORKER};
revoke all on django_session from {APP};
grant select, insert, update, delete on mfa_authenticator to {APP};
grant select, insert, delete on centers_openidentity to {APP};
"""
UNGRANTED = f"""
revoke all on centers_openidentity, mfa_authenticator, centers_session from {APP}, {WORKER};
grant select, insert, update, delete on django_session to {APP};
"""


class Migration(migrations.Migration):
    dependencies = [
        ("centers", "0004_access"),
        ("mfa", "0003_authenticator_type_uniq"),
        ("account", "0009_emailaddress_unique_primary_email"),
        ("sessions", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Session",
            fields=[
                (
                    "session_key",
                    models.CharField(
                        max_length=40, primary_key=True, serialize=False, verbose_name="session key"
                    ),
                ),
                ("session_data", models.TextField(verbose_name="session data")),
                ("expire_date", models.DateTimeField(db_index=True, verbose_name="expire date")),
                ("public_id", models.UUIDField(default=uuid.uuid4, editable=False)),
                ("browser", models.CharField(blank=True, max_length=40)),
                ("started_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("seen_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "user",
                    models.ForeignKey(
                        null=True,
                        on_delete=models.deletion.CASCADE,
                        related_name="sessions",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "session",
                "verbose_name_plural": "sessions",
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="OpenIdentity",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("issuer", models.CharField(max_length=300)),
                ("subject", models.CharField(max_length=255)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=models.deletion.PROTECT,
                        related_name="identities",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=["issuer", "subject"], name="centers_openidentity_once"
                    ),
                    models.UniqueConstraint(
                        fields=["user", "issuer"], name="centers_openidentity_one_a_person"
                    ),
                ],
            },
        ),
        sql(FACTORS, "drop trigger audit on mfa_authenticator;"),
        audited("centers_openidentity", reason=False),
        sql(GRANTS, UNGRANTED),
    ]
