"""The database roles and the database of the registry.

| role | login | for |
|---|---|---|
| registry_owner | no | owns every object; assumed by the migrating login, never logged in as |
| registry_release | no | owns the views of schema `release` and the functions of `pseudonym` |
| registry_ages | no | owns the function that tells ages of the past (ADR 60) and reads what that needs |
| registry_migrator | yes | `DATABASE_OWNER_URL`: migrations; may assume registry_owner and create (test) databases |
| registry_app | yes | `DATABASE_URL`: the web process; owns nothing, row-level security holds for it |
| registry_worker | yes | `DATABASE_WORKER_URL`: recomputing outcomes; has policies of its own |
| registry_exporter | yes | `DATABASE_EXPORTER_URL`: reads what the schema `release` offers, no table |
| registry_auditor | yes | `DATABASE_AUDITOR_URL`: `verify_audit`; reads events, seals and audited columns |
| registry_backup | yes | `DATABASE_BACKUP_URL`: `pg_dump`; reads everything past row-level security |

`python -m registry.stack.roles` prints the SQL for a server of your own; `--apply` runs it over
DATABASE_SUPERUSER_URL and sets the passwords given in REGISTRY_APP_PASSWORD and the like (LOGINS).
Running either again brings a server up to date.
"""

import os
import sys
from collections.abc import Mapping

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from registry.stack import given
from registry.stack.paths import StackError

DATABASE = "registry"
OWNER = "registry_owner"
MIGRATOR = "registry_migrator"
APP = "registry_app"
WORKER = "registry_worker"
EXPORTER = "registry_exporter"
RELEASE = "registry_release"
AGES = "registry_ages"
AUDITOR = "registry_auditor"
BACKUP = "registry_backup"
LOGINS = {
    APP: "REGISTRY_APP_PASSWORD",
    WORKER: "REGISTRY_WORKER_PASSWORD",
    MIGRATOR: "REGISTRY_MIGRATOR_PASSWORD",
    EXPORTER: "REGISTRY_EXPORTER_PASSWORD",
    AUDITOR: "REGISTRY_AUDITOR_PASSWORD",
    BACKUP: "REGISTRY_BACKUP_PASSWORD",
}
URLS = {
    "DATABASE_URL": APP,
    "DATABASE_WORKER_URL": WORKER,
    "DATABASE_OWNER_URL": MIGRATOR,
    "DATABASE_EXPORTER_URL": EXPORTER,
    "DATABASE_AUDITOR_URL": AUDITOR,
    "DATABASE_BACKUP_URL": BACKUP,
}
SUPERUSER_URL, SUPERUSER_PASSWORD = "DATABASE_SUPERUSER_URL", "POSTGRES_PASSWORD"
READERS = (EXPORTER, AUDITOR, BACKUP)
# Without these the registry does not start; the others serve commands that may run elsewhere.
NEEDED_URLS = tuple(url for url, role in URLS.items() if role not in READERS)
# Imports stage their rows in temporary tables, time travel reads the past into them; migrations may.
WITH_TEMPORARY = (APP, WORKER, MIGRATOR, OWNER)

_PLAIN = "nosuperuser nobypassrls nocreaterole noreplication"
ATTRIBUTES = {
    OWNER: f"nologin {_PLAIN} nocreatedb",
    RELEASE: f"nologin {_PLAIN} nocreatedb",
    AGES: f"nologin {_PLAIN} nocreatedb",
    MIGRATOR: f"login {_PLAIN} createdb",
    APP: f"login {_PLAIN} nocreatedb",
    WORKER: f"login {_PLAIN} nocreatedb",
    EXPORTER: f"login {_PLAIN} nocreatedb",
    AUDITOR: f"login {_PLAIN} nocreatedb",
    # The one role that sees every row: a dump with rows left out would be no backup.
    BACKUP: "login nosuperuser bypassrls nocreaterole noreplication nocreatedb",
}


def address(variable: str, environment: Mapping[str, str] = os.environ) -> str:
    """The address of a database that a process was given, with its login's password; empty when there is none.

    Raises StackError (`registry.stack.given`).
    """
    url = given.value(variable, environment)
    password = LOGINS[URLS[variable]] if variable in URLS else SUPERUSER_PASSWORD
    return given.with_password(url, given.value(password, environment)) if url else ""


