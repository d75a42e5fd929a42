"""System checks of a deployment that need to know every app (docs/deployment-checks.md).

`manage.py check --deploy --database default` runs them, and so does every process before it starts
(registry/stack/checked.py). They hold outside the demo.
"""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from allauth.mfa.models import Authenticator
from cryptography.exceptions import InvalidTag
from django.conf import settings
from django.core import checks
from django.db import DatabaseError, connection, transaction
from django.db.models import Model

from centers.access import acting, system_scope
from centers.account.secrets import unseal
from centers.checks import unchecked
from centers.database import APP, WORKER
from patients.identity import (
    SealBroken,
    key_encryption_keys,
    key_id,
    unwrap,
    unwrap_index_key,
)
from patients.models import ROW_MODELS, DataKey, IndexKey, Patient, PatientIdentity

Messages = list[checks.CheckMessage]
Check = Callable[..., Messages]

# Tables with a center whose rows write no audit events, each with its reason. Any other must.
UNAUDITED: Final = {
    "analytics_api_code": "random codes of exports; say nothing by themselves",
    "analytics_outcome": "derived: comes from audited rows and can be derived again",
    "analytics_stale": "marks of work to do",
    "audit.event": "the trail itself",
    **dict.fromkeys(
        (
            "frozen.assessments",
            "frozen.courses",
            "frozen.cycles",
            "frozen.follow_ups",
            "frozen.local_therapies",
            "frozen.prior_therapies",
            "frozen.record",
            "frozen.systemic_therapies",
        ),
        "rows of a data cut, made from audited rows; never changed",
    ),
    "ident.data_key": "wrapped keys",
    "ident.person_index": "blind indexes, made from audited rows",
    "patients_draft": "typed and not saved",
    **dict.fromkeys(
        (
            "patients_import_columns",
            "patients_import_content",
            "patients_import_page",
            "patients_import_run",
        ),
        "work of an import: what it writes and the import itself are events",
    ),
    "patients_query": "questions about the record, not its data",
    "patients_record_version": "written by the touch triggers",
    "patients_visit": "which records a person opened last; what was read is an event",
    "patients_submission": "which forms were sent already",
    **dict.fromkeys(
        ("pseudonym.center", "pseudonym.shown_center", "pseudonym.subject"),
        "random codes of projects; say nothing by themselves",
    ),
}
# Audited besides the tables with a center.
AUDITED: Final = ("centers_center", "centers_user", "centers_membership")

_TABLES: Final = """
    select c.oid::regclass::text as name, c.oid, c.relrowsecurity
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p') and n.nspname not like 'pg\\_%%' and n.nspname <> 'information_schema'
        and exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'center_id'
            and not a.attisdropped)
"""
_UNPROTECTED: Final = f"""
    with clinical as ({_TABLES})
    select name from clinical t
    where not t.relrowsecurity
        or exists (select from unnest(%(roles)s::text[]) role
            where has_any_column_privilege(role, t.oid, 'SELECT, INSERT, UPDATE')
                and not exists (select from pg_policy p where p.polrelid = t.oid
                    and (p.polroles = '{{0}}'::oid[] or (select r.oid from pg_roles r
                        where r.rolname = role) = any(p.polroles))))
        or exists (select from pg_policy p where p.polrelid = t.oid and p.polpermissive
            and (p.polroles = '{{0}}'::oid[] or (select r.oid from pg_roles r
                where r.rolname = %(app)s) = any(p.polroles))
            and pg_get_expr(p.polqual, p.polrelid) = 'true')
    order by 1
"""  # noqa: S608 - constant text
# 29: for each row, after insert, update and delete; 28: the three events of statement triggers.
_UNAUDITED: Final = f"""
    with clinical as ({_TABLES}), wanted as (
        select name, oid from clinical where name <> all(%(exempt)s)
        union select name, to_regclass(name) from unnest(%(more)s::text[]) name
    )
    select name from wanted w
    where not exists (select from pg_trigger t
        where t.tgrelid = w.oid and t.tgfoid = to_regproc('audit.write_event')
            and t.tgenabled in ('O', 'A') and t.tgtype = 29 and t.tgqual is null)
    order by 1
"""  # noqa: S608 - constant text
_UNTOUCHED: Final = """
    select name from unnest(%(tables)s::text[]) name
    where coalesce((select bit_or(t.tgtype & 28) from pg_trigger t join pg_proc f on f.oid = t.tgfoid
        where t.tgrelid = to_regclass(name) and f.proname like 'patients\\_touch%%'
            and t.tgenabled in ('O', 'A')), 0) <> 28
    order by 1
"""


