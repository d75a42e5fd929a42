"""Centers, scopes and records of the tests of patients, built through the actions."""

from __future__ import annotations

import psycopg
import pytest

from centers.access import Scope, system_scope
from centers.actions.centers import create_center
from centers.models import SYSTEM_USER_ID, Center
from centers.roles import PERMISSIONS, Permission, Role
from tests.snapshot import start_from
from tests.universe import Universe, build_universe


def coordinator_of(*center_ids: int) -> Scope:
    """The scope of a coordinator of the centers (the built-in account as the actor)."""
    permitted = {p: frozenset(center_ids) for p in PERMISSIONS[Role.COORDINATOR]}
    return Scope(SYSTEM_USER_ID, Role.COORDINATOR.value, center_ids, permitted)


def reader_of(*center_ids: int) -> Scope:
    """May see records, may not edit them."""
    permitted = {Permission.VIEW_RECORDS: frozenset(center_ids)}
    return Scope(SYSTEM_USER_ID, Role.MONITOR.value, center_ids, permitted)


@pytest.fixture
def center(database: None) -> Center:
    """Center C01."""
    return create_center(actor=system_scope(), values={"code": "C01", "name": "First"})


@pytest.fixture
def other_center(database: None) -> Center:
    """Center C02."""
    return create_center(actor=system_scope(), values={"code": "C02", "name": "Second"})


@pytest.fixture
def coordinator(center: Center) -> Scope:
    """The coordinator of C01."""
    return coordinator_of(center.pk)


@pytest.fixture
def universe(database: None, superuser: psycopg.Connection) -> Universe:
    """The named states of tests/universe.py, with outcomes."""
    return start_from("universe", build_universe, superuser)
