"""What the database's catalog must say, whatever the models are."""

from __future__ import annotations

import psycopg
import pytest

from analytics.exporting.choices import TABLES
from registry.stack import roles

SYSTEM = "('pg_catalog', 'information_schema', 'pg_toast')"
CLINICAL = f"""
    select n.nspname || '.' || c.relname, c.oid, c.relrowsecurity
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p') and n.nspname not in {SYSTEM}
      and exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'center_id'
                  and not a.attisdropped)
"""
POLICIES_OF_APP = """
    select tablename, policyname, cmd, qual, with_check from pg_policies
    where 'registry_app' = any(roles)
"""
# Policies that look at the actor's role or account instead of the center.
BY_ROLE = {
    ("centers_membership", "own_or_managed"): "one's own memberships; all for administrators",
    ("event", "client_events"): "administrators see who made and ended API clients",
    ("event", "project_events"): "administrators see projects, exports and revocations",
}
# Views that run with their owner's rights, each with its reason.
OWNERS_VIEWS = {
    "pseudonym.current_job": "inside the release: the export that the session names, granted to nobody",
    "pseudonym.chosen": "inside the release: its records, granted to nobody",
    **{
        f"release.{profile}_{table}": "released rows: the exporter reads no table beneath"
        for profile, tables in TABLES.items()
        for table in tables
    },
}
# Functions that run with the owner's rights, each with its reason.
DEFINERS = {
    "analytics_mark_stale": "trigger: marks a record that changed, whoever changed it",
    "analytics_ages_known": "ages in years at the first dose that a seal knows; no day is given to it",
    "analytics_call_back": "trigger: a withdrawn consent calls exports back, whoever wrote it",
    "analytics_operations": "counts and ages of waiting work over all centers; no row, no center",
    "analytics_dead_letters": "checks the administrator's role itself",
    "analytics_retry_dead": "checks the administrator's role itself",
    "prepare": "codes of an export that runs; answers a count",
    "destroy": "deletes the codes of a closed project; answers a count",
    "append": "the one way into audit.event; granted to nobody",
    "record_event": "events of reading: fixed kinds, actor of the scope",
    "record_events": "the same for a list of centers",
    "seal_events": "seals what is there; takes no argument",
    "write_event": "trigger: the event of a written row",
    "patients_break_identity": "trigger: a changed identity breaks signatures",
    "patients_break_signatures": "called by triggers: marks signatures broken",
    "patients_check_record": "trigger: the whole record's edit checks",
    "patients_drop_drafts": "trigger: an erasure takes the drafts of the record with it",
    "patients_drop_imports": "trigger: an erasure takes uploads and previews of the center with it",
    "patients_duplicates_across_centers": "checks the data manager's role itself",
    "patients_index_persons": "writes blind indexes of records in scope; returns nothing of others",
    "patients_keep_destroyed": "trigger: a destroyed key stays destroyed",
    "patients_keep_erased": "trigger: an erased identity stays erased",
    "patients_lock_record": "trigger: a locked record takes no write",
    "patients_refuse_impossible": "called by triggers: reads one record's rows",
    "patients_sign": "trigger: signer, time and hash are the database's own",
    "patients_touch": "trigger: the record's version",
    "patients_touch_patient": "trigger: the record's version",
}
# What may lead a unique index of a table with a center: none of these tells of another center's
# rows, since a collision is impossible or only possible within a record.
LEADING = {
    "center_id": "the center itself",
    "id": "made by the database",
    "public_id": "random",
    "registry_number": "random; the server draws again when one is taken",
    "patient_id": "rows of one record, which a composite key binds to its center",
    "cut_id": "rows of one data cut, written by the worker alone",
    "project_id": "rows of one project, written by the release alone; codes are random",
    "job_id": "rows of one export or import, written by release or worker alone",
    "user_id": "rows of one account, written by administrators alone",
}


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


def test_logins_own_nothing_and_only_the_backup_bypasses(superuser: psycopg.Connection) -> None:
    found = superuser.execute(
        "select rolname, rolsuper or rolcreaterole or rolreplication, rolbypassrls from pg_roles"
        " where rolname like 'registry\\_%' and rolcanlogin order by rolname"
    ).fetchall()
    assert found == [(role, False, role == roles.BACKUP) for role in sorted(roles.LOGINS)]
    owned = superuser.execute(
        "select classid::regclass::text, objid::text from pg_shdepend"
        " where deptype = 'o' and refobjid = any(%s::regrole[]::oid[])",
        [list(roles.LOGINS)],
    ).fetchall()
    assert owned == []


