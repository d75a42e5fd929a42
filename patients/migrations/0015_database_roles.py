"""The auditor reads audited columns of records; no function is open to everybody."""

from django.db import migrations

from centers.database import auditor_reads, functions_for_roles


class Migration(migrations.Migration):
    dependencies = [("patients", "0014_draft"), ("centers", "0007_database_roles")]

    operations = [auditor_reads(), functions_for_roles()]
