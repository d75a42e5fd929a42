"""Direct identifiers are shown by the database to those alone whom the access matrix names."""

from django.db import migrations

from centers.database import APP, IN_SCOPE, sql

TABLES = ("ident.patient_identity", "ident.data_key")
SHOWN = (
    "(center_id = any((select centers_identified())::bigint[])"
    " or patient_id = any((select centers_revealed())::bigint[]))"
)


def shown_only(table):
    """A second, restrictive policy beside that of the center; rows are written in scope as before."""
    return sql(
        f"create policy identified on {table} as restrictive for select to {APP}"
        f" using ({IN_SCOPE} and {SHOWN});",
        f"drop policy identified on {table};",
    )


class Migration(migrations.Migration):
    dependencies = [("patients", "0010_submission"), ("centers", "0004_access")]

    operations = [shown_only(table) for table in TABLES]
