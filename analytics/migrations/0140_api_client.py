"""Clients of the REST API by OAuth 2.0 take the place of its first tokens; their codes go with them."""

import uuid

import django.contrib.postgres.fields
import django.db.models.deletion
import oauth2_provider.generators
import oauth2_provider.models
from django.conf import settings
from django.db import migrations, models

from centers.database import APP, IN_SCOPE, auditor_reads, child_of, sql

CLIENTS = f"""
grant select, insert, update (revoked_at, last_used_at) on analytics_api_client to {APP};
create trigger audit after insert or delete or update of
    name, user_id, project_id, client_id, client_secret, client_type, authorization_grant_type, scopes, expires_at,
    revoked_at, public_id
    on analytics_api_client for each row execute function
    audit.write_event('id', 'none', 'False', '{{client_secret,last_used_at,updated}}');
drop policy client_events on audit.event;
create policy client_events on audit.event for select to {APP} using (
    ((select centers_has_role('administrator')) or (select centers_has_role('system')))
    and table_name in ('analytics_api_token', 'analytics_api_client'));
"""
# Not audited: an audit event would keep the link between code and record after its destruction.
CODES = f"""
alter table analytics_api_code enable row level security;
create policy center_scope on analytics_api_code to {APP}
    using ({IN_SCOPE}) with check ({IN_SCOPE});
grant select, insert on analytics_api_code to {APP};
"""
GRANTS = [
    ("authorization-code", "Authorization code"),
    ("urn:ietf:params:oauth:grant-type:device_code", "Device Code"),
    ("implicit", "Implicit"),
    ("password", "Resource owner password-based"),
    ("client-credentials", "Client credentials"),
    ("openid-hybrid", "OpenID connect hybrid"),
]
SOURCES = [
    ("manual", "Manual"),
    ("dcr", "Dynamic Client Registration"),
    ("cimd", "Client ID Metadata Document"),
]
ALGORITHMS = [
    ("", "No OIDC support"),
    ("RS256", "RSA with SHA-2 256"),
    ("HS256", "HMAC with SHA-2 256"),
]


def text(name, **more):
    """A text that the toolkit has and that stays empty here."""
    return models.TextField(blank=True, verbose_name=name, **more)


class Migration(migrations.Migration):
    dependencies = [
        ("analytics", "0130_projects"),
        ("centers", "0007_database_roles"),
        ("patients", "0015_database_roles"),
    ]
    # The toolkit's tables refer to the client's.
    run_before = [("oauth2_provider", "0001_initial")]

    operations = [
        migrations.DeleteModel("ApiCode"),
        migrations.DeleteModel("ApiToken"),
        migrations.CreateModel(
            name="ApiClient",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "client_id",
                    models.CharField(
                        db_index=True,
                        default=oauth2_provider.generators.generate_client_id,
                        max_length=255,
                        unique=True,
                        verbose_name="client ID",
                    ),
                ),
                (
                    "redirect_uris",
                    text("redirect URIs", help_text="Allowed URIs list, space separated"),
                ),
                (
                    "post_logout_redirect_uris",
                    text(
                        "post logout redirect URIs",
                        default="",
                        help_text="Allowed Post Logout URIs list, space separated",
                    ),
                ),
                (
                    "client_type",
                    models.CharField(
                        choices=[("confidential", "Confidential"), ("public", "Public")],
                        max_length=32,
                        verbose_name="client type",
                    ),
                ),
                (
                    "authorization_grant_type",
                    models.CharField(
                        choices=GRANTS, max_length=44, verbose_name="authorization grant type"
                    ),
                ),
                (
                    "client_secret",
                    oauth2_provider.models.ClientSecretField(
                        blank=True,
                        db_index=True,
                        default=oauth2_provider.generators.generate_client_secret,
                        help_text="Client secret for authentication",
                        max_length=255,
                        verbose_name="client secret",
                    ),
                ),
                (
                    "hash_client_secret",
                    models.BooleanField(default=True, verbose_name="hash client secret"),
                ),
                ("name", models.CharField(blank=True, max_length=255, verbose_name="name")),
                (
                    "skip_authorization",
                    models.BooleanField(default=False, verbose_name="skip authorization"),
                ),
                ("created", models.DateTimeField(auto_now_add=True, verbose_name="created")),
                ("updated", models.DateTimeField(auto_now=True, verbose_name="updated")),
                (
                    "algorithm",
                    models.CharField(
                        blank=True,
                        choices=ALGORITHMS,
                        default="",
                        max_length=5,
                        verbose_name="algorithm",
                    ),
                ),
                (
                    "allowed_origins",
                    text(
                        "allowed origins",
                        default="",
                        help_text="Allowed origins list to enable CORS, space separated",
                    ),
                ),
                (
                    "registration_source",
                    models.CharField(
                        choices=SOURCES,
                        default="manual",
                        help_text="How this application was registered (manual, DCR per RFC 7591, or CIMD)",
                        max_length=32,
                        verbose_name="registration source",
                    ),
                ),
                (
                    "cimd_expires_at",
                    models.DateTimeField(
                        blank=True,
                        default=None,
                        help_text="When the cached Client ID Metadata Document should be re-fetched",
                        null=True,
                        verbose_name="CIMD expires at",
                    ),
                ),
                ("public_id", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                (
                    "scopes",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.TextField(), size=None
                    ),
                ),
                ("expires_at", models.DateTimeField()),
                ("revoked_at", models.DateTimeField(null=True)),
                ("last_used_at", models.DateTimeField(null=True)),
                (
                    "project",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
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
            options={"db_table": "analytics_api_client", "ordering": ["id"]},
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
                    "project",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="analytics.project",
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
            ],
            options={
                "db_table": "analytics_api_code",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("project", "patient"), name="analytics_api_code_record"
                    ),
                    models.UniqueConstraint(
                        fields=("project", "code"), name="analytics_api_code_code"
                    ),
                ],
            },
        ),
        sql(CLIENTS),
        sql(CODES),
        child_of("analytics_api_code", "patient_id", "patients_patient"),
        auditor_reads(),
    ]
