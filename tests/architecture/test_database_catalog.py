"""What the database's catalog must say, whatever the models are."""

from __future__ import annotations

import psycopg

CLINICAL = """
    select n.nspname || '.' || c.relname, c.oid, c.relrowsecurity
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p') and n.nspname in ('public', 'ident', 'audit', 'analytics')
      and exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'center_id'
                  and not a.attisdropped)
"""


def test_every_table_with_a_center_has_row_level_security(superuser: psycopg.Connection) -> None:
    rows = superuser.execute(CLINICAL).fetchall()
    assert len(rows) > 10
    assert [name for name, _, secured in rows if not secured] == []


def test_every_writable_policy_of_the_app_checks_what_is_written(
    superuser: psycopg.Connection,
) -> None:
    rows = superuser.execute(
        "select tablename, policyname from pg_policies where 'registry_app' = any(roles)"
        " and cmd in ('ALL', 'INSERT') and with_check is null"
    ).fetchall()
    assert rows == []


def test_every_policy_of_the_app_evaluates_the_scope_once_a_statement(
    superuser: psycopg.Connection,
) -> None:
    rows = superuser.execute(
        "select tablename, qual from pg_policies where 'registry_app' = any(roles)"
        " and qual not like '%( SELECT centers_%'"
    ).fetchall()
    assert rows == []


def test_login_roles_own_nothing_and_bypass_nothing(superuser: psycopg.Connection) -> None:
    roles = superuser.execute(
        "select rolname, rolsuper, rolbypassrls, rolcreaterole from pg_roles"
        " where rolname in ('registry_app', 'registry_worker', 'registry_migrator')"
    ).fetchall()
    assert len(roles) == 3
    assert all(not (sup or bypass or create) for _, sup, bypass, create in roles)
    owned = superuser.execute(
        "select relname from pg_class where relowner in (select oid from pg_roles"
        " where rolname in ('registry_app', 'registry_worker', 'registry_migrator'))"
    ).fetchall()
    assert owned == []


def test_audit_events_are_granted_to_nobody_for_writing(superuser: psycopg.Connection) -> None:
    rows = superuser.execute(
        "select grantee, privilege_type from information_schema.role_table_grants"
        " where table_schema = 'audit' and grantee in ('registry_app', 'registry_worker', 'PUBLIC')"
        " and privilege_type <> 'SELECT'"
    ).fetchall()
    assert rows == []


def test_clinical_rows_are_never_deleted_by_the_app(superuser: psycopg.Connection) -> None:
    rows = superuser.execute(
        "select table_name from information_schema.role_table_grants"
        " where grantee = 'registry_app' and privilege_type in ('DELETE', 'TRUNCATE')"
        " and (table_schema = 'ident' or table_name like 'patients\\_%')"
    ).fetchall()
    assert rows == []


def test_every_foreign_key_between_clinical_tables_carries_the_center(
    superuser: psycopg.Connection,
) -> None:
    rows = superuser.execute(
        f"""
        with clinical as ({CLINICAL})
        select k.conname from pg_constraint k
        where k.contype = 'f' and k.conrelid in (select oid from clinical)
          and k.confrelid in (select oid from clinical)
          and not exists (select from pg_attribute a where a.attrelid = k.conrelid
                          and a.attnum = any(k.conkey) and a.attname = 'center_id')
        """
    ).fetchall()
    assert rows == []


def test_security_definer_functions_pin_their_search_path(superuser: psycopg.Connection) -> None:
    rows = superuser.execute(
        "select p.proname from pg_proc p join pg_namespace n on n.oid = p.pronamespace"
        " where p.prosecdef and n.nspname not in ('pg_catalog', 'information_schema')"
        " and not coalesce(array_to_string(p.proconfig, ',') like '%search_path=%', false)"
    ).fetchall()
    assert rows == []
