"""Tokens of the REST API get the public id by which pages name them."""

import uuid

from django.db import migrations, models

from centers.database import sql

# Filled within an event of its own: a live row must equal its last event (docs/audit.md). The
# label is set to itself, since the trigger looks at named columns.
FILL = """
select set_config('registry.actor', '1', true), set_config('registry.role', 'system', true),
    set_config('registry.reason', 'Public ids of API clients', true);
update analytics_api_token set public_id = gen_random_uuid(), label = label where public_id is null;
"""


class Migration(migrations.Migration):
    dependencies = [("analytics", "0101_audit")]

    operations = [
        migrations.AddField(
            "apitoken", "public_id", models.UUIDField(null=True, editable=False, default=None)
        ),
        sql(FILL),
        migrations.AlterField(
            "apitoken",
            "public_id",
            models.UUIDField(default=uuid.uuid4, editable=False, unique=True),
        ),
    ]
