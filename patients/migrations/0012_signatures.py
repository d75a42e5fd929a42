"""Signatures and locks."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("patients", "0011_identified"), ("centers", "0006_audit_review")]

    operations = []
