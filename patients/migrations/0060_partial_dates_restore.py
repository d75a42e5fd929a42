"""Partial dates by functions that need no search path: a dump of them can be restored.

pg_restore works with an empty search path, and generated columns call these while it copies rows.
A body of the SQL standard is parsed here and now, so the functions in it are known by their place.
"""

from django.db import migrations

BODIES = """
create or replace function partial_date_hi(value text) returns date
language sql immutable strict parallel safe
return case length(value)
    when 10 then partial_date_lo(value)
    when 7 then (partial_date_lo(value) + interval '1 month')::date - 1
    else make_date(left(value, 4)::int, 12, 31) end;
create or replace function partial_date_point(value text) returns date
language sql immutable strict parallel safe
return case length(value)
    when 10 then partial_date_lo(value)
    when 7 then make_date(left(value, 4)::int, substr(value, 6, 2)::int, 15)
    else make_date(left(value, 4)::int, 7, 1) end;
"""


class Migration(migrations.Migration):
    dependencies = [("patients", "0050_import_jobs")]

    # The way back keeps them: they give the same answers.
    operations = [migrations.RunSQL(BODIES, migrations.RunSQL.noop)]
