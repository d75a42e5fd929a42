"""Sign-in."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("centers", "0004_access")]

    operations = []