def deployed(check: Check) -> Check:
    """Outside the demo alone."""

    @functools.wraps(check)
    def wrapped(**kwargs: Any) -> Messages:
        return [] if settings.DEMO else check(**kwargs)

    return wrapped


@checks.register(checks.Tags.security, deploy=True)
@deployed
def safe_settings(**kwargs: Any) -> Messages:
    """What is shown to whom: no debugging pages, known names only, TLS only."""
    found: Messages = []
    if settings.DEBUG:
        found.append(
            checks.Error("DEBUG is on: errors show what is in memory.", id="registry.E001")
        )
    if any("*" in host for host in settings.ALLOWED_HOSTS) or not settings.ALLOWED_HOSTS:
        hint = "Name the hosts, with commas between them."
        found.append(checks.Error("ALLOWED_HOSTS lets any name through.", hint, id="registry.E002"))
    if plain := [o for o in settings.CSRF_TRUSTED_ORIGINS if not o.startswith("https://")]:
        found.append(
            checks.Error(
                f"CSRF_TRUSTED_ORIGINS holds addresses without TLS: {', '.join(plain)}.",
                "They begin with https://.",
                id="registry.E003",
            )
        )
    return found


@checks.register(checks.Tags.security, deploy=True)
@deployed
def encrypted_connections(**kwargs: Any) -> Messages:
    """Between machines nothing goes in the clear; sockets and this machine's own address may."""
    return [*_database_connections(), *_broker_connection(), *_mail_connection()]


def _database_connections() -> Iterator[checks.CheckMessage]:
    """Only verify-full asks the server for the name that was called; the other modes take any."""
    for alias, values in settings.DATABASES.items():
        mode = values["OPTIONS"].get("sslmode")
        if mode == "verify-full" or is_local(values["HOST"]):
            continue
        text = f"The database connection {alias!r} may be read on its way."
        if mode in ("require", "verify-ca"):
            text = (
                f"The database connection {alias!r} is encrypted, but sslmode={mode} does not check"
                " the server's name: another machine may answer in its place."
            )
        hint = "Add ?sslmode=verify-full to its URL, or keep it on a network of its own."
        yield checks.Warning(text, hint, id="registry.W001")


def _broker_connection() -> Iterator[checks.CheckMessage]:
    parts = urlsplit(settings.REDIS_URL)
    if is_local(parts.hostname or ""):
        return
    lacks = [
        *(["TLS"] if parts.scheme != "rediss" else []),
        *(["a password"] if not parts.password else []),
    ]
    if lacks:
        hint = "Use rediss://:PASSWORD@HOST, or keep it on a network of its own."
        text = f"REDIS_URL leads to another machine without {' and '.join(lacks)}."
        yield checks.Warning(text, hint, id="registry.W002")


def _mail_connection() -> Iterator[checks.CheckMessage]:
    is_encrypted = settings.EMAIL_USE_TLS or settings.EMAIL_USE_SSL
    if not is_encrypted and not is_local(settings.EMAIL_HOST):
        text = "EMAIL_HOST is another machine without TLS: one-time links may be read on their way."
        hint = "Leave EMAIL_USE_TLS at 1, or send through a mail server of this machine."
        yield checks.Warning(text, hint, id="registry.W003")


def is_local(host: str) -> bool:
    """Whether a host is a socket (nothing, or a folder) or this machine itself."""
    if not host or host.startswith("/") or host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@checks.register(checks.Tags.database, deploy=True)
