"""Audit review."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("centers", "0005_sign_in")]

    operations = []
