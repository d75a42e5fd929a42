"""Ages of the past without birth dates, and functions that no temporary table can mislead.

The function belongs to a role that nobody logs in as and that reads nothing but what it needs, under
policies of the same centers as the reader's (ADR 60).
"""

from django.db import migrations

from centers.database import APP, IN_SCOPE, sql

AGES = "registry_ages"

ROLE = f"""
do $$ begin
    if not exists (select from pg_roles where rolname = '{AGES}') then
        raise exception 'A role is missing: run python -m registry.stack.roles again (or with --apply).';
    end if;
end $$;
"""
# It is given no day: the start comes out of events that are sealed, which no open transaction can make.
# The same arithmetic as in derivation/outcome.sql, sections 2 and 7.
FUNCTION = f"""
create function analytics_ages_known(moment bigint, records bigint[])
returns table (patient_id bigint, age integer)
language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
    with known as materialized (
        select range_agg(part) as ids
        from audit.seal seal, unnest(seal.ids) part where seal.number <= moment
    ), last as materialized (
        select distinct on (event.table_name, event.row_id)
            event.table_name, event.row_id, event.patient_id, event.after
        from audit.event event, known
        where event.patient_id = any(records) and event.id <@ known.ids
            and event.table_name in ('patients_cycle', 'patients_course')
        order by event.table_name, event.row_id, event.id desc
    ), start as (
        select cycle.patient_id, min(partial_date_point(cycle.after ->> 'start_date')) as t0
        from last cycle
        where cycle.table_name = 'patients_cycle' and not (cycle.after ->> 'retracted')::boolean
            and (cycle.after ->> 'doses_given')::integer is distinct from 0
            and not exists (select from last course
                where course.table_name = 'patients_course' and (course.after ->> 'retracted')::boolean
                    and course.row_id = (cycle.after ->> 'course_id')::bigint)
        group by cycle.patient_id
    ), born as (
        select start.patient_id, start.t0, identity.birth_date_point as point,
            extract(year from start.t0)::integer
                - extract(year from identity.birth_date_point)::integer as years
        from start join ident.patient_identity identity on identity.patient_id = start.patient_id
    )
    select born.patient_id,
        born.years - (born.point + make_interval(years => born.years) > born.t0)::integer
    from born where born.point is not null and born.t0 is not null
$$;
revoke execute on function analytics_ages_known from public;
grant execute on function analytics_ages_known to {APP};
grant create on schema public to {AGES};
alter function analytics_ages_known owner to {AGES};
revoke create on schema public from {AGES};
grant usage on schema audit, ident to {AGES};
grant select (number, ids) on audit.seal to {AGES};
grant select (id, center_id, patient_id, table_name, row_id, after) on audit.event to {AGES};
grant select (patient_id, center_id, birth_date_point) on ident.patient_identity to {AGES};
grant execute on function centers_scope(), partial_date_lo(text), partial_date_point(text) to {AGES};
create policy ages_of_the_past on audit.event for select to {AGES}
    using (table_name in ('patients_cycle', 'patients_course') and {IN_SCOPE});
create policy ages_of_the_past on ident.patient_identity for select to {AGES} using ({IN_SCOPE});
"""
UNDO = f"""
drop policy ages_of_the_past on audit.event;
drop policy ages_of_the_past on ident.patient_identity;
set local role {AGES};
drop function analytics_ages_known;
set local role registry_owner;
revoke all on audit.seal, audit.event, ident.patient_identity from {AGES};
revoke execute on function centers_scope(), partial_date_lo(text), partial_date_point(text) from {AGES};
revoke usage on schema audit, ident from {AGES};
"""

# Unless it is named, PostgreSQL looks into pg_temp first: a temporary table of the caller's would stand
# for the registry's own inside a function with the owner's rights, and its triggers would run with them.
PATHS = """
do $$
declare found record;
begin
    for found in
        select p.oid::regprocedure as name, p.proowner::regrole as owner,
            substr(setting, length('search_path=') + 1) as path
        from pg_proc p join pg_namespace n on n.oid = p.pronamespace, unnest(p.proconfig) setting
        where p.prosecdef and n.nspname in ('public', 'audit', 'ident', 'pseudonym')
            and setting like 'search_path=%' and setting not like '%pg_temp'
    loop
        execute format('set local role %s', found.owner);
        execute format('alter function %s set search_path = %s, pg_temp', found.name, found.path);
        execute 'set local role registry_owner';
    end loop;
end $$;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("analytics", "0150_operations"),
        ("centers", "0008_operations"),
        ("patients", "0060_partial_dates_restore"),
    ]

    operations = [sql(ROLE), sql(FUNCTION, UNDO), sql(PATHS)]
