"""Fixtures of outcomes: generated records, loaded and derived by the product's own derivation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import psycopg
import pytest
from django.db import transaction
from django.test import Client

from analytics.derivation.engine import refresh_all
from centers.access import Scope, acting, scope_of, system_scope
from centers.models import Center, Membership, User
from centers.roles import Role
from tests.analytics.cohort_records import CUTOFF, cohort_records
from tests.loader import load, number_rows
from tests.oracle import Record
from tests.snapshot import start_from

PASSWORD = "a long enough password"


def derive_all(superuser: psycopg.Connection, records: Sequence[Record]) -> None:
    """Load the records and derive them; no mark stays."""
    number_rows(records)
    load(superuser, records)
    with acting(system_scope()):
        refresh_all(cutoff=CUTOFF)


@dataclass(frozen=True)
class Readers:
    """People at the demo cohort: an investigator of the whole registry, and a coordinator of C01."""

    investigator: User
    coordinator: User
    administrator: User
    c01: Center

    def scope(self, user: User) -> Scope:
        return scope_of(user)


def person(username: str, role: Role, center: Center | None = None) -> User:
    user = User(username=username, full_name=username.title())
    user.set_password(PASSWORD)
    user.save()
    Membership.objects.create(user=user, center=center, role=role.value)
    return user


@pytest.fixture
def readers(database: None, superuser: psycopg.Connection) -> Readers:
    return start_from("readers", lambda: _make_readers(superuser), superuser)


def _make_readers(superuser: psycopg.Connection) -> Readers:
    derive_all(superuser, cohort_records())
    with acting(system_scope()), transaction.atomic():
        c01 = Center.objects.get(code="C01")
        return Readers(
            person("investigator", Role.INVESTIGATOR),
            person("coordinator", Role.COORDINATOR, c01),
            person("administrator", Role.ADMINISTRATOR),
            c01,
        )


@pytest.fixture
def mark_stale(superuser: psycopg.Connection) -> Callable[[int], None]:
    """Marks so many records as waiting for the worker."""

    def mark(number: int) -> None:
        superuser.execute(
            "insert into analytics_stale (patient_id, center_id, version)"
            " select id, center_id, 1 from patients_patient order by id limit %s",
            [number],
        )

    return mark


@pytest.fixture
def readers_alone(database: None) -> User:
    """An investigator of a registry without records."""
    with acting(system_scope()), transaction.atomic():
        return person("investigator", Role.INVESTIGATOR)


def signed_in(user: User) -> Client:
    """A browser in which the user has signed in."""
    client = Client()
    with acting(scope_of(user)), transaction.atomic():
        client.force_login(user)
    return client
