"""Administrators see who made and revoked which API client: its events hold no secret and no record."""

from django.db import migrations

from centers.database import APP, sql

POLICY = f"""
create policy client_events on audit.event for select to {APP} using (
    ((select centers_has_role('administrator')) or (select centers_has_role('system')))
    and table_name = 'analytics_api_token');
"""


class Migration(migrations.Migration):
    dependencies = [("analytics", "0100_api_token"), ("patients", "0014_draft")]

    operations = [sql(POLICY, "drop policy client_events on audit.event;")]
