"""Roles' grants, the scope, the audit trail and its trigger, row-level security of memberships."""

from django.db import migrations

from centers.database import APP, WORKER, audited, sql

SCOPE = """
create function centers_scope() returns bigint[] language sql stable parallel safe as $$
    select coalesce(
        string_to_array(nullif(current_setting('registry.centers', true), ''), ',')::bigint[], '{}')
$$;
create function centers_actor() returns bigint language sql stable parallel safe as $$
    select nullif(current_setting('registry.actor', true), '')::bigint
$$;
create function centers_has_role(role text) returns boolean language sql stable parallel safe as $$
    select role = any(string_to_array(coalesce(current_setting('registry.role', true), ''), ','))
$$;
"""

AUDIT = f"""
create schema audit;
grant usage on schema audit to {APP}, {WORKER};
create table audit.event (
    id bigint generated always as identity primary key,
    at timestamptz not null,
    xact xid8 not null,
    actor_id bigint not null references centers_user (id),
    role text not null,
    center_id bigint,
    patient_id bigint,
    table_name text not null,
    row_id bigint,
    operation text not null,
    before jsonb,
    after jsonb,
    reason text,
    request_id uuid,
    app_version text not null,
    row_hash bytea not null
);
create index event_patient on audit.event (patient_id, id);
create index event_row on audit.event (table_name, row_id, id);
alter table audit.event enable row level security;
create policy center_scope on audit.event for select to {APP}
    using (center_id = any((select centers_scope())::bigint[]));
grant select on audit.event to {APP};

-- The only way into the table: both callers below are functions of the owner.
create function audit.append(
    center bigint, patient bigint, table_name text, row_id bigint, operation text,
    before jsonb, after jsonb, reason text
) returns void language plpgsql security definer set search_path = pg_catalog, public as $$
declare
    actor bigint := centers_actor();
    happened timestamptz := clock_timestamp();
    acting_role text := coalesce(current_setting('registry.role', true), '');
    request uuid := nullif(current_setting('registry.request', true), '')::uuid;
    version text := coalesce(current_setting('registry.version', true), '');
begin
    if actor is null then
        raise exception 'A write without an actor is refused.' using errcode = '42501';
    end if;
    insert into audit.event (at, xact, actor_id, role, center_id, patient_id, table_name, row_id,
        operation, before, after, reason, request_id, app_version, row_hash)
    values (happened, pg_current_xact_id(), actor, acting_role, center, patient, table_name, row_id,
        operation, before, after, reason, request, version,
        sha256(convert_to(jsonb_build_array(extract(epoch from happened), actor, acting_role, center,
            patient, table_name, row_id, operation, before, after, reason, request, version)::text,
            'UTF8')));
end $$;
revoke execute on function audit.append from public;

-- Arguments: key column, patient column, whether a change needs a reason, columns left out.
create function audit.write_event() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
    before jsonb := case when tg_op <> 'INSERT' then to_jsonb(old) - tg_argv[3]::text[] end;
    after jsonb := case when tg_op <> 'DELETE' then to_jsonb(new) - tg_argv[3]::text[] end;
    reason text := nullif(btrim(current_setting('registry.reason', true)), '');
    kept jsonb := coalesce(after, before);
begin
    if tg_op = 'UPDATE' and old is not distinct from new then
        return null;
    end if;
    if tg_op <> 'INSERT' and tg_argv[2] = 'True' and reason is null then
        raise exception 'Changing a saved value needs a reason.'
            using errcode = '23514', constraint = 'audit.reason', table = tg_table_name;
    end if;
    perform audit.append((kept ->> 'center_id')::bigint, (kept ->> tg_argv[1])::bigint,
        tg_table_name, (kept ->> tg_argv[0])::bigint, lower(tg_op), before, after, reason);
    return null;
end $$;
revoke execute on function audit.write_event from public;

-- Events that are no row's change: reading, exporting, signing in. Fixed kinds, actor of the scope.
create function audit.record_event(kind text, center bigint, patient bigint, detail jsonb)
returns void language plpgsql security definer set search_path = pg_catalog, public as $$
begin
    if kind not in ('sign_in', 'sign_out', 'read', 'reveal', 'export', 'import') then
        raise exception 'Unknown kind of event.' using errcode = '22023';
    end if;
    perform audit.append(center, patient, '', null, kind, null, detail, null);
end $$;
revoke execute on function audit.record_event from public;
grant execute on function audit.record_event to {APP}, {WORKER};
"""

GRANTS = f"""
grant select, insert, update on centers_center, centers_user to {APP};
grant select on centers_center, centers_user to {WORKER};
grant select, insert, update, delete on django_session to {APP};
grant select on django_content_type, django_migrations to {APP}, {WORKER};
alter table centers_membership enable row level security;
create policy own_or_managed on centers_membership to {APP}
    using (user_id = (select centers_actor()) or (select centers_has_role('administrator'))
        or (select centers_has_role('system')))
    with check ((select centers_has_role('administrator')) or (select centers_has_role('system')));
grant select, insert, update on centers_membership to {APP};
"""

SYSTEM_USER = """
select set_config('registry.actor', '1', true), set_config('registry.role', 'system', true);
insert into centers_user (public_id, username, full_name, email, is_active, is_demo, password, created_at)
values (gen_random_uuid(), 'system', 'System', '', false, false, '!', now());
"""


class Migration(migrations.Migration):
    dependencies = [
        ("centers", "0001_initial"),
        ("sessions", "0001_initial"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [
        sql(
            SCOPE,
            "drop function centers_has_role; drop function centers_actor; drop function centers_scope;",
        ),
        sql(AUDIT, "drop schema audit cascade;"),
        sql(GRANTS, "drop policy own_or_managed on centers_membership;"),
        sql(SYSTEM_USER, "delete from centers_user where username = 'system';"),
        audited("centers_center", reason=True),
        audited("centers_user", reason=False, left_out=["password", "last_login"]),
        audited("centers_membership", reason=False),
    ]