def role_statements() -> list[str]:
    """Statements that make the roles; running them again changes nothing."""
    made = "".join(
        f"  if not exists (select from pg_roles where rolname = '{role}') then create role {role}; end if;\n"
        for role in ATTRIBUTES
    )
    return [
        f"do $$ begin\n{made}end $$",
        *(f"alter role {role} {attributes}" for role, attributes in ATTRIBUTES.items()),
        f"grant {OWNER} to {MIGRATOR} with set true",
        # Migrations hand views and functions over to them; the owner does not read with their rights.
        f"grant {RELEASE}, {AGES} to {OWNER} with inherit false, set true",
        f"grant pg_read_all_data to {BACKUP}",
        *(f"alter role {role} set default_transaction_read_only = on" for role in READERS),
    ]


def database_statements(database: str) -> list[str]:
    """Statements that take a database of that name from the public and open it to the registry's logins."""
    logins = ", ".join(LOGINS)
    others = ", ".join(role for role in LOGINS if role not in WITH_TEMPORARY)
    return [
        f'alter database "{database}" owner to {OWNER}',
        f'revoke connect, temporary on database "{database}" from public',
        f'revoke temporary on database "{database}" from {others}',
        f'grant connect on database "{database}" to {logins}, {OWNER}',
        f'grant temporary on database "{database}" to {", ".join(WITH_TEMPORARY)}',
    ]


SUPERUSER_NEEDED = f"""\
-- Run as a superuser. On a server that gives you none, leave out "nosuperuser" and "noreplication";
-- {BACKUP} needs bypassrls and pg_read_all_data, which only a role that may hand them on can grant:
-- ask the server's provider, or dump as its own administrator. Without them pg_dump refuses to run
-- rather than leave rows out."""
SCHEMA_STATEMENTS = ["revoke create on schema public from public"]


def bootstrap(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    """Make roles and database over an autocommit connection of a superuser; again changes nothing."""
    run(connection, role_statements())
    found = connection.execute(
        "select 1 from pg_database where datname = %s", [DATABASE]
    ).fetchone()
    if found is None:
        run(
            connection,
            [f"create database {DATABASE} owner {OWNER} template template0 encoding 'UTF8'"],
        )
    run(connection, database_statements(DATABASE))
    if found is None:
        inside_dsn = make_conninfo(
            connection.info.dsn, dbname=DATABASE, password=connection.info.password
        )
        with psycopg.connect(inside_dsn, autocommit=True) as inside:
            run(inside, SCHEMA_STATEMENTS)


def run(connection: psycopg.Connection[tuple[object, ...]], statements: list[str]) -> None:
    """Run constant statements of this module."""
    for statement in statements:
        connection.execute(sql.SQL(statement))


def set_passwords(
    connection: psycopg.Connection[tuple[object, ...]], environment: Mapping[str, str]
) -> None:
    """Set each login's password from its variable. The server only ever sees the SCRAM verifier."""
    for role, variable in LOGINS.items():
        if password := given.value(variable, environment):
            verifier = connection.pgconn.encrypt_password(
                password.encode(), role.encode(), b"scram-sha-256"
            )
            connection.execute(
                sql.SQL("alter role {} password {}").format(
                    sql.Identifier(role), sql.Literal(verifier.decode())
                )
            )


def as_script() -> str:
    """The same for psql, run as a superuser of the server; running it again changes nothing."""
    create = (
        f"select 'create database {DATABASE} owner {OWNER} template template0 encoding ''UTF8''"
    )
    create += f"' where not exists (select from pg_database where datname = '{DATABASE}')"
    lines = [SUPERUSER_NEEDED, *(f"{s};" for s in role_statements()), f"{create} \\gexec"]
    lines += [f"{s};" for s in database_statements(DATABASE)]
    lines += [f"\\connect {DATABASE}", *(f"{s};" for s in SCHEMA_STATEMENTS)]
    lines += ["-- then give each login a password:", *(f"-- \\password {role}" for role in LOGINS)]
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    """Print the SQL, or run it with `--apply`. Exit status 2 when it is called wrongly."""
    if not arguments:
        print(as_script())
        return 0
    try:
        return _apply(arguments, address(SUPERUSER_URL))
    except StackError as error:
        print(error, file=sys.stderr)
        return 2


def _apply(arguments: list[str], url: str) -> int:
    if arguments != ["--apply"] or not url:
        print(
            f"usage: {SUPERUSER_URL}=postgresql://... python -m registry.stack.roles --apply",
            file=sys.stderr,
        )
        return 2
    with psycopg.connect(url, autocommit=True) as connection:
        bootstrap(connection)
        set_passwords(connection, os.environ)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
