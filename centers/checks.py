"""System checks of a deployment (`manage.py check --deploy --database default`).

Those that ask the database run only where `--database` names one. They hold outside the demo.
"""

from __future__ import annotations

from typing import Any, Final

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core import checks
from django.db import DatabaseError, connections

from centers.database import APP, WORKER

OWNER: Final = "registry_owner"
# What a connection may be: superuser, past row-level security, maker of roles, owner of something,
# and a member of the role that owns everything, of the application's and of the worker's.
_ROLE_SQL: Final = """
    select r.rolname, r.rolsuper, r.rolbypassrls, r.rolcreaterole,
        exists (select from pg_class c where c.relowner = r.oid),
        coalesce((select pg_has_role(r.oid, o.oid, 'member') from pg_roles o where o.rolname = %s),
            false),
        coalesce((select pg_has_role(r.oid, o.oid, 'usage') from pg_roles o where o.rolname = %s),
            false),
        coalesce((select pg_has_role(r.oid, o.oid, 'usage') from pg_roles o where o.rolname = %s),
            false)
    from pg_roles r where r.rolname = current_user
"""


@checks.register(checks.Tags.security, deploy=True)
def no_demo_accounts(**kwargs: Any) -> list[checks.CheckMessage]:
    """Outside the demo there is no account whose password stands in the documentation."""
    if settings.DEMO:
        return []
    try:
        found = get_user_model()._default_manager.filter(is_demo=True).count()
    except DatabaseError:
        hint = "Run the check where DATABASE_URL leads to the database."
        return [
            checks.Warning(
                "Demo accounts were not looked for: no database.", hint, id="centers.W001"
            )
        ]
    if not found:
        return []
    return [
        checks.Error(
            f"{found} demo accounts exist, and their password is public.",
            "A deployment starts with an empty database: do not use the demo's. "
            "(They cannot sign in while REGISTRY_DEMO is off.)",
            id="centers.E001",
        )
    ]


@checks.register(checks.Tags.database, deploy=True)
def roles_of_connections(**kwargs: Any) -> list[checks.CheckMessage]:
    """The database holds back what the pages must not see: nobody may sign in past that."""
    if settings.DEMO:
        return []
    wanted = [("default", "DATABASE_URL", APP, WORKER, "centers.E002")]
    if "worker" in settings.DATABASES:
        wanted.append(("worker", "DATABASE_WORKER_URL", WORKER, APP, "centers.E003"))
    found: list[checks.CheckMessage] = []
    for alias, variable, role, other, name in wanted:
        try:
            who, faults = _faults(alias, role, other)
        except DatabaseError:
            found.append(unchecked(f"the role of {variable}", "centers.E004"))
            continue
        if faults:
            found.append(
                checks.Error(
                    f"{variable} signs in as {who}, which {', '.join(faults)}.",
                    f"Sign in as {role}; `python -m registry.stack.roles` prints the SQL.",
                    id=name,
                )
            )
    return found


def unchecked(what: str, name: str) -> checks.Error:
    """Protection that could not be seen is taken for missing."""
    hint = "Is the database up and migrated, and does DATABASE_URL lead to it?"
    return checks.Error(f"Not checked: {what}. The database did not answer.", hint, id=name)


def _faults(alias: str, role: str, other: str) -> tuple[str, list[str]]:
    """Who is signed in, and what is wrong with that, in words."""
    with connections[alias].cursor() as cursor:
        cursor.execute(_ROLE_SQL, [OWNER, role, other])
        who, is_super, bypasses, makes_roles, owns, is_owner, is_wanted, is_other = (
            cursor.fetchone()
        )
    if is_super:
        return who, ["is a superuser"]
    said = {
        "passes row-level security": bypasses,
        "makes roles": makes_roles,
        "owns tables": owns,
        f"may become {OWNER}": is_owner,
        f"has not the rights of {role}": not is_wanted,
        f"has the rights of {other} too": is_other,
    }
    return who, [fault for fault, holds in said.items() if holds]
