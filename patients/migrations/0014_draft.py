"""Drafts."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("patients", "0013_erasure")]

    operations = []
