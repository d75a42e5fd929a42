"""What the audit review knows of outcomes."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("analytics", "0100_api_token"), ("patients", "0014_draft")]

    operations = []