def test_logins_belong_to_no_role_but_the_migrators_and_the_backups(
    superuser: psycopg.Connection,
) -> None:
    found = superuser.execute(
        "select member::regrole::text, roleid::regrole::text from pg_auth_members"
        " where member = any(%s::regrole[]::oid[]) order by 1",
        [list(roles.LOGINS)],
    ).fetchall()
    assert found == [(roles.BACKUP, "pg_read_all_data"), (roles.MIGRATOR, roles.OWNER)]


def test_every_command_granted_to_the_app_has_a_policy_by_scope(
    superuser: psycopg.Connection,
) -> None:
    """Without a policy a granted command does nothing; with one it must name the scope."""
    commands = {"SELECT": "qual", "INSERT": "with_check", "UPDATE": "qual", "DELETE": "qual"}
    policies = superuser.execute(POLICIES_OF_APP).fetchall()
    missing = []
    for name, oid, _ in superuser.execute(CLINICAL).fetchall():
        table = name.split(".")[1]
        for command in commands:
            row = superuser.execute(
                "select has_any_column_privilege('registry_app', %s::oid, %s)"
                if command != "DELETE"
                else "select has_table_privilege('registry_app', %s::oid, %s)",
                [oid, command],
            ).fetchone()
            if row != (True,):
                continue
            own = [p for p in policies if p[0] == table and p[2] in ("ALL", command)]
            if not own or (command in ("INSERT", "UPDATE") and not all(p[4] for p in own)):
                missing.append((name, command))
    assert missing == []


def test_every_policy_of_the_app_names_centers_unless_listed(
    superuser: psycopg.Connection,
) -> None:
    """Administrators' and data managers' policies name their role; all others the centers."""
    rows = superuser.execute(POLICIES_OF_APP).fetchall()
    clinical = {row[0].split(".")[1] for row in superuser.execute(CLINICAL).fetchall()}
    loose = [
        (table, name)
        for table, name, _, qual, _ in rows
        if table in clinical
        and (table, name) not in BY_ROLE
        and "centers_scope()" not in qual
        and "patient_id IS NULL" not in qual
    ]
    assert loose == []


@pytest.mark.parametrize("role", [*(r for r in roles.LOGINS if r != roles.MIGRATOR), "public"])
def test_logins_create_nothing_and_hold_no_right_that_passes_policies(
    superuser: psycopg.Connection, role: str
) -> None:
    """TRUNCATE, REFERENCES and TRIGGER look past row-level security; MAINTAIN locks tables."""
    rows = superuser.execute(
        f"""
        select n.nspname, 'CREATE' from pg_namespace n
        where n.nspname not like 'pg\\_%%' and has_schema_privilege(%(role)s, n.oid, 'CREATE')
        union all
        select c.relname, wanted from pg_class c join pg_namespace n on n.oid = c.relnamespace,
            unnest(array['TRUNCATE', 'REFERENCES', 'TRIGGER', 'MAINTAIN']) wanted
        where c.relkind in ('r', 'p', 'v', 'm') and n.nspname not in {SYSTEM}
            and has_table_privilege(%(role)s, c.oid, wanted)
        """,
        {"role": role},
    ).fetchall()
    assert rows == []


def test_temporary_tables_are_for_imports_time_travel_and_migrations(
    superuser: psycopg.Connection,
) -> None:
    """In the product's database; the tests' own copies have PostgreSQL's defaults."""
    rows = superuser.execute(
        "select rolname, has_database_privilege(rolname, %s, 'TEMPORARY') from pg_roles"
        " where rolname = any(%s)",
        [roles.DATABASE, list(roles.LOGINS)],
    ).fetchall()
    assert {role for role, may in rows if may} == {roles.APP, roles.WORKER, roles.MIGRATOR}


def test_readers_write_nothing(superuser: psycopg.Connection) -> None:
    rows = superuser.execute(
        f"""
        select role, c.relname, wanted
        from pg_class c join pg_namespace n on n.oid = c.relnamespace, unnest(%s::text[]) role,
            unnest(array['INSERT', 'UPDATE']) wanted
        where c.relkind in ('r', 'p', 'v') and n.nspname not in {SYSTEM}
            and has_any_column_privilege(role, c.oid, wanted)
        """,
        [list(roles.READERS)],
    ).fetchall()
    assert rows == []


def test_sequences_are_read_by_the_backup_alone(superuser: psycopg.Connection) -> None:
    """A sequence's number tells how much the other centers write."""
    rows = superuser.execute(
        "select c.relname, role from pg_class c, unnest(%s::text[]) role"
        " where c.relkind = 'S' and has_sequence_privilege(role, c.oid, 'SELECT, UPDATE')",
        [[r for r in roles.LOGINS if r not in (roles.BACKUP, roles.MIGRATOR)]],
    ).fetchall()
    assert rows == []