@deployed
def protected_tables(**kwargs: Any) -> Messages:
    """The catalog: row-level security, audit and version triggers where they must be."""
    touched: list[type[Model]] = [Patient, PatientIdentity, *ROW_MODELS.values()]
    tables = [model._meta.db_table.replace('"', "") for model in touched]
    wanted: Sequence[tuple[str, str, dict[str, Any], str]] = (
        (
            "Not held back by center (row-level security or a policy is missing, or lets all through)",
            _UNPROTECTED,
            {"roles": [APP, WORKER], "app": APP},
            "registry.E004",
        ),
        (
            "Written without an audit event (the trigger is missing or off)",
            _UNAUDITED,
            {"exempt": list(UNAUDITED), "more": list(AUDITED)},
            "registry.E005",
        ),
        (
            "Changed without a new version of the record (a touch trigger is missing or off)",
            _UNTOUCHED,
            {"tables": tables},
            "registry.E006",
        ),
    )
    found: Messages = []
    for what, sql, parameters, name in wanted:
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(sql, parameters)
                names = [row[0] for row in cursor.fetchall()]
        except DatabaseError:
            return [*found, unchecked("the catalog", "registry.E009")]
        if names:
            hint = "Restore the schema: migrate, or restore from a backup. Do not start before."
            found.append(checks.Error(f"{what}: {', '.join(names)}.", hint, id=name))
    return found


@checks.register(checks.Tags.database, deploy=True)
@deployed
def identifier_key(**kwargs: Any) -> Messages:
    """The key of the settings opens what is there; a wrong one would split the data in two."""
    hint = "Set the key that this database was made with (docs/audit.md, rotating the key)."
    found: Messages = []
    if any(len(set(key)) < 8 for key in key_encryption_keys()):
        text = "REGISTRY_IDENTIFIER_KEY is no random key."
        found.append(checks.Error(text, "See .env.example.", id="registry.E008"))
    try:
        closed = _closed_keys()
    except DatabaseError:
        return [*found, unchecked("the identifier key", "registry.E009")]
    if closed:
        text = f"REGISTRY_IDENTIFIER_KEY does not open {' and '.join(closed)}."
        found.append(checks.Error(text, hint, id="registry.E007"))
    return found


def _closed_keys() -> list[str]:
    """What the keys of the settings do not open, in words."""
    known = {key_id(key) for key in key_encryption_keys()}
    closed = []
    with acting(system_scope()), transaction.atomic():
        index = IndexKey.objects.filter(id=1).first()
        if index is not None and not _opens(lambda: unwrap_index_key(bytes(index.wrapped))):
            closed.append("the key of the blind index")
        kept = DataKey.objects.filter(destroyed_at=None)
        foreign = kept.exclude(key_id__in=known).count()
        first = kept.filter(key_id__in=known).select_related("patient").first()
        if first is not None:
            record = str(first.patient.public_id)
            if not _opens(lambda: unwrap(record, bytes(first.wrapped))):
                foreign = kept.count()
        if foreign:
            closed.append(f"the identifiers of {foreign} records")
    return closed


def _opens(act: Callable[[], object]) -> bool:
    try:
        act()
    except (InvalidTag, SealBroken):
        return False
    return True


@checks.register(checks.Tags.database, deploy=True)
@deployed
def factor_key(**kwargs: Any) -> Messages:
    """The key of second factors opens them; no error, since whose do not open can be helped on a page."""
    try:
        with acting(system_scope()), transaction.atomic():
            apps = list(Authenticator.objects.filter(type=Authenticator.Type.TOTP))
    except DatabaseError:
        return [unchecked("the key of second factors", "registry.E009")]
    closed = sum(not _opens(functools.partial(unseal, app.data["secret"])) for app in apps)
    if not closed:
        return []
    text = f"REGISTRY_FACTOR_KEY does not open {closed} of {len(apps)} authenticator apps."
    hint = (
        "Set the key that they were made with (unset, it follows from SECRET_KEY), or reset the second"
        " factors of these people in Administration."
    )
    return [checks.Warning(text, hint, id="registry.W004")]
