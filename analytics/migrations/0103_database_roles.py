"""The auditor reads audited columns of API clients; no function is open to everybody."""

from django.db import migrations

from centers.database import auditor_reads, functions_for_roles


class Migration(migrations.Migration):
    dependencies = [("analytics", "0102_client_audit"), ("patients", "0015_database_roles")]

    operations = [auditor_reads(), functions_for_roles()]
