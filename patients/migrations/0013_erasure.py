"""Retired records, erased identifiers, duplicates across centers."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("patients", "0012_signatures")]

    operations = []
