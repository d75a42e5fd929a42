"""The scope of one request, task or command, and how the database learns of it.

It travels in a context variable; the database backend sends it with every BEGIN, and row-level
security reads it there: without a scope there are no rows. `centers.access` makes scopes.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Final

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg.pq import TransactionStatus

from centers.roles import Permission


@dataclass(frozen=True, slots=True)
class Scope:
    """Who acts, and where: the centers whose rows the database shows, and each permission's centers.

    `registry_wide` are permissions that need no center. `role` is what the audit event prints.
    `revealed` are records whose identifiers are shown this once to a reader who sees them masked.
    """

    actor_id: int
    role: str
    center_ids: tuple[int, ...] = ()
    permitted: Mapping[Permission, frozenset[int]] = field(default_factory=dict)
    registry_wide: frozenset[Permission] = frozenset()
    request_id: uuid.UUID = field(default_factory=uuid.uuid4)
    revealed: tuple[int, ...] = ()

    @property
    def identified(self) -> tuple[int, ...]:
        """Centers whose direct identifiers the database shows."""
        return tuple(sorted(self.permitted.get(Permission.VIEW_IDENTIFIERS, ())))

    def may(self, permission: Permission, center_id: int | None = None) -> bool:
        """Whether the permission is held at the center, or (None) anywhere."""
        held = self.permitted.get(permission, frozenset())
        if center_id is None:
            return bool(held) or permission in self.registry_wide
        return center_id in held

    def require(self, permission: Permission, center_id: int | None = None) -> None:
        """Raises PermissionDenied unless `may`."""
        if not self.may(permission, center_id):
            raise PermissionDenied(f"This needs the permission {permission.value}.")

    def with_center(self, center_id: int) -> Scope:
        """The scope widened by a center the actor just created."""
        permitted = {p: ids | {center_id} for p, ids in self.permitted.items()}
        return replace(self, center_ids=(*self.center_ids, center_id), permitted=permitted)


_current: ContextVar[Scope | None] = ContextVar("scope", default=None)
_steady: ContextVar[bool] = ContextVar("steady", default=False)


def current_scope() -> Scope | None:
    """The scope in force, or None: then the database shows no rows."""
    return _current.get()


def required_scope() -> Scope:
    """The scope in force. Raises PermissionDenied when there is none."""
    scope = _current.get()
    if scope is None:
        raise PermissionDenied("Nobody is signed in.")
    return scope


@contextmanager
def acting(scope: Scope) -> Iterator[Scope]:
    """Everything inside runs as `scope`, transactions already open included."""
    token = _current.set(scope)
    try:
        _send_to_open_transactions()
        yield scope
    finally:
        _current.reset(token)
        _send_to_open_transactions()


@contextmanager
def one_snapshot() -> Iterator[None]:
    """Transactions that begin inside see the database as it was at their first statement, to their end.

    What others commit meanwhile is not there (REPEATABLE READ); to change a row that they changed
    raises OperationalError.
    """
    token = _steady.set(True)
    try:
        yield
    finally:
        _steady.reset(token)


def set_reason(reason: str, *, using: str = "default") -> None:
    """The reason for change of the rest of this transaction; the audit event keeps it."""
    with connections[using].cursor() as cursor:
        cursor.execute("select set_config('registry.reason', %s, true)", [reason])


SETTINGS_SQL: Final = (
    "select set_config('registry.actor', %s, true), set_config('registry.role', %s, true),"
    " set_config('registry.centers', %s, true), set_config('registry.request', %s, true),"
    " set_config('registry.version', %s, true), set_config('registry.identified', %s, true),"
    " set_config('registry.revealed', %s, true)"
)


def settings_of(scope: Scope | None) -> tuple[str, ...]:
    """The transaction-local settings of a scope, in the order of SETTINGS_SQL."""
    if scope is None:
        return ("",) * SETTINGS_SQL.count("%s")
    return (
        str(scope.actor_id),
        scope.role,
        ",".join(map(str, scope.center_ids)),
        str(scope.request_id),
        settings.VERSION,
        ",".join(map(str, scope.identified)),
        ",".join(map(str, scope.revealed)),
    )


def _send_to_open_transactions() -> None:
    for connection in connections.all(initialized_only=True):
        # A transaction that failed takes no statement: its end undoes the settings anyway.
        if connection.in_atomic_block and _is_sound(connection):
            send_scope(connection)


def _is_sound(connection: BaseDatabaseWrapper) -> bool:
    raw = connection.connection
    return raw is not None and raw.info.transaction_status == TransactionStatus.INTRANS


def begin(connection: BaseDatabaseWrapper) -> None:
    """What every transaction begins with."""
    if _steady.get():
        with connection.cursor() as cursor:
            cursor.execute("set transaction isolation level repeatable read")
    send_scope(connection)


def send_scope(connection: BaseDatabaseWrapper) -> None:
    """Set the transaction-local settings that policies and triggers read."""
    with connection.cursor() as cursor:
        cursor.execute(SETTINGS_SQL, settings_of(_current.get()))
