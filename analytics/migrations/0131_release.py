"""Frozen rows of data cuts, random codes of projects, and the views of what is released.

The views belong to a role that nobody logs in as and that reads nothing but what they are made of;
the exporter reads the views alone (docs/exports.md).
"""

from pathlib import Path

from django.db import migrations

from centers.database import APP, EXPORTER, WORKER, sql

RELEASE = "registry_release"
FORMS = (
    "prior_therapies",
    "courses",
    "cycles",
    "assessments",
    "local_therapies",
    "systemic_therapies",
    "follow_ups",
)
FROZEN = tuple(f"frozen.{name}" for name in ("record", *FORMS))
CODES = ("pseudonym.subject", "pseudonym.center", "pseudonym.shown_center")
FUNCTIONS = ("prepare(uuid)", "destroy(bigint)", "random_code()")

ROLE = f"""
do $$ begin
    if not exists (select from pg_roles where rolname = '{RELEASE}') then
        raise exception 'A role is missing: run python -m registry.stack.roles again (or with --apply).';
    end if;
end $$;
"""
# Not audited: an event would keep the link between code and record after its destruction.
TABLES = """
create schema frozen;
create schema pseudonym;
create table frozen.cut (
    cut_id bigint primary key references analytics_data_cut,
    frozen_at timestamptz not null default now()
);
create table pseudonym.subject (
    project_id bigint not null references analytics_project,
    center_id bigint not null,
    patient_id bigint not null,
    code text not null,
    unique (project_id, patient_id),
    unique (project_id, code),
    foreign key (patient_id, center_id) references patients_patient (id, center_id)
);
create table pseudonym.center (
    project_id bigint not null references analytics_project,
    center_id bigint not null references centers_center,
    code text not null,
    unique (project_id, center_id),
    unique (project_id, code)
);
create table pseudonym.shown_center (
    job_id bigint not null references analytics_export_job,
    center_id bigint not null references centers_center,
    code text not null,
    unique (job_id, center_id)
);
create table pseudonym.rare (
    job_id bigint not null references analytics_export_job,
    field text not null,
    value text not null,
    unique (job_id, field, value)
);
"""
TEXT = (Path(__file__).parents[1] / "exporting" / "release_1.sql").read_text(encoding="utf-8")
FUNCTION_TEXT = """
-- 16 characters of Crockford's base 32 = 80 random bits, from bytes of two version 4 UUIDs that carry
-- no version or variant.
create function pseudonym.random_code() returns text language sql volatile
set search_path = pg_catalog as $$
    select string_agg(
        substr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', (get_byte(source.bytes, place) & 31) + 1, 1), '')
    from (select uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) as bytes offset 0) source,
        unnest(array[0, 1, 2, 3, 4, 5, 9, 10, 16, 17, 18, 19, 20, 21, 25, 26]) place
$$;

create view pseudonym.chosen as
select job.id as job_id, job.project_id, r.center_id, r.patient_id,
    r.race, r.ethnicity, r.histology, r.primary_site
from pseudonym.current_job job
join frozen.record r on r.cut_id = job.cut_id
    and (job.population = 'treated' or r.eligible = 'yes')
    and r.disease in ('melanoma', 'renal_cell')
    and (job.disease = '' or r.disease = job.disease)
where not exists (select from patients_patient gone where gone.id = r.patient_id
    and (gone.consent = 'withdrawn' or gone.retracted));

-- Codes for the records and centers of an export that have none in its project, which centers are
-- pooled, which values are rare. Answers how many records there are; never a code.
create function pseudonym.prepare(export uuid) returns integer language plpgsql security definer
set search_path = pg_catalog, public as $$
declare
    chosen integer;
begin
    perform set_config('registry.export', export::text, true);
    insert into pseudonym.subject (project_id, center_id, patient_id, code)
    select project_id, center_id, patient_id, pseudonym.random_code() from pseudonym.chosen
    on conflict (project_id, patient_id) do nothing;
    insert into pseudonym.center (project_id, center_id, code)
    select project_id, center_id, substr(pseudonym.random_code(), 1, 8)
    from (select distinct project_id, center_id from pseudonym.chosen offset 0) found
    on conflict (project_id, center_id) do nothing;
    delete from pseudonym.shown_center where job_id = (select id from pseudonym.current_job);
    delete from pseudonym.rare where job_id = (select id from pseudonym.current_job);
    -- A pool of fewer than 11 records takes in the next center by size.
    insert into pseudonym.shown_center (job_id, center_id, code)
    select job_id, center_id, case when n < 11 or smaller between 1 and 10 then 'pooled' else code end
    from (
        select job_id, center_id, code, n, coalesce(sum(n) over (order by n, code
            rows between unbounded preceding and 1 preceding), 0) as smaller
        from (select job_id, project_id, center_id, count(*) as n from pseudonym.chosen
            group by job_id, project_id, center_id) sized
        join pseudonym.center using (project_id, center_id)
    ) ordered;
    insert into pseudonym.rare (job_id, field, value)
    select job_id, field, value from pseudonym.chosen cross join lateral (values
        ('race', race), ('ethnicity', ethnicity), ('histology', histology),
        ('primary_site', primary_site)) listed (field, value)
    where value is not null group by job_id, field, value having count(*) < 11;
    select count(*) into chosen from pseudonym.chosen;
    return chosen;
end $$;

create function pseudonym.destroy(project bigint) returns bigint language plpgsql security definer
set search_path = pg_catalog, public as $$
declare
    destroyed bigint;
begin
    if not exists (select from analytics_project where id = project and closed_at is not null) then
        raise exception 'Codes of an open project are needed.' using errcode = '55000';
    end if;
    delete from pseudonym.shown_center
    where job_id in (select id from analytics_export_job where project_id = project);
    delete from pseudonym.center where project_id = project;
    delete from analytics_api_code where project_id = project;
    delete from pseudonym.subject where project_id = project;
    get diagnostics destroyed = row_count;
    return destroyed;
end $$;
"""
# The owner of the views: for the moment of handing over it may create in their schemas.
OWNERSHIP = (
    f"""
grant create, usage on schema pseudonym, release to {RELEASE};
grant usage on schema frozen, public to {RELEASE};
do $$
declare made record;
begin
    for made in select c.oid::regclass as name, n.nspname as place
        from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where c.relkind = 'v' and n.nspname in ('pseudonym', 'release')
    loop
        if made.place = 'release' then
            execute format('grant select on %s to {EXPORTER}', made.name);
        end if;
        execute format('alter view %s owner to {RELEASE}', made.name);
    end loop;
end $$;
{"".join(f"revoke execute on function pseudonym.{name} from public;" for name in FUNCTIONS)}
grant execute on function pseudonym.prepare(uuid) to {WORKER};
grant execute on function pseudonym.destroy(bigint) to {APP};
{"".join(f"alter function pseudonym.{name} owner to {RELEASE};" for name in FUNCTIONS)}
revoke create on schema pseudonym, release from {RELEASE};
grant select on {", ".join(FROZEN)} to {RELEASE};
grant select (project_id), delete on analytics_api_code to {RELEASE};
create policy release_ends on analytics_api_code to {RELEASE} using (true);
grant select, insert, delete on {", ".join(CODES)}, pseudonym.rare to {RELEASE};
grant select (id, public_id, project_id, cut_id, profile, population, disease, state)
    on analytics_export_job to {RELEASE};
grant select (id, profile, closed_at, agreement_expires_on) on analytics_project to {RELEASE};
grant select (id, consent, retracted) on patients_patient to {RELEASE};
create policy release_reads on patients_patient for select to {RELEASE} using (true);
grant usage on schema frozen, pseudonym to {WORKER};
grant select, insert on frozen.cut to {WORKER};
grant insert on {", ".join(FROZEN)} to {WORKER};
grant usage on schema pseudonym to {APP};
"""
    + "".join(
        f"""
alter table {table} enable row level security;
create policy release_reads on {table} for select to {RELEASE} using (true);
create policy worker_fills on {table} for insert to {WORKER} with check (true);
"""
        for table in FROZEN
    )
    + "".join(
        f"""
alter table {table} enable row level security;
create policy release_codes on {table} to {RELEASE} using (true) with check (true);
"""
        for table in CODES
    )
)
# Whoever writes it and however: a consent withdrawn or a record retired calls back what was released
# with the record in it, and what is under way is built again without it.
WITHDRAWAL = """
create index patients_patient_left_out on patients_patient (id)
    where consent = 'withdrawn' or retracted;
create function analytics_call_back() returns trigger language plpgsql security definer
set search_path = pg_catalog, public as $$
declare
    affected bigint[] := array(
        select job.id from analytics_export_job job
        join pseudonym.subject subject
            on subject.project_id = job.project_id and subject.patient_id = new.id
        join frozen.record r on r.cut_id = job.cut_id and r.patient_id = new.id
        where job.state in ('ready', 'review', 'running')
            and (job.population = 'treated' or r.eligible = 'yes')
            and (job.disease = '' or job.disease = r.disease));
begin
    insert into analytics_export_revocation (job_id, reason)
    select id, 'consent_withdrawn' from analytics_export_job
    where id = any(affected) and state = 'ready' on conflict do nothing;
    update analytics_export_job
    set state = case state when 'ready' then 'revoked' else 'queued' end, progress = 0
    where id = any(affected);
    return null;
end $$;
revoke execute on function analytics_call_back from public;
create trigger call_back after update of consent, retracted on patients_patient for each row
    when ((new.consent = 'withdrawn' or new.retracted)
        and not (coalesce(old.consent, '') = 'withdrawn' or old.retracted))
    execute function analytics_call_back();
"""
UNDO = f"""
drop trigger call_back on patients_patient;
drop function analytics_call_back;
drop index patients_patient_left_out;
drop policy release_reads on patients_patient;
drop policy release_ends on analytics_api_code;
revoke all on analytics_api_code from {RELEASE};
revoke all on patients_patient, analytics_project, analytics_export_job from {RELEASE};
drop schema frozen, pseudonym cascade;
"""


class Migration(migrations.Migration):
    dependencies = [("analytics", "0120_cut_pages")]

    operations = [
        sql(ROLE),
        sql(TABLES + TEXT + FUNCTION_TEXT, UNDO),
        sql(OWNERSHIP),
        sql(WITHDRAWAL),
    ]
