"""The access matrix: written page, declared permissions and the reviewed table say the same."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from centers.access import Declared
from centers.roles import EVERY_CENTER, PERMISSIONS, REGISTRY_WIDE, Permission, Role
from registry.routes import Route, routes
from tests.access_table import ACCOUNT, ANYBODY, CLIENT, ROUTES

WORDS = {None: ANYBODY, Declared.SIGNED_IN: ACCOUNT, Declared.CLIENT: CLIENT}


def declared(route: Route) -> object:
    return WORDS.get(route.permission, route.permission)  # type: ignore[arg-type]


def test_page_is_what_the_code_says() -> None:
    call_command("access_matrix", "--check", stdout=StringIO())


def test_stale_page_is_refused_and_written_anew(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    with pytest.raises(CommandError, match="out of date"):
        call_command("access_matrix", "--check", "--file", str(page))
    call_command("access_matrix", "--file", str(page), stdout=StringIO())
    call_command("access_matrix", "--check", "--file", str(page), stdout=StringIO())
    page.write_text(page.read_text().replace("| yes |", "|  |", 1))
    with pytest.raises(CommandError, match="out of date"):
        call_command("access_matrix", "--check", "--file", str(page))


def test_every_route_stands_in_the_table_with_its_permission() -> None:
    """A new address needs a line in tests/access_table.py."""
    found = {route.name: declared(route) for route in routes()}
    assert found == {name: expected.permission for name, expected in ROUTES.items()}


def test_every_route_names_its_methods() -> None:
    assert [route.name for route in routes() if not route.methods] == []


def test_names_of_routes_are_unique() -> None:
    names = [route.name for route in routes()]
    assert len(names) == len(set(names))


def test_every_permission_is_held_by_a_role_that_signs_in() -> None:
    held = {p for role, ps in PERMISSIONS.items() if role is not Role.SYSTEM for p in ps}
    assert held == set(Permission)


@pytest.mark.parametrize("role", sorted(REGISTRY_WIDE - EVERY_CENTER))
def test_roles_without_a_center_hold_no_permission_about_records(role: Role) -> None:
    about_records = {p for p in Permission if p.value.endswith(("_records", "_identifiers"))}
    assert not PERMISSIONS[role] & (about_records | {Permission.VIEW_HISTORY})


@pytest.mark.requirement("P4")
@pytest.mark.parametrize("role", [role for role in Role if role is not Role.SYSTEM])
def test_who_enters_data_neither_verifies_signs_locks_nor_reviews_it(role: Role) -> None:
    """Segregation of duties."""
    checks = {
        Permission.VERIFY_RECORDS,
        Permission.SIGN_RECORDS,
        Permission.LOCK_RECORDS,
        Permission.REVIEW_AUDIT,
    }
    assert Permission.EDIT_RECORDS not in PERMISSIONS[role] or not PERMISSIONS[role] & checks