def test_views_ask_for_their_readers_rights_unless_listed(superuser: psycopg.Connection) -> None:
    rows = superuser.execute(
        f"""
        select n.nspname || '.' || c.relname
        from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname not in {SYSTEM} and (c.relkind = 'm' or c.relkind = 'v'
            and not coalesce(c.reloptions && array['security_invoker=true', 'security_invoker=on'], false))
        """
    ).fetchall()
    assert {name for (name,) in rows} == set(OWNERS_VIEWS)


def test_functions_with_the_owners_rights_are_listed_with_a_reason(
    superuser: psycopg.Connection,
) -> None:
    rows = superuser.execute(
        "select p.proname from pg_proc p join pg_namespace n on n.oid = p.pronamespace"
        f" where p.prosecdef and n.nspname not in {SYSTEM}"
    ).fetchall()
    assert {name for (name,) in rows} == set(DEFINERS)


def test_no_function_is_open_to_everybody(superuser: psycopg.Connection) -> None:
    """A migration that adds functions ends with functions_for_roles()."""
    rows = superuser.execute(
        f"""
        select p.oid::regprocedure::text from pg_proc p join pg_namespace n on n.oid = p.pronamespace
        where n.nspname not in {SYSTEM}
            and exists (select from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner)))
                where grantee = 0)
        """
    ).fetchall()
    assert rows == []


def test_unique_values_tell_nothing_of_another_center(superuser: psycopg.Connection) -> None:
    rows = superuser.execute(
        f"""
        with clinical as ({CLINICAL})
        select i.indexrelid::regclass::text, a.attname
        from pg_index i left join pg_attribute a
            on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
        where i.indisunique and i.indrelid in (select oid from clinical)
        """
    ).fetchall()
    assert len(rows) > 20
    assert [row for row in rows if row[1] not in LEADING] == []


def test_the_auditor_reads_every_audited_column_and_no_other(superuser: psycopg.Connection) -> None:
    """A migration that adds audited tables ends with auditor_reads()."""
    rows = superuser.execute(
        """
        select t.tgrelid::regclass::text, a.attname
        from pg_trigger t join pg_attribute a on a.attrelid = t.tgrelid
        where t.tgfoid = 'audit.write_event'::regproc and a.attnum > 0 and not a.attisdropped
            and has_column_privilege('registry_auditor', t.tgrelid, a.attnum, 'SELECT')
                = (a.attname = any((string_to_array(encode(t.tgargs, 'escape'), '\\000'))[4]::text[]))
        union all
        select c.oid::regclass::text, 'granted without being audited'
        from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname in ('public', 'ident') and c.relkind in ('r', 'p')
            and has_any_column_privilege('registry_auditor', c.oid, 'SELECT')
            and not exists (select from pg_trigger t
                where t.tgrelid = c.oid and t.tgfoid = 'audit.write_event'::regproc)
        """
    ).fetchall()
    assert rows == []


def test_the_exporter_reads_no_table(superuser: psycopg.Connection) -> None:
    rows = superuser.execute(
        f"""
        select c.oid::regclass::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where c.relkind in ('r', 'p', 'm', 'S') and n.nspname not in {SYSTEM}
            and (c.relkind = 'S' or has_any_column_privilege('registry_exporter', c.oid, 'SELECT'))
            and (c.relkind <> 'S' or has_sequence_privilege('registry_exporter', c.oid, 'USAGE'))
        """
    ).fetchall()
    assert rows == []
    schemas = superuser.execute(
        "select nspname from pg_namespace where nspname not like 'pg\\_%'"
        " and nspname <> 'information_schema'"
        " and has_schema_privilege('registry_exporter', oid, 'USAGE') order by 1"
    ).fetchall()
    assert schemas == [("public",), ("release",)]


def test_the_backup_reads_everything(superuser: psycopg.Connection) -> None:
    rows = superuser.execute(
        f"""
        select c.oid::regclass::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname not in {SYSTEM} and case c.relkind
            when 'S' then not has_sequence_privilege('registry_backup', c.oid, 'SELECT')
            when 'i' then false
            else not has_table_privilege('registry_backup', c.oid, 'SELECT') end
        """
    ).fetchall()
    assert rows == []


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
    # Typed or uploaded and never saved: no clinical row.
    kinds = ("draft", "import_columns", "import_content", "import_page")
    assert {name for (name,) in rows} <= {f"patients_{kind}" for kind in kinds}


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
    """Named last: a temporary table would else stand for the registry's, with its maker's triggers."""
    rows = superuser.execute(
        "select p.proname from pg_proc p join pg_namespace n on n.oid = p.pronamespace"
        " where p.prosecdef and n.nspname not in ('pg_catalog', 'information_schema')"
        " and not exists (select from unnest(p.proconfig) setting"
        " where setting like 'search_path=pg_catalog, %pg_temp')"
    ).fetchall()
    assert rows == []
